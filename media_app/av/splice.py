"""The sound of parts of a file, joined to the sample and encoded as one AAC track; pictures are for others.

Each part has as many samples as its pictures last, silence where there is no sound, and a fade of some milliseconds
at its ends, without which a joint is heard as a click.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from media_app.av.rungs import SOUND_BITS, SOUND_RATE
from media_app.av.source import Sound, Source

Samples = NDArray[np.float32]
BLOCK = 1024  # samples of an AAC frame
FADE = 144  # samples: 3 ms
PREROLL = (0.3, 3.0, 30.0)  # seconds further back when a seek lands behind its target
ROUNDING = 0.002  # seconds by which timestamps of sound may be off without there being a hole
LAYOUTS = {1: "mono", 2: "stereo"}


class SoundTrack:
    """The AAC track of a file that is being written. One channel stays one: made two, each would be 3 dB quieter."""

    def __init__(self, out: OutputContainer, source: Source, sound: Sound) -> None:
        self._source = source
        self._sound = sound
        self._layout = LAYOUTS[min(2, sound.channels)]
        self._stream = out.add_stream("aac", rate=SOUND_RATE, layout=self._layout)
        self._stream.bit_rate = SOUND_BITS

    def packets(self, spans: Sequence[tuple[float, Fraction]]) -> Iterator[tuple[float, Packet[Any]]]:
        """Packets in their order, beside each the second at which it begins.

        spans: where each part begins in the source, seconds, and how long its pictures last, seconds.
        """
        rest = np.zeros((min(2, self._sound.channels), 0), np.float32)
        at = 0
        for samples in self._joined(spans):
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

    def _joined(self, spans: Sequence[tuple[float, Fraction]]) -> Iterator[Samples]:
        elapsed, written = Fraction(0), 0
        for start, length in spans:
            elapsed += length
            # Rounded over the whole: what each part loses or gains does not add up.
            count = round(elapsed * SOUND_RATE) - written
            written += count
            place = 0
            for samples in self._part(start, count):
                number = place + np.arange(samples.shape[1])
                gain = np.minimum(1.0, np.minimum(number + 1, count - number) / FADE)
                yield np.asarray(samples * gain, np.float32)
                place += samples.shape[1]

    def _part(self, start: float, count: int) -> Iterator[Samples]:
        """``count`` samples from ``start`` (seconds) on, in runs."""
        channels = min(2, self._sound.channels)
        reached = 0
        slack = 0  # the first samples are placed exactly
        for at, samples in self._heard(start):
            begin = at - reached
            if begin > slack:
                hole = min(begin, count - reached)
                for first in range(0, hole, SOUND_RATE):
                    yield np.zeros((channels, min(SOUND_RATE, hole - first)), np.float32)
                reached += hole
            fresh = samples[:, max(0, -begin) if -begin > slack else 0 :][:, : count - reached]
            if fresh.shape[1]:
                yield fresh
                reached += fresh.shape[1]
                slack = round(ROUNDING * SOUND_RATE)
            if reached >= count:
                return
        while reached < count:
            length = min(SOUND_RATE, count - reached)
            yield np.zeros((channels, length), np.float32)
            reached += length

    def _heard(self, start: float) -> Iterator[tuple[int, Samples]]:
        """Samples as they are decoded, each run with its place, in samples behind ``start``."""
        for last, extra in enumerate(PREROLL, 1):
            runs = self._decoded(start, extra)
            first = next(runs, None)
            if first is not None and (first[0] <= 0 or last == len(PREROLL)):
                yield first
                yield from runs
                return

    def _decoded(self, start: float, extra: float) -> Iterator[tuple[int, Samples]]:
        with open_media(self._source.path) as container:
            stream = container.streams[self._sound.track]
            begin = Fraction(start) + self._source.origin
            base = Fraction(stream.time_base or 1)
            try:
                container.seek(round((begin - Fraction(extra)) / base), stream=stream, backward=True)
            except av.error.FFmpegError:
                container.seek(container.start_time or 0)
            resampler = AudioResampler("fltp", self._layout, SOUND_RATE)
            shape: Any = None
            place = 0
            try:
                for packet in demux(container, stream):
                    for frame in _frames(packet):
                        if frame.pts is None:
                            continue
                        now = (frame.format.name, frame.layout.name, frame.sample_rate)
                        if now != shape:
                            shape, resampler = now, AudioResampler("fltp", self._layout, SOUND_RATE)
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
                return  # it breaks off here


def _frames(packet: Packet[Any]) -> list[Any]:
    """What a packet holds; one that cannot be decoded is a hole, which is silent."""
    try:
        return list(packet.decode())
    except av.error.FFmpegError:
        return []
