"""Encoding of painted pieces of a video as H.264 packets.

A piece begins with an IDR picture and has no B-frames, so decoding order is display order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av.error
from av.codec import CodecContext
from av.codec.context import Flags
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from media_app.av.avcc import Avcc
from media_app.av.container import SEEK_STEPS, demux, first_video, open_media
from media_app.av.ffmpeg import ConversionFailed
from media_app.av.source import Source
from sessions_app.prosync.engine.frame_patching.blending import Blender, View
from sessions_app.prosync.engine.frame_patching.painting import Painter, Patch
from sessions_app.prosync.engine.frame_patching.pictures import Pictures
from sessions_app.prosync.engine.frame_patching.planning import Piece, Stretch

CRF, PRESET = "16", "veryfast"
GOP_SECONDS = 2
FULL_RANGE = "yuvj420p"


@dataclass(slots=True)
class Brush:
    painter: Painter
    stretch: Stretch
    changed: int = 0
    first: int | None = None
    last: int | None = None

    def covers(self, number: int) -> bool:
        return self.stretch.first <= number < self.stretch.behind

    def patches(self, number: int, image: Any, seconds: float) -> Sequence[Patch]:
        patches = self.painter.paint(image, seconds)
        if patches:
            self.changed += 1
            self.first = number if self.first is None else self.first
            self.last = number
        return patches


class Encoder:
    """An encoder for pieces of ``source``. record: decoder configuration for new and copied packets.

    Raises :class:`ConversionFailed` if these packets cannot share a track.
    """

    def __init__(
        self, source: Source, pictures: Pictures, seconds: Sequence[float], brushes: Sequence[Brush], threads: int
    ) -> None:
        self._source = source
        self._pictures = pictures
        self._seconds = seconds
        self._brushes = brushes
        self._threads = threads
        self._numbers = {stamp: number for number, stamp in enumerate(pictures.shown)}
        facts = source.facts
        self._view = View(facts.coded_width, facts.coded_height, facts.rotation, facts.sample_aspect_ratio)
        with open_media(source.path) as container:
            stream = first_video(container)
            like, self._ratio = stream.codec_context, stream.sample_aspect_ratio
            self._colours = like.color_range, like.colorspace, like.color_primaries, like.color_trc
        copied = Avcc.parse(pictures.record)
        self._free = None if copied is None else copied.unused_set_number()
        record = None if copied is None else copied.joined(self._opened().extradata or b"")
        if record is None:
            raise ConversionFailed(
                "Changed frames cannot be added to this H.264 video. Export the video again as MP4 (H.264), "
                "then upload it."
            )
        self.record = record

    def packets(self, piece: Piece) -> Iterator[tuple[int, Packet[Any]]]:
        encoder = self._opened()
        blender: Blender | None = None
        for number, frame in self._frames(piece):
            if (frame.width, frame.height) != (self._view.width, self._view.height):
                raise ConversionFailed(
                    "The frame size changes during the video. Export the video with one frame size, then upload it."
                )
            if blender is None:
                blender = Blender(self._view, int(frame.colorspace), full=frame.format.name == FULL_RANGE)
            self._paint(number, frame, blender)
            # Clear the frame's type. Otherwise the encoder creates a keyframe wherever the source has one.
            frame.pict_type = PictureType.NONE
            yield from self._numbered(encoder.encode(frame))
        if blender is not None:
            yield from self._numbered(encoder.encode(None))

    def _paint(self, number: int, frame: VideoFrame, blender: Blender) -> None:
        brushes = [brush for brush in self._brushes if brush.covers(number)]
        if not brushes:
            return
        stored = blender.stored(frame)
        for brush in brushes:
            patches = brush.patches(number, self._view.shown(stored), self._seconds[number])
            if patches:
                stored = blender.blend(frame, stored, patches)

    def _numbered(self, packets: Sequence[Packet[Any]]) -> Iterator[tuple[int, Packet[Any]]]:
        for packet in packets:
            assert packet.pts is not None
            yield self._numbers[packet.pts], packet

    def _opened(self) -> VideoCodecContext:
        encoder = CodecContext.create("libx264", "w")
        assert isinstance(encoder, VideoCodecContext)
        encoder.width, encoder.height = self._view.width, self._view.height
        encoder.pix_fmt = self._source.facts.pixel_format
        encoder.color_range, encoder.colorspace, encoder.color_primaries, encoder.color_trc = self._colours
        if self._ratio:
            encoder.sample_aspect_ratio = self._ratio
        fps = Fraction(self._source.facts.fps)
        encoder.time_base, encoder.framerate = self._pictures.base, fps
        encoder.gop_size = max(1, round(fps * GOP_SECONDS))
        encoder.thread_count = self._threads
        encoder.flags |= Flags.global_header
        encoder.options = {
            "preset": PRESET, "crf": CRF, "profile": "high",
            "x264-params": f"sps-id={self._free}:bframes=0:annexb=0:log-level=error",
        }  # fmt: skip
        try:
            encoder.open()
        except av.error.FFmpegError as exc:
            raise ConversionFailed(
                "The video's pixel format cannot be encoded. Export the video as MP4 (H.264), then upload it."
            ) from exc
        return encoder

    def _frames(self, piece: Piece) -> Iterator[tuple[int, VideoFrame]]:
        at = bisect_right(self._pictures.entries, piece.first)
        entry = self._pictures.decoded[self._pictures.entries[at - 1] if at else 0]
        with open_media(self._source.path) as container:
            video = first_video(container)
            video.codec_context.thread_count = self._threads
            video.thread_type = "AUTO"
            for packet in _from(container, video, entry, self._pictures.base):
                for frame in _decoded(video, packet):
                    number = -1 if frame.pts is None else self._numbers.get(frame.pts, -1)
                    if piece.first <= number < piece.behind:
                        yield number, frame
                    if number >= piece.behind - 1:
                        return


def _from(container: InputContainer, video: VideoStream, entry: int, base: Fraction) -> Iterator[Packet[Any]]:
    for extra in (*SEEK_STEPS, None):
        begun = False
        try:
            if extra is None:
                container.seek(container.start_time or 0)
            else:
                container.seek(entry - int(extra / base), stream=video, backward=True)
            for packet in demux(container, video):
                stamp = packet.pts if packet.pts is not None else packet.dts
                if not begun and packet.is_keyframe and stamp is not None and stamp > entry:
                    break
                begun = begun or (packet.is_keyframe and stamp == entry)
                if begun:
                    yield packet
        except av.error.FFmpegError:
            pass
        if begun:
            return


def _decoded(video: VideoStream, packet: Packet[Any]) -> list[VideoFrame]:
    try:
        return video.decode(packet)
    except av.error.FFmpegError:
        return []
