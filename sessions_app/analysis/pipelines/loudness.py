"""Loudness of each moment relative to its surroundings."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sessions_app.analysis.pipelines.signal_pass import BINS_A_SECOND, SignalPass

Floats = NDArray[np.float64]
STEP = 0.25  # seconds between two loudness values
USUAL_LEVEL_SECONDS = 120.0  # seconds of the window whose median loudness is the usual level
CONTEXT = 600.0  # seconds of the window around each value over which :func:`deviations` takes percentiles
SILENT_DB = -60.0
# arguments ``percent`` and ``least`` (dB) of :func:`deviations` for loudness
SPREAD_PERCENT = 80.0
MIN_SPREAD_DB = 6.0
HOLD_STEPS = 2
LASTING_STEPS, HIT_STEPS = 3, 2
HIT_WEIGHT = 1.15
# A moment is a sound peak if its ``Loudness.hits`` is at least PEAK_FROM. From PEAK_SURE on, its confidence is 1.
PEAK_FROM, PEAK_SURE = 0.65, 4.0
PEAK_SECONDS = 3.0
PEAKS_A_MINUTE, FEWEST_PEAKS = 2.0, 5


@dataclass(frozen=True, slots=True)
class Loudness:
    """Loudness of the speech band, one value per :data:`STEP`.

    - level: dB above the usual level.
    - hits: short sounds above the usual range, in deviations (see :func:`deviations`).
    - sound: the larger of lasting sounds and smoothed ``hits``, in deviations.
    """

    level: Floats
    hits: Floats
    sound: Floats


@dataclass(frozen=True, slots=True)
class Peak:
    """A moment far louder than its surroundings. confidence: 0 to 1."""

    time: float
    confidence: float


def measure_loudness(found: SignalPass, duration: float) -> Loudness:
    count = max(1, int(np.ceil(duration / STEP)))
    level = _loudest_of_steps(found.band, count) if found.has_sound else np.full(count, SILENT_DB)
    level = np.maximum(level, SILENT_DB)
    usual = running_percentile(level, USUAL_LEVEL_SECONDS, 50)
    lasting = deviations(smoothed(held(level), LASTING_STEPS) - usual, SPREAD_PERCENT, MIN_SPREAD_DB)
    above = level - usual
    spread = np.maximum(running_percentile(above, CONTEXT, SPREAD_PERCENT), MIN_SPREAD_DB)
    hits = np.maximum(above / spread - 1, 0)
    return Loudness(above, hits, np.maximum(lasting, HIT_WEIGHT * smoothed(held(hits), HIT_STEPS)))


def sound_peaks(found: SignalPass, loudness: Loudness, duration: float) -> list[Peak]:
    if not found.has_sound:
        return []
    most = max(FEWEST_PEAKS, int(PEAKS_A_MINUTE * duration / 60))
    hits = loudness.hits.copy()
    reach = round(PEAK_SECONDS / STEP)
    peaks: list[Peak] = []
    while len(peaks) < most and hits.max() >= PEAK_FROM:
        at = int(np.argmax(hits))
        first = min(int(at * STEP * BINS_A_SECOND), len(found.band) - 1)
        within = found.band[first : first + int(np.ceil(STEP * BINS_A_SECOND))]
        time = (first + int(np.argmax(within)) + 0.5) / BINS_A_SECOND
        if time < duration:
            peaks.append(Peak(time, min(1.0, (1 + float(hits[at])) / (1 + PEAK_SURE))))
        hits[max(0, at - reach) : at + reach + 1] = -np.inf
    return sorted(peaks, key=lambda one: one.time)


def deviations(values: Floats, percent: float, least: float) -> Floats:
    """Return the number of deviations by which each value exceeds the running median, minus 1; never below 0.

    A deviation is the distance from the running median to the percentile ``percent``, at least ``least``.
    """
    base = running_percentile(values, CONTEXT, 50)
    spread = np.maximum(running_percentile(values, CONTEXT, percent) - base, least)
    return np.asarray(np.maximum((values - base) / spread - 1, 0.0))


def running_percentile(values: Floats, seconds: float, percent: float) -> Floats:
    half, hop = int(seconds / STEP / 2), max(1, int(1 / STEP))
    at = np.arange(0, len(values), hop)
    found = [float(np.percentile(values[max(0, i - half) : i + half + 1], percent)) for i in at.tolist()]
    return np.asarray(np.interp(np.arange(len(values)), at, found))


def smoothed(values: Floats, steps: int) -> Floats:
    padded = np.pad(values, steps, mode="edge")
    weights = np.hanning(2 * steps + 3)[1:-1]
    return np.convolve(padded, weights / weights.sum(), "valid")


def held(values: Floats) -> Floats:
    row = values.reshape(1, -1)
    kernel = np.ones((1, 2 * HOLD_STEPS + 1), np.uint8)
    closed = cv2.morphologyEx(row, cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_REPLICATE)
    found: Floats = np.asarray(closed, np.float64)[0]
    return found


def _loudest_of_steps(band: Floats, count: int) -> Floats:
    index = np.clip((np.arange(len(band)) / BINS_A_SECOND / STEP).astype(np.int64), 0, count - 1)
    first = np.minimum(np.searchsorted(index, np.arange(count)), len(band) - 1)
    return np.asarray(np.maximum.reduceat(band, first))
