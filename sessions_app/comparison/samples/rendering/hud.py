from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from sessions_app.comparison.samples.rendering.sprite import Canvas, Color, Image, Sprite, advance, write

Anchor = Literal["top", "top-left", "top-right", "bottom-left", "bottom-right", "bottom"]


@dataclass(frozen=True)
class TimerStyle:
    """The look of a timer. size: font size as a share of the picture's height. Colours are BGR."""

    name: str
    font: str = "uni"
    weight: int = 400
    size: float = 0.06
    color: Color = (255, 255, 255)
    outline: Color | None = None
    shadow: bool = False
    panel: Color | None = None
    panel_opacity: float = 0.6
    accent: Color | None = None
    squeeze: float = 1.0
    opacity: float = 1.0
    tabular: bool = True
    label: str | None = None
    anchor: Anchor = "top"
    segments: bool = False


STYLES: dict[str, TimerStyle] = {
    style.name: style
    for style in (
        TimerStyle("tactical", "uni", size=0.062, panel=(28, 22, 18), panel_opacity=0.62, accent=(210, 220, 90)),
        TimerStyle(
            "broadcast", "sans", 600, 0.062, (24, 20, 18), panel=(60, 205, 245), panel_opacity=1.0, anchor="top-right",
            label="phase", tabular=False,
        ),
        TimerStyle("arcade", "italic", 800, 0.085, (70, 225, 255), outline=(20, 16, 40), anchor="top-left"),
        TimerStyle("minimal", "sans", 500, 0.055, (245, 245, 245), shadow=True, opacity=0.88, anchor="top"),
        TimerStyle(
            "speedrun", "uni", size=0.085, color=(110, 235, 90), panel=(12, 12, 12), panel_opacity=0.9,
            anchor="bottom-right", label="TIME",
        ),
        TimerStyle(
            "esports", "sans", 700, 0.066, (255, 255, 255), panel=(120, 40, 70), panel_opacity=0.92, squeeze=0.86,
            accent=(255, 170, 60), anchor="bottom-left", label="phase",
        ),
        TimerStyle("glass", "uni", size=0.07, color=(255, 240, 215), panel=(200, 190, 180), panel_opacity=0.22,
                   outline=(60, 45, 35), anchor="top-right"),
        TimerStyle("led", size=0.075, color=(60, 70, 255), panel=(8, 6, 10), panel_opacity=0.95, segments=True,
                   anchor="bottom"),
    )
}  # fmt: skip

_BARS = {"0": "abcdef", "1": "bc", "2": "abged", "3": "abgcd", "4": "fgbc",
         "5": "afgcd", "6": "afgedc", "7": "abc", "8": "abcdefg", "9": "abcdfg"}  # fmt: skip


class Timer:
    """A timer drawn on pictures of `width` x `height` pixels. longest: widest text that it must fit."""

    def __init__(self, style: TimerStyle, width: int, height: int, longest: str) -> None:
        self.style = style
        self._digits = max(12, round(style.size * height))
        self._label_size = max(9, round(0.42 * self._digits))
        self._pad = max(3, round(0.28 * self._digits))
        self._cache: dict[tuple[str, str], Sprite] = {}
        blank = "".join("0" if c.isdigit() else c for c in longest)
        text_width = self._text_width(blank)
        label_height = round(self._label_size * 1.25) if style.label else 0
        room = self._label_width("ROUND OVER") if style.label == "phase" else self._label_width(style.label or "")
        self._size = max(text_width, room) + 2 * self._pad, round(self._digits * 1.05) + label_height + self._pad
        margin_x, margin_y = round(0.022 * width), round(0.026 * height)
        column = style.anchor.split("-")[-1]
        spare = width - self._size[0]
        self.x = {"left": margin_x, "right": spare - margin_x}.get(column, spare // 2)
        self.y = margin_y if style.anchor.startswith("top") else height - self._size[1] - margin_y
        self._text_top = label_height
        text_x = self.x + (self._size[0] - text_width) // 2
        edge = max(2, self._digits // 10)
        # box around the digits: (x, y, width, height) in pixels
        self.box = (
            text_x - edge,
            self.y + label_height,
            text_width + 2 * edge,
            round(self._digits * 1.05) + self._pad,
        )

    def draw(self, frame: Image, text: str, phase: str) -> None:
        self.sprite(text, phase).blend(frame, self.x, self.y)

    def sprite(self, text: str, phase: str) -> Sprite:
        key = (text, phase if self.style.label == "phase" else "")
        if key not in self._cache:
            if len(self._cache) > 256:
                self._cache.clear()
            self._cache[key] = self._render(*key)
        return self._cache[key]

    def _cell(self, character: str) -> int:
        style = self.style
        if style.segments:
            return round(self._digits * (0.62 if character.isdigit() else 0.3))
        wide = "0" if style.tabular and character.isdigit() else character
        return round(advance(wide, style.font, self._digits, style.weight) * style.squeeze)

    def _text_width(self, text: str) -> int:
        return sum(self._cell(character) for character in text)

    def _label_width(self, text: str) -> int:
        return advance(text, "sans", self._label_size, 600) if text else 0

    def _render(self, text: str, phase: str) -> Sprite:
        style = self.style
        width, height = self._size
        canvas = Canvas(width, height)
        if style.panel is not None:
            canvas.box(0, 0, width, height, style.panel, style.panel_opacity)
        if style.accent is not None:
            canvas.box(0, height - max(2, height // 18), width, max(2, height // 18), style.accent)
        label = phase or (style.label or "")
        if label:
            mask = np.zeros((height, width), np.uint8)
            at = (width - self._label_width(label)) // 2
            write(mask, label, at, round(self._label_size * 1.15), "sans", self._label_size, 600, (255, 255, 255))
            canvas.paint(mask, style.color, 0.85)
        mask = np.zeros((height, width), np.uint8)
        baseline = self._text_top + round(self._digits * 0.9) + self._pad // 3
        at = (width - self._text_width(text)) // 2
        for character in text:
            self._glyph(mask, character, at, baseline)
            at += self._cell(character)
        thick = max(1, round(self._digits / 16))
        if style.shadow:
            moved = cv2.GaussianBlur(np.roll(mask, (thick, thick), (0, 1)), (0, 0), thick)
            canvas.paint(np.asarray(moved, np.uint8), (0, 0, 0), 0.8)
        if style.outline is not None:
            kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * thick + 1, 2 * thick + 1))
            canvas.paint(np.asarray(cv2.dilate(mask, kernel), np.uint8), style.outline)
        canvas.paint(mask, style.color, style.opacity)
        return canvas.sprite()

    def _glyph(self, mask: Image, character: str, x: int, baseline: int) -> None:
        style = self.style
        size, cell = self._digits, self._cell(character)
        if style.segments:
            _seven_segments(mask, character, x, baseline, size)
            return
        natural = advance(character, style.font, size, style.weight)
        tile = np.zeros((mask.shape[0], natural + 4), np.uint8)
        write(tile, character, 2, baseline, style.font, size, style.weight, (255, 255, 255))
        if style.squeeze != 1.0:
            narrow = max(1, round(tile.shape[1] * style.squeeze))
            tile = np.asarray(cv2.resize(tile, (narrow, tile.shape[0]), interpolation=cv2.INTER_AREA), np.uint8)
        left = max(0, x + (cell - tile.shape[1]) // 2)
        part = mask[:, left : left + tile.shape[1]]
        np.maximum(part, tile[:, : part.shape[1]], out=part)


def _seven_segments(mask: Image, character: str, x: int, baseline: int, size: int) -> None:
    thick = max(2, round(size * 0.11))
    width, height = round(size * 0.42), round(size * 0.74)
    left, top, middle = x + round(size * 0.1), baseline - height, baseline - height // 2
    right = left + width
    ends = {
        "a": ((left, top), (right, top)),
        "b": ((right, top), (right, middle)),
        "c": ((right, middle), (right, baseline)),
        "d": ((left, baseline), (right, baseline)),
        "e": ((left, middle), (left, baseline)),
        "f": ((left, top), (left, middle)),
        "g": ((left, middle), (right, middle)),
    }
    for bar in _BARS.get(character, ""):
        cv2.line(mask, *ends[bar], (255,), thick, cv2.LINE_AA)
    if not character.isdigit():
        spots = (top + height // 4, baseline - height // 4) if character == ":" else (baseline,)
        for spot in spots:
            cv2.circle(mask, (x + round(size * 0.15), spot), max(2, thick * 2 // 3), (255,), -1, cv2.LINE_AA)
