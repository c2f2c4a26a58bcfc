"""Gain that makes a clip as loud as the others (EBU R128)."""

from __future__ import annotations

import math
from fractions import Fraction

from media_app.av.audio_splice import read_samples
from media_app.av.ladder import SOUND_RATE
from media_app.av.meter import Meter
from media_app.av.source import Source

TARGET = -16.0  # target loudness in LUFS
MAX_PEAK = -1.0  # maximum true peak after the gain, in dBTP
MAX_GAIN = 20.0  # maximum gain in dB; sound that needs more is not speech


def gain_of(source: Source, start: float, length: Fraction, channels: int) -> float:
    integrated, peak = loudness(source, start, length, channels)
    if integrated is None or not math.isfinite(peak):
        return 1.0
    return float(10 ** (min(TARGET - integrated, MAX_PEAK - peak, MAX_GAIN) / 20))


def loudness(source: Source, start: float, length: Fraction, channels: int) -> tuple[float | None, float]:
    """Return a clip's loudness (LUFS, None for silence) and true peak (dBTP, -inf for silence)."""
    meter = Meter(SOUND_RATE, channels, true_peak=True)
    for samples in read_samples(source, start, round(length * SOUND_RATE), channels):
        meter.put(samples)
    meter.end()
    return meter.integrated, meter.true_peak
