"""Tracking of one line of text through the frames of a video.

The background may move, so only the strokes' contrast is compared between frames. The measure, normalised
cross-correlation, does not change if the text fades.
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
PRESENT = 0.35  # minimum correlation at which a line counts as visible
# Limits of the correlation between a line of text and its picture in a frame, as fractions of the line's usual
# correlation. Below STRAY, the line is also searched further from its expected position. Below OTHER, the line has
# disappeared, or another line has replaced it.
OTHER = 0.55
STRAY = 0.85
NEAR, FAR = 1, 10
STEADY = 0.75
FAINT = 2.5
STRAIGHT = 1.25  # overlaid text deviates from even motion by at most this many pixels in 90 % of the frames
MIN_FRAMES = 3
KEPT = 6


@dataclass(slots=True)
class Sighting:
    """A picture of a line and its surroundings.

    - line: mask of the pixels in the line's box; bool, shape (h, w).
    - ground: mask of the pixels without text; bool, shape (h, w).
    """

    image: Image
    line: NDArray[np.bool_]
    ground: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A line of text.

    - start, end: seconds of the first frame with the line, and of the first frame after it.
    - region: bounds of the strokes in the frame in which the line was found, in displayed pixels.
    - mask: PNG of the region, 255 on strokes.
    - times: seconds of the start, and of each move of the line.
    - shifts: for each of ``times``, the line's (x, y) distance from ``region`` from then on, in pixels.
    - appears: whether the frame before ``start`` certainly lacks the line.
    - vanishes: whether the frame at ``end`` certainly lacks the line.
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
        number = bisect_right(self.times, seconds + 1e-6) - 1
        return self.region.moved(*self.shifts[max(0, number)])

    @property
    def extent(self) -> Region:
        whole = self.region.moved(*self.shifts[0])
        for shift in self.shifts[1:]:
            whole = whole.around(self.region.moved(*shift))
        return whole

    @property
    def is_still(self) -> bool:
        return len(self.shifts) == 1


class Pattern:
    def __init__(self, grey: Grey, region: Region, mask: NDArray[np.uint8]) -> None:
        self.region = region
        self._reach = max(3, region.height // 2) | 1
        relief = self._relief(grey, region)
        strokes = np.where(mask > 0, relief, 0).astype(np.float32)
        self._rows = cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0
        self._strokes = strokes
        self._values = strokes[self._rows]
        self._norm = float(np.linalg.norm(self._values))
        self.likeness = self._score(relief)

    @property
    def is_usable(self) -> bool:
        return bool(self._norm > FAINT * max(1, len(self._values)) ** 0.5)

    def find(self, grey: Grey, x: float, y: float, reach: int) -> tuple[float, float, float]:
        """Find the line at most ``reach`` pixels from (``x``, ``y``). Return (correlation, x, y) of the best match."""
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
    """A line of text that is being tracked.

    places: (seconds, x, y) for each frame. x, y: distance from ``pattern.region``, in pixels of the reduced frame.
    """

    pattern: Pattern
    places: list[tuple[float, float, float]]
    sightings: list[Sighting] = field(default_factory=list)
    end: float | None = None
    appears: bool = False
    _usual: float = field(init=False)

    def __post_init__(self) -> None:
        self._usual = self.pattern.likeness

    def follow(self, grey: Grey, seconds: float, *, backward: bool = False) -> bool:
        """Search for the line in the next frame, or the previous one if ``backward``."""
        x, y = self._expected(backward)
        score, right, down = self.pattern.find(grey, x, y, NEAR)
        if score < STRAY * self._usual:
            wide = self.pattern.find(grey, x, y, FAR)
            if wide[0] > score + 0.05:
                score, right, down = wide
        if score < max(PRESENT, OTHER * self._usual):
            return False
        self._usual += 0.2 * (score - self._usual)
        self.places.insert(0 if backward else len(self.places), (seconds, right, down))
        return True

    def see(self, sighting: Sighting) -> None:
        self.sightings.append(sighting)
        if len(self.sightings) > KEPT:
            del self.sightings[1::2]

    @property
    def region(self) -> Region:
        _, x, y = self.places[-1]
        return self.pattern.region.moved(round(x), round(y))

    @property
    def is_overlay(self) -> bool:
        """Return whether the line is still or moves evenly. Text on objects in the scene moves unevenly."""
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
        values = np.array([place[1:] for place in self.places])
        middle = np.median(values, axis=0)
        if np.percentile(np.abs(values - middle), 98) <= STEADY:
            return [(self.places[0][0], float(middle[0]), float(middle[1]))]
        return self.places

    def _expected(self, backward: bool) -> tuple[float, float]:
        ordered = self.places[:5] if backward else self.places[:-6:-1]
        _, x, y = ordered[0]
        if len(ordered) < 3:
            return x, y
        _, before_x, before_y = ordered[-1]
        steps = len(ordered) - 1
        return x + (x - before_x) / steps, y + (y - before_y) / steps


def _peak(scores: NDArray[np.float64], at: int) -> float:
    if not 0 < at < len(scores) - 1:
        return 0.0
    left, middle, right = (float(value) for value in scores[at - 1 : at + 2])
    bend = left - 2 * middle + right
    return max(-0.5, min(0.5, (left - right) / (2 * bend))) if bend < 0 else 0.0
