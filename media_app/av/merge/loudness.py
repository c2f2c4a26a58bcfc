"""How much louder a clip has to become to be as loud as the others: EBU R128, as FFmpeg's own filter measures it."""

from __future__ import annotations

import math
from fractions import Fraction

from media_app.av.audio_splice import heard
from media_app.av.ladder import SOUND_RATE
from media_app.av.meter import Meter
from media_app.av.source import Source

TARGET = -16.0  # LUFS
MAX_PEAK = -1.0  # dBTP
MAX_GAIN = 20.0  # dB: what is quieter is no speech


def gain_of(source: Source, start: float, length: Fraction, channels: int) -> float:
    """The factor for each sample of ``length`` seconds from ``start`` on; 1 for silence."""
    integrated, peak = loudness(source, start, length, channels)
    if integrated is None or not math.isfinite(peak):
        return 1.0
    return float(10 ** (min(TARGET - integrated, MAX_PEAK - peak, MAX_GAIN) / 20))


def loudness(source: Source, start: float, length: Fraction, channels: int) -> tuple[float | None, float]:
    """Integrated loudness (LUFS, None for silence) and the highest true peak (dBTP, -inf where there is none)."""
    meter = Meter(SOUND_RATE, channels, true_peak=True)
    for samples in heard(source, start, round(length * SOUND_RATE), channels):
        meter.put(samples)
    meter.end()
    return meter.integrated, meter.true_peak
