from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from media_app.av.audio_splice import Samples
from sessions_app.prosync.engine.audio.fitting import Fitted, Line

FADE_SECONDS = 0.015


@dataclass(frozen=True, slots=True)
class Position:
    """The position of a new sound, in samples after ``currentTime`` 0.

    - fade: number of samples faded at each end.
    - tail: number of samples of the crossfade into a sound that follows directly.
    - follows: whether this sound directly follows another sound.
    """

    first: int
    end: int
    fade: int
    tail: int = 0
    follows: bool = False

    @property
    def count(self) -> int:
        return self.end - self.first

    def is_alone(self, first: int, end: int) -> bool:
        return self.first + self.fade <= first and end <= self.end - (0 if self.tail else self.fade)


def positions_of(lines: Sequence[Line], rate: int) -> list[Position]:
    edges = [(first := round(line.start * rate), max(first + 1, round(line.end * rate))) for line in lines]
    fades = [min(round(FADE_SECONDS * rate), (end - first) // 2) for first, end in edges]
    touches = [*(end >= after for (_, end), (after, _) in pairwise(edges)), False]
    return [
        Position(first, end, fade, fades[number + 1] if touches[number] else 0, number > 0 and touches[number - 1])
        for number, ((first, end), fade) in enumerate(zip(edges, fades, strict=True))
    ]


@dataclass(frozen=True, slots=True)
class Voice:
    place: Position
    fitted: Fitted
    gain: float


def mixed(voices: Sequence[Voice], first: int, original: Samples) -> Samples:
    """Mix new sounds into ``original``, which starts at sample ``first``."""
    count = original.shape[1]
    near = [
        voice for voice in voices if voice.place.first < first + count and voice.place.end + voice.place.tail > first
    ]
    if not near:
        return original
    if len(near) == 1 and near[0].place.is_alone(first, first + count):
        return near[0].fitted.samples(first - near[0].place.first, count) * np.float32(near[0].gain)
    found = original.copy()
    for voice in near:
        found *= _original_weight(voice.place, np.arange(first, first + count))
    for voice in near:
        place = voice.place
        begin, end = max(first, place.first), min(first + count, place.end + place.tail)
        weight = _new_weight(place, np.arange(begin, end)) * np.float32(voice.gain)
        found[:, begin - first : end - first] += weight * voice.fitted.samples(begin - place.first, end - begin)
    return found


def _new_weight(place: Position, at: NDArray[np.int64]) -> NDArray[np.float32]:
    rises = np.clip((at - place.first + 0.5) / max(1, place.fade), 0, 1)
    if place.tail:
        falls = np.clip((place.end + place.tail - at - 0.5) / place.tail, 0, 1)
    else:
        falls = np.clip((place.end - at - 0.5) / max(1, place.fade), 0, 1)
    return np.asarray(np.sin(np.pi / 2 * rises) * np.sin(np.pi / 2 * falls), np.float32)


def _original_weight(place: Position, at: NDArray[np.int64]) -> NDArray[np.float32]:
    fade = max(1, place.fade)
    before = np.zeros(len(at)) if place.follows else np.clip(1 - (at - place.first + 0.5) / fade, 0, 1)
    behind = np.zeros(len(at)) if place.tail else np.clip(1 - (place.end - at - 0.5) / fade, 0, 1)
    inside = (at >= place.first) & (at < place.end)
    return np.asarray(np.where(inside, np.sin(np.pi / 2 * np.maximum(before, behind)), 1.0), np.float32)
