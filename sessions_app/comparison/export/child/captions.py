from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from sessions_app.comparison.export.child.layouts import Arrangement, Box
from sessions_app.comparison.export.child.plan import Caption, Clock

Picture = NDArray[np.uint8]
TEXT_HEIGHT = 1 / 26  # height of a caption's text, as a share of the height of the video's picture
SMALLEST = 14
BACKGROUND = 150  # opacity of the background behind text, 0 to 255
BELOW = 3 / 1000  # width that a dark border adds to a stroke, as a share of the frame's width
# length of an arrow's head in stroke widths; half of its opening angle in radians
ARROW_HEAD, ARROW_ANGLE = 5.0, 0.5
WEIGHT = 500
MAX_LINES = 4
NARROWEST = 0.2  # width of the narrowest letter, as a share of the font size
# time limit for drawing: base seconds, and seconds per gigapixel of the export's frames
SECONDS_AT_LEAST, SECONDS_PER_GIGAPIXEL = 60.0, 60.0
UNITS = 1000  # a stroke's width is given in units of 1 / UNITS of the frame's width
DEPTH = 4  # fractional bits of the coordinates given to OpenCV


class TooManyStrokes(Exception):
    """Error if drawing the captions takes too long."""


def write_captions(
    path: Path, arrangement: Arrangement, frames: list[Box], captions: Sequence[Caption], clock: Clock, *,
    on_progress: Callable[[float], None] = lambda share: None,
) -> None:  # fmt: skip
    """Write the captions as a transparent video with premultiplied colours, one frame per change of the captions.

    frames: position of each video's picture in the export. Raises :class:`TooManyStrokes`.
    """
    gigapixels = arrangement.width * arrangement.height * clock.frames / 1e9
    deadline = time.monotonic() + SECONDS_AT_LEAST + SECONDS_PER_GIGAPIXEL * gigapixels
    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("png", rate=clock.fps, options={"compression_level": "1"})
        stream.width, stream.height, stream.pix_fmt = arrangement.width, arrangement.height, "rgba"
        stream.time_base = stream.codec_context.time_base = 1 / clock.fps
        for number, picture in _pictures(arrangement, frames, captions, deadline):
            if number >= clock.frames:
                break
            on_progress(number / clock.frames)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[..., [2, 1, 0, 3]]), format="rgba")
            frame.pts, frame.time_base = number, 1 / clock.fps
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _pictures(
    arrangement: Arrangement, frames: list[Box], captions: Sequence[Caption], deadline: float
) -> Iterator[tuple[int, Picture]]:
    layers: dict[int, tuple[int, int, Picture]] = {}
    by_start = sorted(range(len(captions)), key=lambda index: captions[index].first)
    shown: list[int] = []
    for number in sorted({0, *(one.first for one in captions), *(one.stop for one in captions)}):
        while by_start and captions[by_start[0]].first <= number:
            shown.append(by_start.pop(0))
        shown = sorted(index for index in shown if number < captions[index].stop)
        layers = {index: layer for index, layer in layers.items() if index in shown}
        picture = np.zeros((arrangement.height, arrangement.width, 4), np.uint8)
        lines: dict[int, int] = {}
        for index in shown:
            one = captions[index]
            frame = frames[one.pane]
            if one.strokes:
                if index not in layers:
                    layers[index] = _drawn(arrangement, frame, one.strokes, deadline)
                _lay(picture, *layers[index])
            if one.is_name:
                _write(picture, frame, one.text, "top", 0)
            elif one.text:
                line = lines[one.pane] = lines.get(one.pane, -1) + 1
                if line < MAX_LINES:
                    _write(picture, frame, one.text, "middle" if one.is_notice else "bottom", line)
        yield number, picture


def _drawn(
    arrangement: Arrangement, frame: Box, strokes: Sequence[dict[str, Any]], deadline: float
) -> tuple[int, int, Picture]:
    picture = np.zeros((arrangement.height, arrangement.width, 4), np.uint8)
    for stroke in strokes:
        if time.monotonic() > deadline:
            raise TooManyStrokes("Rendering the drawings takes too long. Delete some, or export without the events.")
        draw_strokes(picture, frame, [stroke])
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(picture[..., 3]))
    return top, left, picture[top : top + height, left : left + width].copy()


def _lay(picture: Picture, top: int, left: int, layer: Picture) -> None:
    part = picture[top : top + layer.shape[0], left : left + layer.shape[1]]
    if not part.any():
        part[:] = layer
        return
    rest = 255 - layer[..., 3]
    part[:] = cv2.add(layer, cv2.multiply(np.ascontiguousarray(part), cv2.merge([rest] * 4), scale=1 / 255))


def _write(picture: Picture, box: Box, text: str, place: str, line: int) -> None:
    font = cv2.FontFace("sans")
    size = max(SMALLEST, round(box.height * TEXT_HEIGHT))
    pad = size // 3
    text = _fitting(text, font, size, box.width - 4 * pad)
    if not text:
        return
    width = _width(text, font, size)
    height = size + 2 * pad
    top = {
        "top": box.y + pad,
        "middle": box.y + (box.height - height) // 2 + line * (height + 2),
        "bottom": box.y + box.height - (line + 1) * (height + 2) - pad,
    }[place]
    left = box.x + (box.width - width) // 2 - pad if place == "middle" else box.x + pad
    cv2.rectangle(picture, (left, top), (left + width + 2 * pad, top + height), (0, 0, 0, BACKGROUND), -1)
    _put(picture, text, (left + pad, top + pad + size - size // 6), (255, 255, 255), size)


def _put(picture: Picture, text: str, at: tuple[int, int], color: Sequence[int], size: int) -> None:
    cv2.putText(picture, text, at, (*color, 255), cv2.FontFace("sans"), size, WEIGHT)


def _width(text: str, font: Any, size: int) -> int:
    return int(cv2.getTextSize((10 * UNITS, UNITS), text, (0, 0), font, size, WEIGHT)[2])


def _fitting(text: str, font: Any, size: int, width: int) -> str:
    text = " ".join(text.split())
    if _width(text, font, size) <= width:
        return text
    while text and _width(f"{text}…", font, size) > width:
        text = text[: -max(1, len(text) // 8)]
    return f"{text}…" if text else ""


def draw_strokes(picture: Picture, frame: Box, strokes: Sequence[dict[str, Any]]) -> None:
    for stroke in strokes:
        color = tuple(int(stroke["color"][at : at + 2], 16) for at in (5, 3, 1))
        points = [(frame.x + x * frame.width, frame.y + y * frame.height) for x, y in stroke["points"]]
        width = stroke["width"] / UNITS * frame.width
        if stroke["tool"] == "text":
            size = max(4, round(width))
            at = (round(points[0][0]), round(points[0][1]))
            # Cut off the invisible part of a text: OpenCV draws it as slowly as the visible part.
            text = stroke["text"][: 1 + int(max(0, picture.shape[1] - at[0]) / (NARROWEST * size))]
            for way in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
                shifted = (at[0] + way[0] * max(1, size // 16), at[1] + way[1] * max(1, size // 16))
                _put(picture, text, shifted, (0, 0, 0), size)
            _put(picture, text, at, color, size)
            continue
        outline = _outline(stroke["tool"], points, width)
        for ink, broad in (((0, 0, 0), width + BELOW * frame.width), (color, width)):
            _trace(picture, outline, (*ink, 255), max(1, round(broad)))


def _outline(tool: str, points: list[tuple[float, float]], width: float) -> list[tuple[float, float]]:
    (x0, y0), (x1, y1) = points[0], points[-1]
    if tool == "box":
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    if tool == "ellipse":
        angles = np.linspace(0, 2 * np.pi, 73)
        across, down = abs(x1 - x0) / 2, abs(y1 - y0) / 2
        return [((x0 + x1) / 2 + across * np.cos(a), (y0 + y1) / 2 + down * np.sin(a)) for a in angles]
    if tool == "arrow" and len(points) > 1:
        length = min(ARROW_HEAD * width, float(np.hypot(x1 - x0, y1 - y0)) / 2)
        angle = float(np.arctan2(y1 - y0, x1 - x0))
        sides = [
            (x1 - length * float(np.cos(angle + by)), y1 - length * float(np.sin(angle + by)))
            for by in (ARROW_ANGLE, -ARROW_ANGLE)
        ]
        return [(x0, y0), (x1, y1), sides[0], (x1, y1), sides[1]]
    return points if len(points) > 1 else [points[0], points[0]]


def _trace(picture: Picture, points: list[tuple[float, float]], color: Sequence[int], width: int) -> None:
    corners = np.round(np.array(points, np.float64) * 2**DEPTH).astype(np.int32)
    cv2.polylines(picture, [corners], False, tuple(color), width, cv2.LINE_AA, DEPTH)
