"""Spectral flux of sound: rises of each frequency band's level (Dixon, Onset Detection Revisited, DAFx 2006)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy import fft  # import np.fft now: numpy would load it lazily, which fails in two threads at once
from numpy.typing import NDArray

from sessions_app.comparison.alignment.child.sound.track import RATE, Run, Samples

Flux = NDArray[np.float32]
HOP = 128  # distance between two flux values, in samples of sound: 16 ms
HOP_SECONDS = HOP / RATE
WINDOW = 512  # number of samples from which the band levels at one moment are computed
EDGES_HZ = (120, 240, 400, 620, 920, 1330, 1900, 2650, 3650)
BANDS = len(EDGES_HZ) - 1
FLOOR = 1e-7  # maximum energy of silence, relative to full scale
LAG = 2  # steps of 16 ms between the two levels whose difference is a flux value
AROUND_SECONDS = 2.0  # a flux value is normalised by the values up to this many seconds before and after it
QUIET = 0.15  # constant added to the standard deviation, so that normalising does not amplify tiny changes
HIGHEST = 4.0
BLOCK = 1 << 12


class FluxMeter:
    """Computation of the flux of consecutive pieces of sound: one value per band and 16 ms."""

    def __init__(self) -> None:
        self._window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
        self._bins = np.searchsorted(fft.rfftfreq(WINDOW, 1 / RATE), EDGES_HZ)
        self._scale = 1.0 / float(np.sum(self._window)) ** 2
        # pieces: (number of the first 16 ms step, band levels with shape (steps, BANDS))
        self._parts: list[tuple[int, NDArray[np.float32]]] = []
        self._rest = np.zeros(0, np.float32)
        self._at = 0  # index of the first sample of ``_rest`` in the recording
        self._begun = False
        self.loudest = 0.0

    def put(self, run: Run) -> None:
        at = round(run.start * RATE)
        if not self._begun or abs(at - (self._at + len(self._rest))) > HOP:
            first = -(-at // HOP) * HOP
            self._rest, self._at, self._begun = run.samples[max(0, first - at) :], first, True
        else:
            self._rest = np.concatenate([self._rest, run.samples])
        if len(run.samples):
            self.loudest = max(self.loudest, float(np.max(np.abs(run.samples))))
        while len(self._rest) >= WINDOW + HOP * (BLOCK - 1):
            self._take(BLOCK)
        if len(self._rest) >= WINDOW + HOP * (BLOCK // 8):
            self._take((len(self._rest) - WINDOW) // HOP + 1)

    def end(self) -> tuple[Flux, NDArray[np.bool_]]:
        """Return the flux from 0 s on, shape (BANDS, steps), and a mask of the steps with sound, shape (steps,)."""
        if len(self._rest) >= WINDOW:
            self._take((len(self._rest) - WINDOW) // HOP + 1)
        hops = max((first + len(levels) for first, levels in self._parts), default=0)
        found = np.zeros((BANDS, max(0, hops)), np.float32)
        heard = np.zeros(max(0, hops), bool)
        for first, levels in _joined(self._parts):
            rises = np.maximum(levels[LAG:] - levels[:-LAG], 0.0)
            begin = max(0, first + LAG)
            rises = rises[begin - (first + LAG) :]
            found[:, begin : begin + len(rises)] = rises.T
            heard[begin : begin + len(rises)] = True
        return _made_comparable(found, heard), heard

    def _take(self, windows: int) -> None:
        view = np.lib.stride_tricks.sliding_window_view(self._rest, WINDOW)[: HOP * (windows - 1) + 1 : HOP]
        spectra = fft.rfft(view * self._window, axis=1)
        power = spectra.real**2 + spectra.imag**2
        energies = np.add.reduceat(power[:, : self._bins[-1]], self._bins[:-1], axis=1) * self._scale
        self._parts.append((self._at // HOP, np.log(energies + FLOOR).astype(np.float32)))
        self._rest = self._rest[HOP * windows :]
        self._at += HOP * windows


def flux_of(runs: Iterable[Run]) -> tuple[Flux, NDArray[np.bool_]]:
    meter = FluxMeter()
    for run in runs:
        meter.put(run)
    return meter.end()


def is_silent(samples: Samples) -> bool:
    return not len(samples) or float(np.mean(samples.astype(np.float64) ** 2)) < FLOOR


def _joined(parts: list[tuple[int, NDArray[np.float32]]]) -> list[tuple[int, NDArray[np.float32]]]:
    found: list[tuple[int, list[NDArray[np.float32]]]] = []
    end = -1
    for first, levels in parts:
        if found and first == end:
            found[-1][1].append(levels)
        else:
            found.append((first, [levels]))
        end = first + len(levels)
    return [(first, np.concatenate(levels)) for first, levels in found if sum(map(len, levels)) > LAG]


def _made_comparable(flux: Flux, heard: NDArray[np.bool_]) -> Flux:
    around = round(AROUND_SECONDS / HOP_SECONDS)
    counts = np.maximum(_sums(heard.astype(np.float64), around), 1.0)
    for band in flux:
        values = band.astype(np.float64)
        mean = _sums(values, around) / counts
        spread = np.sqrt(np.maximum(_sums(values**2, around) / counts - mean**2, 0.0))
        band[:] = np.where(heard, np.clip((values - mean) / (spread + QUIET), -HIGHEST, HIGHEST), 0.0)
    return flux


def _sums(values: NDArray[np.float64], around: int) -> NDArray[np.float64]:
    total = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    return np.asarray(total[np.minimum(at + around + 1, len(values))] - total[np.maximum(at - around, 0)])
