from __future__ import annotations

from pathlib import Path

from sessions_app.comparison.alignment.child.easyocr_reader import EasyOcrReader
from sessions_app.comparison.alignment.child.reader import RapidReader, ReaderUnavailable, TimerReader


def load_reader(name: str, *, models: Path | None = None, threads: int = 1) -> TimerReader:
    if name == "rapidocr":
        return RapidReader(threads)
    if name == "easyocr":
        return EasyOcrReader(models, threads)
    raise ReaderUnavailable(f"Unknown timer reader {name!r}: use rapidocr or easyocr.")
