from __future__ import annotations

import wave
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sessions_app.comparison.alignment.child.sound.track import RATE, Samples

WIDTH, HEIGHT = 960, 270
SHOWN_SECONDS = 1.5
LISTEN_SECONDS = 10.0
# BGR colours of background, axis and both waveforms, for dark pages
GROUND, AXIS = (24, 20, 18), (70, 64, 60)
COLORS = ((255, 161, 78), (65, 165, 247))


def draw_outlines(first: Samples, second: Samples, path: Path) -> None:
    picture = np.full((HEIGHT, WIDTH, 3), GROUND, np.uint8)
    middle = HEIGHT // 2
    for samples, color, direction in ((first, COLORS[0], -1), (second, COLORS[1], 1)):
        heights = np.rint(_outline(samples, WIDTH) * (middle - 8)).astype(int)
        for x, height in enumerate(heights):
            y, end = sorted((middle + direction, middle + direction * (1 + int(height))))
            picture[y : end + 1, x] = color
    for x in range(0, WIDTH, WIDTH // 15):
        picture[:, x] = np.maximum(picture[:, x], AXIS)
    picture[middle] = (255, 255, 255)
    done, data = cv2.imencode(".png", picture)
    if done:
        path.write_bytes(data.tobytes())


def write_listening_sample(first: Samples, second: Samples, path: Path) -> None:
    both = np.stack([_levelled(first), _levelled(second)], axis=1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((both * 32767).astype("<i2").tobytes())


def _outline(samples: Samples, count: int) -> NDArray[np.float64]:
    edges = np.linspace(0, len(samples), count, endpoint=False).astype(int)
    heights = np.maximum.reduceat(np.abs(samples), edges).astype(np.float64)
    return heights / max(1e-6, float(heights.max()))


def _levelled(samples: Samples) -> Samples:
    loud = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))
    return np.asarray(np.clip(samples * (0.1 / max(1e-6, loud)), -1.0, 1.0), np.float32)
