"""Joining of files with equal picture formats by copying."""

from __future__ import annotations

import errno
import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import av
import av.error
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from media_app.av.container import demux, open_media
from media_app.av.ffmpeg import ConversionFailed
from media_app.av.merge.layout import BLOCK, Layout, packets_of_sound
from media_app.av.merge.survey import Survey
from media_app.av.source import Progress

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EACCES, errno.ENOENT, errno.EROFS)

# packets in order, each as (decoding time in seconds, packet)
Timed: TypeAlias = "Iterator[tuple[float, Packet[Any]]]"


def join(
    target: Path,
    surveys: Sequence[Survey],
    layout: Layout,
    sound: Callable[[OutputContainer], Timed] | None,
    tell: Progress,
) -> None:
    """Write ``target`` with the pictures of the clips, copied without encoding.

    sound: function that adds a sound track and returns its packets. Raises :class:`ConversionFailed`, OSError.
    """
    total = float(layout.total)
    with _output(target) as out, open_media(surveys[0].path) as first:
        stream = out.add_stream_from_template(first.streams[surveys[0].track])
        assert isinstance(stream, VideoStream)
        stream.time_base = layout.base
        tracks = [_pictures(surveys, layout, stream)]
        if sound is not None:
            tracks.append(sound(out))
        for time, packet in heapq.merge(*tracks, key=lambda one: one[0]):
            out.mux(packet)
            tell(min(1.0, max(0.0, time / total)) if total > 0 else 1.0)


def _pictures(surveys: Sequence[Survey], layout: Layout, stream: VideoStream) -> Timed:
    delay = max(round(survey.delay * survey.base / layout.base) for survey in surveys)
    for number, survey in enumerate(surveys):
        times = int(survey.base / layout.base)
        begin = layout.starts[number] - survey.shown[0] * times
        ends = dict(zip(survey.shown, survey.shown[1:], strict=False))
        places = zip(survey.decoded, survey.shown, strict=True)
        with open_media(survey.path) as container:
            for packet in demux(container, container.streams[survey.track]):
                if not packet.size:
                    continue
                stamp, place = next(places)
                packet.stream = stream
                packet.time_base = layout.base
                packet.pts = begin + stamp * times
                packet.dts = begin + place * times - delay
                end = begin + ends[stamp] * times if stamp in ends else layout.starts[number + 1]
                packet.duration = end - packet.pts
                yield float(packet.dts * layout.base), packet


def copied_sound(
    surveys: Sequence[Survey], layout: Layout, rate: int, channels: int
) -> Callable[[OutputContainer], Timed]:
    def add(out: OutputContainer) -> Timed:
        with open_media(surveys[0].path) as first:
            sound = surveys[0].sound
            assert sound is not None
            stream = out.add_stream_from_template(first.streams[sound.track])
        stream.time_base = Fraction(1, rate)
        return _sounds(surveys, layout, stream, rate, channels)

    return add


def _sounds(surveys: Sequence[Survey], layout: Layout, stream: Stream, rate: int, channels: int) -> Timed:
    end = layout.total * rate
    at, silence = layout.first_slot - BLOCK, b""
    for survey, numbers in zip(surveys, packets_of_sound(layout, rate), strict=True):
        own = _packets(survey)
        for number in numbers:
            packet = own(number)
            if packet is None:
                silence = silence or silent_packet(rate, channels)
                packet = Packet(silence)
            packet.stream = stream
            packet.time_base = Fraction(1, rate)
            packet.pts = packet.dts = at
            packet.duration = BLOCK if at + BLOCK <= end else max(1, math.floor(end) - at)
            yield at / rate, packet
            at += BLOCK


def _packets(survey: Survey) -> Callable[[int], Packet[Any] | None]:
    assert survey.sound is not None
    track = survey.sound.track

    def all_of() -> Iterator[Packet[Any]]:
        with open_media(survey.path) as container:
            for packet in demux(container, container.streams[track]):
                if packet.size and packet.pts is not None:
                    yield packet

    packets, reached = all_of(), 0

    def of(number: int) -> Packet[Any] | None:
        nonlocal reached
        if number < 0:
            return None
        for packet in packets:
            reached += 1
            if reached == number + 1:
                # Drop the file's ``skip_samples``: the merged file has its own.
                return Packet(bytes(packet)) if packet.is_discard or packet.has_sidedata("skip_samples") else packet
        return None

    return of


def silent_packet(rate: int, channels: int) -> bytes:
    from av.audio.frame import AudioFrame
    from av.codec import CodecContext

    layout = "stereo" if channels > 1 else "mono"
    encoder = CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = rate, layout, "fltp"
    encoder.time_base = Fraction(1, rate)
    packets = []
    for number in range(4):
        frame = AudioFrame(format="fltp", layout=layout, samples=BLOCK)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = rate, number * BLOCK, Fraction(1, rate)
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return bytes(packets[-1])


@contextmanager
def _output(target: Path) -> Iterator[OutputContainer]:
    try:
        with av.open(f"file:{target}", "w", format="mp4", options={"movflags": "+faststart"}) as out:
            yield out
    except av.error.FFmpegError as exc:
        if exc.errno in NO_ROOM:
            raise OSError(exc.errno, exc.strerror) from exc
        raise ConversionFailed("The video is damaged or has a format that cannot be merged.") from exc
