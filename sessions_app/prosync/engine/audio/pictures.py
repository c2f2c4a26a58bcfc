"""The pictures of a dubbed video, as packets on the clock of what is written; the sound is for others."""

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
from media_app.av.ladder import encoding, even, picture_of
from media_app.av.source import Progress, Source

CODECS = frozenset({"h264", "hevc", "av1", "vp9"})  # that browsers play from an MP4
CRF, GOP_SECONDS = 18, 2
MAX_WAITING = 64  # packets at the beginning whose decoding times nobody knows


def why_not_copied(source: Source) -> str | None:
    """Why the pictures of this source cannot stand in an MP4 as they are, a sentence; None when they can."""
    if source.facts.codec not in CODECS:
        return f"The picture is {source.facts.codec}, which browsers do not play from an MP4."
    if not source.times_pictures:
        return "The video does not say when its pictures are to be shown."
    return None


def encode(source: Source, target: Path, program: Ffmpeg, on_progress: Progress) -> None:
    """Write the pictures of ``source`` as H.264, each at its own time on the clock of ``source``.

    Raises :class:`ConversionFailed`, :class:`media_app.av.ffmpeg.ProgramMissing` and OSError.
    """
    facts = source.facts
    track = picture_of(source, (even(facts.width), even(facts.height)))
    shifted = Filter("setpts", (f"PTS-({float(source.origin):.6f})/TB",))
    options = {
        **encoding(source, program, crf=CRF, fps_mode="passthrough", an=None, f="mp4"), "enc_time_base:v": "demux",
        "g": max(1, round(facts.fps * GOP_SECONDS)), "copyts": None, **WITHOUT_TAGS,
    }  # fmt: skip
    program.make(target, source, [Track(track.number, (shifted, *track.filters))], options, on_progress=on_progress)


class Pictures:
    """Those of one file, packet for packet. origin: seconds on its clock where ``currentTime`` is 0. base: of a
    tick."""

    def __init__(self, path: Path, track: int, origin: Fraction) -> None:
        self.path = path
        self.track = track
        self.origin = origin
        with open_media(path) as container:
            base = container.streams[track].time_base
        if not base:
            raise ConversionFailed("Its pictures have no times.")
        self.base = Fraction(base)

    def add_to(self, out: OutputContainer) -> VideoStream:
        """The track in what is written."""
        with open_media(self.path) as container:
            own: Any = container.streams[self.track]
            # As it is, whoever decodes it: of some codecs there is no encoder here.
            stream = out.add_stream_from_template(own, opaque=True)
            assert isinstance(stream, VideoStream)
            stream.time_base = self.base
            if own.codec_context.codec.canonical_name == "hevc" and own.codec_tag != "hev1":
                stream.codec_tag = "hvc1"  # without which Apple's players do not play it
        return stream

    def packets(self, stream: VideoStream) -> Iterator[tuple[float, Packet[Any]]]:
        """In the order of decoding; seconds of that beside each. Raises :class:`ConversionFailed`."""
        shift = round(self.origin / self.base)
        for packet, decoded in self._decoded():
            packet.stream = stream
            packet.time_base = self.base
            packet.pts = (packet.pts if packet.pts is not None else decoded) - shift
            packet.dts = decoded - shift
            yield float(packet.dts * self.base), packet

    def _decoded(self) -> Iterator[tuple[Packet[Any], int]]:
        """Packets with their decoding times; Matroska has none for the first few, which precede the others."""
        waiting: list[Packet[Any]] = []
        last: int | None = None
        for packet in self._read():
            if packet.dts is None and last is None and len(waiting) < MAX_WAITING:
                waiting.append(packet)
                continue
            dts = packet.dts if packet.dts is not None else packet.pts if last is None else last + 1
            if dts is None:
                raise ConversionFailed("Its pictures have no times.")
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
                    other.discard = Discard.all  # of an MP4 nothing else is read then
            try:
                for packet in demux(container, container.streams[self.track]):
                    if packet.size:
                        yield packet
            except av.error.FFmpegError as exc:
                raise ConversionFailed("Its data is damaged.") from exc
