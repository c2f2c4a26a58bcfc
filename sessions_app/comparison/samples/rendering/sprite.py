from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Color = tuple[int, int, int]


@dataclass(frozen=True)
class Sprite:
    """A transparent picture, prepared for blending. color: BGR times alpha. keep: 255 - alpha, for each channel."""

    color: Image
    keep: Image

    @property
    def size(self) -> tuple[int, int]:
        return self.color.shape[1], self.color.shape[0]

    @classmethod
    def from_bgra(cls, bgr: Image, alpha: Image) -> "Sprite":
        wide = np.repeat(alpha[:, :, None], 3, axis=2)
        return cls(np.asarray(cv2.multiply(bgr, wide, scale=1 / 255), np.uint8), 255 - wide)

    def blend(self, frame: Image, x: int, y: int) -> None:
        height, width = self.color.shape[:2]
        left, top = max(0, x), max(0, y)
        right, bottom = min(frame.shape[1], x + width), min(frame.shape[0], y + height)
        if left >= right or top >= bottom:
            return
        cut = (slice(top - y, bottom - y), slice(left - x, right - x))
        roi = frame[top:bottom, left:right]
        cv2.multiply(roi, self.keep[cut], roi, scale=1 / 255)
        cv2.add(roi, self.color[cut], roi)


class Canvas:
    def __init__(self, width: int, height: int) -> None:
        self.bgr: Image = np.zeros((height, width, 3), np.uint8)
        self.alpha: Image = np.zeros((height, width), np.uint8)

    def box(self, x: int, y: int, width: int, height: int, color: Color, opacity: float = 1.0) -> None:
        cv2.rectangle(self.bgr, (x, y), (x + width - 1, y + height - 1), color, -1)
        cv2.rectangle(self.alpha, (x, y), (x + width - 1, y + height - 1), (round(255 * opacity),), -1)

    def polygon(self, points: Sequence[tuple[float, float]], color: Color, opacity: float = 1.0) -> None:
        corners = np.array([[round(px * 16), round(py * 16)] for px, py in points], np.int32)
        cv2.fillPoly(self.bgr, [corners], color, cv2.LINE_AA, 4)
        cv2.fillPoly(self.alpha, [corners], (round(255 * opacity),), cv2.LINE_AA, 4)

    def paint(self, mask: Image, color: Color, opacity: float = 1.0) -> None:
        """Paint `color` over the picture. mask: opacity of each pixel, uint8, h x w."""
        weight = mask.astype(np.float32)[:, :, None] * (opacity / 255)
        old = self.alpha.astype(np.float32)[:, :, None] / 255
        total = weight + old * (1 - weight)
        mixed = np.array(color, np.float32) * weight + self.bgr.astype(np.float32) * old * (1 - weight)
        self.bgr = (mixed / np.maximum(total, 1e-6)).astype(np.uint8)
        self.alpha = (total[:, :, 0] * 255 + 0.5).astype(np.uint8)

    def sprite(self, width: int | None = None, height: int | None = None) -> Sprite:
        if width is None or height is None:
            return Sprite.from_bgra(self.bgr, self.alpha)
        full = Sprite.from_bgra(self.bgr, self.alpha)
        color = cv2.resize(full.color, (width, height), interpolation=cv2.INTER_AREA)
        keep = cv2.resize(full.keep, (width, height), interpolation=cv2.INTER_AREA)
        return Sprite(np.asarray(color, np.uint8), np.asarray(keep, np.uint8))


@lru_cache(maxsize=8)
def _face(name: str) -> Any:
    return cv2.FontFace(name)


@lru_cache(maxsize=512)
def advance(text: str, font: str, size: int, weight: int) -> int:
    return int(cv2.getTextSize((1, 1), text, (0, 0), _face(font), size, weight)[2])


def write(image: Image, text: str, x: int, y: int, font: str, size: int, weight: int, color: Color) -> None:
    """Write `text` with its baseline starting at (x, y). size: pixels. weight: 100 to 900."""
    if image.ndim == 3:
        cv2.putText(image, text, (x, y), color, _face(font), size, weight)
        return
    wide = np.zeros((*image.shape, 3), np.uint8)
    cv2.putText(wide, text, (x, y), (255, 255, 255), _face(font), size, weight)
    np.maximum(image, wide[:, :, 0], out=image)
