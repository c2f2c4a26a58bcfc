"""Fitting of a sound to its segment's length, in modes named after sync.so's.

``cut_off`` and ``silence`` play the sound once, ``loop`` repeats it, ``bounce`` plays it forwards and backwards,
``remap`` stretches it at the same pitch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np

from media_app.av.audio_splice import Samples
from sessions_app.prosync.engine.audio.outcome import SoundFailed
from sessions_app.prosync.engine.audio.sounds import MAX_SECONDS, read
from sessions_app.prosync.engine.audio.stored import SampleFile
from sessions_app.prosync.engine.audio.stretch import stretched

Mode = Literal["cut_off", "loop", "bounce", "silence", "remap"]
MODES: tuple[Mode, ...] = get_args(Mode)
SEAM_SECONDS = 0.003  # seconds of the fade at a sound's ends, which prevents clicks
USUAL_STRETCH = (0.5, 2.0)


@dataclass(frozen=True, slots=True)
class Line:
    """A sound for one segment. start, end: seconds in the video.

    crop: start and end of the used part of the sound in seconds, or None for all.
    """

    start: float
    end: float
    sound: Path
    mode: Mode = "cut_off"
    crop: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A sound fitted to its segment.

    material: the used part of the sound, already stretched by the factor ``stretch``.
    """

    material: SampleFile
    mode: Mode
    count: int
    rate: int
    stretch: float = 1.0

    @property
    def own(self) -> int:
        return self.material.count

    @property
    def repeats(self) -> float:
        return max(1.0, self.count / self.own) if self.mode in ("loop", "bounce") else 1.0

    @property
    def silence(self) -> int:
        return 0 if self.mode in ("loop", "bounce") else max(0, self.count - self.own)

    def samples(self, first: int, count: int) -> Samples:
        """Return ``count`` samples from number ``first`` on. The range may extend beyond the segment's end."""
        seam = max(1, min(round(SEAM_SECONDS * self.rate), self.own // 2))
        if self.mode not in ("loop", "bounce"):
            found = self.material.piece(first, count)
            if first + count <= self.own - seam:
                return found
            left = self.own - np.arange(first, first + count)
            return found * np.clip(left / seam, 0.0, 1.0).astype(np.float32)
        at = np.arange(first, first + count)
        if self.mode == "bounce":
            at %= 2 * self.own
            return self.material.at(np.where(at < self.own, at, 2 * self.own - 1 - at))
        at %= self.own
        fade = np.minimum(1.0, np.minimum(at + 1, self.own - at) / seam).astype(np.float32)
        return self.material.at(at) * fade

    def runs(self) -> Iterator[Samples]:
        end = self.count - self.silence
        for first in range(0, end, self.rate):
            yield self.samples(first, min(self.rate, end - first))


class SampleCount(NamedTuple):
    samples: int
    tail: int = 0


def fit(
    lines: Sequence[Line], rooms: Sequence[SampleCount], rate: int, channels: int, folder: Path
) -> Iterator[Fitted]:
    """Yield each line's sound, fitted to its segment. Raises :class:`SoundFailed`, OSError.

    rooms: for each line, the length of its segment and the length of the crossfade after it (``tail``), in samples.
    """
    materials: dict[int, SampleFile] = {}
    for sound in dict.fromkeys(line.sound for line in lines):
        spans = {
            number: _span(line, room, rate)
            for number, (line, room) in enumerate(zip(lines, rooms, strict=True))
            if line.sound == sound
        }
        try:
            materials.update(_store_used_parts(spans, read(sound, rate, channels), channels, folder))
        except SoundFailed as exc:
            raise SoundFailed(exc.type, exc.message, exc.line if exc.line is not None else min(spans)) from exc
    for number, (line, room) in enumerate(zip(lines, rooms, strict=True)):
        material = materials[number]
        if line.mode != "remap" or abs(material.count - room.samples) <= 1:
            yield Fitted(material, line.mode, room.samples, rate)
            continue
        made = SampleFile.write(folder / f"stretched-{number}", stretched(material, room.samples, rate), channels)
        yield Fitted(made, line.mode, room.samples, rate, room.samples / material.count)


def _span(line: Line, room: SampleCount, rate: int) -> tuple[int, int]:
    begin, end = line.crop or (0.0, MAX_SECONDS)
    first, last = round(begin * rate), round(end * rate)
    most = first + room.samples + room.tail + round(SEAM_SECONDS * rate)
    return first, last if line.mode == "remap" else min(last, most)


def _store_used_parts(
    spans: Mapping[int, tuple[int, int]], runs: Iterator[Samples], channels: int, folder: Path
) -> dict[int, SampleFile]:
    with ExitStack() as stack:
        files = {number: stack.enter_context((folder / f"sound-{number}").open("wb")) for number in spans}
        at = 0
        for samples in runs:
            for number, (first, last) in spans.items():
                if first < at + samples.shape[1] and last > at:
                    part = samples[:, max(0, first - at) : last - at]
                    files[number].write(np.ascontiguousarray(part.T).tobytes())
            at += samples.shape[1]
            if at >= max(last for _, last in spans.values()):
                break
    found = {number: SampleFile(folder / f"sound-{number}", channels) for number in spans}
    for number, material in found.items():
        if not material.count:
            message = "The selected part of the sound contains no audio. Choose another part."
            raise SoundFailed(SoundFailed.EMPTY, message, number)
    return found
