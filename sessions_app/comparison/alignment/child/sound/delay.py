"""Delay between two short pieces of sound, to a fraction of a sample.

Method: generalised cross-correlation with phase transform (Knapp and Carter, 1976).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import fft
from numpy.typing import NDArray

from sessions_app.comparison.alignment.child.sound.track import RATE, Samples

BAND_HZ = (100.0, 3700.0)
WHITENING = 0.85  # exponent of the whitening: 1 gives all frequencies equal weight


@dataclass(frozen=True, slots=True)
class Delay:
    """The delay of the second piece of sound in seconds.

    sharpness: height of the correlation peak in standard deviations of the noise. rival: height of the second-highest
    peak, as a share of the highest.
    """

    seconds: float
    sharpness: float
    rival: float


def measure_delay(first: Samples, second: Samples) -> Delay:
    """Return the delay at which ``second``, shape (m,), best fits the longer ``first``, shape (n,), at 8 000 Hz."""
    n, m = len(first), len(second)
    size = 1 << (n - 1).bit_length()
    product = fft.rfft(first, size) * np.conj(fft.rfft(second, size))
    frequencies = fft.rfftfreq(size, 1 / RATE)
    strength = np.abs(product)
    weight = np.where((frequencies >= BAND_HZ[0]) & (frequencies <= BAND_HZ[1]), 1.0, 0.0)
    whitened = product * weight / np.maximum(strength, 1e-12) ** WHITENING
    found = fft.irfft(whitened, size)[: n - m + 1]
    at = int(np.argmax(found))
    height = float(found[at])
    near = round(0.004 * RATE)
    others = np.concatenate([found[: max(0, at - near)], found[at + near + 1 :]])
    spread = float(np.std(others)) if len(others) else 0.0
    if height <= 0 or spread == 0.0:
        return Delay(at / RATE, 0.0, 1.0)
    return Delay((at + _vertex(found, at)) / RATE, height / spread, max(0.0, float(np.max(others))) / height)


def _vertex(values: NDArray[np.float64], at: int) -> float:
    if not 0 < at < len(values) - 1:
        return 0.0
    return float(np.interp(_parabola(values[at - 1 : at + 2]), PARABOLAS, PLACES))


def _parabola(values: NDArray[np.float64]) -> float:
    left, middle, right = (float(v) for v in values)
    bend = left - 2 * middle + right
    return 0.0 if bend >= 0 else min(0.5, max(-0.5, 0.5 * (left - right) / bend))


# The correlation peak of a band-limited signal is a sinc. This table converts the vertex of a parabola through three
# values to the peak's true position.
PLACES = np.linspace(-0.5, 0.5, 101)
PARABOLAS = np.array([_parabola(np.sinc(2 * BAND_HZ[1] / RATE * (np.arange(-1, 2) - place))) for place in PLACES])
