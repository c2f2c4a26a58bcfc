from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sessions_app.comparison.alignment.child.fit import TOUCH, Sample, Segment, shared_bounds

# If the offset is precise, a reading agrees with the other video's timer if their times differ by at most this many
# seconds. Otherwise, their ranges of possible times must overlap by at least `TOUCH` seconds.
AGREE = 0.2
KNOWN_WELL = 0.2  # an offset is precise if it is known to better than ± this many seconds
CONTRADICT = 1.1  # seconds of difference above which a reading contradicts the other timer
CONTRADICTION_COST = 2.0
APART = 1.5  # seconds of difference above which two offsets are separate


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A possible offset. pairs: number of agreeing readings by (index of A's segment, index of B's segment)."""

    low: float
    high: float
    agreeing: int
    contradicting: int
    pairs: dict[tuple[int, int], int] = field(repr=False)
    values: int
    clashes: tuple[tuple[float, float], ...] = field(default=(), repr=False)

    @property
    def offset(self) -> float:
        return (self.low + self.high) / 2

    @property
    def score(self) -> float:
        return self.agreeing - CONTRADICTION_COST * self.contradicting

    def running_pairs(self, a: Sequence[Segment]) -> list[tuple[int, int]]:
        found = [pair for pair in self.pairs if a[pair[0]].runs]
        return sorted(found, key=lambda pair: -self.pairs[pair])


def find_offsets(a: Sequence[Segment], b: Sequence[Segment]) -> list[Hypothesis]:
    """Return possible offsets between videos A and B, best score first.

    Each offset aligns two segments whose timers run in the same direction.
    """
    judged = []
    for first in a:
        for second in b:
            if first.runs and first.slope == second.slope:
                # Both timers show the same value: c_a + s·t = c_b + s·(t − offset), where c is the clock constant and
                # s = ±1 the slope. So offset = s·(c_b − c_a).
                ends = first.slope * (second.low - first.high), first.slope * (second.high - first.low)
                judged.append(_narrowed(count_support(min(ends), max(ends), a, b), a, b))
    judged.sort(key=lambda h: (-h.score, h.contradicting, h.high - h.low))
    distinct: list[Hypothesis] = []
    for hypothesis in judged:
        if all(abs(hypothesis.offset - other.offset) > APART for other in distinct):
            distinct.append(hypothesis)
    return distinct


def _narrowed(hypothesis: Hypothesis, a: Sequence[Segment], b: Sequence[Segment]) -> Hypothesis:
    bounds = []
    for (i, j), count in hypothesis.pairs.items():
        if a[i].runs:
            ends = a[i].slope * (b[j].low - a[i].high), a[i].slope * (b[j].high - a[i].low)
            bounds.append((min(ends), max(ends), float(count)))
    if len(bounds) < 2:
        return hypothesis
    narrow = count_support(*shared_bounds(bounds), a, b)
    return narrow if narrow.score >= hypothesis.score else hypothesis


def count_support(low: float, high: float, a: Sequence[Segment], b: Sequence[Segment]) -> Hypothesis:
    offset, slop = (low + high) / 2, (high - low) / 2
    pairs: dict[tuple[int, int], int] = {}
    values: set[tuple[int, float]] = set()
    agreeing = contradicting = 0
    clashes = []
    for mine, other, shift, swapped in ((a, b, -offset, False), (b, a, offset, True)):
        for i, segment in enumerate(mine):
            for sample in segment.samples:
                j, distance = _distance(sample, sample.time + shift, other, slop)
                if j is None:
                    continue
                pair = (j, i) if swapped else (i, j)
                same_way = a[pair[0]].slope == b[pair[1]].slope
                if distance <= (AGREE if slop < KNOWN_WELL else -TOUCH) and same_way:
                    agreeing += 1
                    pairs[pair] = pairs.get(pair, 0) + 1
                    if segment.runs:
                        values.add((pair[0], sample.value))
                elif distance > CONTRADICT:
                    contradicting += 1
                    clashes.append((sample.time - shift * swapped, sample.time + shift * (not swapped)))
    return Hypothesis(low, high, agreeing, contradicting, pairs, len(values), tuple(clashes))


def _distance(sample: Sample, time: float, other: Sequence[Segment], slop: float) -> tuple[int | None, float]:
    for number, segment in enumerate(other):
        if segment.covers(time):
            low, high = segment.value_at(time)
            reach = slop if segment.runs else 0.0
            gap = max(low - reach - (sample.value + sample.reading.resolution), sample.value - (high + reach))
            return number, gap
    return None, 0.0
