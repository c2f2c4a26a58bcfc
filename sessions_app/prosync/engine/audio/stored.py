"""Samples that lie in a file, so that an hour of them takes no memory; decodes and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from media_app.av.audio_splice import Samples

HELD = 1 << 18  # samples: so few are held in memory


class Stored:
    """float32, channel by channel, shape (channels, count) as it is given out."""

    def __init__(self, path: Path, channels: int) -> None:
        self.path = path
        self.channels = channels
        self.count = path.stat().st_size // (4 * channels)
        self._held = self._read(0, self.count) if self.count <= HELD else None

    @classmethod
    def write(cls, path: Path, runs: Iterable[Samples], channels: int) -> Stored:
        """Keep ``runs`` in the file. Raises OSError."""
        with path.open("wb") as file:
            for samples in runs:
                file.write(np.ascontiguousarray(samples.T, np.float32).tobytes())
        return cls(path, channels)

    def piece(self, first: int, count: int) -> Samples:
        """Samples from ``first`` on, silence outside of what is there."""
        begin, end = max(0, first), min(self.count, first + count)
        if end - begin == count:
            return self._between(begin, end)
        found = np.zeros((self.channels, count), np.float32)
        if begin < end:
            found[:, begin - first : end - first] = self._between(begin, end)
        return found

    def at(self, numbers: NDArray[np.int64]) -> Samples:
        """The samples of these numbers, which run on or back, and jump now and then."""
        if self._held is not None:
            return self._held[:, numbers]
        jumps = np.flatnonzero(np.abs(np.diff(numbers)) > 1) + 1
        return np.concatenate([self._along(part) for part in np.split(numbers, jumps)], axis=1)

    def _along(self, numbers: NDArray[np.int64]) -> Samples:
        first = int(numbers.min())
        return self._between(first, int(numbers.max()) + 1)[:, numbers - first]

    def _between(self, begin: int, end: int) -> Samples:
        return self._read(begin, end) if self._held is None else self._held[:, begin:end]

    def _read(self, begin: int, end: int) -> Samples:
        wanted = (end - begin) * self.channels
        flat = np.fromfile(self.path, np.float32, wanted, offset=4 * begin * self.channels)
        return np.ascontiguousarray(flat.reshape(-1, self.channels).T)
