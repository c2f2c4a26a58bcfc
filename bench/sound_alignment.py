"""Alignment by sound of made pairs of every kind: how many are proposed and right, and how many refused, and why."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.report import Table
from bench.sound_pairs import MISLEADING, RELATED, pair
from sessions_app.comparison.alignment.by_sound import align_by_sound

PAIRS = 5  # of each kind
RIGHT_SECONDS = 1 / 60  # half a frame at 30 frames a second


def outcome(job: tuple[str, int]) -> tuple[str, str]:
    """The kind of a pair, and "right", "wrong", or the reason of its refusal."""
    kind, number = job
    made = pair(kind, number)
    with tempfile.TemporaryDirectory() as folder:
        first, second = made.write(Path(folder))
        found = align_by_sound([("a", first), ("b", second)])
    if found.refused:
        return kind, found.refused[0].reason
    is_right = made.offset is not None and abs(found.proposals[0].offset - made.offset) <= RIGHT_SECONDS
    return kind, "right" if is_right else "wrong"


def measure(seed: int) -> list[Table]:
    """One row for each kind."""
    jobs = [(kind, seed + number) for number in range(PAIRS) for kind in (*RELATED, *MISLEADING)]
    found: dict[str, Counter[str]] = defaultdict(Counter)
    with ProcessPoolExecutor() as pool:
        for kind, what in pool.map(outcome, jobs):
            found[kind][what] += 1
    table = Table("", ("kind", "has an offset", "what was answered"))
    for kind, counts in found.items():
        table.add(kind, "yes" if kind in RELATED else "no", ", ".join(f"{n} {what}" for what, n in counts.items()))
    return [table]
