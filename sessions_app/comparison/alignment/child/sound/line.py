from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sessions_app.comparison.timeline import MAX_DRIFT_PPM

Values = NDArray[np.float64]

TOLERANCE = 0.002  # maximum seconds between a fitted line and a measured offset that supports the line
LEAST_ERROR = 2e-5  # lower limit of a measured offset's standard error, in seconds


@dataclass(frozen=True, slots=True)
class Line:
    """An offset that changes linearly with the time of the first recording.

    offset, error: offset at the time ``center`` and its standard error, seconds. on: indices of the measurements on the
    line.
    """

    center: float
    offset: float
    error: float
    drift_ppm: float
    drift_error_ppm: float
    on: tuple[int, ...]

    def at(self, time: float) -> float:
        return self.offset + self.drift_ppm * 1e-6 * (time - self.center)


def fit_line(times: Sequence[float], offsets: Sequence[float]) -> Line | None:
    """Return the line that most measurements support."""
    t, o = np.asarray(times, float), np.asarray(offsets, float)
    if len(t) < 2:
        return None
    best = np.zeros(len(t), bool)
    for i in range(len(t)):
        for slope in _slopes(t, o, i):
            on = np.abs(o - (o[i] + slope * (t - t[i]))) <= TOLERANCE
            if np.count_nonzero(on) > np.count_nonzero(best):
                best = on
    return _least_squares(t, o, best)


def _slopes(t: Values, o: Values, i: int) -> list[float]:
    apart = np.abs(t - t[i]) > 0
    slopes = (o[apart] - o[i]) / (t[apart] - t[i])
    return [0.0, *(float(s) for s in slopes if abs(s) <= MAX_DRIFT_PPM * 1e-6)]


def _least_squares(t: Values, o: Values, on: NDArray[np.bool_]) -> Line | None:
    numbers = np.flatnonzero(on)
    count = len(numbers)
    if count < 2:
        return None
    x, y = t[numbers], o[numbers]
    center = float(x.mean())
    spread = float(np.sum((x - center) ** 2))
    slope = float(np.sum((x - center) * (y - y.mean())) / spread) if spread > 0 else 0.0
    rest = y - y.mean() - slope * (x - center)
    error = max(LEAST_ERROR, float(np.sqrt(np.sum(rest**2) / max(1, count - 2))))
    return Line(
        center=center,
        offset=float(y.mean()),
        error=error / float(np.sqrt(count)),
        drift_ppm=slope * 1e6,
        drift_error_ppm=error / float(np.sqrt(spread)) * 1e6 if spread > 0 else float("inf"),
        on=tuple(int(n) for n in numbers),
    )
