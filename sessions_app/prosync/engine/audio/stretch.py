"""Make a sound longer or shorter and keep its pitch, to the sample: WSOLA (Verhelst and Roelands, ICASSP 1993).

FFmpeg's ``atempo`` does the same, but what it gives back begins 10 to 35 ms too early and lacks its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from media_app.av.audio_splice import Samples
from sessions_app.prosync.engine.audio.stored import Stored

HOP_SECONDS = 0.012  # between the windows that are laid over each other; each is twice as long
SEARCH_SECONDS = 0.007  # by which a piece may be taken earlier or later: both ways together a period of 71 Hz
COARSE = 4  # samples that are taken together where the best place is sought first
FAR = 0.1  # by which the outermost place has to be more alike than the one in the middle
QUIET = 1e-9  # mean square below which there is nothing to be alike


class _Lengths(NamedTuple):
    """Samples."""

    hop: int
    search: int


def stretched(sound: Stored, count: int, rate: int) -> Iterator[Samples]:
    """``count`` samples in runs, each of them taken within :data:`SEARCH_SECONDS` of its place in ``sound``."""
    lengths = _Lengths(round(HOP_SECONDS * rate), round(SEARCH_SECONDS * rate) // COARSE * COARSE)
    hop = lengths.hop
    window = np.asarray(0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop), np.float32)
    ratio = sound.count / count
    place = 0
    tail = sound.piece(-hop, 2 * hop)[:, hop:] * window[hop:]
    for number, at in enumerate(range(0, count, hop), 1):
        nominal = round(number * hop * ratio)
        likely = sound.piece(place, 2 * hop)  # what would follow by itself
        around = sound.piece(nominal - hop - lengths.search, 2 * (hop + lengths.search))
        place = nominal + _shift(likely, around, lengths)
        piece = sound.piece(place - hop, 2 * hop) * window
        yield (tail + piece[:, :hop])[:, : count - at]
        tail = piece[:, hop:]


def _shift(likely: Samples, around: Samples, lengths: _Lengths) -> int:
    """By how much the piece in ``around`` that is most like ``likely`` lies behind the middle one."""
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
    """What a place has to be more alike by than the middle one: of a pure tone every period would do."""
    places = np.arange(-lengths.search, lengths.search + 1, COARSE) / lengths.search
    return np.asarray(FAR * np.square(places), np.float64)


def _likeness(wanted: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """The normalised correlation at each place."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(seen))])
    energy = energy[len(wanted) :] - energy[: -len(wanted)]
    found = np.correlate(seen, wanted, "valid") / np.sqrt(np.maximum(energy, 0.0) + QUIET * len(wanted))
    return np.asarray(found, np.float64)
