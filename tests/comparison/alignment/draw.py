"""Small recordings with a drawn timer on a busy background; independent of the demo's renderer on purpose."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from tests.support.footage import write_pictures

Text = Callable[[float], str]


def minutes(value: float) -> str:
    """``M:SS`` of what is left of ``value`` when cut off."""
    whole = int(np.floor(max(0.0, value) + 1e-9))
    return f"{whole // 60}:{whole % 60:02d}"


@dataclass(frozen=True)
class Look:
    """Where and how the timer is drawn: fractions of the frame, height of digits in pixels."""

    x: float = 0.42
    y: float = 0.05
    digits: int = 16
    colour: tuple[int, int, int] = (255, 255, 255)
    panel: tuple[int, int, int] | None = (40, 30, 30)


def timer_crop(text: str, height: int = 40, look: Look | None = None) -> np.ndarray:
    """A crop as the reader gets it: one line of text, BGR."""
    look = look or Look()
    scale = height * 0.55 / 22
    (width, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, 2)
    image = np.full((height, width + 20, 3), look.panel or (90, 90, 90), np.uint8)
    cv2.putText(image, text, (10, (height + high) // 2), cv2.FONT_HERSHEY_DUPLEX, scale, look.colour, 2, cv2.LINE_AA)
    return image


def draw_clip(
    path: Path, text: Text, seconds: float, fps: Fraction = Fraction(30), *, size: tuple[int, int] = (320, 180),
    look: Look | None = None, gop: int = 30, seed: int = 0,
) -> Path:  # fmt: skip
    """Write a clip in which frame n shows ``text(n / fps)``; returns ``path``."""
    look = look or Look()
    rng = np.random.default_rng(seed)
    width, height = size
    noise = rng.integers(0, 255, (height // 8 + 8, width // 8 + 40, 3), dtype=np.uint8)
    world = cv2.resize(noise, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
    scale = look.digits / 22
    left, top = int(look.x * width), int(look.y * height)

    def picture(number: int) -> np.ndarray:
        image = world[:height, number % 200 : number % 200 + width].copy()
        if shown := text(float(number / fps)):
            (wide, high), _ = cv2.getTextSize(shown, cv2.FONT_HERSHEY_DUPLEX, scale, 1)
            if look.panel is not None:
                cv2.rectangle(image, (left - 6, top - 5), (left + wide + 6, top + high + 6), look.panel, -1)
            origin = (left, top + high)
            cv2.putText(image, shown, origin, cv2.FONT_HERSHEY_DUPLEX, scale, look.colour, 1, cv2.LINE_AA)
        return image

    return write_pictures(path, map(picture, range(int(seconds * fps))), fps=fps, gop=gop)
