"""Search for the exact frames at which a running timer changes its last digit (flips)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from media_app.av.frames import Image
from sessions_app.comparison.alignment.child.fit import MIN_AGREEING_FLIPS, Refined, Segment
from sessions_app.comparison.alignment.child.reader import Reading
from sessions_app.comparison.alignment.child.sample import Source

FRAMES_AROUND = 3
MAX_FLIPS = 8  # maximum number of digit changes searched in each run of the timer
# maximum distance, in frames, between the readings before and after a digit change; if it is larger, the change is not
# located
MAX_PIXEL_GAP_FRAMES = 4
NEAR_VALUES = 2  # maximum difference between the value read in a crop and the expected one, in steps of the last digit
# A crop counts as readable if the confidence of its best value exceeds CLEARER × the confidence of the
# second-best value. If only one value is possible, its confidence must exceed UNREADABLE.
CLEARER = 2.0
UNREADABLE = 0.05
# maximum difference, in frames, between the clock constants of two agreeing digit changes: recorders repeat and drop
# frames
LATE_FRAMES = 1.25
CHANGED_LEVEL = 24.0  # change of a colour value (0 to 255) above which a pixel belongs to a changing digit
MAX_FRAMES_KEPT = 400
CHECK_SECONDS = 0.25  # seconds of video between two checks for a digit change
TRIES = 6  # maximum number of crops tried to find a readable crop
# maximum extra seconds of video decoded to find a digit change far from the known changes
FAR_IS_WORTH = 2.0


@dataclass(frozen=True, slots=True)
class Flip:
    """A change of the timer's last digit.

    low, high: bounds of the clock constant (value − slope × time). They are wrong if the video shows the change late.
    """

    before: float
    after: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A planned search for a digit change.

    values: five consecutive timer values, ascending. A timer that counts up changes to the middle value; a
    timer that counts down changes from the middle value.
    """

    keyframe: float
    begin: float
    end: float
    values: tuple[float, ...]


def refine(source: Source, segment: Segment, wanted: int = MIN_AGREEING_FLIPS) -> Refined | None:
    """Return the clock constant of a running ``segment`` from its digit changes (flips); None without a flip.

    A video may show a new digit late, but never early, so the flips with the least delay are used. The search ends
    when ``wanted`` flips agree. Timers with steps of at most a frame need no flips.
    """
    if _finer_than_frames(source, segment):
        return Refined(segment.low, segment.high, min(wanted, len(segment.samples)), 0)
    flips: list[Flip] = []
    used: set[float] = set()
    low, high = segment.low, segment.high
    for _ in range(MAX_FLIPS):
        plan = _plan(source, segment, (low, high), used, flips)
        if plan is None:
            break
        used.add(plan.values[NEAR_VALUES])
        flip = _find_flip(source, segment, plan)
        if flip is None:
            continue
        flips.append(flip)
        first = min(flips, key=lambda f: _lateness(f, segment.slope))
        if len(_agreeing(first, flips, source.frame)) >= wanted:
            break
        slack = LATE_FRAMES * source.frame
        low, high = first.low - slack, first.high + slack
    return _settled(flips, segment, source.frame, wanted) if flips else None


def _settled(flips: Sequence[Flip], segment: Segment, frame: float, wanted: int) -> Refined:
    ordered = sorted(flips, key=lambda f: _lateness(f, segment.slope))
    groups = [_agreeing(flip, flips, frame) for flip in ordered]
    group = next(g for count in range(wanted, 0, -1) for g in groups if len(g) >= count)
    low, high = max(f.low for f in group), min(f.high for f in group)
    if low > high:
        low, high = (low + high) / 2 - frame / 2, (low + high) / 2 + frame / 2
    limit = min(_lateness(f, segment.slope) for f in group)
    earlier = [limit - lateness for f in flips if (lateness := _lateness(f, segment.slope)) < limit]
    # Maximum delay, in seconds, with which the video shows digit changes (flips). Only if fewer than ``wanted`` flips
    # agree, all of them may be late. The delay is then at most the distance from the measured clock constant to a bound
    # of the segment: `segment.low` if the timer counts down, otherwise `segment.high`.
    unknown = 0.0 if len(group) >= wanted else (low - segment.low if segment.slope < 0 else segment.high - high)
    return Refined(low, high, len(group), len(earlier), max([0.0, unknown, *earlier]))


def _lateness(flip: Flip, slope: int) -> float:
    return flip.high if slope < 0 else -flip.low


def _agreeing(first: Flip, flips: Sequence[Flip], frame: float) -> list[Flip]:
    return [f for f in flips if max(f.low, first.low) - min(f.high, first.high) <= (LATE_FRAMES - 1) * frame]


def _finer_than_frames(source: Source, segment: Segment) -> bool:
    return max(s.reading.resolution for s in segment.samples) <= source.frame


def _plan(
    source: Source, segment: Segment, bounds: tuple[float, float], used: set[float], flips: Sequence[Flip]
) -> Plan | None:
    first, last = segment.start, segment.end
    best: tuple[float, Plan] | None = None
    keyframes = [float(k) for k in source.file.keyframes]
    for time, following in pairwise([*keyframes, last]):
        if not first - source.frame <= time < last:
            continue
        resolution = min(segment.samples, key=lambda s: abs(s.time - time)).reading.resolution
        begin, end, mark = _flip_window(segment.slope, time + source.frame, resolution, bounds)
        for step in range(max(1, min(MAX_FLIPS, int((following - time) / max(1.0, resolution))))):
            later = step * resolution
            value = round(mark + segment.slope * later, 6)
            if value in used or end + later > last + source.frame:
                continue
            near = min((abs(f.before - begin - later) for f in flips), default=0.0)
            cost = (end + later - time) - FAR_IS_WORTH * near / max(1.0, last - first)
            if best is None or cost < best[0]:
                values = tuple(round(value + n * resolution, 6) for n in range(-NEAR_VALUES, NEAR_VALUES + 1))
                best = cost, Plan(time, begin + later, end + later, values)
    return None if best is None else best[1]


def _flip_window(slope: int, time: float, resolution: float, bounds: tuple[float, float]) -> tuple[float, float, float]:
    low, high = bounds
    middle = (low + high) / 2
    # The last digit changes when the exact value (clock constant + slope × time) is a multiple of the resolution.
    steps = (middle + slope * time) / resolution
    mark = (np.floor(steps) + 1 if slope > 0 else np.ceil(steps) - 1) * resolution
    flip = float((mark - middle) * slope)
    reach = min((high - low) / 2, resolution)
    return flip - reach, flip + reach, float(mark)


def _find_flip(source: Source, segment: Segment, plan: Plan) -> Flip | None:
    found = _walked(source, segment, plan)
    flip = found.flip(segment.slope)
    if flip is not None:
        return flip
    step = abs(plan.values[1] - plan.values[0])
    if found.is_over(segment.slope, plan.values[NEAR_VALUES]):
        wider = replace(plan, begin=max(plan.keyframe, plan.begin - step))
    else:
        wider = replace(plan, end=min(plan.end + step, segment.end))
    return _walked(source, segment, wider).flip(segment.slope)


def _walked(source: Source, segment: Segment, plan: Plan) -> _Crops:
    around = FRAMES_AROUND * source.frame
    found = _Crops(source, plan.values)
    check = plan.keyframe + CHECK_SECONDS
    for picture in source.file.iterate_frames(plan.keyframe, plan.begin - around):
        if picture.time < plan.begin - around:
            continue
        found.add(picture.time, source.crop(picture))
        if picture.time > plan.end + around or len(found) >= MAX_FRAMES_KEPT:
            break
        if picture.time > check:
            check += CHECK_SECONDS
            if found.has_flipped(segment.slope):
                break
    return found


class _Crops:
    def __init__(self, source: Source, values: Sequence[float]) -> None:
        self._source = source
        self._values = values
        self._times: list[float] = []
        self._crops: list[Image] = []
        self._readings: dict[int, Reading | None] = {}

    def __len__(self) -> int:
        return len(self._times)

    def add(self, time: float, crop: Image) -> None:
        self._times.append(time)
        self._crops.append(crop)

    def has_flipped(self, slope: int) -> bool:
        left = self._first_readable(range(len(self)))
        return left is not None and self._is_step(left, len(self) - 1, slope)

    def _is_step(self, left: int, right: int, slope: int) -> bool:
        before, after = self._reading(left), self._reading(right)
        if before is None or after is None or before.value is None or after.value is None:
            return False
        return abs((after.value - before.value) * slope - after.resolution) <= 1e-6 * max(1.0, after.value)

    def flip(self, slope: int) -> Flip | None:
        count = len(self._times)
        left = self._first_readable(range(count))
        right = self._first_readable(range(count - 1, -1, -1))
        if left is None or right is None or left >= right or self._value(left) == self._value(right):
            return None
        guess = self._locate_change(left, right)[0]
        while right - left > 1:
            wish = next((n for n in (guess, guess + 1) if left < n < right), (left + right) // 2)
            middle = self._first_readable(_outward(wish, left + 1, right - 1))
            if middle is None:
                break
            if self._value(middle) == self._value(left):
                left = middle
            else:
                right = middle
        if not self._is_step(left, right, slope):
            return None
        # A timer shows the clock's time rounded down. At the moment when the shown value changes, the clock's time is
        # therefore the larger of the values before and after the change.
        mark = self._value(right if slope > 0 else left) or 0.0
        if right - left > MAX_PIXEL_GAP_FRAMES:
            return None
        if right - left > 1:
            left, right = self._locate_change(left, right)
        ends = sorted((mark - slope * self._times[left], mark - slope * self._times[right]))
        return Flip(self._times[left], self._times[right], ends[0], ends[1])

    def is_over(self, slope: int, mark: float) -> bool:
        left = self._first_readable(range(len(self)))
        value = None if left is None else self._value(left)
        return value is not None and (value >= mark if slope > 0 else value < mark)

    def _reading(self, number: int) -> Reading | None:
        if number not in self._readings:
            reading = self._source.read_crops([self._times[number]], [self._crops[number]])[0].reading
            found = [r for r in (reading, *reading.others) if r.value is not None and self._can_be(r.value)]
            clear = found and found[0].confidence > max([CLEARER * r.confidence for r in found[1:]], default=UNREADABLE)
            self._readings[number] = found[0] if clear else None
        return self._readings[number]

    def _can_be(self, value: float) -> bool:
        return any(abs(value - other) < 1e-6 for other in self._values)

    def _value(self, number: int) -> float | None:
        reading = self._reading(number)
        return None if reading is None else reading.value

    def _first_readable(self, numbers: Sequence[int]) -> int | None:
        return next((n for n in numbers[:TRIES] if self._reading(n) is not None), None)

    def _locate_change(self, left: int, right: int) -> tuple[int, int]:
        old, new = self._crops[left].astype(np.float32), self._crops[right].astype(np.float32)
        digit = np.abs(old - new).max(axis=2) > CHANGED_LEVEL
        if not digit.any():
            return left, right
        old, new = old[digit], new[digit]
        closer_to_old = [
            float(np.abs(crop[digit] - old).mean() - np.abs(crop[digit] - new).mean())
            for crop in self._crops[left + 1 : right]
        ]
        costs = np.cumsum([0.0, *closer_to_old])
        cut = left + int(np.argmin(costs))
        return cut, cut + 1


def _outward(middle: int, first: int, last: int) -> list[int]:
    return sorted(range(first, last + 1), key=lambda n: abs(n - middle))
