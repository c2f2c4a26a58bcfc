"""Reconstruction of the background behind text.

Dense optical flow (DIS, Kroeger et al. 2016) finds hidden pixels in other frames, as in flow-guided completion (Xu et
al. 2019, arXiv:1905.02884). Normalised convolution (Knutsson and Westin 1993) fills the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from media_app.av.frames import Image

MIN_SIDE = 96
HALF = 0.5
# Difference, in grey levels, at which a frame's weight is 1/8. The colour of a pixel under text is a weighted mean of
# its colours in other frames; frames that differ more from the repaired frame around the pixel weigh less. The
# difference is the RMS after subtraction of the mean difference.
TOLERANCE = 7.0
MIN_SHARE = 0.05
ENOUGH = 0.5
MIN_WEIGHT = 0.08
KNOWN_SHARE = 0.96
SEEN = 250
SOFT = 2.5
SPREAD = (5, 15, 45)

Mask = NDArray[np.uint8]
Plane = NDArray[np.float32]
Flow = NDArray[np.float32]


@dataclass
class View:
    """A part of a frame. image: BGR. hidden: 255 under text."""

    image: Image
    hidden: Mask

    @cached_property
    def seen(self) -> Mask:
        return np.asarray(cv2.bitwise_not(self.hidden), np.uint8)

    @cached_property
    def small(self) -> Plane:
        return np.asarray(cv2.resize(self.image, self._size, interpolation=cv2.INTER_AREA), np.float32)

    @cached_property
    def known(self) -> Plane:
        return np.asarray(cv2.resize(self.seen, self._size, interpolation=cv2.INTER_AREA) > SEEN, np.float32)

    @cached_property
    def plain(self) -> Mask:
        grey = cv2.cvtColor(self.small, cv2.COLOR_BGR2GRAY)
        return np.clip(_spread(grey, self.known), 0, 255).astype(np.uint8)

    @cached_property
    def thickness(self) -> float:
        return 2 * float(cv2.distanceTransform(self.hidden, cv2.DIST_L2, 3).max())

    @property
    def _size(self) -> tuple[int, int]:
        height, width = self.hidden.shape
        return max(16, round(width * HALF)), max(16, round(height * HALF))


class Background:
    def __init__(self, now: View) -> None:
        self.now = now
        self._rows, self._columns = (places.astype(np.float32) for places in np.nonzero(now.hidden))
        self._at = np.nonzero(now.hidden)
        self._sum = np.zeros((len(self._rows), 3), np.float32)
        self._weight = np.zeros(len(self._rows), np.float32)
        self._window = max(5, round(now.thickness * 1.5 * HALF)) | 1

    @property
    def open(self) -> NDArray[np.bool_]:
        """Return a mask of the pixels under text that are still unknown."""
        left = np.zeros(self.now.hidden.shape, bool)
        left[self._at] = self._weight < ENOUGH
        return left

    @property
    def is_known(self) -> bool:
        return bool(np.count_nonzero(self._weight < ENOUGH) <= (1 - KNOWN_SHARE) * len(self._weight))

    def add(self, other: View, guess: Flow | None = None) -> None:
        """Add the pixels that the text hides in this frame and that another frame shows.

        guess: first estimate of the motion, see :func:`motion`.
        """
        flow = motion(self.now, other, guess)
        trust, offset = self._compared(other, flow)
        height, width = self.now.hidden.shape
        scale = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
        moved = self._here(flow) * scale
        x, y = self._columns + moved[:, 0], self._rows + moved[:, 1]
        found = _sampled(other.image, x, y, cv2.BORDER_REPLICATE)
        shown = _sampled(other.seen, x, y, cv2.BORDER_CONSTANT)
        weight = np.where(shown >= SEEN, self._here(trust), 0).astype(np.float32)
        self._sum += weight[:, None] * (found + self._here(offset))
        self._weight += weight

    def picture(self) -> Image:
        seen = self._weight >= MIN_WEIGHT
        picture = self.now.image.copy()
        rows, columns = self._at
        values = self._sum[seen] / self._weight[seen][:, None]
        picture[rows[seen], columns[seen]] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
        if not seen.all():
            known = np.ones(self.now.hidden.shape, np.float32)
            known[rows[~seen], columns[~seen]] = 0
            whole = _spread(picture, known)
            # ``_spread`` fills pixels with means of square windows. Blur these pixels, to hide the windows' edges.
            soft = cv2.GaussianBlur(whole, (0, 0), SOFT)
            picture = np.clip(np.rint(np.where(known[..., None] > 0, whole, soft)), 0, 255).astype(np.uint8)
        return picture

    def _compared(self, other: View, flow: Flow) -> tuple[Plane, NDArray[np.float32]]:
        height, width = flow.shape[:2]
        columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        x, y = columns + flow[..., 0], rows + flow[..., 1]
        found = cv2.remap(other.small, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        shown = cv2.remap(other.known, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
        both = np.asarray(shown > 0.98, np.float32) * self.now.known
        difference = (self.now.small - found) * both[..., None]
        share = self._mean(both) + 1e-4
        offset = self._mean(difference) / share[..., None]
        rest = cv2.cvtColor(difference - offset * both[..., None], cv2.COLOR_BGR2GRAY)
        error = self._mean(rest * rest) / share
        trust = np.where(share > MIN_SHARE, 1.0 / (1.0 + error / TOLERANCE**2), 0.0) ** 3
        return np.asarray(trust, np.float32), np.asarray(offset, np.float32)

    def _here(self, values: Plane) -> NDArray[np.float32]:
        height, width = self.now.hidden.shape
        down, across = values.shape[0] / height, values.shape[1] / width
        x, y = (self._columns + 0.5) * across - 0.5, (self._rows + 0.5) * down - 0.5
        return np.asarray(_sampled(values, x.astype(np.float32), y.astype(np.float32), cv2.BORDER_REPLICATE))

    def _mean(self, values: Any) -> Any:
        return cv2.blur(values, (self._window, self._window))


def motion(now: View, other: View, guess: Flow | None = None) -> Flow:
    """Return the background's motion to ``other``, in pixels of the half-size picture, shape (h, w, 2)."""
    estimate: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    height, width = now.plain.shape
    # The optical flow of OpenCV 5.0 reads out of bounds in small pictures, so extend sides below ``MIN_SIDE`` pixels.
    down, right = (max(0, MIN_SIDE - side) for side in (height, width))
    pictures = (cv2.copyMakeBorder(view.plain, 0, down, 0, right, cv2.BORDER_REPLICATE) for view in (now, other))
    begin = None if guess is None else np.pad(guess, ((0, down), (0, right), (0, 0)), mode="edge")
    return _spread(estimate.calc(*pictures, begin)[:height, :width], now.known)


def _sampled(image: NDArray[Any], x: Plane, y: Plane, border: int) -> NDArray[Any]:
    count, across = len(x), 1024
    # Arrange the pixels in rows of 1024, because OpenCV can remap at most 32 767 pixels per row.
    x, y = (np.pad(places, (0, -count % across)).reshape(-1, across) for places in (x, y))
    values = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=border, borderValue=0)
    return values.reshape(-1, *image.shape[2:])[:count]


def _spread(values: NDArray[Any], weight: Plane) -> NDArray[np.float32]:
    filled = (values * weight.reshape(*weight.shape, *(1,) * (values.ndim - 2))).astype(np.float32)
    known = weight.copy()
    for side in SPREAD:
        if known.min() > 0:
            return filled
        share = cv2.blur(known, (side, side))
        fresh = np.nonzero((known == 0) & (share > 1e-3))
        divisor = (share[fresh] + 1e-6).reshape(-1, *(1,) * (values.ndim - 2))
        filled[fresh] = cv2.blur(filled, (side, side))[fresh] / divisor
        known[fresh] = 1
    if known.min() == 0 and known.max() > 0:
        filled[known == 0] = filled[known > 0].mean(axis=0)
    return filled
