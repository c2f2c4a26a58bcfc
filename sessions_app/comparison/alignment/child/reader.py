from __future__ import annotations

import importlib
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from media_app.av.frames import Image
from sessions_app.comparison.alignment.child.likelihood import times_in
from sessions_app.comparison.alignment.child.timer_text import (
    PROFILES,
    GameProfile,
    format_timer,
    is_separated,
    possible_times,
)

RECOGNISER = "PP-OCRv6_rec_small.onnx"
DETECTOR = "PP-OCRv6_det_small.onnx"
LINE_HEIGHT = 48  # height of the recogniser's training images, pixels
WIDTH_STEP = 8  # the recogniser's stride in pixels; picture widths are multiples of it
MIN_WIDTH, MAX_WIDTH = 32, 960
BATCH = 2  # number of crops recognised at once; larger batches need more memory and are hardly faster
DETECTOR_STRIDE = 32
TEXT_LEVEL = 0.3
BOX_LEVEL = 0.5
SURE = 0.9  # minimum confidence of a reading; below it, alternative readings are also computed
UNCLIP = 1.6  # factor that enlarges the detector's text boxes, which are too small (DB, arXiv:1911.08947)


class ReaderUnavailable(Exception):
    """Error if a timer reader cannot be used on this machine."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The text in a picture, and the time that it shows.

    confidence: 0 to 1, from the least certain character. others: alternative readings, likeliest first.
    """

    text: str
    value: float | None
    confidence: float
    resolution: float
    others: tuple[Reading, ...] = ()

    @property
    def is_separated(self) -> bool:
        return is_separated(self.text)


class TimerReader(Protocol):
    """Thread-safe reader of the timer in cropped pictures."""

    name: str

    def read(self, crops: Sequence[Image], profile: GameProfile = ...) -> list[Reading]:
        """Return one reading per crop. crops: single lines of text, BGR, uint8, shape (h, w, 3)."""
        ...


@dataclass(frozen=True, slots=True)
class TextBox:
    x0: float
    y0: float
    x1: float
    y1: float
    score: float


def reading_of(
    text: str, confidence: float, profile: GameProfile, times: Sequence[tuple[float, float]] = ()
) -> Reading:
    """Return the reading of a recognised text. times: alternative readings as (seconds, probability)."""
    found = [Reading(text, v.seconds, confidence * v.trust, v.resolution) for v in possible_times(text, profile)]
    known = {reading.value for reading in found}
    found += [Reading(format_timer(v), v, p, 1.0) for v, p in times if v not in known and v <= profile.longest]
    if not found:
        return Reading(text, None, confidence, 0.0)
    best, *others = sorted(found, key=lambda reading: -reading.confidence)
    return replace(best, text=text, others=tuple(others))


class RapidReader:
    """RapidOCR's recogniser, without its padding of pictures to 320 pixels."""

    name = "rapidocr"

    def __init__(self, threads: int = 1) -> None:
        self._session = open_model(RECOGNISER, threads)
        characters = self._session.get_modelmeta().custom_metadata_map["character"].splitlines()
        self._characters = ["", *characters, " "]

    def read(self, crops: Sequence[Image], profile: GameProfile = PROFILES["auto"]) -> list[Reading]:
        by_width: defaultdict[int, list[int]] = defaultdict(list)
        for number, crop in enumerate(crops):
            height, width = crop.shape[:2]
            scaled = round(width * LINE_HEIGHT / max(1, height) / WIDTH_STEP) * WIDTH_STEP
            by_width[min(MAX_WIDTH, max(MIN_WIDTH, scaled))].append(number)
        readings: dict[int, Reading] = {}
        for width, numbers in by_width.items():
            for start in range(0, len(numbers), BATCH):
                part = numbers[start : start + BATCH]
                lines = [cv2.resize(crops[n], (width, LINE_HEIGHT), interpolation=cv2.INTER_LINEAR) for n in part]
                scores = self._session.run(None, {"x": network_input(np.stack(lines))})[0]
                for n, own in zip(part, scores, strict=True):
                    readings[n] = self._reading(own, profile)
        return [readings[n] for n in range(len(crops))]

    def _reading(self, scores: NDArray[Any], profile: GameProfile) -> Reading:
        best = scores.argmax(axis=1)
        first = np.flatnonzero((best != 0) & (np.diff(best, prepend=0) != 0))
        text = "".join(self._characters[best[k]] for k in first)
        confidence = float(scores[first, best[first]].min()) if len(first) else 0.0
        reading = reading_of(text, confidence, profile)
        if reading.value is not None and reading.confidence >= SURE:
            return reading
        return reading_of(text, confidence, profile, times_in(scores, self._characters))


class TextFinder:
    """RapidOCR's text detector."""

    def __init__(self, threads: int = 1) -> None:
        self._session = open_model(DETECTOR, threads)
        # Two detections at once would double the peak memory.
        self._alone = threading.Lock()

    def find(self, image: Image, height: int, max_width: int = 1280) -> list[TextBox]:
        """Return text boxes in pixels of ``image``. height: pixels to which the image is scaled for detection."""
        shown_height, shown_width = image.shape[:2]
        scale = min(height / shown_height, max_width / shown_width)
        size = tuple(
            max(DETECTOR_STRIDE, round(side * scale / DETECTOR_STRIDE) * DETECTOR_STRIDE)
            for side in (shown_width, shown_height)
        )
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        with self._alone:
            chances = self._session.run(None, {"x": network_input(small[None])})[0][0, 0]
        mask = cv2.dilate((chances > TEXT_LEVEL).astype(np.uint8), np.ones((2, 2), np.uint8))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
        boxes = []
        fx, fy = shown_width / size[0], shown_height / size[1]
        for number in range(1, count):
            x, y, width, high, area = (int(v) for v in stats[number])
            if min(width, high) < 3:
                continue
            inside = labels[y : y + high, x : x + width] == number
            score = float(chances[y : y + high, x : x + width][inside].mean())
            if score < BOX_LEVEL:
                continue
            grow = UNCLIP * area / (2 * (width + high))
            boxes.append(
                TextBox(
                    max(0.0, (x - grow) * fx),
                    max(0.0, (y - grow) * fy),
                    min(float(shown_width), (x + width + grow) * fx),
                    min(float(shown_height), (y + high + grow) * fy),
                    score,
                )
            )
        return boxes


def network_input(images: NDArray[Any]) -> NDArray[np.float32]:
    """Convert BGR pictures, shape (n, h, w, 3), to the models' input: −1 to 1, shape (n, 3, h, w)."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32) / np.float32(127.5) - np.float32(1)


def open_model(name: str, threads: int) -> Any:
    """Return an onnxruntime session for a rapidocr model. Raises :class:`ReaderUnavailable`."""
    # Load the model file directly. Importing rapidocr would take 0.5 s and add unwanted pre-processing.
    package = find_spec("rapidocr")
    path = Path(package.origin).parent / "models" / name if package and package.origin else None
    if path is None or not path.is_file():
        raise ReaderUnavailable(
            f"The timer reader needs {name} from the package rapidocr 3.10: reinstall requirements/base.txt."
        )
    onnxruntime: Any = importlib.import_module("onnxruntime")

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
