"""Sheet of thumbnails of a video (sprite), and the WebVTT file that maps times to thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from media_app.av.container import MediaError
from media_app.av.frames import Image, VideoFile
from media_app.av.picture import MIME_TYPE, write_jpeg
from media_app.av.sampling import sample_pictures, spread
from media_app.av.source import Progress

IMAGE_NAME = "sprite.jpg"
VTT_NAME = "sprite.vtt"
MAX_THUMBS = 100
COLUMNS = 10
LONGER_SIDE = 160
MIN_SIDE = 16
QUALITY = 75
MAX_BYTES = 2_000_000
# Possible seconds between thumbnails; the first value that needs at most MAX_THUMBS is used.
INTERVALS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 45, 60, 90, 120, 180, 300)
MIN_CUE = 0.001  # minimum seconds of a WebVTT cue: the resolution of WebVTT's times


@dataclass(frozen=True, slots=True)
class Sprite:
    thumbs: int
    width: int
    height: int
    size: int
    mime_type: str = MIME_TYPE


def make_sprite(folder: Path, video: VideoFile, on_progress: Progress | None = None) -> Sprite:
    """Write ``sprite.jpg`` and ``sprite.vtt`` for the complete video. Raises :class:`MediaError`, OSError."""
    width, height = thumb_size(video.width, video.height)
    moments = spread(video.duration, count_thumbs(video.duration))
    thumbs: list[Image] = []
    times: list[float] = []
    for picture in sample_pictures(video, moments):
        thumbs.append(_fitted(picture.scaled(width), width, height))
        times.append(picture.time)
        if on_progress is not None:
            on_progress(0.95 * len(thumbs) / len(moments))
    if not thumbs:
        raise MediaError(MediaError.UNREADABLE, "No frame of the video can be decoded.")
    starts, kept = cue_starts(times, video.duration)
    sheet = tile([thumbs[number] for number in kept], COLUMNS)
    size = write_jpeg(folder / IMAGE_NAME, sheet, MAX_BYTES, QUALITY)
    boxes = [(number % COLUMNS * width, number // COLUMNS * height, width, height) for number in range(len(kept))]
    content = web_vtt([*starts, video.duration], boxes).encode()
    (folder / VTT_NAME).write_bytes(content)
    return Sprite(len(kept), sheet.shape[1], sheet.shape[0], size + len(content))


def count_thumbs(duration: float) -> int:
    interval = next((seconds for seconds in INTERVALS if duration <= seconds * MAX_THUMBS), duration / MAX_THUMBS)
    return min(MAX_THUMBS, max(1, round(duration / interval)))


def thumb_size(width: int, height: int) -> tuple[int, int]:
    scale = LONGER_SIDE / max(width, height)
    sides = (max(MIN_SIDE, 2 * round(side * scale / 2)) for side in (width, height))
    return next(sides), next(sides)


def cue_starts(times: Sequence[float], duration: float) -> tuple[list[float], list[int]]:
    """Return the start of each cue in seconds, and the index of the cue's picture.

    At every time, the nearest picture is shown. times: seconds of the pictures, ascending.
    """
    starts, kept = [0.0], [0]
    for number in range(1, len(times)):
        start = round((times[number - 1] + times[number]) / 2, 3)
        if starts[-1] + MIN_CUE <= start <= duration - MIN_CUE:
            starts.append(start)
            kept.append(number)
    return starts, kept


def tile(thumbs: Sequence[Image], columns: int) -> Image:
    height, width = thumbs[0].shape[:2]
    across = min(columns, len(thumbs))
    sheet = np.zeros((-(-len(thumbs) // across) * height, across * width, 3), np.uint8)
    for number, thumb in enumerate(thumbs):
        row, column = divmod(number, across)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = thumb
    return sheet


def web_vtt(edges: Sequence[float], boxes: Sequence[tuple[int, int, int, int]]) -> str:
    """Return WebVTT in which cue n lasts from ``edges[n]`` to ``edges[n + 1]`` seconds.

    Cues contain spatial media fragments (W3C Media Fragments URI 1.0, 4.2.2).
    """
    lines = ["WEBVTT", ""]
    for number, box in enumerate(boxes):
        lines.append(f"{timestamp(edges[number])} --> {timestamp(edges[number + 1])}")
        lines += [f"{IMAGE_NAME}#xywh={','.join(map(str, box))}", ""]
    return "\n".join(lines)


def timestamp(seconds: float) -> str:
    whole = round(seconds * 1000)
    minutes, milliseconds = divmod(whole, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}"


def _fitted(image: Image, width: int, height: int) -> Image:
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
