"""Accuracy and confidence of both timer readers on drawn timers of all styles, and calibration of EasyOCR."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.report import Table
from media_app.av.frames import Image
from sessions_app.comparison.alignment.child.easyocr_reader import EasyOcrReader, decode, logit
from sessions_app.comparison.alignment.child.locate import MARGIN
from sessions_app.comparison.alignment.child.reader import ReaderUnavailable, Reading
from sessions_app.comparison.alignment.child.readers import load_reader
from sessions_app.comparison.alignment.child.timer_text import CLEAN, parse
from sessions_app.comparison.samples.rendering.hud import STYLES, Timer
from sessions_app.comparison.samples.rendering.match import ClockFormat, format_clock

CROPS = 800
WORDS_SHARE = 0.15
SIZES = ((640, 360), (854, 480), (1280, 720))
FORMATS: tuple[ClockFormat, ...] = ("m:ss", "m:ss", "m:ss", "mm:ss", "h:mm:ss", "m:ss.t")
WORDS = ("ROUND 3", "BUY PHASE", "Kestrel", "13 - 7", "HP 100", "30/90", "LIVE", "1,250", "FPS 144", "TEAM 12")
BINS = ((0.0, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.9), (0.9, 0.97), (0.97, 1.01))
ODDS = (1.0, 100.0, 10_000.0, 100_000.0, 1_000_000.0)


@dataclass(frozen=True, slots=True)
class Crop:
    """A picture of a timer or other text, cropped in the same way as the aligner's pictures.

    kind: style of the timer, or ``words`` for other text. seconds: shown time; None for other text.
    """

    kind: str
    seconds: float | None
    image: Image


def crops(seed: int, count: int = CROPS) -> Iterator[Crop]:
    rng = np.random.default_rng([seed, 41])
    for _ in range(count):
        width, height = SIZES[int(rng.integers(len(SIZES)))]
        noise = rng.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
        frame: Image = np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
        if rng.random() < WORDS_SHARE:
            kind, seconds, box = "words", None, _draw_words(frame, rng)
        else:
            kind = str(rng.choice(list(STYLES)))
            clock_format = FORMATS[int(rng.integers(len(FORMATS)))]
            text = format_clock(int(rng.integers(0, 40_000 if clock_format == "h:mm:ss" else 3600)), clock_format)
            shown = parse(text)
            assert shown is not None
            timer = Timer(STYLES[kind], width, height, text)
            timer.draw(frame, text, "ROUND 3")
            seconds, box = shown.seconds, timer.box
        quality = int(rng.integers(15, 80))
        _, packed = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
        x, y, wide, high = box
        pad = round(float(rng.uniform(0, 2 * MARGIN)) * high)
        seen: Image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
        yield Crop(kind, seconds, seen[max(0, y - pad) : y + high + pad, max(0, x - pad) : x + wide + pad])


def _draw_words(frame: Image, rng: np.random.Generator) -> tuple[int, int, int, int]:
    text, size = str(rng.choice(WORDS)), float(rng.uniform(0.4, 1.2))
    (wide, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, size, 1)
    x, y = 40, 40
    cv2.rectangle(frame, (x - 6, y - 6), (x + wide + 6, y + high + 6), (30, 30, 30), -1)
    cv2.putText(frame, text, (x, y + high), cv2.FONT_HERSHEY_DUPLEX, size, (255, 255, 255), 1, cv2.LINE_AA)
    return x - 3, y - 3, wide + 6, high + 6


def is_right(seconds: float | None, truth: float | None) -> bool:
    return seconds is not None and truth is not None and abs(seconds - truth) < 1e-6


def fit_platt(scores: NDArray[np.float64], right: NDArray[np.float64]) -> tuple[float, float]:
    design = np.stack([scores, np.ones_like(scores)], axis=1)
    weights = np.array([1.0, 0.0])
    for _ in range(50):
        chance = 1.0 / (1.0 + np.exp(-design @ weights))
        curvature = design.T @ (design * (chance * (1 - chance))[:, None]) + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, design.T @ (right - chance))
        weights = weights + step / max(1.0, float(np.abs(step).max()))
    return float(weights[0]), float(weights[1])


def measure(seed: int) -> list[Table]:
    shown = list(crops(seed))
    models = os.environ.get("VOD_EASYOCR_MODELS")
    tables = []
    for name in ("rapidocr", "easyocr"):
        try:
            reader = load_reader(name, models=Path(models) if models else None)
        except ReaderUnavailable as exc:
            tables.append(Table(name, ("not measured",), [[str(exc)]]))
            continue
        readings = reader.read([crop.image for crop in shown])
        tables += [_by_kind(name, shown, readings), _reliability(name, shown, readings)]
        if isinstance(reader, EasyOcrReader):
            tables += _calibration(reader, shown)
    return tables


def _by_kind(name: str, shown: Sequence[Crop], readings: Sequence[Reading]) -> Table:
    table = Table(f"{name}, by style", ("style", "crops", "right", "wrong", "no value"))
    for kind in (*sorted(STYLES), "words"):
        mine = [(crop, reading) for crop, reading in zip(shown, readings, strict=True) if crop.kind == kind]
        right = sum(is_right(reading.value, crop.seconds) for crop, reading in mine)
        none = sum(reading.value is None for _, reading in mine)
        table.add(kind, len(mine), right, len(mine) - right - none, none)
    return table


def _reliability(name: str, shown: Sequence[Crop], readings: Sequence[Reading]) -> Table:
    table = Table(f"{name}, reliability", ("confidence", "values", "right", "share", "mean confidence"))
    pairs = [
        (reading.confidence, is_right(reading.value, crop.seconds))
        for crop, reading in zip(shown, readings, strict=True)
        if reading.value is not None
    ]
    for low, high in BINS:
        inside = [(confidence, right) for confidence, right in pairs if low <= confidence < high]
        right = sum(right for _, right in inside)
        share, mean = (
            (f"{right / len(inside):.1%}", f"{sum(confidence for confidence, _ in inside) / len(inside):.2f}")
            if inside
            else ("–", "–")
        )
        table.add(f"{low:.2f}–{min(high, 1.0):.2f}", len(inside), right, share, mean)
    return table


def _calibration(reader: EasyOcrReader, shown: Sequence[Crop]) -> list[Table]:
    chances = [reader.chances(crop.image) for crop in shown]
    odds = Table("easyocr, colons", ("COLON_ODDS", "right", "wrong", "no value", "SLOPE", "SHIFT"))
    for factor in ODDS:
        right = wrong = none = 0
        scores, hits = [], []
        for crop, chance in zip(shown, chances, strict=True):
            text, least = decode(chance, reader.characters, factor)
            value = parse(text)
            hit = is_right(value.seconds if value else None, crop.seconds)
            right, wrong, none = right + hit, wrong + (value is not None and not hit), none + (value is None)
            if value is not None and value.trust == CLEAN:
                scores.append(logit(least))
                hits.append(hit)
        slope, shift = fit_platt(np.array(scores), np.array(hits, np.float64))
        odds.add(f"{factor:g}", right, wrong, none, f"{slope:.2f}", f"{shift:.2f}")
    odds.note = (
        "EasyOCR states how certain it is of a text. The constants SLOPE and SHIFT convert EasyOCR's certainty into a "
        "confidence. The calibration fits SLOPE and SHIFT to the timers whose text was unambiguous and needed no "
        "correction."
    )
    return [odds]
