"""Blending of patches into decoded 4:2:0 frames. Other pixels stay as decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from sessions_app.prosync.engine.frame_patching.painting import Image, Patch

# Luma weights of red and blue, by number of the colour matrix (ITU-T H.273, table 4).
SHARES = {
    1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087),
    9: (0.2627, 0.0593), 10: (0.2627, 0.0593),
}  # fmt: skip
BT709, BT601 = 1, 6
HD_LINES = 720  # height from which a video without declared colours counts as BT.709, as in Chromium
SQUARE_ENOUGH = Fraction(1, 50)
TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}

Plane: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]
Box: TypeAlias = tuple[int, int, int, int]  # (left, top, right, bottom) in stored pixels, all even
STRIP = 64


@dataclass(frozen=True, slots=True)
class View:
    """The display geometry of stored pictures.

    width, height: stored pixels. rotation: clockwise degrees. ratio: width of a pixel divided by its height.
    """

    width: int
    height: int
    rotation: int
    ratio: Fraction

    @property
    def _stretched(self) -> int:
        is_square = abs(self.ratio - 1) < SQUARE_ENOUGH
        return self.width if is_square else max(1, round(self.width * self.ratio))

    def shown(self, stored: Image) -> Image:
        image = stored
        if self._stretched != self.width:
            image = np.asarray(cv2.resize(image, (self._stretched, self.height)), np.uint8)
        if self.rotation:
            image = np.asarray(cv2.rotate(image, TURNS[self.rotation]), np.uint8)
        image = image.view()
        image.flags.writeable = False
        return image

    def stored(self, patch: Patch) -> Patch:
        image, alpha = patch.image, patch.alpha
        height, width = alpha.shape
        x, y = patch.x, patch.y
        if self.rotation:
            back = TURNS[360 - self.rotation]
            image = np.asarray(cv2.rotate(image, back), np.uint8)
            alpha = np.asarray(cv2.rotate(alpha, back), np.float32)
            x, y = {
                90: (y, self.height - x - width),
                180: (self._stretched - x - width, self.height - y - height),
                270: (self._stretched - y - height, x),
            }[self.rotation]
            height, width = alpha.shape
        if self._stretched != self.width:
            scale = self.width / self._stretched
            left, right = round(x * scale), max(round(x * scale) + 1, round((x + width) * scale))
            image = np.asarray(cv2.resize(image, (right - left, height)), np.uint8)
            alpha = np.asarray(cv2.resize(alpha, (right - left, height)), np.float32)
            x = left
        return Patch(x, y, image, alpha)


class Blender:
    """Conversion of frames to BGR, and of patches to the frames' Y, Cb and Cr.

    matrix: number of the colour matrix in ITU-T H.273. full: True if black is 0 and white 255.
    """

    def __init__(self, view: View, matrix: int, *, full: bool) -> None:
        self.view = view
        known = matrix if matrix in SHARES else BT709 if view.height >= HD_LINES else BT601
        self._to_planes = _coefficients(*SHARES[known], full=full)
        inverse = np.linalg.inv(self._to_planes[:, :3])
        # FFmpeg's swscale would be faster, but darkens the picture visibly, by one level of luma.
        self._to_bgr = np.hstack([inverse, -inverse @ self._to_planes[:, 3:]])

    def stored(self, frame: VideoFrame) -> Image:
        luma, *chroma = (_rows(plane) for plane in frame.planes)
        size = (frame.width, frame.height)
        planes = cv2.merge((luma, *(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in chroma)))
        return np.asarray(cv2.transform(planes, self._to_bgr), np.uint8)

    def blend(self, frame: VideoFrame, stored: Image, patches: Sequence[Patch]) -> Image:
        """Blend patches into ``frame`` and return the changed BGR image. stored: the frame's unchanged BGR image.

        Raise ValueError if a patch's image and alpha differ in size.
        """
        frame.make_writable()
        planes = [_rows(plane) for plane in frame.planes]
        after = stored.copy()
        for patch in patches:
            if patch.image.shape != (*patch.alpha.shape, 3):
                raise ValueError("the image and the alpha mask of a patch differ in size")
            own = self.view.stored(patch)
            for box in _strips(own, after):
                self._blend(planes, after, own, box)
        return after

    def _blend(self, planes: list[Plane], after: Image, patch: Patch, box: Box) -> None:
        left, top, right, bottom = box
        was = after[top:bottom, left:right]
        image, alpha = was.copy(), np.zeros(was.shape[:2], np.float32)
        x0, y0 = max(patch.x, left), max(patch.y, top)
        x1, y1 = min(patch.x + patch.alpha.shape[1], right), min(patch.y + patch.alpha.shape[0], bottom)
        inside = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        own = np.s_[y0 - patch.y : y1 - patch.y, x0 - patch.x : x1 - patch.x]
        image[inside] = patch.image[own]
        # The conversion to BGR is lossy, so skip unchanged pixels.
        is_other = np.any(image[inside] != was[inside], axis=2)
        alpha[inside] = np.where(is_other, np.clip(patch.alpha[own], 0.0, 1.0), 0.0)
        if not alpha.any():
            return
        colours = np.asarray(cv2.transform(image.astype(np.float32), self._to_planes), np.float32)
        _mix(planes[0][top:bottom, left:right], colours[:, :, 0], alpha)
        coarse = _halved(alpha)
        weight = np.maximum(coarse, 1e-6)
        for plane, number in ((planes[1], 1), (planes[2], 2)):
            meant = np.asarray(_halved(colours[:, :, number] * alpha) / weight, np.float32)
            _mix(plane[top // 2 : bottom // 2, left // 2 : right // 2], meant, coarse)
        after[top:bottom, left:right] = np.rint(was + alpha[:, :, None] * (image.astype(np.float32) - was))


def _coefficients(red: float, blue: float, *, full: bool) -> Floats:
    """Return the matrix from (B, G, R, 1) to Y, Cb, Cr (ITU-T H.273, equations 32 to 43)."""
    luma = np.array([blue, 1 - red - blue, red])
    units = np.eye(3)
    rows = np.stack([luma, (units[0] - luma) / (2 * (1 - blue)), (units[2] - luma) / (2 * (1 - red))])
    scales = np.array([255.0, 255.0, 255.0] if full else [219.0, 224.0, 224.0]) / 255
    offsets = np.array([0.0 if full else 16.0, 128.0, 128.0])
    return np.asarray(np.hstack([rows * scales[:, None], offsets[:, None]]), np.float32)


def _rows(plane: Any) -> Plane:
    lines: Plane = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return lines[: plane.height, : plane.width]


def _strips(patch: Patch, picture: Image) -> Iterator[Box]:
    height, width = picture.shape[:2]
    left, top = max(0, patch.x), max(0, patch.y)
    right, bottom = min(width, patch.x + patch.alpha.shape[1]), min(height, patch.y + patch.alpha.shape[0])
    if left >= right or top >= bottom:
        return
    for first in range(top // 2 * 2, bottom, STRIP):
        yield left // 2 * 2, first, right + right % 2, min(first + STRIP, bottom + bottom % 2)


def _halved(values: Floats) -> Floats:
    height, width = values.shape
    return np.asarray(cv2.resize(values, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.float32)


def _mix(part: Plane, meant: Floats, alpha: Floats) -> None:
    part[...] = np.clip(np.rint(part + alpha * (meant - part)), 0, 255)
