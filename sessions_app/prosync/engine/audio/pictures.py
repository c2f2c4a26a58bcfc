from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av.error
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Discard
from av.video.stream import VideoStream

from media_app.av.container import demux, open_media
from media_app.av.ffmpeg import WITHOUT_TAGS, ConversionFailed, Ffmpeg, Filter, Track
from media_app.av.ladder import encoding, picture_of, round_down_even
from media_app.av.source import Progress, Source

CODECS = frozenset({"h264", "hevc", "av1", "vp9"})
CRF, GOP_SECONDS = 18, 2
MAX_WAITING = 64


def why_not_copied(source: Source) -> str | None:
    if source.facts.codec not in CODECS:
        return f"The video codec is {source.facts.codec}, which browsers cannot play in an MP4 file."
    if not source.times_pictures:
        return "The video's frames have no timestamps."
    return None


def encode(source: Source, target: Path, program: Ffmpeg, on_progress: Progress) -> None:
    facts = source.facts
    track = picture_of(source, (round_down_even(facts.width), round_down_even(facts.height)))
    shifted = Filter("setpts", (f"PTS-({float(source.origin):.6f})/TB",))
    options = {
        **encoding(source, program, crf=CRF, fps_mode="passthrough", an=None, f="mp4"), "enc_time_base:v": "demux",
        "g": max(1, round(facts.fps * GOP_SECONDS)), "copyts": None, **WITHOUT_TAGS,
    }  # fmt: skip
    program.make(target, source, [Track(track.number, (shifted, *track.filters))], options, on_progress=on_progress)


class Pictures:
    """A file's picture packets. base: seconds per tick.

    origin: the file's timestamp, in seconds, at which ``currentTime`` is 0.
    """

    def __init__(self, path: Path, track: int, origin: Fraction) -> None:
        self.path = path
        self.track = track
        self.origin = origin
        with open_media(path) as container:
            base = container.streams[track].time_base
        if not base:
            raise ConversionFailed("The video's frames have no timestamps.")
        self.base = Fraction(base)

    def add_to(self, out: OutputContainer) -> VideoStream:
        with open_media(self.path) as container:
            own: Any = container.streams[self.track]
            # `opaque` creates the track without an encoder, because FFmpeg cannot encode some codecs.
            stream = out.add_stream_from_template(own, opaque=True)
            assert isinstance(stream, VideoStream)
            stream.time_base = self.base
            if own.codec_context.codec.canonical_name == "hevc" and own.codec_tag != "hev1":
                stream.codec_tag = "hvc1"  # Apple's players require the tag hvc1 for HEVC.
        return stream

    def packets(self, stream: VideoStream) -> Iterator[tuple[float, Packet[Any]]]:
        """Yield (decoding time in seconds, packet). Raise :class:`ConversionFailed`."""
        shift = round(self.origin / self.base)
        for packet, decoded in self._decoded():
            packet.stream = stream
            packet.time_base = self.base
            packet.pts = (packet.pts if packet.pts is not None else decoded) - shift
            packet.dts = decoded - shift
            yield float(packet.dts * self.base), packet

    def _decoded(self) -> Iterator[tuple[Packet[Any], int]]:
        """Yield packets with decoding times. Compute those of Matroska's first packets, which lack them."""
        waiting: list[Packet[Any]] = []
        last: int | None = None
        for packet in self._read():
            if packet.dts is None and last is None and len(waiting) < MAX_WAITING:
                waiting.append(packet)
                continue
            dts = packet.dts if packet.dts is not None else packet.pts if last is None else last + 1
            if dts is None:
                raise ConversionFailed("The video's frames have no timestamps.")
            for number, early in enumerate(waiting):
                yield early, dts - (len(waiting) - number) * max(1, early.duration or 0)
            waiting.clear()
            yield packet, dts
            last = dts
        for number, early in enumerate(waiting):
            yield early, (waiting[0].pts or 0) + number - len(waiting)

    def _read(self) -> Iterator[Packet[Any]]:
        with open_media(self.path) as container:
            for other in container.streams:
                if other.index != self.track:
                    other.discard = Discard.all
            try:
                for packet in demux(container, container.streams[self.track]):
                    if packet.size:
                        yield packet
            except av.error.FFmpegError as exc:
                raise ConversionFailed("The video's data is damaged.") from exc
