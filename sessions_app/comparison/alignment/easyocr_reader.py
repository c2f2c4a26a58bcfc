"""The optional timer reader built on EasyOCR, for those who have its package and weights; downloads nothing."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Sequence
from typing import Any

from media_app.av.frames import Image
from sessions_app.comparison.alignment.clock import PROFILES, GameProfile
from sessions_app.comparison.alignment.reader import ReaderUnavailable, Reading, reading_of

ALPHABET = "0123456789:."


class EasyOcrReader:
    """EasyOCR's recogniser alone, restricted to the characters of a timer."""

    name = "easyocr"

    def __init__(self) -> None:
        try:
            package = importlib.import_module("easyocr")
        except ImportError as exc:
            raise ReaderUnavailable(
                "The reader easyocr is not installed: run pip install -r requirements/easyocr.txt, or set "
                "VOD_TIMER_READER=rapidocr."
            ) from exc
        try:
            self._reader: Any = package.Reader(
                ["en"], gpu=False, detector=False, download_enabled=False, verbose=False
            )  # fmt: skip
        except Exception as exc:  # easyocr raises bare Exception and FileNotFoundError for missing weights
            raise ReaderUnavailable(
                "The weights of easyocr (english_g2.pth) are not in ~/.EasyOCR/model: put them there once by hand, "
                "or set VOD_TIMER_READER=rapidocr."
            ) from exc
        self._lock = threading.Lock()

    def read(self, crops: Sequence[Image], profile: GameProfile = PROFILES["auto"]) -> list[Reading]:
        """See :class:`sessions_app.comparison.alignment.reader.TimerReader`."""
        readings = []
        for crop in crops:
            height, width = crop.shape[:2]
            with self._lock:
                found = self._reader.recognize(
                    crop, horizontal_list=[[0, width, 0, height]], free_list=[], allowlist=ALPHABET, detail=1
                )
            text = "".join(str(item[1]) for item in found)
            readings.append(reading_of(text, min((float(item[2]) for item in found), default=0.0), profile))
        return readings
