from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sessions_app.comparison.alignment.child.reader import Reading

MIN_USABLE_CONFIDENCE = 0.4
# A reading and a segment each allow a range of clock constants. If the ranges' overlap, or the gap between them, is
# smaller than this many seconds and smaller than a quarter of the timer's step, the reading counts neither for nor
# against the segment.
TOUCH = 0.03
# Cost of a segment by its slope (0: pause). A segment's score is the sum of its readings' confidences, minus this cost,
# minus MISS_COST × the confidences of contradicting readings.
SEGMENT_COST = {-1: 2.1, 0: 1.3, 1: 2.1}
MISS_COST = 1.0
DRAWN_BEFORE = 1 / 30  # a frame may show a timer value that is up to this many seconds old
MISSED_IN_A_ROW = 2.5  # a segment ends when the confidences of consecutive contradicting readings reach this sum
MIN_ALTERNATIVE_CONFIDENCE = 0.05
DISTINCT_VALUES = 3
# The search ends when this many digit changes agree. If fewer agree, the video may show all of them late.
MIN_AGREEING_FLIPS = 3


@dataclass(frozen=True, slots=True)
class Sample:
    time: float
    reading: Reading

    @property
    def usable(self) -> bool:
        return self.reading.value is not None and self.reading.confidence >= MIN_USABLE_CONFIDENCE

    @property
    def value(self) -> float:
        assert self.reading.value is not None
        return self.reading.value

    @property
    def possible_readings(self) -> list[Reading]:
        return [
            r
            for r in (self.reading, *self.reading.others)
            if r.value is not None and r.confidence >= MIN_ALTERNATIVE_CONFIDENCE
        ]

    def constant(self, slope: int) -> tuple[float, float]:
        """Return (low, high) bounds of c in value = c + slope × time."""
        return _constant(self.time, self.reading, slope)


def _constant(time: float, reading: Reading, slope: int) -> tuple[float, float]:
    assert reading.value is not None
    slack = max(0.0, DRAWN_BEFORE - reading.resolution) / 2
    low = reading.value - slope * time
    return low - slack, low + reading.resolution + slack


@dataclass(frozen=True, slots=True)
class Segment:
    """A period in which the timer runs evenly or pauses: value = c + slope × time, with ``low`` ≤ c ≤ ``high``."""

    start: float
    end: float
    slope: int
    low: float
    high: float
    samples: tuple[Sample, ...] = field(repr=False)

    @property
    def runs(self) -> bool:
        return self.slope != 0

    @property
    def constant(self) -> float:
        return (self.low + self.high) / 2

    def value_at(self, time: float) -> tuple[float, float]:
        return self.low + self.slope * time, self.high + self.slope * time

    def covers(self, time: float, margin: float = 0.0) -> bool:
        return self.start - margin <= time <= self.end + margin


@dataclass(frozen=True, slots=True)
class Refined:
    """The constant c of a segment (value = c + slope × time), exact to the frame.

    flips: number of digit changes that agree with c. disagreeing: number of digit changes that the video shows earlier
    than c predicts. late: maximum delay in seconds with which the video may show the agreeing digit changes.
    """

    low: float
    high: float
    flips: int
    disagreeing: int
    late: float = 0.0

    @property
    def constant(self) -> float:
        return (self.low + self.high) / 2

    @property
    def is_split(self) -> bool:
        """Return whether at least as many digit changes contradict the constant as agree with it.

        The segment may then contain two rounds of the game.
        """
        return self.disagreeing >= self.flips


def fit_segments(samples: Sequence[Sample], slopes: Sequence[int] = (-1, 1)) -> list[Segment]:
    """Return the segments with the highest total score, in order of time. Method: dynamic programming."""
    usable = sorted((s for s in samples if s.possible_readings), key=lambda s: s.time)
    count = len(usable)
    best = [0.0] * (count + 1)
    came_from: list[tuple[int, int, tuple[float, float]] | None] = [None] * (count + 1)
    for start in range(count):
        if best[start] > best[start + 1]:
            best[start + 1], came_from[start + 1] = best[start], None
        for slope in (*slopes, 0):
            for choice in usable[start].possible_readings:
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
        segment = _build_segment([_chosen(sample, slope, bounds) for sample in usable[start:end]], slope)
        if segment is not None:
            segments.append(segment)
        end = start
    return _merge_segments(segments[::-1])


def _extend(
    usable: Sequence[Sample], start: int, first: Reading, slope: int
) -> list[tuple[int, float, tuple[float, float]]]:
    low, high = _constant(usable[start].time, first, slope)
    score = first.confidence - SEGMENT_COST[slope]
    values = {first.value}
    ends: list[tuple[int, float, tuple[float, float]]] = []
    missed = 0.0
    for number in range(start + 1, len(usable)):
        found, touching = None, False
        for choice in usable[number].possible_readings:
            below, above = _constant(usable[number].time, choice, slope)
            overlap = _overlap((below, above), (low, high))
            if abs(overlap) < min(TOUCH, choice.resolution / 4):
                # This possible reading counts neither for nor against the segment: its range of clock constants barely
                # overlaps or barely misses the segment's range, as for a value that is misread by one step.
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
            confidence = usable[number].possible_readings[0].confidence
            missed += confidence
            score -= MISS_COST * confidence
            if missed >= MISSED_IN_A_ROW:
                break
    return ends


def _chosen(sample: Sample, slope: int, bounds: tuple[float, float]) -> Sample:
    for choice in sample.possible_readings:
        if _overlap(_constant(sample.time, choice, slope), bounds) > 0:
            return replace(sample, reading=choice)
    return sample


def _build_segment(samples: Sequence[Sample], slope: int) -> Segment | None:
    low, high = shared_bounds([(*s.constant(slope), s.reading.confidence) for s in samples])
    if high - low < TOUCH:
        # Widen very narrow bounds: they would exclude right readings, because frame times are not exact.
        low, high = (low + high - TOUCH) / 2, (low + high + TOUCH) / 2
    inside = [s for s in samples if _overlap(s.constant(slope), (low, high)) >= 0.49 * TOUCH]
    if len(inside) < 2 or (slope and len({s.value for s in inside}) < DISTINCT_VALUES):
        return None
    return Segment(inside[0].time, inside[-1].time, slope, low, high, tuple(inside))


def _overlap(first: tuple[float, float], second: tuple[float, float]) -> float:
    return min(first[1], second[1]) - max(first[0], second[0])


def shared_bounds(bounds: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """Return the interval where the overlapping bounds have the highest total weight. bounds: (low, high, weight)."""
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


def _merge_segments(segments: list[Segment]) -> list[Segment]:
    joined: list[Segment] = []
    for segment in segments:
        last = joined[-1] if joined else None
        if (
            last is not None
            and segment.runs
            and last.slope == segment.slope
            and _overlap((last.low, last.high), (segment.low, segment.high)) > 0
        ):
            whole = _build_segment((*last.samples, *segment.samples), segment.slope)
            if whole is not None:
                joined[-1] = whole
                continue
        joined.append(segment)
    return joined
