"""Measurement P9: merging three clips of equal format or of different formats.

The baselines are plain ffmpeg commands: a concatenation without encoding, and one encode.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np

from bench.measure import Cost, cache, run
from bench.p6_ingest import CHILD_ENVIRONMENT, cpu, shown, wall, yes
from bench.planted import media
from bench.report import Table

COPIES, ENCODES = 9, 3  # number of measured merges without encoding, and with encoding
THREADS = 2
MERGE = [sys.executable, "-m", "media_app.av.merge"]
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
SCENES = ("sp_zc_soccer.mp4", "sp_ae_example.mp4", "sc_mdn_rabbit320.mp4", "ex_rx_squat.mp4")
# Clips of different formats: (picture height, frames per second, sound samples per second, channels).
DIFFERENT = ((1080, "30", 48_000, 2), (720, "25", 44_100, 1), (1080, "30000/1001", 48_000, 2))
ALIKE = ((1080, "30", 48_000, 2),) * 3


def clips(seed: int) -> tuple[list[Path], list[Path]]:
    """Render three clips of equal format (20 to 60 s) and three of different formats (20 to 30 s)."""
    rng = np.random.default_rng([seed, 9])
    folder = cache(f"merge-{seed}")
    for other in folder.parent.glob("merge-*"):
        if other != folder:
            shutil.rmtree(other)
    made = []
    for name, shapes, most in (("alike", ALIKE, 60), ("different", DIFFERENT, 30)):
        scenes = rng.permutation(SCENES)[:3]
        paths = [folder / f"{name}-{number}.mp4" for number in range(3)]
        for path, shape, scene in zip(paths, shapes, scenes, strict=True):
            seconds, pitch = float(rng.uniform(20, most)), float(rng.uniform(200, 800))
            if not path.exists():
                _render(path, media() / str(scene), shape, seconds, pitch)
        made.append(paths)
    return made[0], made[1]


def _render(path: Path, scene: Path, shape: tuple[int, str, int, int], seconds: float, pitch: float) -> None:
    lines, fps, rate, channels = shape
    width = lines * 16 // 9
    fitted = f"scale={width}:{lines}:force_original_aspect_ratio=decrease,pad={width}:{lines}:-1:-1"
    part = path.with_suffix(".part")
    subprocess.run(
        [FFMPEG, "-nostdin", "-v", "error", "-y", "-stream_loop", "-1", "-i", str(scene), "-f", "lavfi", "-i",
         f"sine=f={pitch:.0f}:r={rate}", "-t", f"{seconds:.2f}", "-map", "0:v:0", "-map", "1:a", "-vf",
         f"{fitted},setsar=1,fps={fps},format=yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-b:v", "6M",
         "-profile:v", "high", "-c:a", "aac", "-ac", str(channels), "-movflags", "+faststart", "-f", "mp4", str(part)],
        check=True,
    )  # fmt: skip
    part.rename(path)


def merged(paths: Sequence[Path]) -> tuple[Cost, dict[str, Any]]:
    with tempfile.TemporaryDirectory(dir=paths[0].parent) as folder:
        request = {
            "clips": [{"path": str(path), "name": path.name} for path in paths], "target": f"{folder}/merged.mp4",
            "folder": folder, "ffmpeg": FFMPEG, "threads": THREADS,
        }  # fmt: skip
        cost = run(MERGE, json.dumps(request).encode(), CHILD_ENVIRONMENT)
    return cost, json.loads(cost.output.splitlines()[-1])["result"]


def copied(paths: Sequence[Path]) -> Cost:
    with tempfile.TemporaryDirectory(dir=paths[0].parent) as folder:
        script = Path(folder) / "list.txt"
        script.write_text("".join(f"file '{path}'\n" for path in paths))
        return run(
            [FFMPEG, "-nostdin", "-v", "error", "-f", "concat", "-safe", "0", "-i", str(script), "-c", "copy",
             "-movflags", "+faststart", f"{folder}/merged.mp4"]
        )  # fmt: skip


def encoded(paths: Sequence[Path], result: dict[str, Any]) -> Cost:
    width, height, (top, bottom) = result["width"], result["height"], result["fps"]
    each = "".join(
        f"[{n}:v:0]fps={top}/{bottom},scale={width}:{height}:flags=bicubic:out_color_matrix=bt709:out_range=tv,"
        f"format=yuv420p,setsar=1[v{n}];[{n}:a:0]aresample=48000,aformat=channel_layouts=stereo[a{n}];"
        for n in range(len(paths))
    )
    graph = each + "".join(f"[v{n}][a{n}]" for n in range(len(paths))) + f"concat=n={len(paths)}:v=1:a=1[v][a]"
    with tempfile.TemporaryDirectory(dir=paths[0].parent) as folder:
        return run(
            [FFMPEG, "-nostdin", "-v", "error", *(word for path in paths for word in ("-i", str(path))),
             "-filter_complex", graph, "-map", "[v]", "-map", "[a]", "-c:v", "libx264", "-preset", "medium", "-crf",
             "23", "-profile:v", "high", "-g", str(round(2 * top / bottom)), "-c:a", "aac", "-b:a", "128k",
             "-movflags", "+faststart", f"{folder}/merged.mp4"]
        )  # fmt: skip


def measure(seed: int) -> list[Table]:
    alike, different = clips(seed)
    table = Table("", ("what", "measured", "goal", "met"))
    _, result = merged(alike)  # warm up: the first run reads the files from disk
    assert (result["picture"], result["sound"]) == ("copied", "copied"), result
    ours, theirs = [], []
    for _ in range(COPIES):
        theirs.append(copied(alike))
        ours.append(merged(alike)[0])
    _rows(table, f"bare `ffmpeg -f concat -c copy`, median of {COPIES}", ours, theirs, 1.2)
    size = sum(path.stat().st_size for path in alike) / 1e6
    note = f"Alike: {size:.0f} MB, {result['duration']:.0f} s of 1080p30. "
    ours, theirs = [], []
    for _ in range(ENCODES):
        cost, result = merged(different)
        assert (result["picture"], result["sound"]) == ("encoded", "encoded"), result
        ours.append(cost)
        theirs.append(encoded(different, result))
    _rows(table, f"one bare ffmpeg, filter concat, libx264 crf 23 medium, median of {ENCODES}", ours, theirs, 1.1)
    table.note = f"{note}Different: {result['duration']:.0f} s at 1080, 720 and 1080 lines; {THREADS} threads."
    return [table]


def _rows(table: Table, what: str, ours: list[Cost], theirs: list[Cost], goal: float) -> None:
    share = wall(ours) / wall(theirs)
    table.add(what, shown(theirs), "", "")
    table.add("… our child, its start included", f"{shown(ours)}: {share:.2f}×", f"≤ {goal}×", yes(share <= goal))
    table.add("… CPU of both", f"{cpu(ours):.2f} s, bare {cpu(theirs):.2f} s: {cpu(ours) / cpu(theirs):.2f}×", "", "")
    peaks = [f"{max(cost.peak for cost in costs) / 1e6:.0f} MB" for costs in (ours, theirs)]
    table.add("… peak memory of both", f"{peaks[0]}, bare {peaks[1]}", "", "")
