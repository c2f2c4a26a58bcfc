"""One line of text from the frame in which it appears to the one in which it is gone; knows no files.

It is followed by its strokes alone: the picture between them is a ground that may move. What is compared is how much
brighter or darker each stroke is than its surroundings (normalised cross-correlation), which a fade does not change.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from media_app.av.frames import Image
from sessions_app.prosync.engine.text_removal.region import Region

Grey = NDArray[np.uint8]
PRESENT = 0.35  # correlation of strokes that are there, at least; those that are not reach 0.2
OTHER = 0.55  # of the usual correlation: below it another line stands in the same place
STRAY = 0.85  # of the usual correlation: below it a wider search is worth its time
NEAR, FAR = 1, 10  # pixels searched around where it is expected
STEADY = 0.75  # pixels that a line at rest may seem to move
FAINT = 2.5  # levels of grey by which strokes stand out on average: those of less cannot be followed
STRAIGHT = 1.25  # pixels by which one that goes straight on may be off
MIN_FRAMES = 3  # in which a line is seen: less is a mistake
KEPT = 6  # pictures of a line from which its strokes are told


@dataclass(slots=True)
class Sighting:
    """A picture of a line and its surroundings. ground: where no text is, bool, shape (h, w)."""

    image: Image
    line: NDArray[np.bool_]
    ground: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A line of text in a video. start, end: seconds of its first frame and of the first without it.

    region: of its strokes' mask where it was first seen, pixels of the displayed picture. mask: PNG, 255 on the
    strokes. times, shifts: it stands so many pixels right of and below ``region`` from each of these seconds on.
    appears, vanishes: whether the frames before and after it were seen, and are without it.
    """

    start: float
    end: float
    region: Region
    mask: bytes
    times: tuple[float, ...]
    shifts: tuple[tuple[int, int], ...]
    appears: bool
    vanishes: bool

    def place(self, seconds: float) -> Region:
        """Where its mask lies at a time; before and after its own times where it was first and last."""
        number = bisect_right(self.times, seconds + 1e-6) - 1
        return self.region.moved(*self.shifts[max(0, number)])

    @property
    def extent(self) -> Region:
        """All places that it passes."""
        whole = self.region.moved(*self.shifts[0])
        for shift in self.shifts[1:]:
            whole = whole.around(self.region.moved(*shift))
        return whole

    @property
    def is_still(self) -> bool:
        """Whether it stays where it is."""
        return len(self.shifts) == 1


class Pattern:
    """The strokes of one line as they are looked for in other frames; in pixels of the searched picture."""

    def __init__(self, grey: Grey, region: Region, mask: NDArray[np.uint8]) -> None:
        self.region = region
        self._reach = max(3, region.height // 2) | 1
        relief = self._relief(grey, region)
        strokes = np.where(mask > 0, relief, 0).astype(np.float32)
        self._rows = cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0
        self._strokes = strokes
        self._values = strokes[self._rows]
        self._norm = float(np.linalg.norm(self._values))
        self.likeness = self._score(relief)  # to the picture that it comes from

    @property
    def is_usable(self) -> bool:
        """Whether there is anything to be followed."""
        return bool(self._norm > FAINT * max(1, len(self._values)) ** 0.5)

    def find(self, grey: Grey, x: float, y: float, reach: int) -> tuple[float, float, float]:
        """The best correlation within ``reach`` pixels of a place, and that place: right of and below the first."""
        at = self.region.moved(round(x), round(y)).grown(reach)
        relief = self._relief(grey, at)
        if reach > 2 * NEAR:
            _, _, _, (column, row) = cv2.minMaxLoc(cv2.matchTemplate(relief, self._strokes, cv2.TM_CCORR_NORMED))
            return self.find(grey, round(x) + column - reach, round(y) + row - reach, NEAR)
        width, height, side = self.region.width, self.region.height, 2 * reach + 1
        scores = np.array(
            [[self._score(relief[top : top + height, left : left + width]) for left in range(side)]
             for top in range(side)], np.float64,
        )  # fmt: skip
        down, right = divmod(int(scores.argmax()), side)
        across, along = _peak(scores[down], right), _peak(scores[:, right], down)
        return float(scores[down, right]), round(x) + right - reach + across, round(y) + down - reach + along

    def _score(self, relief: NDArray[np.float32]) -> float:
        values = relief[self._rows]
        norm = float(np.linalg.norm(values)) * self._norm
        return float(values @ self._values) / norm if norm > 0 else 0.0

    def _relief(self, grey: Grey, region: Region) -> NDArray[np.float32]:
        """How much brighter each pixel is than its surroundings; beyond its edge the picture is continued."""
        height, width = grey.shape
        whole = region.grown(self._reach)
        inner = whole.inside(width, height)
        if inner.is_empty:
            return np.zeros((region.height, region.width), np.float32)
        part = cv2.copyMakeBorder(
            grey[inner.slices], inner.y - whole.y, whole.bottom - inner.bottom, inner.x - whole.x,
            whole.right - inner.right, cv2.BORDER_REPLICATE,
        ).astype(np.float32)  # fmt: skip
        relief: NDArray[Any] = part - cv2.blur(part, (2 * self._reach + 1, 2 * self._reach + 1))
        return np.asarray(relief[self._reach : -self._reach, self._reach : -self._reach], np.float32)


@dataclass(slots=True)
class Track:
    """A line that is being followed. places: seconds, and pixels right of and below its first place, by time."""

    pattern: Pattern
    places: list[tuple[float, float, float]]
    sightings: list[Sighting] = field(default_factory=list)
    origin: tuple[int, int] = (0, 0)  # of the sightings on the displayed picture
    end: float | None = None
    appears: bool = False
    _usual: float = field(init=False)

    def __post_init__(self) -> None:
        self._usual = self.pattern.likeness

    def follow(self, grey: Grey, seconds: float, *, backward: bool = False) -> bool:
        """Look for it in the next frame, or the one before the first; False where it is not there."""
        x, y = self._expected(backward)
        score, right, down = self.pattern.find(grey, x, y, NEAR)
        if score < STRAY * self._usual:
            wide = self.pattern.find(grey, x, y, FAR)
            if wide[0] > score + 0.05:
                score, right, down = wide
        if score < max(PRESENT, OTHER * self._usual):
            return False
        # Behind a moving ground no score is like another.
        self._usual += 0.2 * (score - self._usual)
        self.places.insert(0 if backward else len(self.places), (seconds, right, down))
        return True

    def see(self, sighting: Sighting) -> None:
        """Keep a picture of it, if there are not enough; of many the half is kept, so that they lie apart."""
        self.sightings.append(sighting)
        if len(self.sightings) > KEPT:
            del self.sightings[1::2]

    @property
    def region(self) -> Region:
        """Where it was last seen."""
        _, x, y = self.places[-1]
        return self.pattern.region.moved(round(x), round(y))

    @property
    def is_overlay(self) -> bool:
        """Whether it rests or goes straight on, at one speed: what is part of the scene moves with the camera."""
        if len(self.places) < MIN_FRAMES:
            return False
        times, x, y = np.array(self.places).T
        times = times - times.mean()
        for values in (x, y):
            slope = float(times @ values) / float(times @ times)
            off = np.abs(values - values.mean() - slope * times)
            if np.percentile(off, 90) > STRAIGHT:
                return False
        return True

    def steady_places(self) -> list[tuple[float, float, float]]:
        """The places without what is only noise: a line at rest has one."""
        values = np.array([place[1:] for place in self.places])
        middle = np.median(values, axis=0)
        if np.percentile(np.abs(values - middle), 98) <= STEADY:
            return [(self.places[0][0], float(middle[0]), float(middle[1]))]
        return self.places

    def _expected(self, backward: bool) -> tuple[float, float]:
        """Where it goes if it goes on as it did."""
        ordered = self.places[:5] if backward else self.places[:-6:-1]
        _, x, y = ordered[0]
        if len(ordered) < 3:
            return x, y
        _, before_x, before_y = ordered[-1]
        steps = len(ordered) - 1
        return x + (x - before_x) / steps, y + (y - before_y) / steps


def _peak(scores: NDArray[np.float64], at: int) -> float:
    """How far from a sample the top of the parabola through it and its neighbours lies, −0.5 to 0.5."""
    if not 0 < at < len(scores) - 1:
        return 0.0
    left, middle, right = (float(value) for value in scores[at - 1 : at + 2])
    bend = left - 2 * middle + right
    return max(-0.5, min(0.5, (left - right) / (2 * bend))) if bend < 0 else 0.0
