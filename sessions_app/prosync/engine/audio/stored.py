from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from media_app.av.audio_splice import Samples

HELD = 1 << 18


class SampleFile:
    """A file of interleaved float32 samples. Methods return shape (channels, n)."""

    def __init__(self, path: Path, channels: int) -> None:
        self.path = path
        self.channels = channels
        self.count = path.stat().st_size // (4 * channels)
        self._held = self._read(0, self.count) if self.count <= HELD else None

    @classmethod
    def write(cls, path: Path, runs: Iterable[Samples], channels: int) -> SampleFile:
        with path.open("wb") as file:
            for samples in runs:
                file.write(np.ascontiguousarray(samples.T, np.float32).tobytes())
        return cls(path, channels)

    def piece(self, first: int, count: int) -> Samples:
        """Return ``count`` samples from number ``first`` on; silence outside the file."""
        begin, end = max(0, first), min(self.count, first + count)
        if end - begin == count:
            return self._between(begin, end)
        found = np.zeros((self.channels, count), np.float32)
        if begin < end:
            found[:, begin - first : end - first] = self._between(begin, end)
        return found

    def at(self, numbers: NDArray[np.int64]) -> Samples:
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
