"""Adjustment of new sounds to the loudness of the sounds that they replace (EBU R128)."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from media_app.av.audio_splice import Samples
from media_app.av.meter import Meter

MAX_GAIN = 12.0
MAX_PEAK = -1.0
MIN_SECONDS = 0.5  # minimum seconds to measure loudness, which uses blocks of 0.4 s; shorter sounds are repeated
# Minimum seconds of original sound whose loudness is measured. If a segment is shorter, the sound around it
# is also measured. The value is the short-term window of EBU Tech 3341.
AROUND_SECONDS = 3.0


def loudness(runs: Iterable[Samples], rate: int, channels: int) -> tuple[float | None, float]:
    """Return a sound's loudness (LUFS, None for silence) and peak (dBFS, -inf for silence)."""
    meter, peak = Meter(rate, channels), 0.0

    def put(samples: Samples) -> None:
        nonlocal peak
        meter.put(samples)
        peak = max(peak, float(np.abs(samples).max()))

    first: list[Samples] = []
    for samples in runs:
        if samples.shape[1]:
            put(samples)
            if meter.count < MIN_SECONDS * rate:
                first.append(samples)
    while first and meter.count < MIN_SECONDS * rate:
        put(np.concatenate(first, axis=1))
    meter.end()
    return meter.integrated, 20 * math.log10(peak) if peak > 0 else -math.inf


def gain_of(original: float | None, given: float | None, peak: float) -> float:
    """Return the gain in dB that changes loudness ``given`` to ``original``, both in LUFS.

    The gain is smaller if the sound's ``peak`` (dBFS) would exceed ``MAX_PEAK``.
    """
    wanted = 0.0 if original is None or given is None else max(-MAX_GAIN, min(MAX_GAIN, original - given))
    return min(wanted, MAX_PEAK - peak) if math.isfinite(peak) else 0.0
