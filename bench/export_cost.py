"""CPU seconds of exporting a comparison, against one ffmpeg command with the same layout and encoder."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]

from bench.measure import Cost, run
from bench.report import Table
from sessions_app.comparison.export.child.graph import ENCODING, GOP_SECONDS
from sessions_app.comparison.export.child.layouts import arrange

SECONDS, START, LENGTH, ROUNDS = 60, 20.0, 30.0, 3
FPS, HEIGHT = 60, 720
# Exported videos: (size in pixels, frame rate, offset in seconds).
VIDEOS = (("1920x1080", "60", 0.0), ("1280x720", "30", -2.5), ("854x480", "30000/1001", 4.2))
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def measure(seed: int) -> list[Table]:
    table = Table("", ("what", "CPU, s", "against ffmpeg", "goal"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [make_video(folder / f"{number}.mp4", *video[:2]) for number, video in enumerate(VIDEOS)]
        plain, ours, burnt = [], [], []
        for _ in range(ROUNDS):
            plain.append(bare(folder / "bare.mp4", paths).cpu)
            ours.append(export(folder, paths, []).cpu)
            names = [{"pane": pane, "begin": 0, "end": 99, "text": "A name", "is_name": True} for pane in range(3)]
            burnt.append(export(folder, paths, names).cpu)
    base = statistics.median(plain)
    table.add("one bare ffmpeg, the same filters and encoder", f"{base:.2f}", "", "")
    for what, found, goal in (("an export", ours, "≤ 1.15×"), ("… with names over the whole picture", burnt, "")):
        table.add(what, f"{statistics.median(found):.2f}", f"{statistics.median(found) / base:.2f}×", goal)
    table.note = f"{LENGTH:.0f} s side by side at {HEIGHT} lines of 1080p60, 720p30 and 480p29.97; {ROUNDS} rounds."
    return [table]


def make_video(path: Path, size: str, rate: str) -> Path:
    source = f"testsrc2=s={size}:r={rate}:d={SECONDS},noise=alls=12:allf=t"
    run([FFMPEG, "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-preset", "ultrafast", "-g", "120",
         "-pix_fmt", "yuv420p", str(path), "-y"])  # fmt: skip
    return path


def bare(target: Path, paths: list[Path]) -> Cost:
    boxes = arrange("side_by_side", [tuple(map(int, size.split("x"))) for size, _, _ in VIDEOS], HEIGHT).boxes  # type: ignore[misc]
    inputs: list[str] = []
    for path, (_, _, offset) in zip(paths, VIDEOS, strict=True):
        inputs += ["-threads", "2", "-ss", str(START - offset), "-i", str(path)]
    chains = [
        f"[{number}:v]fps={FPS},scale={box.width}:{box.height}:flags=bicubic,setsar=1,format=yuv420p[v{number}]"
        for number, box in enumerate(boxes)
    ]
    places = "|".join(f"{box.x}_{box.y}" for box in boxes)
    graph = ";".join([*chains, f"[v0][v1][v2]xstack=inputs=3:layout={places}[out]"])
    words = [word for name, value in ENCODING.items() for word in (f"-{name}", str(value))]
    return run(
        [FFMPEG, "-v", "error", "-filter_threads", "2", "-filter_complex_threads", "2", *inputs, "-filter_complex",
         graph, "-map", "[out]", "-t", str(LENGTH), *words, "-g", str(GOP_SECONDS * FPS), "-threads", "2",
         "-movflags", "+faststart", str(target), "-y"]
    )  # fmt: skip


def export(folder: Path, paths: list[Path], captions: list[dict[str, object]]) -> Cost:
    request = {
        "videos": [
            {"path": str(path), "offset": offset, "drift_ppm": 0, "drift_anchor": 0, "duration": SECONDS}
            for path, (_, _, offset) in zip(paths, VIDEOS, strict=True)
        ],
        "panes": [0, 1, 2], "sounds": [], "layout": "side_by_side", "start": START, "end": START + LENGTH,
        "fps": [FPS, 1], "height": HEIGHT, "captions": captions, "target": str(folder / "export.mp4"),
        "folder": str(folder), "threads": 2,
    }  # fmt: skip
    return run([sys.executable, "-m", "sessions_app.comparison.export.child"], json.dumps(request).encode())
