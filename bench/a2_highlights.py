"""Measurement A2: share of planted events that a reel shows. The reel is 1.25 times as long as all events."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.planted import Event, media, render
from bench.report import Table
from sessions_app.analysis.pipelines import signal_pass as reading
from sessions_app.analysis.pipelines.highlight_scores import choose, find_candidates, look_at, snap_ends
from sessions_app.analysis.pipelines.highlight_scores import measure as signals_of
from sessions_app.analysis.pipelines.signal_pass import survey

RECORDINGS, SECONDS, EVENTS = 3, 300.0, 8
BUDGET = 1.25
COVERED = 0.5  # minimum share of an event's seconds that the reel must show, so that the event counts as shown
MOST, MIN_SCORE = 50, 0.2
PIECE = 8.0  # minimum seconds of each piece of video that the baseline methods (uniform, random) choose
Spans = list[tuple[float, float]]


def shown(events: Sequence[Event], spans: Spans) -> tuple[int, float]:
    """Return the number of shown events, and the share of the reel's seconds that belong to events."""
    inside = [sum(max(0.0, min(e.end, b) - max(e.start, a)) for a, b in spans) for e in events]
    count = sum(seconds >= COVERED * event.length for seconds, event in zip(inside, events, strict=True))
    return count, sum(inside) / max(1e-9, sum(b - a for a, b in spans))


def ours(path: Path, budget: float) -> Spans:
    found = survey(path, SECONDS)
    moments = signals_of(found, SECONDS)
    chosen = choose(find_candidates(moments, SECONDS), budget, MOST, MIN_SCORE, look_at(found))
    return [(one.start, one.end) for one in (snap_ends(one, [], moments, SECONDS) for one in chosen)]


def uniform(budget: float) -> Spans:
    count = max(1, int(budget / PIECE))
    return [(at, at + budget / count) for at in (np.arange(count) * SECONDS / count).tolist()]


def random_pieces(budget: float, random: np.random.Generator) -> Spans:
    count = max(1, int(budget / PIECE))
    places = np.sort(random.uniform(0, SECONDS - budget, count))
    return [(float(at) + n * budget / count, float(at) + (n + 1) * budget / count) for n, at in enumerate(places)]


def measure(seed: int) -> list[Table]:
    """Measure on newly rendered recordings. Avoid seeds 1000 to 1007 and 3215, which were used for tuning."""
    random = np.random.default_rng([seed, 1])
    table = Table("", ("method", "recall", "share of the reel that is event", "goal"))
    scores: dict[str, list[tuple[int, float]]] = {}
    missed: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(RECORDINGS):
            path = Path(folder) / f"{number}.mp4"
            events = render(path, media(), 100_000 + 100 * seed + number, SECONDS, EVENTS)
            budget = BUDGET * sum(event.length for event in events)
            spans = ours(path, budget)
            dense, reading.DENSE_PIXELS = reading.DENSE_PIXELS, 0.0
            sparse = ours(path, budget)
            reading.DENSE_PIXELS = dense
            for name, one in (
                ("ours, all reference frames of a small video", spans), ("ours, as for a large video", sparse),
                ("uniform", uniform(budget)), ("random", random_pieces(budget, random)),
            ):  # fmt: skip
                scores.setdefault(name, []).append(shown(events, one))
            missed.update(event.kind for event in events if not shown([event], spans)[0])
    for name, each in scores.items():
        recall = sum(count for count, _ in each) / (RECORDINGS * EVENTS)
        goal = "≥ 0.92, ≥ 75 %" if name.startswith("ours") else ""
        table.add(name, f"{recall:.2f}", f"{100 * np.mean([share for _, share in each]):.0f} %", goal)
    kinds = ", ".join(f"{count} × {kind}" for kind, count in sorted(missed.items())) or "none"
    table.note = f"{RECORDINGS} × {SECONDS:.0f} s, {EVENTS} events each. Missed by the first: {kinds}."
    return [table]
