"""Frames of a video by exact presentation time, in seconds of an HTML5 element's ``currentTime``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Any, Self

import av.error
import cv2
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from media_app.av.container import (
    MICROSECONDS,
    REBASED_FORMATS,
    SEEK_STEPS,
    MediaError,
    demux,
    first_video,
    open_media,
    presentation_origin,
)
from media_app.av.probe import display_rotation, display_size, sample_aspect_ratio

Image = NDArray[np.uint8]
REORDER_SECONDS = 0.25  # maximum seconds from a frame's decoding to its presentation
# A seek to a file's start goes to this many seconds before 0, because decoding times may be negative.
BEFORE_START = 10.0
JUST_BEFORE = 0.02  # a seek to a keyframe in a file without an index goes to this many seconds before the keyframe
SQUARE_ENOUGH = 0.02
TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
LEVELS = np.arange(256, dtype=np.float64)
STUDIO_LUMA = np.clip(np.rint((LEVELS - 16) * 255 / 219), 0, 255).astype(np.uint8)
STUDIO_CHROMA = np.clip(np.rint((LEVELS - 128) * 255 / 224 + 128), 0, 255).astype(np.uint8)
PLANAR_YUV = {
    name: (bits, shift_x, shift_y)
    for bits, suffix in ((8, ""), (10, "10le"))
    for layout, shift_x, shift_y in (("420p", 1, 1), ("422p", 1, 0), ("444p", 0, 0))
    for name in (f"yuv{layout}{suffix}", f"yuvj{layout}{suffix}")
}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in fractions (0 to 1) of the displayed frame, from its top left corner."""

    x: float
    y: float
    width: float
    height: float

    def clipped(self) -> Box:
        x0, y0 = min(max(self.x, 0.0), 1.0), min(max(self.y, 0.0), 1.0)
        x1, y1 = min(max(self.x + self.width, 0.0), 1.0), min(max(self.y + self.height, 0.0), 1.0)
        return Box(x0, y0, x1 - x0, y1 - y0)

    def grown(self, width: float, height: float) -> Box:
        dx, dy = self.width * width / 2, self.height * height / 2
        return Box(self.x - dx, self.y - dy, self.width + 2 * dx, self.height + 2 * dy).clipped()

    def as_json(self) -> dict[str, float]:
        return {"x": self.x, "y": self.y, "width": self.width, "height": self.height}


WHOLE = Box(0.0, 0.0, 1.0, 1.0)


class Picture:
    __slots__ = ("_frame", "_ratio", "_rotation", "time")

    def __init__(self, frame: VideoFrame, time: float, ratio: Fraction, rotation: int) -> None:
        self._frame = frame
        self._ratio = ratio
        self._rotation = rotation
        self.time = time

    def crop(self, box: Box) -> Image:
        """Return the upright pixels in ``box`` at stored resolution: BGR, uint8, (h, w, 3)."""
        frame = self._frame
        x0, y0, x1, y1 = self._stored_corners(box.clipped())
        layout = PLANAR_YUV.get(frame.format.name)
        if layout is None:
            image = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)[y0:y1, x0:x1]
        else:
            image = _planar_to_bgr(frame, layout, (x0, y0, x1, y1))
        if abs(self._ratio - 1) > SQUARE_ENOUGH:
            image = _resized(image, max(1, round(image.shape[1] * self._ratio)), image.shape[0])
        return self._upright(image)

    def scaled(self, width: int) -> Image:
        """Return the upright frame, at most ``width`` pixels wide: BGR, uint8."""
        frame = self._frame
        shown_width, shown_height = display_size(
            frame.width, frame.height, self._ratio, self._rotation
        )  # fmt: skip
        width = min(width, shown_width)
        height = max(2, round(shown_height * width / shown_width))
        stored = (height, width) if self._rotation % 180 else (width, height)
        small = frame.reformat(width=stored[0], height=stored[1], format="bgr24").to_ndarray()
        return self._upright(np.asarray(small, np.uint8))

    def squeezed(self, width: int, height: int) -> Image:
        """Return the stored frame stretched to this size: BGR, uint8, (h, w, 3)."""
        small = self._frame.reformat(width=width, height=height, format="bgr24", interpolation="AREA")
        return np.asarray(small.to_ndarray(), np.uint8)

    def _upright(self, image: Image) -> Image:
        turn = TURNS.get(self._rotation)
        return np.ascontiguousarray(image) if turn is None else np.asarray(cv2.rotate(image, turn), np.uint8)

    def _stored_corners(self, box: Box) -> tuple[int, int, int, int]:
        x0, y0, x1, y1 = box.x, box.y, box.x + box.width, box.y + box.height
        if self._rotation == 90:
            x0, y0, x1, y1 = y0, 1 - x1, y1, 1 - x0
        elif self._rotation == 180:
            x0, y0, x1, y1 = 1 - x1, 1 - y1, 1 - x0, 1 - y0
        elif self._rotation == 270:
            x0, y0, x1, y1 = 1 - y1, x0, 1 - y0, x1
        width, height = self._frame.width, self._frame.height
        left, top = min(int(x0 * width), width - 2), min(int(y0 * height), height - 2)
        return left, top, max(left + 2, min(width, round(x1 * width))), max(top + 2, min(height, round(y1 * height)))


class VideoFile:
    """An open video, not thread-safe. Raises :class:`MediaError`.

    width, height: displayed pixels. duration: seconds.
    """

    def __init__(self, path: str | os.PathLike[str], threads: int = 1) -> None:
        self._container = open_media(path)
        try:
            self._open(threads)
        except av.error.FFmpegError as exc:
            self.close()
            raise MediaError(MediaError.UNREADABLE, "The video data is damaged and cannot be decoded.") from exc
        except BaseException:
            self.close()
            raise

    def _open(self, threads: int) -> None:
        self._stream: VideoStream = first_video(self._container)
        self._stream.codec_context.thread_count = threads
        self._stream.thread_type = "NONE" if threads == 1 else "AUTO"
        base = self._stream.time_base
        if base is None:
            raise MediaError(MediaError.UNREADABLE, "The video track has no time base.")
        self._base = float(base)
        self._origin = float(presentation_origin(self._container))
        # Do not use the index of streaming formats: it covers only the part that was read.
        self._indexed = REBASED_FORMATS.isdisjoint(self._container.format.name.split(","))
        self._ratio = sample_aspect_ratio(self._stream)
        self._rotation = 0
        first = next(self._decode_onward(), None)
        if first is None:
            raise MediaError(MediaError.UNREADABLE, "No frame of the video can be decoded.")
        self._rotation = display_rotation(first._frame)
        self.first_time = first.time
        self.width, self.height = display_size(first._frame.width, first._frame.height, self._ratio, self._rotation)
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.fps = float(rate) if rate else 30.0
        self.duration = self._find_duration()
        self._keyframes: NDArray[np.float64] | None = None
        self._delay = 0.0  # seconds from the decoding of a keyframe to its presentation

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._container.close()

    @property
    def keyframes(self) -> NDArray[np.float64]:
        """Return keyframe times in seconds, ascending, shape (n,).

        Times may be a few frames off: each is a decoding time plus the first keyframe's presentation delay.
        """
        if self._keyframes is None:
            stamps = [e.timestamp for e in self._stream.index_entries if e.is_keyframe and not e.is_discard]
            times = np.array(stamps, np.float64) * self._base - self._origin
            if not self._indexed or len(times) < 2 or times.max() < 0.5 * self.duration:
                times = self._scan()
            delay = self.first_time - float(times.min()) if len(times) else 0.0
            self._delay = delay if 0.0 < delay <= REORDER_SECONDS else 0.0
            self._keyframes = np.unique(times) + self._delay
        return self._keyframes

    def keyframe(self, time: float) -> Picture | None:
        """Decode one keyframe; return None if it is damaged. time: a value of :attr:`keyframes`."""
        if self._indexed:
            # Not all demuxers find a keyframe by its exact time, so seek to a time between this keyframe and the next.
            later = self.keyframes[np.searchsorted(self.keyframes, time + 1e-6) :]
            gap = float(later[0]) - time if len(later) else 1.0
            self._seek(time - self._delay + min(0.5 * gap, 0.5))
        else:
            self._seek(time - self._delay - JUST_BEFORE)
        try:
            for packet in demux(self._container, self._stream):
                if not packet.is_keyframe:
                    continue
                frames = self._stream.decode(packet) or self._stream.decode(None)
                return self._picture(frames[0]) if frames else None
        except av.error.FFmpegError:
            return None
        return None

    def iterate_frames(self, start: float, sparse_until: float | None = None) -> Iterator[Picture]:
        """Yield all frames in presentation order from the last keyframe at or before ``start`` (seconds).

        sparse_until: time in seconds; before it, frames that no other frame refers to may be skipped.
        """
        for target in (*(start - extra for extra in SEEK_STEPS), -BEFORE_START):
            self._seek(target)
            frames = self._decode_onward(sparse_until)
            first = next(frames, None)
            # Seeks use decoding times, so the keyframe may be shown after ``start``. Then seek further back.
            if first is not None and (first.time <= max(start, self.first_time) + 1e-6 or target == -BEFORE_START):
                yield first
                yield from frames
                return

    def frame_at(self, time: float) -> Picture | None:
        shown: Picture | None = None
        for picture in self.iterate_frames(max(time, self.first_time), time - REORDER_SECONDS):
            if picture.time > time + 1e-6 and shown is not None:
                break
            shown = picture
        return shown

    def _seek(self, time: float) -> None:
        stamp = round((time + self._origin) / self._base)
        try:
            self._container.seek(stamp, stream=self._stream, backward=True)
        except av.error.FFmpegError:
            self._container.seek(0, stream=self._stream, backward=True)

    def _decode_onward(self, sparse_until: float | None = None) -> Iterator[Picture]:
        floor: int | None = None
        context = self._stream.codec_context
        sparse_end = -np.inf if sparse_until is None else sparse_until - REORDER_SECONDS
        try:
            for packet in demux(self._container, self._stream):
                if floor is None:
                    if not packet.is_keyframe and packet.size:
                        continue
                    floor = packet.pts
                sparse = packet.dts is not None and packet.dts * self._base - self._origin < sparse_end
                context.skip_frame = "NONREF" if sparse else "DEFAULT"
                for frame in self._frames(packet):
                    # Skip leading frames of an open GOP: they need frames before the seek position.
                    if frame.pts is not None and (floor is None or frame.pts >= floor):
                        yield self._picture(frame)
        finally:
            context.skip_frame = "DEFAULT"

    def _frames(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        try:
            return self._stream.decode(packet)
        except av.error.InvalidDataError:
            return []

    def _picture(self, frame: VideoFrame) -> Picture:
        # Do not use PyAV's ``frame.time``: it is NaN for the last frames.
        time = (frame.pts or 0) * self._base - self._origin
        return Picture(frame, time, self._ratio, self._rotation)

    def _scan(self) -> NDArray[np.float64]:
        self._seek(-BEFORE_START)
        stamps = [
            p.pts if p.dts is None else p.dts
            for p in demux(self._container, self._stream)
            if p.is_keyframe and (p.pts is not None or p.dts is not None)
        ]
        return np.array(stamps, np.float64) * self._base - self._origin

    def _find_duration(self) -> float:
        if self._container.duration and self._container.duration > 0:
            return self._container.duration / MICROSECONDS
        if self._stream.duration and self._stream.duration > 0:
            return self._stream.duration * self._base
        self._seek(-BEFORE_START)
        ends = [p.pts + (p.duration or 0) for p in demux(self._container, self._stream) if p.pts is not None]
        return max(0.0, max(ends, default=0) * self._base - self._origin)


def _planar_to_bgr(frame: VideoFrame, layout: tuple[int, int, int], corners: tuple[int, int, int, int]) -> Image:
    bits, shift_x, shift_y = layout
    x0, y0, x1, y1 = corners
    full_range = frame.color_range == 2 or frame.format.name.startswith("yuvj")
    planes = []
    for number, plane in enumerate(frame.planes):
        sx, sy = (0, 0) if number == 0 else (shift_x, shift_y)
        flat: NDArray[Any] = np.frombuffer(memoryview(plane), np.uint8)
        rows = (flat if bits == 8 else flat.view(np.uint16)).reshape(plane.height, -1)
        part: Any = rows[y0 >> sy : ((y1 - 1) >> sy) + 1, x0 >> sx : ((x1 - 1) >> sx) + 1]
        part = np.ascontiguousarray(part >> (bits - 8) if bits > 8 else part, np.uint8)
        if not full_range:
            part = np.asarray(cv2.LUT(part, STUDIO_LUMA if number == 0 else STUDIO_CHROMA), np.uint8)
        planes.append(part if number == 0 else _resized(part, x1 - x0, y1 - y0))
    luma, blue, red = planes
    return np.asarray(cv2.cvtColor(cv2.merge((luma, red, blue)), cv2.COLOR_YCrCb2BGR), np.uint8)


def _resized(image: Image, width: int, height: int) -> Image:
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
