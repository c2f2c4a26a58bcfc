"""Runner of PySceneDetect's ContentDetector, in its own environment, for comparison of shot edges and speed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.measure import Cost, cache, run

REQUIREMENT = "scenedetect==0.7.2"  # PySceneDetect 0.7.2 also installs its decoder, OpenCV
PROGRAM = """
import json, sys
from scenedetect import ContentDetector, detect
scenes = detect(sys.argv[1], ContentDetector())
print(json.dumps([start.seconds if hasattr(start, "seconds") else start.get_seconds() for start, _ in scenes[1:]]))
"""


def python() -> Path:
    folder = cache("scenedetect")
    program = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(program), "-m", "pip", "install", "--quiet", REQUIREMENT], check=True)
        (folder / "ready").write_text(REQUIREMENT)
    return program


def detect(path: Path) -> tuple[list[float], Cost]:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENCV_FFMPEG_THREADS", "OPENCV_FOR_THREADS_NUM"), "2")
    cost = run([str(python()), "-c", PROGRAM, str(path)], extra_env={**threads, "PYTHONPATH": os.devnull})
    return [float(moment) for moment in json.loads(cost.output.splitlines()[-1])], cost
