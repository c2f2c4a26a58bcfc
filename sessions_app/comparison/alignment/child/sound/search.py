"""Where two recordings' sounds could lie over each other: normalised cross-correlation of their flux, by FFT.

Lags are hops by which the second recording is later on the first one's time: what sounds at hop n of the second sounds
at hop n + lag of the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import fft
from numpy.typing import NDArray

from sessions_app.comparison.alignment.child.sound.flux import BANDS, HOP_SECONDS, Flux

APART_SECONDS = 0.5  # two peaks closer than this are one
MIN_OVERLAP_SECONDS = 5.0
BLOCK_SECONDS = 600.0  # of the second recording at once: clocks that drift apart blur what is longer
MAX_DRIFT = 1e-3  # by which two clocks may differ
SPREAD_HOPS = 1  # neighbours that a peak is spread over
STRETCHES = tuple(round(1 + sign * permille / 1000, 4) for permille in range(4, 62, 2) for sign in (1, -1))


@dataclass(frozen=True, slots=True)
class Peak:
    """A place: lag in seconds, and how far it stands out, in standard deviations of unrelated sound."""

    lag: float
    score: float


@dataclass(frozen=True, slots=True)
class Heard:
    """The flux of a recording, shape (BANDS, hops), and which of its hops have been heard, shape (hops,)."""

    flux: Flux
    mask: NDArray[np.bool_]

    @property
    def seconds(self) -> float:
        return float(np.count_nonzero(self.mask)) * HOP_SECONDS

    def part(self, start: float, seconds: float) -> Heard:
        """The same length, but heard only from ``start`` on for ``seconds``."""
        first, last = round(start / HOP_SECONDS), round((start + seconds) / HOP_SECONDS)
        mask = np.zeros_like(self.mask)
        mask[first:last] = self.mask[first:last]
        return Heard(self.flux, mask)


def find_peaks(first: Heard, second: Heard, count: int) -> list[Peak]:
    """The ``count`` best places, the best first; none where they cannot overlap."""
    scores: NDArray[np.float32] | None = None
    base = 0
    length = len(second.mask) * HOP_SECONDS
    blocks = max(1, round(length / BLOCK_SECONDS))
    for number in range(blocks):
        start = number * length / blocks
        part = second if blocks == 1 else second.part(start, length / blocks)
        if not part.mask.any():
            continue
        found, base = correlate(first, part)
        # Where the whole is long, drift moves what its ends say by more than a peak is wide.
        drift = round(abs(start + length / blocks / 2 - length / 2) * MAX_DRIFT / HOP_SECONDS)
        found = _highest_around(np.maximum(found, 0.0), SPREAD_HOPS + (drift if blocks > 1 else 0))
        scores = found**2 if scores is None else scores + found**2
    # For the same reason one place has several peaks there.
    apart = APART_SECONDS + (length / 2 * MAX_DRIFT if blocks > 1 else 0.0)
    return [] if scores is None else _peaks(np.sqrt(scores), base, count, apart)


def correlate(first: Heard, second: Heard) -> tuple[NDArray[np.float32], int]:
    """How well they agree at each lag, in standard deviations of unrelated sound, and the index of lag 0.

    Values are 0 where less than :data:`MIN_OVERLAP_SECONDS` of both lie over each other.
    """
    n, m = len(first.mask), len(second.mask)
    size = _fast(n + m)
    heard_first, heard_second = (fft.rfft(h.mask.astype(np.float32), size) for h in (first, second))
    overlap = _lags(heard_first * np.conj(heard_second), size, n, m)
    product = np.zeros(size // 2 + 1, np.complex64)
    energy_first, energy_second = np.zeros(n, np.float32), np.zeros(m, np.float32)
    for band in range(BANDS):
        a, b = first.flux[band] * first.mask, second.flux[band] * second.mask
        product += fft.rfft(a, size) * np.conj(fft.rfft(b, size))
        energy_first += a**2
        energy_second += b**2
    shared = _lags(fft.rfft(energy_first, size) * np.conj(heard_second), size, n, m)
    shared *= _lags(heard_first * np.conj(fft.rfft(energy_second, size)), size, n, m)
    enough = overlap * HOP_SECONDS >= MIN_OVERLAP_SECONDS
    agreement = _lags(product, size, n, m) / np.sqrt(np.maximum(shared, 1.0))
    # Neighbouring hops share their windows, and bands their noises: about a quarter of the values are independent.
    scores = np.where(enough, agreement * np.sqrt(np.maximum(overlap, 0.0) * BANDS / 4), 0.0)
    return scores.astype(np.float32), m - 1


def find_stretch(first: Heard, second: Heard, start: float, seconds: float) -> tuple[float, Peak]:
    """The speed of the second recording over the first one's under which a part of it fits best, and how well."""
    begin, count = round(start / HOP_SECONDS), round(seconds / HOP_SECONDS)
    piece = second.flux[:, begin : begin + count]
    best = (1.0, Peak(0.0, 0.0))
    for stretch in STRETCHES:
        at = np.arange(0, piece.shape[1] - 1, 1 / stretch)
        whole, share = at.astype(int), (at % 1).astype(np.float32)
        stretched = piece[:, whole] * (1 - share) + piece[:, np.minimum(whole + 1, piece.shape[1] - 1)] * share
        found = find_peaks(first, Heard(stretched.astype(np.float32), np.ones(stretched.shape[1], bool)), 1)
        if found and found[0].score > best[1].score:
            best = (stretch, found[0])
    return best


def _peaks(scores: NDArray[np.float32], zero: int, count: int, apart_seconds: float) -> list[Peak]:
    apart = round(apart_seconds / HOP_SECONDS)
    left = scores.copy()
    found = []
    for _ in range(count):
        at = int(np.argmax(left))
        if left[at] <= 0:
            break
        found.append(Peak((at - zero) * HOP_SECONDS, float(left[at])))
        left[max(0, at - apart) : at + apart + 1] = 0.0
    return found


def _highest_around(values: NDArray[np.float32], around: int) -> NDArray[np.float32]:
    """The highest of each value and ``around`` on either side, in steps that double."""
    found, width = values, 1
    target = 2 * around + 1
    while width < target:
        step = min(width, target - width)
        padded = np.concatenate([found, np.zeros(step, values.dtype)])
        found = np.maximum(padded[:-step], padded[step:])
        width += step
    return np.concatenate([np.zeros(around, values.dtype), found])[: len(values)]


def _lags(spectrum: NDArray[np.complexfloating[Any, Any]], size: int, n: int, m: int) -> NDArray[np.float32]:
    """The correlation at lags from -(m - 1) to n - 1, in order."""
    values = fft.irfft(spectrum, size).astype(np.float32)
    return np.concatenate([values[size - (m - 1) :] if m > 1 else values[:0], values[:n]])


def _fast(count: int) -> int:
    """The next number that an FFT does quickly: a power of two, or one and a half or one and a quarter of one."""
    power = 1 << max(3, (count - 1).bit_length() - 1)
    return next(size for size in (power, power * 5 // 4, power * 3 // 2, power * 2) if size >= count)
