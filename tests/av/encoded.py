"""Small videos with known frames and sounds with known samples, for the tests of media."""

import wave
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import accumulate, cycle, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.footage import convert, write_pictures

LEVELS = 16  # frame n is grey level 12 × (n mod 16) + 30 in its middle


def grey_of(number: int) -> int:
    return 30 + 12 * (number % LEVELS)


def number_of(grey: float) -> int:
    return round((grey - 30) / 12)


def picture(number: int, width: int, height: int) -> np.ndarray:
    """Frame ``number``: grey, with a red top left corner and a blue bottom right one (BGR)."""
    image = np.full((height, width, 3), grey_of(number), np.uint8)
    image[: height // 4, : width // 4] = (0, 0, 255)
    image[-height // 4 :, -width // 4 :] = (255, 0, 0)
    return image


def write_video(
    path: Path, frames: int = 60, rate: Fraction = Fraction(30), size: tuple[int, int] = (160, 96), **more: Any
) -> Path:
    """Write ``frames`` pictures at ``rate``, with a keyframe every 20; more: what ``write_pictures`` takes."""
    pictures = (picture(number, *size) for number in range(frames))
    return write_pictures(path, pictures, fps=rate, **{"gop": 20, **more})


def write_sound(path: Path, samples: np.ndarray, rate: int = 48_000) -> Path:
    """Write a WAV file of 16 bit samples, shape (n,) or (n, channels), -1 to 1."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32_000).astype("<i2").tobytes())
    return path


def write_raw(
    path: Path, picture_of: Callable[[int], np.ndarray], rate: int, seconds: float, sound: np.ndarray, sound_rate: int,
    steps: Sequence[int],
) -> Path:  # fmt: skip
    """Write lossless BGR pictures of ``steps`` frames each, in turn, beside ``sound``: one channel, -1 to 1."""
    ticks = [0, *takewhile(lambda tick: tick < rate * seconds, accumulate(cycle(steps)))]
    stamps = [Fraction(tick, rate) for tick in ticks]
    pictures = (picture_of(number) for number in range(len(ticks)))
    silent = write_pictures(path.with_suffix(".silent.mkv"), pictures, fps=Fraction(rate), codec="ffv1", stamps=stamps)
    wav = write_sound(path.with_suffix(".wav"), sound, sound_rate)
    return convert(silent, path, "-i", str(wav), "-c", "copy")
