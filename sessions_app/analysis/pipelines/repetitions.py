"""Movements that repeat: how often, when each begins, turns and ends, and how sure that is. Free of any model.

A signal is one number a sampled frame: an angle, a height, a component of the picture. What repeats is found by the
signal with the highest periodicity times range; it is counted by the visits to its upper and its lower part (with
hysteresis on its local range), never by dividing a length by a period: people slow down and pause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
HIGH, LOW = 0.65, 0.35  # of the local range
RESTS = 0.12  # of the local range, from where the movement rests
SHORTEST, LONGEST = 0.35, 8.0  # seconds of one repetition that are looked for
MAX_OF_LENGTH = 0.55  # that one period may take: two that are cut at an end are still seen
TREND_SECONDS = 6.0  # slower changes are taken away before a period is looked for
LOCAL_SECONDS = 4.0
LOCAL_PERIODS = 2.2
RANGE_PLACES = 8  # in the reach of one local range
MIN_OF_WHOLE = 0.5  # the local range counts as no less than this share of the whole one
RANGE_IS_PLENTY = 0.6
MIN_PERIODICITY = 0.3
COMPONENTS, SUBSPACE, ITERATIONS = 3, 8, 5


@dataclass(frozen=True, slots=True)
class Signal:
    """values: one for each sample, shape (n,), NaN where nothing was seen. trust: 0 to 1.

    rests_high: whether who rests between two repetitions has a high value (a straight knee), None where that is open.
    """

    values: Floats
    trust: float = 1.0
    rests_high: bool | None = None


@dataclass(frozen=True, slots=True)
class Repetition:
    """One movement there and back: seconds. turn: where it goes back."""

    start: float
    turn: float
    end: float


@dataclass(frozen=True, slots=True)
class Series:
    """Repetitions of one movement. signal: by which they were counted. curve: the signal as a share of the range around
    it, 0 to 1, shape (n,). values: the signal without its noise and holes, shape (n,).

    periodicity: 0 to 1. period: seconds, of the most usual distance between two. worth: periodicity times range.
    """

    signal: str
    repetitions: tuple[Repetition, ...]
    curve: Floats
    values: Floats
    periodicity: float
    period: float
    range: float
    worth: float


def series_of(times: Floats, name: str, signal: Signal, least_periodicity: float = MIN_PERIODICITY) -> Series | None:
    """The repetitions by one signal; None where it does not repeat itself.

    least_periodicity: 0 lets everything through that goes there and back, for who judges by other means.
    """
    if len(times) < 8 or np.isnan(signal.values).mean() > 0.6:
        return None
    rate = (len(times) - 1) / max(1e-6, float(times[-1] - times[0]))
    values = smoothed(_despiked(filled(signal.values), 5), 5)
    spread = float(np.percentile(values, 95) - np.percentile(values, 5))
    periodicity, period = find_period(values, rate)
    if periodicity < least_periodicity or spread <= 0:
        return None
    curve = _local(values, rate, period)
    visits = visits_of(curve, values)
    repetitions = repetitions_of(times, curve, visits, _turns_high(visits))
    worth = periodicity * min(spread, RANGE_IS_PLENTY) * float(np.sqrt(signal.trust))
    return Series(name, repetitions, np.clip(curve, 0, 1), values, periodicity, period, spread, worth)


def filled(values: Floats) -> Floats:
    """Holes drawn out from what stands beside them; all zeros where there is nothing."""
    seen = ~np.isnan(values)
    if not seen.any():
        return np.zeros(len(values))
    return np.asarray(np.interp(np.arange(len(values)), np.flatnonzero(seen), values[seen]))


def smoothed(values: Floats, width: int) -> Floats:
    """A weighted mean over ``width`` samples; the ends repeat themselves."""
    weights = np.hanning(width + 2)[1:-1]
    before = width // 2
    return np.convolve(np.pad(values, (before, width - 1 - before), mode="edge"), weights / weights.sum(), "valid")


def _despiked(values: Floats, width: int) -> Floats:
    padded = np.pad(values, width // 2, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1))


def find_period(values: Floats, rate: float) -> tuple[float, float]:
    """How strongly values repeat themselves, 0 to 1, and after how many seconds; (0, 0) where they do not.

    The first high maximum of the autocorrelation (Wiener–Khinchin), each lag weighted by how much of it there is.
    """
    count = len(values)
    trend = smoothed(values, int(TREND_SECONDS * rate) | 1) if count > LONGEST * rate else np.mean(values)
    rest = values - trend
    if float(rest.std()) < 1e-6:
        return 0.0, 0.0
    spectrum = np.fft.rfft(rest, 2 * count)
    correlation = np.fft.irfft(spectrum * np.conj(spectrum))[:count]
    correlation *= count / np.maximum(count - np.arange(count), 0.3 * count) / correlation[0]
    best = (0.0, 0.0)
    for lag in range(max(2, int(SHORTEST * rate)), min(int(LONGEST * rate), int(MAX_OF_LENGTH * count))):
        here = correlation[lag]
        if here > correlation[lag - 1] and here >= correlation[lag + 1] and here > best[0] + 0.03:
            best = (float(min(1.0, here)), lag / rate)
    return best


def _local(values: Floats, rate: float, period: float) -> Floats:
    """Values as shares of the range around them: 0 is low, 1 is high."""
    reach = int(rate * max(LOCAL_SECONDS, LOCAL_PERIODS * period))
    whole = float(np.percentile(values, 95) - np.percentile(values, 5))
    # The range changes slowly: it is measured at some places and drawn out between them.
    places = np.unique(np.append(np.arange(0, len(values), max(1, reach // RANGE_PLACES)), len(values) - 1))
    windows = [np.sort(values[max(0, at - reach) : at + reach + 1]) for at in places]
    ranges = [(one[round(0.08 * (len(one) - 1))], one[round(0.92 * (len(one) - 1))]) for one in windows]
    low, high = (np.interp(np.arange(len(values)), places, [one[side] for one in ranges]) for side in (0, 1))
    return np.asarray(
        (values - (low + high) / 2) / np.maximum(np.maximum(high - low, MIN_OF_WHOLE * whole), 1e-9) + 0.5
    )


def visits_of(curve: Floats, values: Floats) -> list[tuple[bool, int]]:
    """Whether high or low, and at which sample furthest so, of each visit to the upper and the lower part, in turns."""
    visits: list[tuple[bool, int]] = []
    for at, value in enumerate(curve.tolist()):
        if LOW <= value <= HIGH:
            continue
        is_high = value > HIGH
        if not visits or visits[-1][0] != is_high:
            visits.append((is_high, at))
        elif (values[at] > values[visits[-1][1]]) == is_high:
            visits[-1] = (is_high, at)
    return visits


def _turns_high(visits: Sequence[tuple[bool, int]]) -> bool:
    highs = sum(is_high for is_high, _ in visits)
    lows = len(visits) - highs
    # Of as many highs as lows, it rests where it begins.
    return highs < lows or (highs == lows and bool(visits) and not visits[0][0])


def repetitions_of(
    times: Floats, curve: Floats, visits: Sequence[tuple[bool, int]], turns_high: bool
) -> tuple[Repetition, ...]:
    """Each turn between two visits to where the movement rests; the first and the last may be cut at the edges."""
    if len(visits) < 2:
        return ()
    resting = (curve if turns_high else 1 - curve) < RESTS
    found = []
    for number, (is_high, at) in enumerate(visits):
        if is_high != turns_high:
            continue
        before = visits[number - 1][1] if number else 0
        after = visits[number + 1][1] if number + 1 < len(visits) else len(times) - 1
        # It rests longer than at one moment: the movement begins when it leaves, and ends when it is back.
        left = np.flatnonzero(resting[before:at])
        back = np.flatnonzero(resting[at : after + 1])
        first = before + int(left[-1]) if len(left) else before
        last = at + int(back[0]) if len(back) else after
        found.append(Repetition(float(times[first]), float(times[at]), float(times[last])))
    return tuple(found)


def picture_signals(pictures: NDArray[np.uint8]) -> dict[str, Signal]:
    """Signals of a video in which nobody is found: the components along which its small pictures differ most.

    pictures: grey, shape (n, h, w). The first three principal components, scaled so that the largest ranges over 1.
    """
    flat = pictures.reshape(len(pictures), -1).astype(np.float64)
    flat -= flat.mean(0)
    if len(flat) < 8 or float(np.abs(flat).max()) < 1:
        return {}
    # Only the largest few, by subspace iteration (Halko, Martinsson and Tropp, 2011): all of them take a hundred times
    # as long.
    basis = np.random.default_rng(0).normal(size=(flat.shape[1], min(SUBSPACE, *flat.shape)))
    for _ in range(ITERATIONS):
        basis, _ = np.linalg.qr(flat.T @ (flat @ basis))
    left, sizes, _ = np.linalg.svd(flat @ basis, full_matrices=False)
    parts = (left * sizes)[:, :COMPONENTS]
    shares = sizes[:COMPONENTS] ** 2 / max(1e-9, float((flat**2).sum()))
    scale = max(1e-9, float(np.ptp(parts[:, 0])))
    return {
        f"component {number + 1}": Signal(parts[:, number] / scale, float(shares[number]) ** 0.5)
        for number in range(parts.shape[1])
    }


def regularity(repetitions: Sequence[Repetition]) -> float | None:
    """How much the lengths of repetitions vary: their deviation over their mean; None of fewer than three."""
    lengths = np.array([one.end - one.start for one in repetitions])
    return float(lengths.std() / lengths.mean()) if len(lengths) >= 3 and lengths.mean() > 0 else None
