"""Runner of the BBC's audio-offset-finder, in its own environment, for comparison with alignment by sound."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg

from bench.measure import cache

REQUIREMENT = "audio-offset-finder==0.5.5"
# Durations exclude the imports. ``trim=900`` (the default) reads at most 900 s; our recordings are shorter.
PROGRAM = """
import json, sys, time
from audio_offset_finder.audio_offset_finder import find_offset_between_files
for line in sys.stdin:
    first, second = json.loads(line)
    started = time.perf_counter()
    found = find_offset_between_files(first, second, trim=900)
    print(json.dumps([float(found["time_offset"]), time.perf_counter() - started]), flush=True)
"""


class Peer:
    def __init__(self) -> None:
        folder = cache("audio-offset-finder")
        python = folder / "bin" / "python"
        if not (folder / "ready").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", REQUIREMENT], check=True)
            (folder / "bin" / "ffmpeg").unlink(missing_ok=True)
            (folder / "bin" / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
            (folder / "ready").write_text(REQUIREMENT)
        path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self._process = subprocess.Popen(
            [str(python), "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, env={**os.environ, "PATH": path, "PYTHONPATH": os.devnull},
        )  # fmt: skip

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def find(self, first: Path, second: Path) -> tuple[float, float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([str(first), str(second)]), file=self._process.stdin, flush=True)
        offset, seconds = json.loads(self._process.stdout.readline())
        return offset, seconds
