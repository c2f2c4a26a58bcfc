"""How loud the new sound has to be: as loud as what it replaces, by the gated measure of EBU R128; changes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from media_app.av.audio_splice import Samples
from media_app.av.meter import Meter

MAX_GAIN = 12.0  # dB, either way
MAX_PEAK = -1.0  # dBFS
MIN_SECONDS = 0.5  # what is shorter is measured in repetition: the gate looks at blocks of 0.4 s
AROUND_SECONDS = 3.0  # the short-term window of EBU Tech 3341: of what is replaced no less is listened to


def loudness(runs: Iterable[Samples], rate: int, channels: int) -> tuple[float | None, float]:
    """Integrated loudness (LUFS, None for silence) and the highest sample (dBFS, -inf where there is none)."""
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
    """dB by which to change a sound of loudness ``given`` (LUFS) and ``peak`` (dBFS) that replaces ``original``.

    Where either is silent only its peak is held.
    """
    wanted = 0.0 if original is None or given is None else max(-MAX_GAIN, min(MAX_GAIN, original - given))
    return min(wanted, MAX_PEAK - peak) if math.isfinite(peak) else 0.0
