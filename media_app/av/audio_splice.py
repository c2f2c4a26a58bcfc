"""AAC track joined from parts of the sound of one or more files, with sample accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import OutputContainer
from av.packet import Packet
from numpy.typing import NDArray

from media_app.av.container import demux, open_media
from media_app.av.ladder import SOUND_BITS, SOUND_RATE
from media_app.av.source import Sound, Source

Samples = NDArray[np.float32]
BLOCK = 1024  # number of samples in an AAC frame
FADE = 144  # length of the fade at both ends of each part, in samples (3 ms)
SEEK_BACK_SECONDS = (0.3, 3.0, 30.0)  # seek positions to try in turn, in seconds before the target
ROUNDING = 0.002  # maximum rounding error of timestamps in seconds; smaller gaps and overlaps are ignored
LAYOUTS = {1: "mono", 2: "stereo"}


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the output sound. source: None for silence. start: position in the source, in seconds.

    length: seconds. gain: linear factor.
    """

    source: Source | None
    start: float
    length: Fraction
    gain: float = 1.0


class SoundTrack:
    """An AAC output track, mono or stereo like the source."""

    def __init__(self, out: OutputContainer, channels: int) -> None:
        self._channels = min(2, channels)
        self._layout = LAYOUTS[self._channels]
        self._stream = out.add_stream("aac", rate=SOUND_RATE, layout=self._layout)
        self._stream.bit_rate = SOUND_BITS

    def packets(self, spans: Sequence[Span]) -> Iterator[tuple[float, Packet[Any]]]:
        rest = np.zeros((self._channels, 0), np.float32)
        at = 0
        for samples in _joined(spans, self._channels):
            rest = np.concatenate([rest, samples], axis=1)
            while rest.shape[1] >= BLOCK:
                yield from self._encoded(rest[:, :BLOCK], at)
                rest, at = rest[:, BLOCK:], at + BLOCK
        if rest.shape[1]:
            yield from self._encoded(rest, at)
        yield from self._timed(self._stream.encode(None))

    def _encoded(self, samples: Samples, at: int) -> Iterator[tuple[float, Packet[Any]]]:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, at, Fraction(1, SOUND_RATE)
        yield from self._timed(self._stream.encode(frame))

    @staticmethod
    def _timed(packets: Sequence[Packet[Any]]) -> Iterator[tuple[float, Packet[Any]]]:
        for packet in packets:
            yield float((packet.pts or 0) * (packet.time_base or 0)), packet


def _joined(spans: Sequence[Span], channels: int) -> Iterator[Samples]:
    elapsed, written = Fraction(0), 0
    for span in spans:
        elapsed += span.length
        count = round(elapsed * SOUND_RATE) - written
        written += count
        place = 0
        for samples in read_samples(span.source, span.start, count, channels):
            number = place + np.arange(samples.shape[1])
            gain = span.gain * np.minimum(1.0, np.minimum(number + 1, count - number) / FADE)
            yield np.asarray(samples * gain, np.float32)
            place += samples.shape[1]


def read_samples(source: Source | None, start: float, count: int, channels: int) -> Iterator[Samples]:
    """Yield ``count`` samples from ``start`` (seconds) as float32 arrays (channels, n); gaps are silent."""
    sound = source.sound if source is not None else None
    reached = 0
    slack = 0
    for at, samples in _placed(source, sound, start, LAYOUTS[channels]) if source is not None and sound else ():
        begin = at - reached
        if begin > slack:
            hole = min(begin, count - reached)
            yield from _silence(hole, channels)
            reached += hole
        fresh = samples[:, max(0, -begin) if -begin > slack else 0 :][:, : count - reached]
        if fresh.shape[1]:
            yield fresh
            reached += fresh.shape[1]
            slack = round(ROUNDING * SOUND_RATE)
        if reached >= count:
            return
    yield from _silence(count - reached, channels)


def _silence(count: int, channels: int) -> Iterator[Samples]:
    for first in range(0, count, SOUND_RATE):
        yield np.zeros((channels, min(SOUND_RATE, count - first)), np.float32)


def _placed(source: Source, sound: Sound, start: float, layout: str) -> Iterator[tuple[int, Samples]]:
    for last, extra in enumerate(SEEK_BACK_SECONDS, 1):
        runs = _decoded(source, sound, start, extra, layout)
        first = next(runs, None)
        if first is not None and (first[0] <= 0 or last == len(SEEK_BACK_SECONDS)):
            yield first
            yield from runs
            return


def _decoded(source: Source, sound: Sound, start: float, extra: float, layout: str) -> Iterator[tuple[int, Samples]]:
    with open_media(source.path) as container:
        stream = container.streams[sound.track]
        begin = Fraction(start) + source.origin
        base = Fraction(stream.time_base or 1)
        try:
            container.seek(round((begin - Fraction(extra)) / base), stream=stream, backward=True)
        except av.error.FFmpegError:
            container.seek(container.start_time or 0)
        resampler = AudioResampler("fltp", layout, SOUND_RATE)
        shape: Any = None
        place = 0
        try:
            for packet in demux(container, stream):
                for frame in _frames(packet):
                    if frame.pts is None:
                        continue
                    now = (frame.format.name, frame.layout.name, frame.sample_rate)
                    if now != shape:
                        shape, resampler = now, AudioResampler("fltp", layout, SOUND_RATE)
                    for mixed in resampler.resample(frame):
                        if mixed.pts is not None:
                            time = mixed.pts * Fraction(mixed.time_base or 1) - begin
                            place = round(time * SOUND_RATE)
                        yield place, np.asarray(mixed.to_ndarray(), np.float32)
                        place += mixed.samples
            for mixed in resampler.resample(None) if shape is not None else []:
                yield place, np.asarray(mixed.to_ndarray(), np.float32)
                place += mixed.samples
        except av.error.FFmpegError:
            return


def _frames(packet: Packet[Any]) -> list[Any]:
    try:
        return list(packet.decode())
    except av.error.FFmpegError:
        return []
