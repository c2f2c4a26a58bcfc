"""Measurement P1: timer alignment of two recordings of 600 s, against reading the timer in one frame per second."""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from bench.measure import Cost, percentile, run
from bench.recordings import long_pair, timer_fractions
from bench.report import Table
from sessions_app.comparison.samples.rendering.clips import Clip, Pair

RUNS = 5
SAMPLES = 60
ALIGNER = [sys.executable, "-m", "sessions_app.comparison.alignment.child"]
CHILD_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1", "VOD_CHILD_THREADS": "2",
    "PYTHONDONTWRITEBYTECODE": "1",
}  # fmt: skip


def request(a: Path, b: Path, evidence: Path | None = None) -> bytes:
    videos = [{"vod_id": name, "path": str(path)} for name, path in (("a", a), ("b", b))]
    asked: dict[str, Any] = {"op": "align", "videos": videos, "roi": None, "game": "auto", "reader": "rapidocr"}
    if evidence:
        asked["evidence_dir"] = str(evidence)
    return json.dumps(asked).encode()


def align(a: Path, b: Path, evidence: Path | None = None) -> tuple[Cost, dict[str, Any]]:
    cost = run(ALIGNER, request(a, b, evidence), CHILD_ENVIRONMENT)
    result: dict[str, Any] = json.loads(cost.output.splitlines()[-1])["result"]
    return cost, result


def errors_against_truth(pair: Pair, a: Path, b: Path) -> dict[str, list[float]]:
    """Return the errors of each video's refined clock constants, in frames of the video.

    A clock constant is the timer's value minus the video's time. The aligner's answer does not contain the constants.
    Therefore, the alignment runs in this process, and a wrapper around ``refine`` records them.
    """
    from sessions_app.comparison.alignment.child import by_timer as aligner
    from sessions_app.comparison.alignment.child.readers import load_reader

    clips: dict[str, Clip] = {"a": pair.a, "b": pair.b}
    errors: dict[str, list[float]] = {"a": [], "b": []}
    original = aligner.refine

    def listen(source: Any, segment: Any, wanted: int) -> Any:
        found = original(source, segment, wanted)
        if found is not None:
            clip = clips[source.vod_id]
            true = clip.match.segment_at(clip.spec.start + (segment.start + segment.end) / 2)
            constant = true.clock + true.rate * (clip.spec.start - true.start)
            # Ignore errors of whole seconds: a countdown rounds the shown value up, and a count-up rounds it down.
            error = (found.constant - constant + 0.5) % 1.0 - 0.5
            errors[source.vod_id].append(error * float(clip.spec.fps))
        return found

    aligner.refine = listen  # type: ignore[assignment]
    try:
        aligner.align_by_timer([("a", a), ("b", b)], None, "auto", load_reader("rapidocr"))
    finally:
        aligner.refine = original
    return errors


def baseline(pair: Pair, paths: dict[str, Path], reader: str, seed: int) -> float:
    total = 0.0
    for name, box in timer_fractions(pair).items():
        argv = [sys.executable, "-m", "bench.seek_baseline", str(paths[name]), *(f"{part:.6f}" for part in box)]
        cost = run([*argv, "--reader", reader, "--samples", str(SAMPLES), "--seed", str(seed)], extra_env={
            "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
        })  # fmt: skip
        found = json.loads(cost.output)
        total += found["cpu_per_sample"] * found["duration"]
    return total


def measure(seed: int) -> list[Table]:
    pair, a, b = long_pair(seed)
    paths = {pair.a.spec.name: a, pair.b.spec.name: b}
    align(a, b)  # warm up: the first run reads the files from disk
    same_reader = baseline(pair, paths, "ours", seed)
    runs = [align(a, b) for _ in range(RUNS)]
    with_detection = baseline(pair, paths, "rapidocr", seed)
    cpu = statistics.median(cost.cpu for cost, _ in runs)
    walls = [cost.wall for cost, _ in runs]
    peak = max(cost.peak for cost, _ in runs)
    table = Table("", ("what", "measured", "goal", "met"))
    ratio = same_reader / cpu
    table.add(
        "CPU time of the alignment, median of 5 runs",
        f"{cpu:.2f} s ({', '.join(f'{cost.cpu:.2f}' for cost, _ in runs)})", "", ""
    )  # fmt: skip
    table.add(
        "CPU time, compared with a method that seeks to one frame per second and reads its timer with the program's "
        f"reader ({same_reader:.1f} s of CPU time)", f"{ratio:.0f}× less", "≥ 30×", format_met(ratio >= 30),
    )  # fmt: skip
    table.add(
        "CPU time, compared with the same method with RapidOCR's own text detection "
        f"({with_detection:.1f} s of CPU time)", f"{with_detection / cpu:.0f}× less", "reported", "",
    )  # fmt: skip
    wall = statistics.median(walls)
    shown = f"{wall:.2f} s (best {min(walls):.2f}, p95 {percentile(walls, 0.95):.2f})"
    table.add("duration of the alignment, median of 5 runs", shown, "≤ 2.5 s on idle cores", format_met(wall <= 2.5))
    table.add(
        "peak memory of the alignment, largest of 5 runs", f"{peak / 1e6:.0f} MB", "≤ 260 MB", format_met(peak <= 260e6)
    )
    [proposal] = runs[-1][1]["proposals"]
    assert pair.offset is not None
    error = proposal["offset"] - pair.offset
    bound = float(1 / pair.a.spec.fps + 1 / pair.b.spec.fps) / 2
    table.add("error of the offset between both recordings",
              f"{error * 1000:+.2f} ms, confidence {proposal['confidence']:.3f}",
              f"≤ {bound * 1000:.1f} ms", format_met(abs(error) <= bound))  # fmt: skip
    for vod_id, errors in errors_against_truth(pair, a, b).items():
        worst = max(errors, key=abs) if errors else float("nan")
        shown = ", ".join(f"{value:+.2f}" for value in errors)
        table.add(
            f"VOD {vod_id}: error of the computed difference between timer and video time, for each part in which "
            "the timer runs", f"{shown} frames", "≤ half a frame", format_met(abs(worst) <= 0.5),
        )  # fmt: skip
    return [table]


def format_met(met: bool) -> str:
    return "yes" if met else "no"
