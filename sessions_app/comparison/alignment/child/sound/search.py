"""Search for the lag between two recordings, by normalised cross-correlation of their spectral flux.

With a lag of n steps of 16 ms, step k of the second recording matches step k + n of the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import fft
from numpy.typing import NDArray

from sessions_app.comparison.alignment.child.sound.flux import BANDS, HOP_SECONDS, Flux

APART_SECONDS = 0.5  # minimum distance in seconds of separate correlation peaks
MIN_OVERLAP_SECONDS = 5.0
# length in seconds of the blocks that are correlated separately; in longer blocks, drift would blur the peak
BLOCK_SECONDS = 600.0
MAX_DRIFT = 1e-3  # maximum relative speed difference between two recordings
SPREAD_HOPS = 1  # minimum number of 16 ms steps by which a block's peaks are widened before the blocks are summed up
STRETCHES = tuple(round(1 + sign * permille / 1000, 4) for permille in range(4, 62, 2) for sign in (1, -1))


@dataclass(frozen=True, slots=True)
class Peak:
    """A possible lag in seconds. score: agreement at this lag; its standard deviation is 1 for unrelated sounds."""

    lag: float
    score: float


@dataclass(frozen=True, slots=True)
class KnownFlux:
    """The flux of a recording, shape (BANDS, steps), and a mask of the steps read so far, shape (steps,)."""

    flux: Flux
    mask: NDArray[np.bool_]

    @property
    def seconds(self) -> float:
        return float(np.count_nonzero(self.mask)) * HOP_SECONDS

    def part(self, start: float, seconds: float) -> KnownFlux:
        first, last = round(start / HOP_SECONDS), round((start + seconds) / HOP_SECONDS)
        mask = np.zeros_like(self.mask)
        mask[first:last] = self.mask[first:last]
        return KnownFlux(self.flux, mask)


def find_peaks(first: KnownFlux, second: KnownFlux, count: int) -> list[Peak]:
    """Return the ``count`` best lags, best first; empty if the recordings cannot overlap."""
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
        # Drift moves the peaks of blocks near the start and end of a recording most, so widen these peaks more than
        # those of blocks in the middle.
        drift = round(abs(start + length / blocks / 2 - length / 2) * MAX_DRIFT / HOP_SECONDS)
        found = _highest_around(np.maximum(found, 0.0), SPREAD_HOPS + (drift if blocks > 1 else 0))
        scores = found**2 if scores is None else scores + found**2
    # Drift splits the peak of one lag into several close peaks, which count as one.
    apart = APART_SECONDS + (length / 2 * MAX_DRIFT if blocks > 1 else 0.0)
    return [] if scores is None else _peaks(np.sqrt(scores), base, count, apart)


def correlate(first: KnownFlux, second: KnownFlux) -> tuple[NDArray[np.float32], int]:
    """Return the agreement at each lag, with standard deviation 1 for unrelated sounds, and the index of lag 0."""
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
    # Neighbouring flux values share samples and noise, so only about a quarter are independent.
    scores = np.where(enough, agreement * np.sqrt(np.maximum(overlap, 0.0) * BANDS / 4), 0.0)
    return scores.astype(np.float32), m - 1


def find_stretch(first: KnownFlux, second: KnownFlux, start: float, seconds: float) -> tuple[float, Peak]:
    """Return the speed at which a part of ``second`` best fits ``first``, and the correlation peak."""
    begin, count = round(start / HOP_SECONDS), round(seconds / HOP_SECONDS)
    piece = second.flux[:, begin : begin + count]
    best = (1.0, Peak(0.0, 0.0))
    for stretch in STRETCHES:
        at = np.arange(0, piece.shape[1] - 1, 1 / stretch)
        whole, share = at.astype(int), (at % 1).astype(np.float32)
        stretched = piece[:, whole] * (1 - share) + piece[:, np.minimum(whole + 1, piece.shape[1] - 1)] * share
        found = find_peaks(first, KnownFlux(stretched.astype(np.float32), np.ones(stretched.shape[1], bool)), 1)
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
    found, width = values, 1
    target = 2 * around + 1
    while width < target:
        step = min(width, target - width)
        padded = np.concatenate([found, np.zeros(step, values.dtype)])
        found = np.maximum(padded[:-step], padded[step:])
        width += step
    return np.concatenate([np.zeros(around, values.dtype), found])[: len(values)]


def _lags(spectrum: NDArray[np.complexfloating[Any, Any]], size: int, n: int, m: int) -> NDArray[np.float32]:
    values = fft.irfft(spectrum, size).astype(np.float32)
    return np.concatenate([values[size - (m - 1) :] if m > 1 else values[:0], values[:n]])


def _fast(count: int) -> int:
    power = 1 << max(3, (count - 1).bit_length() - 1)
    return next(size for size in (power, power * 5 // 4, power * 3 // 2, power * 2) if size >= count)
