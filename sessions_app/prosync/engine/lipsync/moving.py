from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media_app.av.frames import Image
from media_app.av.source import Source
from sessions_app.prosync.engine.frame_patching.painting import Patch
from sessions_app.prosync.engine.lipsync.faces import Faces
from sessions_app.prosync.engine.lipsync.painting import Inside, drawn, repaint, seen
from sessions_app.prosync.engine.lipsync.shape import Mouth, habit, mouths, wanted
from sessions_app.prosync.engine.lipsync.speech import Drive, drive
from sessions_app.prosync.engine.lipsync.survey import KEPT, LEFT_EYE, RIGHT_EYE, Face, FaceNotUsable, Track, follow

FADE_FRAMES = 4
SAME_FRAME = 4e-3
MIDDLES = (13, 14)  # mesh points in the middle of the inner lip edges
MIN_SIDE = 16
# Distances between the lips, as shares of the distance between the eyes. From SHOWS_INSIDE on, the mouth's
# inside is visible; from ENOUGH_INSIDE on, completely. Above TOO_WIDE, the mouth is too wide open for speech.
SHOWS_INSIDE = 0.06
ENOUGH_INSIDE, TOO_WIDE = 0.13, 0.2
DARK_COUNTS = 0.8


@dataclass(frozen=True, slots=True)
class Moved:
    """The result of a mouth painter. moved: number of repainted frames.

    own_inside: False if the mouth's inside is drawn instead of copied from the video.
    """

    frames: int
    moved: int
    own_inside: bool


class MouthPainter:
    """A :class:`sessions_app.prosync.engine.frame_patching.painting.Painter` of mouths. An object serves one pass
    over the frames, because it counts the frames to fade in."""

    def __init__(self, start: float, track: Track, found: Sequence[Mouth | None], inside: Inside, sound: Drive) -> None:
        self.start, self.times = start, track.times
        self.found, self.own, self.inside, self.sound = found, habit(found), inside, sound
        self.asked = 0

    @property
    def moved(self) -> Moved:
        return Moved(len(self.found), sum(mouth is not None for mouth in self.found), not self.inside.is_drawn)

    def paint(self, image: Image, seconds: float) -> Sequence[Patch]:
        number = int(np.argmin(np.abs(self.times - seconds)))
        if abs(self.times[number] - seconds) > SAME_FRAME:
            return []
        self.asked += 1
        mouth = self.found[number]
        if mouth is None:
            return []
        weight = min(mouth.trust, self.asked / FADE_FRAMES)
        opening, spread = self.sound.at(seconds - self.start)
        patch = repaint(image, mouth, wanted(mouth, self.own, opening, spread, weight), self.inside, weight)
        return [] if patch is None else [patch]


def mouth_painter(
    source: Source, start: float, end: float, samples: NDArray[np.float32], rate: int, *, faces: Faces, threads: int = 1
) -> MouthPainter:
    """Return a painter for ``start`` to ``end`` (seconds). Raise :class:`FaceNotUsable`.

    samples: new mono sound from ``start``, -1 to 1, at ``rate`` Hz.
    """
    best = _BestInside()
    faces.forget()
    track = follow(source.path, start, end, faces, threads=threads, on_face=best.see)
    found = mouths(track, FADE_FRAMES)
    if len(found) <= 2 * FADE_FRAMES:
        raise FaceNotUsable("The segment is too short for lip-sync.")
    if not any(found):
        raise FaceNotUsable("The face cannot be tracked through the segment.")
    return MouthPainter(start, track, found, best.inside(track, found), drive(samples, rate))


class _BestInside:
    """Selection of the frame with the best view into the mouth: open as in speech, dark in the middle."""

    def __init__(self) -> None:
        self.best = 0.0
        self.time = -np.inf
        self.image: Image | None = None
        self.corner = (0, 0)

    def see(self, face: Face) -> None:
        left, right, upper, lower = (face.points[KEPT.index(n)] for n in (LEFT_EYE, RIGHT_EYE, *MIDDLES))
        eyes = max(1.0, float(np.linalg.norm(right - left)))
        opening = float(np.linalg.norm(lower - upper)) / eyes
        open_enough = min(opening, ENOUGH_INSIDE) / ENOUGH_INSIDE - max(0.0, opening - TOO_WIDE) / ENOUGH_INSIDE
        if opening < SHOWS_INSIDE or open_enough + DARK_COUNTS <= self.best:
            return
        middle = (upper + lower) / 2
        low = np.clip(np.floor(middle - 0.6 * eyes), 0, face.size).astype(int)
        high = np.clip(np.ceil(middle + 0.6 * eyes), 0, face.size).astype(int)
        if (high - low).min() < MIN_SIDE:
            return
        image = face.cut_out(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
        score = open_enough + DARK_COUNTS * (1 - _brightness(image, middle - low, opening * eyes))
        if score > self.best:
            self.best, self.time, self.image = score, face.picture.time, image
            self.corner = (int(low[0]), int(low[1]))

    def inside(self, track: Track, found: Sequence[Mouth | None]) -> Inside:
        mouth = found[int(np.argmin(np.abs(track.times - self.time)))] if self.image is not None else None
        if self.image is None or mouth is None:
            return drawn()
        return seen(self.image, self.corner, mouth)


def _brightness(image: Image, middle: NDArray[np.float32], opening: float) -> float:
    column, row = (round(float(value)) for value in middle)
    high, wide = max(1, round(opening / 6)), max(1, round(opening / 2))
    return float(image[max(0, row - high) : row + high + 1, max(0, column - wide) : column + wide + 1].mean()) / 255
