"""Measurements P1 and A4: timer alignment of many small pairs. For a third of the pairs, no offset is right."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from bench.measure import run
from bench.p1_timer_alignment import ALIGNER, CHILD_ENVIRONMENT, format_met, request
from bench.report import Table
from sessions_app.comparison.samples.rendering.clips import (
    NTSC,
    Clip,
    Pair,
    refusal_pairs,
    render_pair,
    small_spec,
    unrelated_pair,
)
from sessions_app.comparison.samples.rendering.match import Match, count_up_match, round_match
from sessions_app.comparison.samples.rendering.specification import offset

# Numbers of pairs: RELATED pairs have a right offset. The aligner must refuse all others: REFUSED_SETS sets of seven
# pairs, and UNRELATED pairs of recordings from different matches.
RELATED, REFUSED_SETS, UNRELATED = 46, 2, 8
BINS = ((0.5, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 1.01))
STYLES = ("tactical", "broadcast", "arcade", "speedrun", "esports", "glass", "minimal", "led")
RATES = (Fraction(25), NTSC, Fraction(30), Fraction(50), Fraction(60))
SIZES = ((640, 360), (640, 360), (854, 480), (1280, 720))


@dataclass(frozen=True, slots=True)
class Outcome:
    """The aligner's answer to a pair of recordings.

    truth: true offset in seconds; None if the pair must be refused. answered: the aligner's offset in seconds; None if
    it refused. bound: maximum error of a right offset, seconds.
    """

    name: str
    truth: float | None
    answered: float | None
    confidence: float
    bound: float
    reason: str
    cpu: float

    @property
    def right(self) -> bool:
        return self.truth is not None and self.answered is not None and abs(self.answered - self.truth) <= self.bound


def related_pair(rng: np.random.Generator, number: int) -> Pair:
    seed = int(rng.integers(1, 1 << 30))
    kinds: list[Match] = [
        round_match(seed, 130, pauses=int(rng.integers(0, 3))),
        round_match(seed, 130, "mm:ss", buy=float(rng.uniform(15, 40))),
        count_up_match(seed, 130, "m:ss", pauses=int(rng.integers(0, 3))),
        count_up_match(seed, 130, "h:mm:ss", clock=float(rng.uniform(3600, 9000))),
        count_up_match(seed, 130, "m:ss.t"),
    ]
    match = kinds[int(rng.choice(len(kinds), p=(0.5, 0.15, 0.15, 0.1, 0.1)))]

    def clip(letter: str, start: float) -> Clip:
        width, height = SIZES[int(rng.integers(len(SIZES)))]
        changes: dict[str, Any] = {
            "width": width, "height": height, "fps": RATES[int(rng.integers(len(RATES)))],
            "style": str(rng.choice(STYLES)), "bright": bool(rng.random() < 0.4),
            "gop": int(rng.choice((30, 60, 120, 250))), "crf": int(rng.integers(23, 34)),
        }  # fmt: skip
        return Clip(small_spec(f"pair{number:03d}_{letter}", start, int(rng.integers(1, 1 << 30)), **changes), match)

    first = float(rng.uniform(5, 20))
    a, b = clip("a", first), clip("b", first + float(rng.uniform(2, 28)))
    return Pair(f"related {match.clock_format}", a, b, offset(b.spec, a.spec))


def pairs(seed: int) -> list[Pair]:
    rng = np.random.default_rng([seed, 77])
    found = [related_pair(rng, number) for number in range(RELATED)]
    for _ in range(REFUSED_SETS):
        found += refusal_pairs(int(rng.integers(1, 1 << 30)))
    found += [replace(unrelated_pair(int(rng.integers(1, 1 << 30))), name="unrelated") for _ in range(UNRELATED)]
    return found


def judge(pair: Pair) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="bench-pair-") as folder:
        a, b = render_pair(pair, Path(folder))
        cost = run(ALIGNER, request(a, b), {**CHILD_ENVIRONMENT, "VOD_CHILD_THREADS": "1"})
        result = json.loads(cost.output.splitlines()[-1])["result"]
    found = result["proposals"][0] if result["proposals"] else None
    bound = float(1 / pair.a.spec.fps + 1 / pair.b.spec.fps) / 2
    return Outcome(
        pair.name, pair.offset, found and found["offset"], found["confidence"] if found else 0.0, bound,
        "" if found else result["refused"][0]["reason"], cost.cpu,
    )  # fmt: skip


def judge_all(chosen: Sequence[Pair]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with ProcessPoolExecutor(os.cpu_count()) as pool, Progress(transient=True) as progress:
        bar = progress.add_task("Pairs", total=len(chosen))
        for future in as_completed([pool.submit(judge, pair) for pair in chosen]):
            outcomes.append(future.result())
            progress.advance(bar)
    return outcomes


def measure(seed: int) -> list[Table]:
    outcomes = judge_all(pairs(seed))
    answers = [outcome for outcome in outcomes if outcome.answered is not None]
    summary = Table("", ("what", "measured", "goal", "met"))
    sure = [outcome for outcome in answers if outcome.confidence >= 0.9]
    wrong = [outcome for outcome in sure if not outcome.right]
    related = [outcome for outcome in outcomes if outcome.truth is not None]
    summary.add("confident wrong answers (≥ 0.9)", f"{len(wrong)} of {len(sure)}, {len(outcomes)} pairs", "0 on ≥ 60",
                format_met(not wrong and len(outcomes) >= 60))  # fmt: skip
    for name, low, high, goal in (("≥ 0.9", 0.9, 1.01, 0.99), ("0.5–0.9", 0.5, 0.9, 0.8)):
        inside = [outcome for outcome in answers if low <= outcome.confidence < high]
        share = sum(outcome.right for outcome in inside) / len(inside) if inside else float("nan")
        summary.add(f"right at {name}", f"{share:.1%} of {len(inside)}", f"≥ {goal:.0%}", format_met(not share < goal))
    summary.add("recordings of one match aligned right",
                f"{sum(outcome.right for outcome in related)} of {len(related)}", "reported", "")  # fmt: skip
    bins = Table("Reliability", ("confidence", "answers", "right", "share"))
    for low, high in BINS:
        inside = [outcome for outcome in answers if low <= outcome.confidence < high]
        right = sum(outcome.right for outcome in inside)
        shown = f"{right / len(inside):.1%}" if inside else "–"
        bins.add(f"{low:.2f}–{min(high, 1.0):.2f}", len(inside), right, shown)
    kinds = Table("By kind of pair", ("kind", "pairs", "right", "wrong (confidences)", "refused (reasons)"))
    for kind in sorted({outcome.name for outcome in outcomes}):
        mine = [outcome for outcome in outcomes if outcome.name == kind]
        bad = sorted(outcome.confidence for outcome in mine if outcome.answered is not None and not outcome.right)
        refused = [outcome.reason for outcome in mine if outcome.answered is None]
        reasons = ", ".join(f"{refused.count(reason)} {reason}" for reason in sorted(set(refused)))
        kinds.add(kind, len(mine), sum(outcome.right for outcome in mine),
                  ", ".join(f"{value:.2f}" for value in bad) or "–", reasons or "–")  # fmt: skip
    kinds.note = "For every kind but `related` refusing is right. `unrelated`: other matches whose clocks run alike."
    off = Table("Errors of wrong answers to related pairs", ("kind", "error", "bound", "confidence"))
    for outcome in answers:
        if outcome.truth is not None and not outcome.right:
            error = (outcome.answered or 0.0) - outcome.truth
            off.add(
                outcome.name, f"{error * 1000:+.1f} ms", f"{outcome.bound * 1000:.1f} ms", f"{outcome.confidence:.3f}"
            )
    return [summary, bins, kinds, *([off] if off.rows else [])]


if __name__ == "__main__":
    for made in measure(int(sys.argv[1])):
        print(made.markdown())
