"""Scores of a video's moments, and the choice of highlights within a budget of seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sessions_app.analysis.pipelines.loudness import STEP, deviations, measure_loudness, smoothed
from sessions_app.analysis.pipelines.signal_pass import SignalPass, histograms

Floats = NDArray[np.float64]
STILL_DB = 1.5
STILL_LUMA = 0.3
MOTION_STEPS, SCORE_STEPS = 8, 2
# arguments ``percent`` and ``least`` (difference of natural logarithms) of :func:`deviations` for motion
MOTION_PERCENT = 82.0
MIN_GROWTH = 0.6
MOTION_WEIGHT = 3.0
SCORE_FROM, SCORE_HALF = 0.3, 1.7
DENSE = 0.5
MAX_DEVIATION = 8.0
FALLS_TO = 0.42  # score at a highlight's ends, as a share of its peak's score
BREATHER = 0.75  # maximum seconds of low score within a highlight
SLOPE = 1.5
MIN_SECONDS, MAX_SECONDS = 2.0, 20.0
LEAD_IN, LEAD_OUT = 0.6, 0.4
SNAP = 1.0  # maximum seconds by which a highlight's start or end is moved outwards to a shot edge
# maximum seconds by which a highlight's start or end is moved inwards to a shot edge; larger than the maximum for moves
# outwards, because smoothing makes highlights too long
SNAP_INWARD = 1.6
REST = 0.3  # maximum seconds by which a highlight's start or end is moved to a quiet moment
ALIKE = 0.5  # maximum share of its score that a candidate loses if it looks like a chosen highlight


@dataclass(frozen=True, slots=True)
class Moments:
    """Signals of a video, one value per quarter of a second.

    - sound, motion: how far loudness and motion exceed the usual range, in deviations (see :func:`deviations`).
    - level: dB above the usual level of the speech band.
    - score: 0 to 1.
    """

    sound: Floats
    motion: Floats
    level: Floats
    score: Floats

    def part(self, start: float, end: float) -> slice:
        """Return the slice that selects the signal values between two times in seconds, at least one value."""
        first = min(max(0, int(start / STEP)), max(0, len(self.score) - 1))
        return slice(first, max(first + 1, int(np.ceil(end / STEP))))


@dataclass(frozen=True, slots=True)
class Interval:
    """A part of the video. start, end, peak: seconds. peak: time of the highest score."""

    start: float
    end: float
    score: float
    peak: float

    @property
    def length(self) -> float:
        return self.end - self.start


def measure(found: SignalPass, duration: float) -> Moments:
    count = max(1, int(np.ceil(duration / STEP)))
    loudness = measure_loudness(found, duration)
    motion = deviations(_motion(found, count), MOTION_PERCENT, MIN_GROWTH) * MOTION_WEIGHT
    sound, motion = np.minimum(loudness.sound, MAX_DEVIATION), np.minimum(motion, MAX_DEVIATION)
    both = np.sqrt(sound**2 + motion**2)
    score = np.maximum(0, both - SCORE_FROM) / (both + SCORE_HALF)
    return Moments(sound, motion, loudness.level, smoothed(score, SCORE_STEPS))


def _motion(found: SignalPass, count: int) -> Floats:
    packets = smoothed(np.log(np.maximum(_bytes(found, count), 1.0)), MOTION_STEPS)
    packets = packets - np.median(packets)
    index = np.clip((found.change_times / STEP).astype(np.int64), 0, count - 1)
    frames = np.bincount(index, minlength=count)
    seen = np.flatnonzero(frames)
    if len(seen) < 2:
        return packets
    total = np.bincount(index, weights=np.log(found.changes + STILL_LUMA), minlength=count)
    changes = smoothed(np.interp(np.arange(count), seen, total[seen] / frames[seen]), MOTION_STEPS)
    changes = changes - np.median(changes)
    if len(seen) >= DENSE * count:
        return changes
    return np.asarray((packets + changes) / 2, np.float64)


def _bytes(found: SignalPass, count: int) -> Floats:
    if len(found.times) < 2:
        return np.ones(count)
    sizes = found.sizes.copy()
    others = np.flatnonzero(~found.keys)
    if len(others):
        sizes[found.keys] = np.interp(np.flatnonzero(found.keys), others, sizes[others])
    index = np.clip((found.times / STEP).astype(np.int64), 0, count - 1)
    total = np.bincount(index, weights=sizes, minlength=count)
    frames = np.bincount(index, minlength=count)
    has_some = np.flatnonzero(frames)
    return np.asarray(np.interp(np.arange(count), has_some, total[has_some] / frames[has_some]))


def find_candidates(moments: Moments, duration: float) -> list[Interval]:
    """Return non-overlapping candidates for highlights, highest score first."""
    score = moments.score
    free = np.ones(len(score), np.bool_)
    found: list[Interval] = []
    for peak in np.argsort(-score, kind="stable").tolist():
        if not free[peak] or score[peak] <= 0.05:
            continue
        first, last = _grown(score, free, peak)
        slope = int(SLOPE / STEP)
        free[max(0, first - slope) : last + slope + 1] = False
        start, end = max(0.0, first * STEP - LEAD_IN), min(duration, (last + 1) * STEP + LEAD_OUT)
        missing = MIN_SECONDS - (end - start)
        if missing > 0:
            start = max(0.0, start - missing / 2)
            end = min(duration, start + MIN_SECONDS)
        found.append(Interval(start, end, float(score[peak]), (peak + 0.5) * STEP))
    return found


def _grown(score: Floats, free: NDArray[np.bool_], peak: int) -> tuple[int, int]:
    floor, most, breather = score[peak] * FALLS_TO, int(MAX_SECONDS / STEP), int(BREATHER / STEP)

    def reach(step: int) -> int:
        at = last = peak
        below = 0
        while 0 <= at + step < len(score) and free[at + step] and abs(at + step - peak) < most:
            at += step
            below = below + 1 if score[at] < floor else 0
            if below > breather:
                break
            if not below:
                last = at
        return last

    return reach(-1), reach(1)


def choose(
    candidates: Sequence[Interval],
    budget: float,
    most: int,
    least_score: float,
    looks: Callable[[float], Floats | None],
) -> list[Interval]:
    """Return the chosen highlights in order of time.

    budget: maximum total seconds. looks: returns the colour histogram at a time.
    """
    chosen: list[Interval] = []
    seen: list[Floats] = []
    rest = [one for one in candidates if one.score >= least_score]
    left = budget
    while rest and left >= MIN_SECONDS and len(chosen) < most:
        worth = [one.score * _novelty(looks(one.peak), seen) for one in rest]
        best = rest.pop(int(np.argmax(worth)))
        if best.length > left:
            best = _shortened(best, left)
        chosen.append(best)
        left -= best.length
        look = looks(best.peak)
        if look is not None:
            seen.append(look)
    return sorted(chosen, key=lambda one: one.start)


def _novelty(look: Floats | None, seen: Sequence[Floats]) -> float:
    if look is None or not seen:
        return 1.0
    # A look is three histograms, of Y, Cr and Cb. Two histograms differ by at most 2, so two looks by at most 6.
    nearest = min(float(np.abs(look - other).sum()) / 6 for other in seen)
    return 1.0 - ALIKE * max(0.0, 1.0 - 4 * nearest)


def _shortened(one: Interval, seconds: float) -> Interval:
    start = min(max(one.start, one.peak - seconds / 2), one.end - seconds)
    return Interval(start, start + seconds, one.score, one.peak)


def look_at(found: SignalPass) -> Callable[[float], Floats | None]:
    shares = histograms(found.key_pictures).astype(np.float64)

    def look(time: float) -> Floats | None:
        if not len(shares):
            return None
        return np.asarray(shares[max(0, int(np.searchsorted(found.key_times, time, side="right")) - 1)])

    return look


def picture_differences(pictures: NDArray[np.uint8]) -> Floats:
    if len(pictures) < 2:
        return np.zeros(0)
    shares = np.cumsum(histograms(pictures).reshape(len(pictures), 3, 16), axis=2).reshape(len(pictures), -1)
    colours = np.abs(np.diff(shares, axis=0)).sum(1) / 6
    # Compare coarse pictures, in which small moving objects disappear.
    coarse = np.array([cv2.resize(one, (16, 9), interpolation=cv2.INTER_AREA) for one in pictures], np.float32)
    coarse = coarse.mean(3).reshape(len(pictures), -1)
    return np.asarray(np.minimum(np.abs(np.diff(coarse, axis=0)).mean(1) / 40, 2) + colours, np.float64)


def snap_ends(one: Interval, edges: Sequence[float], moments: Moments, duration: float) -> Interval:
    """Return the interval with its ends moved to shot edges nearby, else to quiet moments nearby."""

    def settle(time: float, outward: int) -> float:
        near = [edge for edge in edges if -SNAP_INWARD <= outward * (edge - time) <= SNAP]
        if near:
            return min(near, key=lambda edge: abs(edge - time))
        window = moments.part(max(0.0, time - REST), min(duration, time + REST))
        levels = moments.level[window]
        if len(levels) < 2 or np.ptp(levels) < STILL_DB:
            return time
        # Of several equally quiet moments, take the outermost, which keeps more of the highlight.
        order = np.lexsort((-outward * np.arange(len(levels)), levels))
        return float((window.start + int(order[0]) + 0.5) * STEP)

    start, end = max(0.0, settle(one.start, -1)), min(duration, settle(one.end, 1))
    if end - start < MIN_SECONDS / 2:
        return one
    return Interval(start, end, one.score, one.peak)
