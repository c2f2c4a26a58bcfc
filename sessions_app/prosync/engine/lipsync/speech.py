"""A model of mouth movements for a spoken sound.

Vowels open the mouth. A low first formant raises the jaw. A high second formant spreads the lips, a low one rounds them
(Peterson and Barney, 1952). Hissing closes the teeth, humming closes the lips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]

STEP = 0.01
WINDOW = 0.032
BLOCK = 1024
HUM, VOWELS, HISS = (90, 300), (300, 3000), (4000, 7500)  # frequency bands in Hz
FIRST_FORMANT, SECOND_FORMANT = (250, 1000), (900, 3000)  # search ranges of the formants in Hz
HELD, DROPPED = 380.0, 620.0  # first formant in Hz of a raised and of a dropped jaw
ROUNDED, SPREAD = 1250.0, 2000.0  # second formant in Hz of rounded and of spread lips
RANGE = 24.0  # the mouth is closed at levels more than this many dB below the loudest vowels
ABOVE_NOISE = 9.0  # the mouth is usually closed at levels up to this many dB above the quietest parts
LOUDEST, QUIETEST = 95, 5
FAINT = -60.0
ATTACK, RELEASE = 0.035, 0.06  # time constants in seconds of the mouth's opening and closing
LEAD = 0.03  # seconds by which lips precede sound (Schwartz and Savariaux, 2014)
HISS_OPENING = 0.22


@dataclass(frozen=True, slots=True)
class Drive:
    """Mouth movements, one value per :data:`STEP`. opening: 0 to 1; spread: -1 (rounded) to 1 (wide)."""

    opening: Curve
    spread: Curve

    def at(self, seconds: float) -> tuple[float, float]:
        place = seconds / STEP
        if not 0 <= place <= len(self.opening) - 1:
            return 0.0, 0.0
        steps = np.arange(len(self.opening))
        return float(np.interp(place, steps, self.opening)), float(np.interp(place, steps, self.spread))


def drive(samples: NDArray[np.float32], rate: int) -> Drive:
    """Return mouth movements for mono ``samples``, -1 to 1, at ``rate`` Hz."""
    bands = _bands(samples, rate)
    level, loudest = bands["level"], float(np.percentile(bands["level"], LOUDEST))
    floor = max(loudest - RANGE, min(float(np.percentile(level, QUIETEST)) + ABOVE_NOISE, loudest - RANGE / 2), FAINT)
    loud = np.clip((level - floor) / max(loudest - floor, RANGE / 2), 0, 1)
    dropped = np.clip((bands["first"] - HELD) / (DROPPED - HELD), 0, 1)
    humming = np.clip((bands["hum"] - level - 6) / 12, 0, 1)
    hissing = np.clip((bands["hiss"] - level + 3) / 9, 0, 1) * (bands["hiss"] > floor)
    opening = loud**0.85 * (0.55 + 0.45 * dropped) * (1 - 0.8 * humming)
    opening = opening * (1 - hissing) + HISS_OPENING * hissing
    spread = np.clip((bands["second"] - ROUNDED) / (SPREAD - ROUNDED) * 2 - 1, -1, 1) * np.maximum(loud, hissing)
    return Drive(_ahead(_limit_speed(opening)), _ahead(_smoothed(spread, 0.1)))


def _bands(samples: NDArray[np.float32], rate: int) -> dict[str, Curve]:
    length, hop = max(16, round(WINDOW * rate)), rate * STEP
    count = max(1, int(len(samples) / hop))
    padded = np.pad(samples, (length // 2, length + int(hop)))
    window = np.hanning(length).astype(np.float32)
    frequencies = np.fft.rfftfreq(length, 1 / rate)
    found: dict[str, list[Curve]] = {name: [] for name in ("level", "hum", "hiss", "first", "second")}
    for begin in range(0, count, BLOCK):
        places = np.round(np.arange(begin, min(begin + BLOCK, count)) * hop).astype(int)
        spectra = np.fft.rfft(padded[places[:, None] + np.arange(length)] * window, axis=1)
        power = np.abs(spectra) ** 2 / float((window**2).sum()) / length * 2

        def level(band: tuple[int, int], power: Curve = power) -> Curve:
            chosen = (frequencies >= band[0]) & (frequencies < band[1])
            return np.asarray(10 * np.log10(power[:, chosen].sum(1) + 1e-12))

        def centre(band: tuple[int, int], power: Curve = power) -> Curve:
            chosen = (frequencies >= band[0]) & (frequencies < band[1])
            return np.asarray((power[:, chosen] @ frequencies[chosen] + 1e-12) / (power[:, chosen].sum(1) + 1e-12))

        found["level"].append(level(VOWELS))
        found["hum"].append(level(HUM))
        found["hiss"].append(level(HISS))
        found["first"].append(centre(FIRST_FORMANT))
        found["second"].append(centre(SECOND_FORMANT))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _limit_speed(wanted: Curve) -> Curve:
    at, followed = 0.0, np.empty_like(wanted)
    for number, value in enumerate(wanted):
        at += (value - at) * (1 - np.exp(-STEP / (ATTACK if value > at else RELEASE)))
        followed[number] = at
    return _smoothed(followed, 0.05)


def _smoothed(curve: Curve, seconds: float) -> Curve:
    weights = np.hanning(round(seconds / STEP) + 2)[1:-1]
    padded = np.pad(curve, (len(weights) // 2, (len(weights) - 1) // 2), mode="edge")
    return np.convolve(padded, weights / weights.sum(), "valid")


def _ahead(curve: Curve) -> Curve:
    steps = round((LEAD + (ATTACK + RELEASE) / 4) / STEP)
    return np.concatenate([curve[steps:], np.zeros(min(steps, len(curve)))])
