"""Sound tracks of a patched file: copied, or encoded if MP4 cannot hold them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, TypeAlias

import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from media_app.av.audio_splice import ROUNDING, SoundTrack, Span
from media_app.av.container import demux, open_media
from media_app.av.source import Source

Timed: TypeAlias = "Iterator[tuple[float, Packet[Any]]]"


def sounds_of(source: Source, container: InputContainer, out: OutputContainer) -> list[Timed]:
    found: list[Timed] = []
    for stream in container.streams.audio:
        if not stream.time_base or stream.codec_context is None:
            continue
        if stream.codec_context.codec.canonical_name in out.supported_codecs:
            found.append(_copied(source, stream, out))
        elif source.sound is not None and source.sound.track == stream.index:
            length = Fraction(source.facts.duration).limit_denominator(1_000_000)
            found.append(SoundTrack(out, source.sound.channels).packets([Span(source, 0.0, length)]))
    return found


def _copied(source: Source, stream: AudioStream, out: OutputContainer) -> Timed:
    made = out.add_stream_from_template(stream)
    made.time_base = ticks_of(stream)
    return _packets(source, stream.index, made)


def ticks_of(stream: AudioStream) -> Fraction:
    """Return a copied track's time base in seconds."""
    context = stream.codec_context
    base = Fraction(stream.time_base or 1)
    if context.frame_size and context.sample_rate and base > Fraction(1, context.sample_rate):
        return Fraction(1, context.sample_rate)
    return base


def _packets(source: Source, track: int, made: Any) -> Timed:
    with open_media(source.path) as container:
        stream = container.streams[track]
        assert isinstance(stream, AudioStream)
        clock = _Clock(stream, source.origin)
        try:
            for packet in demux(container, stream):
                stamp = packet.pts if packet.pts is not None else packet.dts
                if not packet.size or stamp is None:
                    continue
                at, length = clock.place(stamp, packet.duration or 0)
                if packet.is_discard and at >= 0:
                    continue
                packet.stream = made
                packet.time_base = clock.ticks
                packet.pts = packet.dts = at
                packet.duration = length
                yield float(at * clock.ticks), packet
        except av.error.FFmpegError:
            return  # the file is truncated


class _Clock:
    def __init__(self, stream: AudioStream, origin: Fraction) -> None:
        self._base = Fraction(stream.time_base or 1)
        self.ticks = ticks_of(stream)
        self._frame = stream.codec_context.frame_size if self.ticks != self._base else 0
        self._origin = origin
        self._next: int | None = None

    def place(self, stamp: int, length: int) -> tuple[int, int]:
        at = round((stamp * self._base - self._origin) / self.ticks)
        if not self._frame:
            return at, length
        # Start a packet where the previous packet ends: rounded times would cause gaps or overlaps.
        if self._next is not None and abs(at - self._next) * self.ticks <= ROUNDING:
            at = self._next
        self._next = at + self._frame
        return at, self._frame
