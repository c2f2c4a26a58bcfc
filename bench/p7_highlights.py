"""Measurement P7: time of a complete highlight analysis of 580 s of 1080p.

The time is compared with that of PySceneDetect's ContentDetector, which only finds shot edges.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from bench.measure import Cost, cache, run
from bench.p6_ingest import CHILD_ENVIRONMENT, cpu, shown, wall, yes
from bench.planted import BLAND, LIVELY, media
from bench.report import Table
from bench.scenedetect_peer import detect, python

RUNS = 3
SECONDS, LOOP_SECONDS = 580, 58
# Keyframe distances in frames, of which each seed chooses one. Streams and recorders often use 60 or 120; x264's
# default is 250.
GOPS = (60, 120, 250)
ANALYSIS = [sys.executable, "-m", "sessions_app.analysis.pipelines"]
PARAMS = {"segment_length": 10.0, "target_duration": 60.0, "max_highlights": 10, "min_score": 0.2}


def recording(seed: int) -> tuple[Path, int]:
    """Render 580 s of real scenes at 1080p30 and 6 Mb/s; return the path and the keyframe distance in frames.

    The scenes repeat every 58 s. Only one seed's recording is kept.
    """
    rng = np.random.default_rng([seed, 7])
    gop = int(rng.choice(GOPS))
    folder = cache(f"highlights-{seed}")
    for other in folder.parent.glob("highlights-*"):
        if other != folder:
            shutil.rmtree(other)
    path = folder / "recording.mp4"
    if not path.exists():
        _render(path, rng, gop)
    return path, gop


def _render(path: Path, rng: np.random.Generator, gop: int) -> None:
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
    clips = [(BLAND[0], 14), (LIVELY[1], 10), (BLAND[1], 20), (LIVELY[0], 8), (LIVELY[1], 6)]
    inputs = [word for name, seconds in clips for word in ("-t", str(seconds), "-i", str(media() / name))]
    shaped = [
        f"[{n}:v]scale=1920:1080,setsar=1,fps=30,tpad=stop_mode=clone:stop_duration=20,trim=duration={seconds}[v{n}];"
        for n, (_, seconds) in enumerate(clips)
    ]
    graph = "".join(shaped) + "".join(f"[v{n}]" for n in range(len(clips))) + f"concat=n={len(clips)}:v=1:a=0[v]"
    loop, sound = path.with_name("loop.mp4"), path.with_name("sound.m4a")
    subprocess.run(
        [*ffmpeg, *inputs, "-filter_complex", graph, "-map", "[v]", "-c:v", "libx264", "-preset", "veryfast", "-b:v",
         "6M", "-g", str(gop), "-bf", "2", str(loop)],
        check=True,
    )  # fmt: skip
    places = np.sort(rng.uniform(5, SECONDS - 15, 9))
    loud = "+".join(f"between(t,{at:.1f},{at + rng.uniform(3, 8):.1f})" for at in places)
    subprocess.run(
        [*ffmpeg, "-f", "lavfi", "-i", f"anoisesrc=a=0.01:d={SECONDS}:r=48000", "-f", "lavfi", "-i",
         f"anoisesrc=a=0.3:c=pink:d={SECONDS}:r=48000,volume='{loud}':eval=frame", "-filter_complex",
         "amix=normalize=0", "-c:a", "aac", str(sound)],
        check=True,
    )  # fmt: skip
    subprocess.run(
        [*ffmpeg, "-stream_loop", str(SECONDS // LOOP_SECONDS - 1), "-i", str(loop), "-i", str(sound), "-c", "copy",
         "-movflags", "+faststart", str(path)],
        check=True,
    )  # fmt: skip
    loop.unlink()
    sound.unlink()


def analyse(path: Path) -> tuple[Cost, dict[str, object]]:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        request = {"op": "highlights", "path": str(path), "folder": folder, "params": PARAMS, "threads": 2}
        cost = run(ANALYSIS, json.dumps(request).encode(), CHILD_ENVIRONMENT)
        answer = json.loads(cost.output.splitlines()[-1])["result"]
        assert "reel" in answer["files"], answer
        assert set(answer["files"].values()) == set(os.listdir(folder))
    return cost, answer["data"]


def measure(seed: int) -> list[Table]:
    path, gop = recording(seed)
    python()
    analyse(path)  # warm up: the first run reads the file from disk
    ours, theirs = [], []
    data: dict[str, object] = {}
    for _ in range(RUNS):
        theirs.append(detect(path)[1])
        cost, data = analyse(path)
        ours.append(cost)
    table = Table("", ("what", "measured", "goal", "met"))
    faster = statistics.median(one.wall / own.wall for one, own in zip(theirs, ours, strict=True))
    table.add(f"PySceneDetect ContentDetector alone, median of {RUNS}", shown(theirs), "", "")
    table.add("… our whole child, with reel and pictures", f"{shown(ours)}: {faster:.1f}× faster", "≥ 8× faster",
              yes(faster >= 8))  # fmt: skip
    table.add(
        "… CPU of both", f"{cpu(ours):.1f} s, theirs {cpu(theirs):.1f} s: {cpu(theirs) / cpu(ours):.1f}× less", "", ""
    )
    table.add("peak memory", f"{max(one.peak for one in ours) / 1e6:.0f} MB, theirs "
              f"{max(one.peak for one in theirs) / 1e6:.0f} MB", "reported", "")  # fmt: skip
    table.add("found", str(data.get("summary")), "", "")
    table.note = (
        f"{path.stat().st_size / 1e6:.0f} MB, a keyframe every {gop} frames; 2 threads; ours waits {wall(ours):.1f} s."
    )
    return [table]
