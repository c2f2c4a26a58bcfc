"""Sample-exact time-stretching at constant pitch: WSOLA (Verhelst and Roelands, ICASSP 1993)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from media_app.av.audio_splice import Samples
from sessions_app.prosync.engine.audio.stored import SampleFile

HOP_SECONDS = 0.012
# Maximum seconds by which a piece of sound is moved so that its waveform fits the previous piece.
SEARCH_SECONDS = 0.007
COARSE = 4
FAR = 0.1
QUIET = 1e-9


class _Lengths(NamedTuple):
    hop: int
    search: int


def stretched(sound: SampleFile, count: int, rate: int) -> Iterator[Samples]:
    lengths = _Lengths(round(HOP_SECONDS * rate), round(SEARCH_SECONDS * rate) // COARSE * COARSE)
    hop = lengths.hop
    window = np.asarray(0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop), np.float32)
    ratio = sound.count / count
    place = 0
    tail = sound.piece(-hop, 2 * hop)[:, hop:] * window[hop:]
    for number, at in enumerate(range(0, count, hop), 1):
        nominal = round(number * hop * ratio)
        likely = sound.piece(place, 2 * hop)
        around = sound.piece(nominal - hop - lengths.search, 2 * (hop + lengths.search))
        place = nominal + _shift(likely, around, lengths)
        piece = sound.piece(place - hop, 2 * hop) * window
        yield (tail + piece[:, :hop])[:, : count - at]
        tail = piece[:, hop:]


def _shift(likely: Samples, around: Samples, lengths: _Lengths) -> int:
    wanted, seen = likely.sum(axis=0, dtype=np.float64), around.sum(axis=0, dtype=np.float64)
    if np.square(wanted).mean() < QUIET or np.square(seen).mean() < QUIET:
        return 0
    size = len(wanted) // COARSE * COARSE
    coarse = [one[: len(one) // COARSE * COARSE].reshape(-1, COARSE).mean(axis=1) for one in (wanted[:size], seen)]
    near = COARSE * int(np.argmax(_likeness(coarse[0], coarse[1]) - _farness(lengths)))
    first = max(0, near - COARSE)
    fine = seen[first : near + COARSE + len(wanted)]
    return first + int(np.argmax(_likeness(wanted, fine))) - lengths.search


@lru_cache
def _farness(lengths: _Lengths) -> NDArray[np.float64]:
    """Return a penalty for each shift, so that the smallest shift is chosen where several fit equally well.

    In a pure tone, shifts by complete periods fit equally well.
    """
    places = np.arange(-lengths.search, lengths.search + 1, COARSE) / lengths.search
    return np.asarray(FAR * np.square(places), np.float64)


def _likeness(wanted: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.float64]:
    energy = np.concatenate([[0.0], np.cumsum(np.square(seen))])
    energy = energy[len(wanted) :] - energy[: -len(wanted)]
    found = np.correlate(seen, wanted, "valid") / np.sqrt(np.maximum(energy, 0.0) + QUIET * len(wanted))
    return np.asarray(found, np.float64)
