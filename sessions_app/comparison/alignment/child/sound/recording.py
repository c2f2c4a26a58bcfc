"""The sound of a recording: a few short probes are read first, and the complete sound only if needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import TracebackType
from typing import Self

import numpy as np

from sessions_app.comparison.alignment.child.sound.flux import BANDS, HOP_SECONDS, FluxMeter
from sessions_app.comparison.alignment.child.sound.search import KnownFlux
from sessions_app.comparison.alignment.child.sound.track import NoSound, Samples, SoundTrack

PROBES = 3
PROBE_SECONDS = 30.0
# maximum length of a recording that is read completely instead of in probes, seconds
SHORT_SECONDS = 2 * PROBES * PROBE_SECONDS
MIN_SECONDS = 1.0
QUIET = 10 ** (-66 / 20)  # maximum sample value of a silent recording; full scale is 1

OnShare = Callable[[float], None]


class Recording:
    """A context manager for the sound of a file, for one thread at a time.

    Raises :class:`media_app.av.container.MediaError` if the file is unreadable, and :class:`NoSound`.
    """

    def __init__(self, vod_id: str, path: str | os.PathLike[str]) -> None:
        self.vod_id = vod_id
        self.track = SoundTrack(path)
        self._whole: KnownFlux | None = None
        self._probes: KnownFlux | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.track.close()

    @property
    def duration(self) -> float:
        return len(self._whole.mask) * HOP_SECONDS if self._whole is not None else self.track.duration

    def read_all(self, on_share: OnShare | None = None) -> KnownFlux:
        """Return the flux of the complete sound. Raises :class:`NoSound` if it is silent or shorter than a second."""
        if self._whole is None:
            meter = FluxMeter()
            for run in self.track.runs():
                meter.put(run)
                if on_share is not None and self.track.duration > 0:
                    on_share(min(1.0, run.start / self.track.duration))
            found = KnownFlux(*meter.end())
            if found.seconds < MIN_SECONDS:
                raise NoSound("Less than a second of the sound can be decoded.")
            if meter.loudest < QUIET:
                raise NoSound("The sound track is silent.")
            self._whole = found
        return self._whole

    def read_probes(self) -> KnownFlux:
        if self._whole is not None or self.track.duration <= SHORT_SECONDS:
            return self.read_all()
        if self._probes is None:
            meter = FluxMeter()
            for number in range(PROBES):
                start = self.track.duration * (number + 0.5) / PROBES - PROBE_SECONDS / 2
                for run in self.track.runs(start, start + PROBE_SECONDS):
                    meter.put(run)
            if meter.loudest < QUIET:
                return self.read_all()
            flux, mask = meter.end()
            hops = max(len(mask), int(self.track.duration / HOP_SECONDS))
            padded = np.zeros((BANDS, hops), np.float32)
            padded[:, : len(mask)] = flux
            self._probes = KnownFlux(padded, np.concatenate([mask, np.zeros(hops - len(mask), bool)]))
        return self._probes

    def samples(self, start: float, seconds: float) -> tuple[Samples, float]:
        return self.track.samples(start, seconds)
