"""Measurement P6: ingest of a 1080p video of 580 s that needs no transcoding, against plain ffmpeg commands."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from bench.measure import Cost, cache, run
from bench.report import Table
from sessions_app.comparison.samples.rendering.clips import Clip, render_clips
from sessions_app.comparison.samples.rendering.match import round_match
from sessions_app.comparison.samples.rendering.specification import VERSION, RecordingSpec

RUNS = 5
SECONDS = 580.0
THREADS = 2
# Keyframe distances in frames, of which each seed chooses one. Streams and recorders often use 60 or 120; x264's
# default is 250.
GOPS = (60, 120, 250)
INGEST = [sys.executable, "-m", "media_app.av.ingest"]
CHILD_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1",
}  # fmt: skip


def recording(seed: int) -> tuple[Path, RecordingSpec]:
    rng = np.random.default_rng([seed, 6])
    spec = RecordingSpec(
        "ingest", 1920, 1080, Fraction(30), float(rng.uniform(3, 20)), SECONDS, "tactical", seed + 6,
        bright=bool(rng.integers(2)), bitrate=6_000_000, gop=int(rng.choice(GOPS)), loop=1.0,
    )  # fmt: skip
    folder = cache(f"ingest-{seed}-{VERSION}")
    for other in folder.parent.glob("ingest-*"):
        if other != folder:
            shutil.rmtree(other)
    path = folder / f"{spec.name}.mp4"
    if not path.exists():
        render_clips([Clip(spec, round_match(seed + 6, 700.0))], folder)
    return path, spec


def ingest(path: Path, *tasks: str) -> Cost:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        request = {
            "source": str(path), "folder": folder, "tasks": [{"do": task} for task in tasks], "threads": THREADS,
            "ffmpeg": imageio_ffmpeg.get_ffmpeg_exe(),
        }  # fmt: skip
        cost = run(INGEST, json.dumps(request).encode(), CHILD_ENVIRONMENT)
    result = json.loads(cost.output.splitlines()[-1])["result"]
    assert [item["kind"] for item in result["made"]] == list(tasks), result
    return cost


def bare(path: Path, *options: str) -> Cost:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        output = [option.replace("OUT", folder) for option in options]
        return run([imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-i", str(path), *output])


def measure(seed: int) -> list[Table]:
    """Measure the program and plain ffmpeg in turn, so that other load affects both alike."""
    path, spec = recording(seed)
    copy = (
        "-c", "copy", "-f", "hls", "-hls_time", "6", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4",
        "-hls_flags", "single_file", "-hls_segment_filename", "OUT/media.mp4", "OUT/index.m3u8",
    )  # fmt: skip
    ingest(path, "hls")  # warm up: the first run reads the file from disk
    ours, theirs, pictures = [], [], []
    for _ in range(RUNS):
        theirs.append(bare(path, *copy))
        ours.append(ingest(path, "hls"))
        pictures.append(ingest(path, "poster", "sprite"))
    decoded = bare(path, "-vf", "fps=1/10,scale=160:-2,tile=8x8", "-frames:v", "1", "OUT/full.jpg")
    sound, silent = ingest(path, "peaks"), ingest(path, "silent")
    table = Table("", ("what", "measured", "goal", "met"))
    share = wall(ours) / wall(theirs)
    table.add(f"bare `ffmpeg -c copy` to HLS, median of {RUNS}", shown(theirs), "", "")
    table.add("… our child to playable, its start and the probe included", f"{shown(ours)}: {share:.2f}×", "≤ 1.5×",
              yes(share <= 1.5))  # fmt: skip
    shown_cpu = f"{cpu(ours):.2f} s, bare {cpu(theirs):.2f} s: {cpu(ours) / cpu(theirs):.2f}×"
    table.add("… CPU of both", shown_cpu, "", "")
    table.add("bare `fps=1/10`, full decode, once", shown([decoded]), "", "")
    faster, cheaper = wall([decoded]) / wall(pictures), cpu([decoded]) / cpu(pictures)
    table.add(f"… our child, poster and sprite, median of {RUNS}", f"{shown(pictures)}: {faster:.0f}× faster",
              "≥ 10× faster", yes(faster >= 10))  # fmt: skip
    table.add("… CPU of both", f"{cpu(pictures):.2f} s, bare {cpu([decoded]):.2f} s: {cheaper:.0f}× less", "", "")
    table.add("peaks of the sound; silent copy, once each", f"{sound.wall:.2f} s; {silent.wall:.2f} s", "reported", "")
    peak = max(cost.peak for cost in (*ours, *pictures, sound, silent))
    table.add("peak memory of the child, largest of all", f"{peak / 1e6:.0f} MB", "reported", "")
    size = path.stat().st_size / 1e6
    table.note = f"{size:.0f} MB, a keyframe every {spec.gop} frames; {THREADS} threads."
    return [table]


def wall(costs: list[Cost]) -> float:
    return statistics.median(cost.wall for cost in costs)


def cpu(costs: list[Cost]) -> float:
    return statistics.median(cost.cpu for cost in costs)


def shown(costs: list[Cost]) -> str:
    return f"{wall(costs):.2f} s" + (f" (best {min(cost.wall for cost in costs):.2f})" if len(costs) > 1 else "")


def yes(met: bool) -> str:
    return "yes" if met else "no"
