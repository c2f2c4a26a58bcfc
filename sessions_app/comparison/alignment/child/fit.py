"""Explain the readings of one video by straight pieces of a clock, running or paused; sees no pixels, no pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sessions_app.comparison.alignment.child.reader import Reading

USABLE = 0.4  # confidence below which a reading is not even an argument
TOUCH = 0.03  # seconds of overlap below which a reading neither supports a line nor speaks against it
SEGMENT_COST = {-1: 2.1, 0: 1.3, 1: 2.1}  # in readings: below three a run is no clock, below two no pause
MISS_COST = 1.0
DRAWN_BEFORE = 1 / 30  # seconds between the drawing of a timer and its frame, at most
MISSED_IN_A_ROW = 2.5  # sum of the confidences of consecutive misses that ends a segment
WORTH = 0.05  # minimum confidence of a reading that other readings may support
DISTINCT_VALUES = 3
SURELY = 3  # flips that must agree: an equal delay of so many is improbable


@dataclass(frozen=True, slots=True)
class Sample:
    """A reading at a time of its video. time: seconds."""

    time: float
    reading: Reading

    @property
    def usable(self) -> bool:
        """Whether it counts as a value."""
        return self.reading.value is not None and self.reading.confidence >= USABLE

    @property
    def value(self) -> float:
        """Seconds shown; only for usable samples."""
        assert self.reading.value is not None
        return self.reading.value

    @property
    def choices(self) -> list[Reading]:
        """Return the possible readings, the likeliest first."""
        return [r for r in (self.reading, *self.reading.others) if r.value is not None and r.confidence >= WORTH]

    def constant(self, slope: int) -> tuple[float, float]:
        """Bounds of c where the clock reads c + slope × time and a timer cuts off what is below its last digit."""
        return _constant(self.time, self.reading, slope)


def _constant(time: float, reading: Reading, slope: int) -> tuple[float, float]:
    assert reading.value is not None
    # A game draws the timer up to a frame before the frame's own time.
    slack = max(0.0, DRAWN_BEFORE - reading.resolution) / 2
    low = reading.value - slope * time
    return low - slack, low + reading.resolution + slack


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch in which the clock ran evenly: value = c + slope × time, with ``low`` ≤ c ≤ ``high``.

    start, end: seconds, the first and last sample that say so. slope: −1, 0 or 1.
    """

    start: float
    end: float
    slope: int
    low: float
    high: float
    samples: tuple[Sample, ...] = field(repr=False)

    @property
    def runs(self) -> bool:
        """Whether the clock moves in it."""
        return self.slope != 0

    @property
    def constant(self) -> float:
        """The middle of the bounds of c."""
        return (self.low + self.high) / 2

    def value_at(self, time: float) -> tuple[float, float]:
        """Bounds of the clock's value at ``time``."""
        return self.low + self.slope * time, self.high + self.slope * time

    def covers(self, time: float, margin: float = 0.0) -> bool:
        """Whether ``time`` lies between its first and last sample, ``margin`` seconds wider."""
        return self.start - margin <= time <= self.end + margin


@dataclass(frozen=True, slots=True)
class Refined:
    """A segment's constant to the frame. low, high: bounds, seconds; flips: how many agree; disagreeing:
    how many do not; late: seconds by which those that agree may have been shown late."""

    low: float
    high: float
    flips: int
    disagreeing: int
    late: float = 0.0

    @property
    def constant(self) -> float:
        """The middle of the bounds: half a frame or less from the truth."""
        return (self.low + self.high) / 2

    @property
    def is_split(self) -> bool:
        """Whether as many flips speak against it as for it: two rounds that lie on one line to within a second."""
        return self.disagreeing >= self.flips


def fit_segments(samples: Sequence[Sample], slopes: Sequence[int] = (-1, 1)) -> list[Segment]:
    """The segments, in time order, that explain most readings at least cost.

    Dynamic programming over the usable samples: a segment earns the confidence of each reading that it
    explains, and pays for being one and for each reading inside that it does not explain. slopes: directions
    in which the clock may run; it may always stand still.
    """
    usable = sorted((s for s in samples if s.choices), key=lambda s: s.time)
    count = len(usable)
    best = [0.0] * (count + 1)
    came_from: list[tuple[int, int, tuple[float, float]] | None] = [None] * (count + 1)
    for start in range(count):
        if best[start] > best[start + 1]:
            best[start + 1], came_from[start + 1] = best[start], None
        for slope in (*slopes, 0):
            for choice in usable[start].choices:
                for end, score, bounds in _extend(usable, start, choice, slope):
                    if best[start] + score > best[end]:
                        best[end], came_from[end] = best[start] + score, (start, slope, bounds)
    segments: list[Segment] = []
    end = count
    while end > 0:
        step = came_from[end]
        if step is None:
            end -= 1
            continue
        start, slope, bounds = step
        segment = _polished([_chosen(sample, slope, bounds) for sample in usable[start:end]], slope)
        if segment is not None:
            segments.append(segment)
        end = start
    return _joined(segments[::-1])


def _extend(
    usable: Sequence[Sample], start: int, first: Reading, slope: int
) -> list[tuple[int, float, tuple[float, float]]]:
    """Extend a segment that starts with the reading ``first`` of the sample ``start``.

    Returns (end, score, bounds of c) for each possible end, exclusive.
    """
    low, high = _constant(usable[start].time, first, slope)
    score = first.confidence - SEGMENT_COST[slope]
    values = {first.value}
    ends: list[tuple[int, float, tuple[float, float]]] = []
    missed = 0.0
    for number in range(start + 1, len(usable)):
        found, touching = None, False
        for choice in usable[number].choices:
            below, above = _constant(usable[number].time, choice, slope)
            overlap = _overlap((below, above), (low, high))
            if abs(overlap) < min(TOUCH, choice.resolution / 4):
                # All keyframes may share one phase of the second: then a clock off by a whole second only touches.
                touching = True
            elif overlap > 0:
                found = choice, max(low, below), min(high, above)
                break
        if found is not None:
            choice, low, high = found
            score += choice.confidence
            values.add(choice.value)
            missed = 0.0
            if slope == 0 or len(values) >= DISTINCT_VALUES:
                ends.append((number + 1, score, (low, high)))
        elif not touching:
            confidence = usable[number].choices[0].confidence
            missed += confidence
            score -= MISS_COST * confidence
            if missed >= MISSED_IN_A_ROW:
                break
    return ends


def _chosen(sample: Sample, slope: int, bounds: tuple[float, float]) -> Sample:
    """Return the sample with the reading that fits a clock whose constant lies within ``bounds``."""
    for choice in sample.choices:
        if _overlap(_constant(sample.time, choice, slope), bounds) > 0:
            return replace(sample, reading=choice)
    return sample


def _polished(samples: Sequence[Sample], slope: int) -> Segment | None:
    """The segment of ``samples`` with the bounds of c that most of them share."""
    low, high = shared_bounds([(*s.constant(slope), s.reading.confidence) for s in samples])
    if high - low < TOUCH:
        # Frame times are late by a fraction of a frame, so exact bounds would exclude valid readings.
        low, high = (low + high - TOUCH) / 2, (low + high + TOUCH) / 2
    inside = [s for s in samples if _overlap(s.constant(slope), (low, high)) >= 0.49 * TOUCH]
    if len(inside) < 2 or (slope and len({s.value for s in inside}) < DISTINCT_VALUES):
        return None
    return Segment(inside[0].time, inside[-1].time, slope, low, high, tuple(inside))


def _overlap(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Seconds that two stretches have in common; negative where they lie apart."""
    return min(first[1], second[1]) - max(first[0], second[0])


def shared_bounds(bounds: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """The stretch that the greatest weight of intervals (low, high, weight) has in common, by a sweep."""
    edges = sorted([(low, 0, weight) for low, _, weight in bounds] + [(high, 1, weight) for _, high, weight in bounds])
    total = best = 0.0
    found = (edges[0][0], edges[0][0])
    for number, (position, closing, weight) in enumerate(edges):
        if closing:
            total -= weight
            continue
        total += weight
        if total > best + 1e-9:
            best = total
            found = (position, edges[number + 1][0])
    return found


def _joined(segments: list[Segment]) -> list[Segment]:
    """Neighbours on the same line made one: a stretch of unreadable frames does not break a clock."""
    joined: list[Segment] = []
    for segment in segments:
        last = joined[-1] if joined else None
        if (
            last is not None
            and segment.runs
            and last.slope == segment.slope
            and _overlap((last.low, last.high), (segment.low, segment.high)) > 0
        ):
            whole = _polished((*last.samples, *segment.samples), segment.slope)
            if whole is not None:
                joined[-1] = whole
                continue
        joined.append(segment)
    return joined
