"""Bring a given sound to the length of its segment, in one of five modes; mixes nothing.

The modes have the names that sync.so gives them. There they say what becomes of a video that is not as long as the
sound; here the picture stays, and the same is done to the sound: ``cut_off`` plays it once, cut at the end of the
segment, silence behind it where it is shorter; ``loop`` begins again; ``bounce`` plays it backwards and forwards;
``silence`` is ``cut_off`` said otherwise (the provider lets the video become as long as a longer sound, which a segment
cannot); ``remap`` stretches it to the segment's length and keeps its pitch (the provider stretches the picture).
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
from sessions_app.prosync.engine.audio.sounds import read
from sessions_app.prosync.engine.audio.stored import Stored
from sessions_app.prosync.engine.audio.stretch import stretched

Mode = Literal["cut_off", "loop", "bounce", "silence", "remap"]
MODES: tuple[Mode, ...] = get_args(Mode)
SEAM_SECONDS = 0.003  # of a fade where a sound ends or begins again, without which it clicks
MAX_SECONDS = 3600.0
USUAL_STRETCH = (0.5, 2.0)  # beyond it, it is heard


@dataclass(frozen=True, slots=True)
class Line:
    """What is to be heard in a segment. start, end: seconds in the video. sound: its file.

    crop: the part of the sound that is used, seconds from and to; None for all of it.
    """

    start: float
    end: float
    sound: Path
    mode: Mode = "cut_off"
    crop: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A sound that fits its segment. material: what is heard of it. count: samples of the segment.

    stretch: how much longer the material was made.
    """

    material: Stored
    mode: Mode
    count: int
    rate: int
    stretch: float = 1.0

    @property
    def own(self) -> int:
        """Samples of the material."""
        return self.material.count

    @property
    def repeats(self) -> float:
        """How often it is played; 1 in modes that play it once."""
        return max(1.0, self.count / self.own) if self.mode in ("loop", "bounce") else 1.0

    @property
    def silence(self) -> int:
        """Samples behind it."""
        return 0 if self.mode in ("loop", "bounce") else max(0, self.count - self.own)

    def samples(self, first: int, count: int) -> Samples:
        """``count`` samples of the segment from ``first`` on; behind its end it goes on as it would."""
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
        """What is heard in the segment, in runs, without the silence behind it."""
        end = self.count - self.silence
        for first in range(0, end, self.rate):
            yield self.samples(first, min(self.rate, end - first))


class Room(NamedTuple):
    """What a line has to fill. samples: of its segment. tail: samples that are wanted of it behind that."""

    samples: int
    tail: int = 0


def fit(lines: Sequence[Line], rooms: Sequence[Room], rate: int, channels: int, folder: Path) -> Iterator[Fitted]:
    """Fit each line's sound to its room, in their order.

    Every sound is decoded once. What is used of it lies in ``folder``, as float32. Raises :class:`SoundFailed` and
    OSError.
    """
    materials: dict[int, Stored] = {}
    for sound in dict.fromkeys(line.sound for line in lines):
        spans = {
            number: _span(line, room, rate)
            for number, (line, room) in enumerate(zip(lines, rooms, strict=True))
            if line.sound == sound
        }
        try:
            materials.update(_taken(spans, read(sound, rate, channels), channels, folder))
        except SoundFailed as exc:
            raise SoundFailed(exc.type, exc.message, exc.line if exc.line is not None else min(spans)) from exc
    for number, (line, room) in enumerate(zip(lines, rooms, strict=True)):
        material = materials[number]
        if line.mode != "remap" or abs(material.count - room.samples) <= 1:
            yield Fitted(material, line.mode, room.samples, rate)
            continue
        made = Stored.write(folder / f"stretched-{number}", stretched(material, room.samples, rate), channels)
        yield Fitted(made, line.mode, room.samples, rate, room.samples / material.count)


def _span(line: Line, room: Room, rate: int) -> tuple[int, int]:
    """The samples of its sound that a line can use."""
    begin, end = line.crop or (0.0, MAX_SECONDS)
    first, last = round(begin * rate), round(end * rate)
    # A little more than is heard: what is cut does not end there.
    most = first + room.samples + room.tail + round(SEAM_SECONDS * rate)
    return first, last if line.mode == "remap" else min(last, most)


def _taken(
    spans: Mapping[int, tuple[int, int]], runs: Iterator[Samples], channels: int, folder: Path
) -> dict[int, Stored]:
    """What some lines use of the one sound that they have in common."""
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
    found = {number: Stored(folder / f"sound-{number}", channels) for number in spans}
    for number, material in found.items():
        if not material.count:
            raise SoundFailed(SoundFailed.EMPTY, "The sound has nothing where it is to be used.", number)
    return found
