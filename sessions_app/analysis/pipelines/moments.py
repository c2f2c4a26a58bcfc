"""How much stands out at each moment of a video, and which stretches of it to show within a budget of seconds.

Every signal is measured against the minutes around it, and what comes again and again there is no event: what is loud
for a library is quiet for a stadium. A stretch grows around a peak until the score has fallen, begins and ends where
the picture changes or the sound rests, and counts less the more it looks like one that has been chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sessions_app.analysis.pipelines.loudness import STEP, deviations, measure_loudness, smoothed
from sessions_app.analysis.pipelines.signal_pass import Survey, histograms

Floats = NDArray[np.float64]
STILL_DB = 1.5  # less than this is no change of loudness
STILL_LUMA = 0.3  # nor this of luma in a tenth of a second
MOTION_STEPS, SCORE_STEPS = 8, 2  # steps to either side over which motion and score are smoothed
MOTION_PERCENT = 82.0  # percentile of the context whose distance from the median is one deviation of motion
MIN_GROWTH = 0.6  # minimum deviation of motion, as a logarithm
MOTION_WEIGHT = 3.0  # weight of motion relative to sound
SCORE_FROM, SCORE_HALF = 0.3, 1.7
DENSE = 0.5  # of the steps have a change of frames
MOST = 8.0  # deviations: more than this is no more remarkable
FALLS_TO = 0.42  # of its peak's score, where a stretch ends
BREATHER = 0.75  # seconds below that which do not end it
SLOPE = 1.5  # seconds beside a stretch in which no other has its peak
MIN_SECONDS, MAX_SECONDS = 2.0, 20.0
LEAD_IN, LEAD_OUT = 0.6, 0.4  # seconds
SNAP = 1.0  # seconds outwards within which an end moves to a shot edge
SNAP_INWARD = 1.6  # and inwards: scores are smoothed, and a lead is added
REST = 0.3  # seconds within which it moves to where the sound rests
ALIKE = 0.5  # how much less one counts that looks the same


@dataclass(frozen=True, slots=True)
class Moments:
    """Each signal at each quarter of a second, shape (n,).

    sound, motion: deviations from what is usual around it, 0 to :data:`MOST`. level: dB of the sound, the band of
    speech, relative to what is usual. score: 0 to 1.
    """

    sound: Floats
    motion: Floats
    level: Floats
    score: Floats

    def part(self, start: float, end: float) -> slice:
        """The steps between two moments, at least one."""
        first = min(max(0, int(start / STEP)), max(0, len(self.score) - 1))
        return slice(first, max(first + 1, int(np.ceil(end / STEP))))


@dataclass(frozen=True, slots=True)
class Interval:
    """A part of the video, seconds. score: 0 to 1; peak: where it is highest."""

    start: float
    end: float
    score: float
    peak: float

    @property
    def length(self) -> float:
        """Seconds."""
        return self.end - self.start


def measure(found: Survey, duration: float) -> Moments:
    """The signals of a whole video. duration: seconds."""
    count = max(1, int(np.ceil(duration / STEP)))
    loudness = measure_loudness(found, duration)
    motion = deviations(_motion(found, count), MOTION_PERCENT, MIN_GROWTH) * MOTION_WEIGHT
    sound, motion = np.minimum(loudness.sound, MOST), np.minimum(motion, MOST)
    both = np.sqrt(sound**2 + motion**2)
    score = np.maximum(0, both - SCORE_FROM) / (both + SCORE_HALF)
    return Moments(sound, motion, loudness.level, smoothed(score, SCORE_STEPS))


def _motion(found: Survey, count: int) -> Floats:
    """How much moves in each step: logarithms against what is usual, of changes of frames where there are enough."""
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


def _bytes(found: Survey, count: int) -> Floats:
    """Bytes of all packets but keyframes in each step; where a keyframe stands, what its neighbours have."""
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
    # A mean over the frames of a step: their number differs from step to step.
    return np.asarray(np.interp(np.arange(count), has_some, total[has_some] / frames[has_some]))


def stretches(moments: Moments, duration: float) -> list[Interval]:
    """What stands out, the most remarkable first; they do not overlap."""
    score = moments.score
    free = np.ones(len(score), np.bool_)
    found: list[Interval] = []
    for peak in np.argsort(-score, kind="stable").tolist():
        if not free[peak] or score[peak] <= 0.05:
            continue
        first, last = _grown(score, free, peak)
        # What falls off beside a peak is no peak of its own.
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
    """First and last step around a peak before the score stays below its share of it."""
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
    """Those that are shown, in their order in the video.

    budget: seconds of all together. looks: how the picture looks at a moment, for telling the same thing twice.
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
    nearest = min(float(np.abs(look - other).sum()) / 6 for other in seen)  # three histograms: 6 is nothing in common
    return 1.0 - ALIKE * max(0.0, 1.0 - 4 * nearest)


def _shortened(one: Interval, seconds: float) -> Interval:
    """As much of it around its peak."""
    start = min(max(one.start, one.peak - seconds / 2), one.end - seconds)
    return Interval(start, start + seconds, one.score, one.peak)


def look_at(found: Survey) -> Callable[[float], Floats | None]:
    """How the picture looks at a moment (how its colours are spread), by the keyframe before it."""
    shares = histograms(found.key_pictures).astype(np.float64)

    def look(time: float) -> Floats | None:
        if not len(shares):
            return None
        return np.asarray(shares[max(0, int(np.searchsorted(found.key_times, time, side="right")) - 1)])

    return look


def apart(pictures: NDArray[np.uint8]) -> Floats:
    """How different each picture is from the one before, by layout and colours; 0 for the same, shape (n − 1,)."""
    if len(pictures) < 2:
        return np.zeros(0)
    shares = np.cumsum(histograms(pictures).reshape(len(pictures), 3, 16), axis=2).reshape(len(pictures), -1)
    colours = np.abs(np.diff(shares, axis=0)).sum(1) / 6
    # What stays of a picture where something small moves in it.
    coarse = np.array([cv2.resize(one, (16, 9), interpolation=cv2.INTER_AREA) for one in pictures], np.float32)
    coarse = coarse.mean(3).reshape(len(pictures), -1)
    return np.asarray(np.minimum(np.abs(np.diff(coarse, axis=0)).mean(1) / 40, 2) + colours, np.float64)


def settled(one: Interval, edges: Sequence[float], moments: Moments, duration: float) -> Interval:
    """A stretch whose ends lie on shot edges (seconds) where there are some near, else where the sound rests."""

    def settle(time: float, outward: int) -> float:
        near = [edge for edge in edges if -SNAP_INWARD <= outward * (edge - time) <= SNAP]
        if near:
            return min(near, key=lambda edge: abs(edge - time))
        window = moments.part(max(0.0, time - REST), min(duration, time + REST))
        levels = moments.level[window]
        if len(levels) < 2 or np.ptp(levels) < STILL_DB:
            return time
        # Of two rests the one further out keeps more of what is shown.
        order = np.lexsort((-outward * np.arange(len(levels)), levels))
        return float((window.start + int(order[0]) + 0.5) * STEP)

    start, end = max(0.0, settle(one.start, -1)), min(duration, settle(one.end, 1))
    if end - start < MIN_SECONDS / 2:
        return one
    return Interval(start, end, one.score, one.peak)
