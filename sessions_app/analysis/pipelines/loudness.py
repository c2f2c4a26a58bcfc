"""A measure of the loudness of each moment against its surroundings, for highlights and for sound peaks.

Loudness is compared with the minutes around it and with its variation in this recording, because a sound that is loud
in a library is quiet in a stadium. Both the lasting level and the level of single hits count: smoothing alone hides
the shots and kills of a game.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sessions_app.analysis.pipelines.signal_pass import BINS_A_SECOND, Survey

Floats = NDArray[np.float64]
STEP = 0.25  # seconds between two values
MINUTES = 120.0  # seconds of sound whose median is the usual level at a moment
CONTEXT = 600.0  # seconds in which variation is measured; sounds that recur within them are usual
SILENT_DB = -60.0  # dB of full scale; quieter sound counts as this
SPREAD_PERCENT = 80.0  # percentile of the context whose distance from the median is one deviation
MIN_SPREAD_DB = 6.0  # minimum deviation, however steady the sound is
HOLD_STEPS = 2  # steps to either side; beats this close to each other count as one sound
LASTING_STEPS, HIT_STEPS = 3, 2  # steps to either side over which each kind is smoothed
HIT_WEIGHT = 1.15  # weight of a single hit relative to a lasting level
PEAK_FROM, PEAK_SURE = 0.65, 4.0  # deviations at which a sound peak begins, and at which it is certain
PEAK_SECONDS = 3.0  # minimum time between two peaks
PEAKS_A_MINUTE, FEWEST_PEAKS = 2.0, 5  # maximum number of peaks


@dataclass(frozen=True, slots=True)
class Loudness:
    """The sound at each step, shape (n,).

    level: dB above the usual level, in the band of speech. hits: deviation of each single step. sound: smoothed
    deviation, the larger of lasting level and hits; 0 and more.
    """

    level: Floats
    hits: Floats
    sound: Floats


@dataclass(frozen=True, slots=True)
class Peak:
    """A moment that is far louder than its surroundings. time: seconds; confidence: 0 to 1."""

    time: float
    confidence: float


def measure_loudness(found: Survey, duration: float) -> Loudness:
    """Measure the sound of a whole video. duration: seconds."""
    count = max(1, int(np.ceil(duration / STEP)))
    level = _loudest_of_steps(found.band, count) if found.has_sound else np.full(count, SILENT_DB)
    level = np.maximum(level, SILENT_DB)
    usual = running_percentile(level, MINUTES, 50)
    lasting = deviations(smoothed(held(level), LASTING_STEPS) - usual, SPREAD_PERCENT, MIN_SPREAD_DB)
    above = level - usual
    spread = np.maximum(running_percentile(above, CONTEXT, SPREAD_PERCENT), MIN_SPREAD_DB)
    hits = np.maximum(above / spread - 1, 0)
    return Loudness(above, hits, np.maximum(lasting, HIT_WEIGHT * smoothed(held(hits), HIT_STEPS)))


def sound_peaks(found: Survey, loudness: Loudness, duration: float) -> list[Peak]:
    """Return the loudest moments of a video's sound in order, to a tenth of a second."""
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
    """Return the distance of values above their running median minus one deviation; 0 and more.

    One deviation is the distance from the median to the percentile ``percent`` of the context, at least ``least``.
    """
    base = running_percentile(values, CONTEXT, 50)
    spread = np.maximum(running_percentile(values, CONTEXT, percent) - base, least)
    return np.asarray(np.maximum((values - base) / spread - 1, 0.0))


def running_percentile(values: Floats, seconds: float, percent: float) -> Floats:
    """Return a percentile of the window around each step, found once a second and interpolated."""
    half, hop = int(seconds / STEP / 2), max(1, int(1 / STEP))
    at = np.arange(0, len(values), hop)
    found = [float(np.percentile(values[max(0, i - half) : i + half + 1], percent)) for i in at.tolist()]
    return np.asarray(np.interp(np.arange(len(values)), at, found))


def smoothed(values: Floats, steps: int) -> Floats:
    """Return a weighted mean over ``steps`` to either side; the ends are repeated."""
    padded = np.pad(values, steps, mode="edge")
    weights = np.hanning(2 * steps + 3)[1:-1]
    return np.convolve(padded, weights / weights.sum(), "valid")


def held(values: Floats) -> Floats:
    """Return values with short dips between beats filled: a closing (dilation, then erosion) over time."""
    row = values.reshape(1, -1)
    kernel = np.ones((1, 2 * HOLD_STEPS + 1), np.uint8)
    closed = cv2.morphologyEx(row, cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_REPLICATE)
    found: Floats = np.asarray(closed, np.float64)[0]
    return found


def _loudest_of_steps(band: Floats, count: int) -> Floats:
    """Return the loudest tenth of a second that begins in each step."""
    index = np.clip((np.arange(len(band)) / BINS_A_SECOND / STEP).astype(np.int64), 0, count - 1)
    first = np.minimum(np.searchsorted(index, np.arange(count)), len(band) - 1)
    return np.asarray(np.maximum.reduceat(band, first))
