"""Alignment by sound of generated pairs of recordings: offsets, refusals, and reliability (measurement A4).

The confidence curve in ``sound/confidence.py`` is fitted to half of the generated pairs. With ``VOD_BENCH_MEDIA`` set,
the benchmark also measures pairs of real clips, but never uses them for the fit.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from bench.report import Table
from bench.sound_pairs import HARD, MISLEADING, REAL, RELATED, pair
from sessions_app.comparison.alignment.child.answer import AlignmentResult
from sessions_app.comparison.alignment.child.by_both import combine_results
from sessions_app.comparison.alignment.child.by_sound import REFUSE_BELOW, align_by_sound
from sessions_app.comparison.alignment.child.by_timer import align_by_timer
from sessions_app.comparison.alignment.child.readers import load_reader
from sessions_app.comparison.alignment.child.sound.align import align_sounds
from sessions_app.comparison.alignment.child.sound.confidence import confidence_of, features
from sessions_app.comparison.alignment.child.sound.recording import Recording
from sessions_app.comparison.alignment.child.sound.track import NoSound
from sessions_app.comparison.samples.rendering.clips import render_pair, unrelated_pair

RELATED_OF_A_KIND, MISLEADING_OF_A_KIND, HARD_OF_A_KIND, REAL_OF_A_KIND = 11, 18, 80, 8
PICTURES = 8  # number of rendered pairs whose two recordings show similar timers, but different matches
RIGHT_SECONDS = 1 / 60  # largest error in seconds at which an offset counts as right: half a frame at 30 fps
SURE = 0.9
BINS = ((0.0, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 0.95), (0.95, 1.01))
# Strength of the regularisation towards 0. Without regularisation, the fitted curve becomes a step if right and wrong
# pairs separate easily.
PRIOR = 0.2


@dataclass(frozen=True, slots=True)
class Job:
    """A pair to generate and align. clips: folder of real clips to generate it from; None for synthetic sound."""

    kind: str
    number: int
    clips: Path | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The aligner's answer to a pair.

    - reason: error code if the aligner refused the pair, else empty.
    - right: whether the offset is right, even if the aligner refused it as doubtful.
    - features: inputs of the confidence curve; None if nothing was measured.
    - by_both: highest confidence of an offset by timer and sound, if the pair's sound is combined with the timers of
      each of the :data:`PICTURES` rendered pairs; 0 if no offset is proposed.
    """

    job: Job
    reason: str
    right: bool
    confidence: float
    features: tuple[float, ...] | None
    by_both: float

    @property
    def is_proposed(self) -> bool:
        return not self.reason


def jobs(seed: int) -> list[Job]:
    media = os.environ.get("VOD_BENCH_MEDIA")
    counts: list[tuple[tuple[str, ...], int, Path | None]] = [
        (RELATED, RELATED_OF_A_KIND, None),
        (MISLEADING, MISLEADING_OF_A_KIND, None),
        (HARD, HARD_OF_A_KIND, None),
    ]
    if media:
        counts.append((REAL, REAL_OF_A_KIND, Path(media)))
    return [Job(kind, seed + n, clips) for kinds, count, clips in counts for n in range(count) for kind in kinds]


def timer_answers(seed: int) -> list[AlignmentResult]:
    reader = load_reader("rapidocr")
    answers = []
    for number in range(PICTURES):
        with tempfile.TemporaryDirectory() as folder:
            a, b = render_pair(unrelated_pair(seed + number), Path(folder))
            answers.append(align_by_timer([("a", a), ("b", b)], None, "auto", reader))
    return answers


def outcome(job: Job, timers: Sequence[AlignmentResult]) -> Outcome:
    made = pair(job.kind, job.number, job.clips)
    with tempfile.TemporaryDirectory() as folder:
        first, second = made.write(Path(folder))
        found = align_by_sound([("a", first), ("b", second)])
        try:
            with Recording("a", first) as a, Recording("b", second) as b:
                answer = align_sounds(a, b)
        except NoSound:
            return Outcome(job, found.refused[0].reason, False, 0.0, None, 0.0)
    match = getattr(answer, "doubted", answer)
    right = bool(match and made.offset is not None and abs(match.offset - made.offset) <= RIGHT_SECONDS)
    both = [combine_results(["a", "b"], timer, found) for timer in timers]
    return Outcome(
        job,
        found.refused[0].reason if found.refused else "",
        right,
        confidence_of(match) if match else 0.0,
        features(match) if match else None,
        max((item.confidence for result in both for item in result.proposals), default=0.0),
    )


def outcomes(seed: int) -> list[Outcome]:
    timers = timer_answers(seed)
    alike = sum(bool(answer.proposals) for answer in timers)
    print(f"{alike} of {PICTURES} pairs of other matches are proposed by their timers alone.")
    wanted = jobs(seed)
    with ProcessPoolExecutor() as pool:
        return list(track(pool.map(outcome, wanted, [timers] * len(wanted)), "Pairs", len(wanted), transient=True))


def fit(values: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit a logistic curve by Newton's method; return its constant and weights, shape (features + 1,).

    values: features of each pair, shape (n, features). right: 1 for right and 0 for wrong pairs, shape (n,).
    """
    design = np.column_stack([np.ones(len(values)), values])
    held = PRIOR * np.eye(design.shape[1])
    held[0, 0] = 1e-6
    weights = np.zeros(design.shape[1])
    for _ in range(200):
        chance = 1.0 / (1.0 + np.exp(-design @ weights))
        curvature = design.T @ (design * (chance * (1 - chance))[:, None]) + held
        step = np.linalg.solve(curvature, design.T @ (right - chance) - held @ weights)
        weights = weights + step / max(1.0, float(np.abs(step).max()))
    return weights


def is_fitted_to(one: Outcome) -> bool:
    return one.job.clips is None and one.job.number % 2 == 0


def measure(seed: int) -> list[Table]:
    found = outcomes(seed)
    made = [one for one in found if one.job.clips is None]
    real = [one for one in found if one.job.clips is not None]
    checked = [one for one in found if not is_fitted_to(one)]
    return [
        _summary(made, real), _by_kind("By kind", made), _by_kind("Made of real clips, by kind", real),
        _reliability("Reliability, of pairs that the curve was not fitted to", [o for o in checked if o in made]),
        _reliability("Reliability, of pairs made of real clips", real), _curve(found),
    ]  # fmt: skip


def _summary(made: Sequence[Outcome], real: Sequence[Outcome]) -> Table:
    table = Table("", ("what", "measured", "goal"))
    for name, pairs in (("", made), (", real clips", real)):
        related = [one for one in pairs if one.job.kind in RELATED]
        sure = [one for one in pairs if one.is_proposed and one.confidence >= SURE]
        misleading = [one for one in pairs if one.job.kind in MISLEADING]
        alone = sum(one.is_proposed and one.confidence >= REFUSE_BELOW for one in misleading)
        heard = [one for one in misleading if one.reason != "no_sound"]
        both = sum(one.by_both >= REFUSE_BELOW for one in heard)
        table.add(f"related pairs proposed{name}", f"{sum(o.is_proposed for o in related)} of {len(related)}", "≥ 97 %")
        table.add(f"offsets with a confidence of at least {SURE} and an error of at most "
                  f"{RIGHT_SECONDS * 1000:.1f} ms{name}",
                  f"{sum(one.right for one in sure)} of {len(sure)}", "all")  # fmt: skip
        table.add(
            f"misleading pairs for which alignment by sound proposes an offset{name}",
            f"{alone} of {len(misleading)}",
            "0",
        )
        table.add(
            f"misleading pairs with similar timers for which alignment by timer and sound proposes an offset{name}",
            f"{both} of {len(heard)}", "0",
        )  # fmt: skip
    return table


def _by_kind(title: str, pairs: Sequence[Outcome]) -> Table:
    table = Table(title, ("kind", "related or misleading", "results"))
    for kind in dict.fromkeys(one.job.kind for one in pairs):
        mine = [one for one in pairs if one.job.kind == kind]
        counts = Counter(one.reason or ("right" if one.right else "wrong") for one in mine)
        relation = "misleading" if kind in (*MISLEADING, "hard_unrelated") else "related"
        table.add(kind, relation, ", ".join(f"{n} {what}" for what, n in counts.most_common()))
    return table


def _reliability(title: str, pairs: Sequence[Outcome]) -> Table:
    table = Table(title, ("confidence", "measured offsets", "right", "share", "mean confidence"))
    measured = [one for one in pairs if one.features is not None]
    for low, high in BINS:
        inside = [one for one in measured if low <= one.confidence < high]
        right = sum(one.right for one in inside)
        share = f"{right / len(inside):.1%}" if inside else "–"
        mean = f"{np.mean([one.confidence for one in inside]):.3f}" if inside else "–"
        table.add(f"{low:.2f}–{min(high, 1.0):.2f}", len(inside), right, share, mean)
    table.note = (
        "The table includes offsets that the program measured but refused. Almost all wrong offsets are among the "
        "refused offsets."
    )
    return table


def _curve(pairs: Sequence[Outcome]) -> Table:
    known = [(one.features, one.right) for one in pairs if one.features is not None and is_fitted_to(one)]
    weights = fit(np.array([values for values, _ in known]), np.array([float(right) for _, right in known]))
    table = Table("The curve, fitted again", ("CONSTANT", "SHARE", "RATIO"))
    table.add(*(f"{weight:.2f}" for weight in weights))
    return table
