"""Optional timer reader with EasyOCR's text recogniser."""

from __future__ import annotations

import importlib
import math
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from media_app.av.frames import Image
from sessions_app.comparison.alignment.child.reader import ReaderUnavailable, Reading, reading_of
from sessions_app.comparison.alignment.child.timer_text import PROFILES, GameProfile

FOLDER = Path(sys.prefix) / "easyocr"
WEIGHTS = "english_g2.pth"
HOW_TO_GET_WEIGHTS = (
    f"download english_g2 from the model hub on EasyOCR's website, unpack {WEIGHTS} into a folder and set its path in "
    "VOD_EASYOCR_MODELS, or set VOD_TIMER_READER=rapidocr."
)
# Modules that EasyOCR imports only for features unused here. They are not installed, because PyPI's torchvision does
# not load with a PyTorch for CPUs.
UNUSED = (
    "torchvision", "torchvision.models", "torchvision.transforms", "skimage", "skimage.io", "scipy", "scipy.ndimage",
    "bidi",
)  # fmt: skip
LINE_HEIGHT = 64  # height of the recogniser's training images, pixels
MIN_WIDTH, MAX_WIDTH = 32, 1280

# Factor on the odds of a colon, because the recogniser often reads colons as points. Calibrated by
# `python -m bench readers`.
COLON_ODDS = 100_000.0
# Calibration of a reading: logit(its probability) = SLOPE · logit(probability of its least certain character) + SHIFT.
SLOPE, SHIFT = 0.8, 2.0


class EasyOcrReader:
    name = "easyocr"

    def __init__(self, models: Path | None, threads: int = 1) -> None:
        package = load_package()
        self._torch: Any = importlib.import_module("torch")
        self._torch.set_num_threads(threads)
        if models is None:
            raise ReaderUnavailable(
                f"VOD_EASYOCR_MODELS, the folder with EasyOCR's weights, is not set: {HOW_TO_GET_WEIGHTS}"
            )
        if not (models / WEIGHTS).is_file():
            raise ReaderUnavailable(f"{models} (VOD_EASYOCR_MODELS) does not contain {WEIGHTS}: {HOW_TO_GET_WEIGHTS}")
        try:
            reader = package.Reader(
                ["en"], gpu=False, detector=False, download_enabled=False, verbose=False, quantize=False,
                model_storage_directory=str(models), user_network_directory=str(models),
            )  # fmt: skip
        except FileNotFoundError as exc:  # EasyOCR raises FileNotFoundError also for damaged weights
            raise ReaderUnavailable(
                f"{models / WEIGHTS} is damaged, or is not the file that EasyOCR expects: {HOW_TO_GET_WEIGHTS}"
            ) from exc
        self._network: Any = reader.recognizer.eval()
        self.characters = ["", *reader.character]

    def read(self, crops: Sequence[Image], profile: GameProfile = PROFILES["auto"]) -> list[Reading]:
        readings = []
        for crop in crops:
            text, least = decode(self.chances(crop), self.characters)
            readings.append(reading_of(text, calibrated(least), profile))
        return readings

    def chances(self, crop: Image) -> NDArray[np.float32]:
        line = self._torch.from_numpy(network_input(crop))
        with self._torch.inference_mode():
            chances: NDArray[np.float32] = self._network(line, None)[0].softmax(1).numpy()
        return chances


def network_input(crop: Image) -> NDArray[np.float32]:
    """Convert a BGR crop to the recogniser's input: grey, −1 to 1, shape (1, 1, :data:`LINE_HEIGHT`, width)."""
    height, width = crop.shape[:2]
    scaled = min(MAX_WIDTH, max(MIN_WIDTH, math.ceil(width * LINE_HEIGHT / max(1, height))))
    grey = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), (scaled, LINE_HEIGHT), interpolation=cv2.INTER_LINEAR)
    return np.asarray(grey, np.float32)[None, None] / np.float32(127.5) - np.float32(1)


def decode(
    chances: NDArray[np.float32], characters: Sequence[str], colon_odds: float = COLON_ODDS
) -> tuple[str, float]:
    """Return the text by greedy CTC decoding, and the probability of its least certain character."""
    colon, point = characters.index(":"), characters.index(".")
    chances = chances.copy()
    either = chances[:, colon] + chances[:, point]
    raised = colon_odds * chances[:, colon]
    chances[:, colon] = either * raised / np.maximum(raised + chances[:, point], np.finfo(np.float32).tiny)
    chances[:, point] = either - chances[:, colon]
    best = chances.argmax(axis=1)
    first = np.flatnonzero((best != 0) & (np.diff(best, prepend=0) != 0))
    top = chances[first, best[first]]
    return "".join(characters[best[step]] for step in first), float(top.min()) if len(first) else 0.0


def calibrated(least: float) -> float:
    """Return the probability that a read time is right (Platt scaling)."""
    return 1.0 / (1.0 + math.exp(-(SLOPE * logit(least) + SHIFT)))


def logit(chance: float) -> float:
    kept = min(max(chance, 1e-6), 1.0 - 1e-6)
    return math.log(kept / (1.0 - kept))


def load_package() -> Any:
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    try:
        importlib.import_module("torch")
        with stand_ins():
            # Import vgg_model now: EasyOCR's Reader would import it later, outside `stand_ins`, and fail.
            importlib.import_module("easyocr.model.vgg_model")
            return importlib.import_module("easyocr")
    except ImportError as exc:
        raise ReaderUnavailable(
            "EasyOCR is not installed: run `make easyocr`, or set VOD_TIMER_READER=rapidocr."
        ) from exc


@contextmanager
def stand_ins() -> Iterator[None]:
    before = {name: sys.modules.get(name) for name in UNUSED}
    sys.modules.update({name: types.ModuleType(name) for name in UNUSED})
    sys.modules["bidi"].get_display = None  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
