"""Search for repetitions in a signal of movement.

The search counts extremes, not periods of a fixed length, because people slow down and pause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Values above HIGH count as high, values below LOW as low, in a signal that is scaled to 0 to 1 by its local range.
HIGH, LOW = 0.65, 0.35
RESTS = 0.12
SHORTEST, LONGEST = 0.35, 8.0  # shortest and longest period, seconds
MAX_OF_LENGTH = 0.55
TREND_SECONDS = 6.0  # seconds of the moving average that is subtracted from a signal to remove slow drift
LOCAL_SECONDS = 4.0
LOCAL_PERIODS = 2.2
RANGE_PLACES = 8
MIN_OF_WHOLE = 0.5
RANGE_IS_PLENTY = 0.6
MIN_PERIODICITY = 0.3
COMPONENTS, SUBSPACE, ITERATIONS = 3, 8, 5


@dataclass(frozen=True, slots=True)
class Signal:
    """A measurement of movement over time.

    values: NaN without a person. trust: reliability, 0 to 1. rests_high: whether the values are high at rest; None if
    unknown.
    """

    values: Floats
    trust: float = 1.0
    rests_high: bool | None = None


@dataclass(frozen=True, slots=True)
class Repetition:
    """A movement to a turning point and back. start, turn, end: times in seconds."""

    start: float
    turn: float
    end: float


@dataclass(frozen=True, slots=True)
class Series:
    """Repetitions found in one signal.

    values: the signal without noise and gaps. curve: values, scaled to 0 to 1 by their local range. period: seconds.
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
    """Return the repetitions in a signal; None if its periodicity is below ``least_periodicity``."""
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
    seen = ~np.isnan(values)
    if not seen.any():
        return np.zeros(len(values))
    return np.asarray(np.interp(np.arange(len(values)), np.flatnonzero(seen), values[seen]))


def smoothed(values: Floats, width: int) -> Floats:
    weights = np.hanning(width + 2)[1:-1]
    before = width // 2
    return np.convolve(np.pad(values, (before, width - 1 - before), mode="edge"), weights / weights.sum(), "valid")


def _despiked(values: Floats, width: int) -> Floats:
    padded = np.pad(values, width // 2, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1))


def find_period(values: Floats, rate: float) -> tuple[float, float]:
    """Return a signal's periodicity (0 to 1) and period in seconds, by its autocorrelation (Wiener–Khinchin)."""
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
    reach = int(rate * max(LOCAL_SECONDS, LOCAL_PERIODS * period))
    whole = float(np.percentile(values, 95) - np.percentile(values, 5))
    places = np.unique(np.append(np.arange(0, len(values), max(1, reach // RANGE_PLACES)), len(values) - 1))
    windows = [np.sort(values[max(0, at - reach) : at + reach + 1]) for at in places]
    ranges = [(one[round(0.08 * (len(one) - 1))], one[round(0.92 * (len(one) - 1))]) for one in windows]
    low, high = (np.interp(np.arange(len(values)), places, [one[side] for one in ranges]) for side in (0, 1))
    return np.asarray(
        (values - (low + high) / 2) / np.maximum(np.maximum(high - low, MIN_OF_WHOLE * whole), 1e-9) + 0.5
    )


def visits_of(curve: Floats, values: Floats) -> list[tuple[bool, int]]:
    """Return a signal's maxima and minima, which alternate, as pairs (whether it is a maximum, index)."""
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
    # Assume that the body rests at the extremes (highs or lows) that occur more often. If both occur equally often,
    # assume that the first extreme is a resting position.
    return highs < lows or (highs == lows and bool(visits) and not visits[0][0])


def repetitions_of(
    times: Floats, curve: Floats, visits: Sequence[tuple[bool, int]], turns_high: bool
) -> tuple[Repetition, ...]:
    """Return one repetition per turning point, each from one resting position to the next."""
    if len(visits) < 2:
        return ()
    resting = (curve if turns_high else 1 - curve) < RESTS
    found = []
    for number, (is_high, at) in enumerate(visits):
        if is_high != turns_high:
            continue
        before = visits[number - 1][1] if number else 0
        after = visits[number + 1][1] if number + 1 < len(visits) else len(times) - 1
        left = np.flatnonzero(resting[before:at])
        back = np.flatnonzero(resting[at : after + 1])
        first = before + int(left[-1]) if len(left) else before
        last = at + int(back[0]) if len(back) else after
        found.append(Repetition(float(times[first]), float(times[at]), float(times[last])))
    return tuple(found)


def picture_signals(pictures: NDArray[np.uint8]) -> dict[str, Signal]:
    """Return the first three principal components of a video's pictures as signals."""
    flat = pictures.reshape(len(pictures), -1).astype(np.float64)
    flat -= flat.mean(0)
    if len(flat) < 8 or float(np.abs(flat).max()) < 1:
        return {}
    # Subspace iteration (Halko, Martinsson and Tropp, 2011) is much faster than a full SVD.
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
    lengths = np.array([one.end - one.start for one in repetitions])
    return float(lengths.std() / lengths.mean()) if len(lengths) >= 3 and lengths.mean() > 0 else None
