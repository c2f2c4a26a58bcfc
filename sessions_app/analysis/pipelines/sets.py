"""Sets of an exercise: repetitions in which the complete body moves alike.

Weighted interval scheduling chooses the sets.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sessions_app.analysis.pipelines.repetitions import (
    MIN_PERIODICITY,
    Floats,
    Repetition,
    Series,
    Signal,
    repetitions_of,
    series_of,
    visits_of,
)

# lengths of the searched windows, seconds
WINDOWS = (8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
PHASES = 6
ALIKE = 0.5
MIN_LIKENESS = 0.6
LIKENESS_OF_TWO = 0.8  # minimum :attr:`Set.likeness` of a set of only two repetitions
AMPLITUDES = 2.5
LENGTHS = 3.0
LONGEST_PAUSE = 4.0  # maximum pause within a set, seconds, or 1.5 repetitions if that is longer
MIN_WAY = 0.5  # minimum ratio of the signal's changes in a repetition's two halves: the smaller divided by the larger
LONGEST_REPETITION = 12.0
UNUSUAL = 0.93
SAME_WAY = 0.7
# If the range (0 to 1) of the signal beside a set exceeds this, the movement continues outside the set.
GOES_ON = 0.45
MIN_RANGE = 0.07
MIN_WORTH = 0.12
RANGE_IS_PLENTY = 0.6
TOUCHING = 0.35  # maximum overlap of two chosen sets, seconds


@dataclass(frozen=True, slots=True)
class Set:
    """A set: successive repetitions of one exercise.

    - likeness: mean similarity (0 to 1) of the repetitions to the typical repetition; skipped movements lower it.
    - range: median size of the movement.
    - worth: score of the set: likeness × range (at most ``RANGE_IS_PLENTY``) × square root of the signal's trust.
    - is_usual: whether the body rests in the usual position.
    - is_cut: whether the movement continues outside the set.
    - skipped: other movements between the repetitions.
    """

    signal: str
    repetitions: tuple[Repetition, ...]
    likeness: float
    range: float
    worth: float
    is_usual: bool
    is_cut: bool
    typical: NDArray[np.float32]
    curve: NDArray[np.float32]
    amplitudes: tuple[float, ...]
    skipped: tuple[Repetition, ...] = ()

    @property
    def start(self) -> float:
        return self.repetitions[0].start

    @property
    def end(self) -> float:
        return self.repetitions[-1].end

    @property
    def value(self) -> float:
        """Score by which :func:`choose_sets` chooses between overlapping sets.

        The score is the product of the duration, ``worth`` (size and similarity of the movements) and ``likeness``
        (similarity of the movements). The length of one repetition is subtracted from the duration, so that one
        long set has a higher score than two short sets. An unusual resting position lowers the score.
        """
        usual = 1.0 if self.is_usual else UNUSUAL
        return (self.end - self.start) * (1 - 1 / len(self.repetitions)) * self.worth * self.likeness * usual


def candidates(
    times: Floats, signals: Mapping[str, Signal], ways: Floats, least: int = 2, *, is_window: bool = False
) -> list[Set]:
    """Return the sets of repetitions in all signals and time windows. The sets may overlap.

    - ways: for each sample, coordinates of joints or values of pixels; shape (samples, values).
    - is_window: whether to search the samples as one window; otherwise, their :func:`windows` are searched.
    """
    least_periodicity = MIN_PERIODICITY if is_window else 0.0
    found: list[Set] = []
    for first, last in [(0, len(times))] if is_window else windows(times):
        span = slice(first, last)
        for name, signal in signals.items():
            series = series_of(times[span], name, replace(signal, values=signal.values[span]), least_periodicity)
            if series is None or len(series.repetitions) < least:
                continue
            visits = visits_of(series.curve, series.values)
            for turns_high in (False, True):
                found += sets_of(
                    times[span], series, visits, signal, turns_high=turns_high, ways=ways[span], least=least
                )
    return found


def windows(times: Floats) -> Iterator[tuple[int, int]]:
    """Yield each window as a half-open range (first, last) of sample numbers."""
    if len(times) < 2:
        return
    step = float(times[-1] - times[0]) / (len(times) - 1)
    for seconds in WINDOWS:
        size = round(seconds / step)
        if size >= len(times):
            break
        for first in range(0, len(times) - size // 2, max(1, size // 2)):
            yield first, min(len(times), first + size)
    if times[-1] - times[0] <= 2 * WINDOWS[-1]:
        yield 0, len(times)


def sets_of(
    times: Floats, series: Series, visits: Sequence[tuple[bool, int]], signal: Signal, *, turns_high: bool,
    ways: Floats, least: int,
) -> Iterator[Set]:  # fmt: skip
    repetitions = repetitions_of(times, series.curve, visits, turns_high)
    if len(repetitions) < least:
        return
    movements = _movements(times, repetitions, ways)
    places = [np.searchsorted(times, (one.start, one.turn, one.end)).clip(0, len(times) - 1) for one in repetitions]
    rises = np.array([np.abs(series.values[turn] - series.values[[first, last]]) for first, turn, last in places])
    heights = rises.mean(1)
    lengths = np.array([one.end - one.start for one in repetitions])
    whole = (rises.min(1) >= MIN_WAY * rises.max(1)) & (lengths <= LONGEST_REPETITION)
    for members in _alike(movements, heights, lengths, whole, least):
        typical = movements[members].mean(0)
        typical /= max(1e-9, float(np.linalg.norm(typical)))
        pause = max(LONGEST_PAUSE, 1.5 * float(np.median(lengths[members])))
        gaps = [repetitions[two].start - repetitions[one].end > pause for one, two in pairwise(members.tolist())]
        for group in np.split(members, np.flatnonzero(gaps) + 1):
            if len(group) < least:
                continue
            likenesses = np.clip(movements[group] @ typical, 0, 1)
            between = np.arange(group[0], group[-1] + 1)
            skipped = np.setdiff1d(between[whole[between]], group)
            likeness = float(likenesses.mean()) * len(group) / (len(group) + len(skipped))
            span = float(np.median(heights[group]))
            worth = likeness * min(span, RANGE_IS_PLENTY) * float(np.sqrt(signal.trust))
            if likeness < (LIKENESS_OF_TWO if len(group) == 2 else MIN_LIKENESS):
                continue
            if span < MIN_RANGE or worth < MIN_WORTH:
                continue
            first, last = int(places[group[0]][0]), int(places[group[-1]][2])
            yield Set(
                signal=series.signal,
                repetitions=tuple(repetitions[one] for one in group),
                likeness=likeness,
                range=span,
                worth=worth,
                is_usual=signal.rests_high is not turns_high,
                is_cut=_goes_on(series.curve, first, last, int((last - first) / len(group))),
                # float32 saves memory, because thousands of sets are compared.
                typical=typical.astype(np.float32),
                curve=series.curve[first : last + 1].astype(np.float32),
                amplitudes=tuple(float(one) for one in heights[group]),
                skipped=tuple(repetitions[one] for one in skipped),
            )


def _alike(
    movements: Floats, heights: Floats, lengths: Floats, whole: NDArray[np.bool_], least: int
) -> Iterator[NDArray[np.intp]]:
    likeness = movements @ movements.T
    same = (likeness >= ALIKE) & _within(heights, AMPLITUDES) & _within(lengths, LENGTHS)
    free = whole.copy()
    while free.sum() >= least:
        both = same & free[:, None] & free[None, :]
        leader = int(np.argmax((likeness * both).sum(1)))
        members = np.flatnonzero(both[leader])
        free[leader] = False
        free[members] = False
        if len(members) < least:
            return
        yield members


def _goes_on(curve: Floats, first: int, last: int, length: int) -> bool:
    sides = (curve[max(0, first - length) : first + 1], curve[last : last + length + 1])
    return any(float(np.ptp(side)) > GOES_ON for side in sides)


def _within(values: Floats, factor: float) -> NDArray[np.bool_]:
    logs = np.log(np.maximum(values, 1e-9))
    return np.asarray(np.abs(logs[:, None] - logs[None, :]) <= np.log(factor))


def _movements(times: Floats, repetitions: tuple[Repetition, ...], ways: Floats) -> Floats:
    share = (np.arange(PHASES) + 0.5) / PHASES
    moments = np.array(
        [
            np.concatenate([one.start + share * (one.turn - one.start), one.turn + share * (one.end - one.turn)])
            for one in repetitions
        ]
    )
    step = (times[-1] - times[0]) / max(1, len(times) - 1)
    places = np.rint((moments - times[0]) / step).astype(int).clip(0, len(times) - 1)
    movements = ways[places]
    movements = (movements - movements.mean(1, keepdims=True)).reshape(len(repetitions), -1)
    return np.asarray(movements / np.maximum(np.linalg.norm(movements, axis=1, keepdims=True), 1e-9))


def choose_sets(found: list[Set]) -> list[Set]:
    """Return the non-overlapping sets with the highest total value."""
    ordered = sorted((one for one in found if one.value > 0), key=lambda one: one.end)
    ends = [one.end for one in ordered]
    # best[n]: best choice from the first n sets, as (total value, index of the n-th set if it is chosen, otherwise -1)
    best: list[tuple[float, int]] = [(0.0, -1)]
    for number, one in enumerate(ordered):
        before = bisect.bisect_right(ends, one.start + TOUCHING, 0, number)
        with_it = best[before][0] + one.value
        best.append((with_it, number) if with_it > best[number][0] else (best[number][0], -1))
    taken: list[Set] = []
    at = len(ordered)
    while at > 0:
        number = best[at][1]
        if number < 0:
            at -= 1
            continue
        taken.append(ordered[number])
        at = bisect.bisect_right(ends, ordered[number].start + TOUCHING, 0, number)
    return joined(taken[::-1])


def joined(ordered: Sequence[Set]) -> list[Set]:
    done: list[Set] = []
    for one in ordered:
        following = one
        if done and following.start < done[-1].end:
            first = following.repetitions[0]
            later = replace(first, start=min(done[-1].end, first.turn))
            following = replace(following, repetitions=(later, *following.repetitions[1:]))
        if done and _goes_the_same_way(done[-1], following):
            done[-1] = _together(done[-1], following)
        else:
            done.append(following)
    return done


def _goes_the_same_way(one: Set, two: Set) -> bool:
    lengths = [float(np.median([rep.end - rep.start for rep in each.repetitions])) for each in (one, two)]
    alike = one.signal == two.signal and float(one.typical @ two.typical) >= SAME_WAY
    sizes = np.array([one.range, two.range]), np.array(lengths)
    return bool(
        alike
        and two.start - one.end <= max(LONGEST_PAUSE, 1.5 * min(lengths))
        and _within(sizes[0], AMPLITUDES).all()
        and _within(sizes[1], LENGTHS).all()
    )


def _together(one: Set, two: Set) -> Set:
    counts = (len(one.repetitions), len(two.repetitions))
    points = len(one.curve) + len(two.curve)
    times = [np.linspace(each.start, each.end, len(each.curve)) for each in (one, two)]
    curve = np.interp(
        np.linspace(one.start, two.end, points), np.concatenate(times), np.concatenate([one.curve, two.curve])
    )

    def mean(first: float, second: float) -> float:
        return float(np.average([first, second], weights=counts))

    return replace(
        one,
        repetitions=one.repetitions + two.repetitions,
        likeness=mean(one.likeness, two.likeness),
        range=mean(one.range, two.range),
        worth=mean(one.worth, two.worth),
        is_cut=True,
        curve=curve.astype(np.float32),
        amplitudes=one.amplitudes + two.amplitudes,
        skipped=one.skipped + two.skipped,
    )
