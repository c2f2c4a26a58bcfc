"""The sound of a file: one channel, 8 000 samples per second. Times equal the browser's ``currentTime``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import av.error
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from media_app.av.container import MICROSECONDS, MediaError, demux, open_media, presentation_origin

Samples = NDArray[np.float32]
RATE = 8000
GATHERED = 1 << 15  # samples collected before each call of the resampler
HOLE_SECONDS = 0.02  # minimum seconds of missing sound; smaller gaps come from rounded timestamps
RUN_IN_SECONDS = 0.25  # seconds decoded before the wanted time, since the first frames after a seek are wrong
MAX_SECONDS = 13 * 3600.0
MAX_TRACKS = 16
LOUDNESS_PLACES = 4
LISTEN_SECONDS = 0.5
# minimum power of the mono mix, as a share of the channels' mean power; below it, the channels cancel each other out
CANCELLED = 0.1


class NoSound(Exception):
    """Error if a file has no sound that can be decoded."""


@dataclass(frozen=True, slots=True)
class Run:
    start: float
    samples: Samples


class SoundTrack:
    """A context manager for the loudest sound track of a file, for one thread at a time.

    Raises :class:`MediaError` for an unreadable file, :class:`NoSound` if no track can be decoded.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._container = open_media(path)
        try:
            self._origin = float(presentation_origin(self._container))
            self._channel: int | None = None
            self.duration = min(MAX_SECONDS, float((self._container.duration or 0) / MICROSECONDS))
            self.count = len(self._container.streams.audio)
            self._stream, self.number = self._loudest()
            self._channel = self._clearest_channel()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._container.close()

    def runs(self, start: float = 0.0, end: float = MAX_SECONDS) -> Iterator[Run]:
        """Yield the sound from ``start`` to ``end`` seconds, in pieces without gaps, until a read error."""
        self._seek(start - RUN_IN_SECONDS)
        for run in self._decoded(self._stream, end):
            first = max(0, round((start - run.start) * RATE))
            last = min(len(run.samples), round((end - run.start) * RATE))
            if first < last:
                yield Run(run.start + first / RATE, run.samples[first:last])

    def samples(self, start: float, seconds: float) -> tuple[Samples, float]:
        """Return ``seconds`` of sound from ``start`` on, and the share of this sound that the file contains.

        Fill gaps with silence. The start is exact to half a sample.
        """
        count = round(seconds * RATE)
        found = np.zeros(count, np.float32)
        heard = 0
        for run in self.runs(start, start + seconds):
            at = round((run.start - start) * RATE)
            first, last = max(0, at), min(count, at + len(run.samples))
            if first < last:
                found[first:last] = run.samples[first - at : last - at]
                heard += last - first
        return found, heard / max(1, count)

    def _seek(self, seconds: float) -> None:
        at = int((self._origin + seconds) * MICROSECONDS)
        try:
            self._container.seek(at, backward=True)
        except av.error.FFmpegError:
            try:
                self._container.seek(0, backward=True, any_frame=True)
            except av.error.FFmpegError as exc:
                raise MediaError(
                    MediaError.UNREADABLE, "The file does not allow seeking to the start of its sound."
                ) from exc
        self._stream.codec_context.flush_buffers()

    def _decoded(self, stream: AudioStream, end: float) -> Iterator[Run]:
        mixer, base = _Mixer(self._channel), float(stream.time_base or 0)
        for frame in self._frames(stream):
            if frame.pts is None:
                continue
            at = frame.pts * base - self._origin
            yield from mixer.put(at, frame)
            if at > end:
                break
        yield from mixer.end()

    def _frames(self, stream: AudioStream) -> Iterator[AudioFrame]:
        packets = demux(self._container, stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                return
            if packet is None:
                return
            try:
                yield from stream.decode(packet)
            except av.error.InvalidDataError:
                continue  # skip the damaged packet
            except av.error.FFmpegError:
                return

    def _loudest(self) -> tuple[AudioStream, int]:
        tracks = []
        for number, stream in enumerate(self._container.streams.audio[:MAX_TRACKS], 1):
            if stream.codec_context is not None and stream.codec_context.is_decoder:
                stream.codec_context.thread_count = 1
                tracks.append((stream, number))
        if not tracks:
            what = "The sound uses a codec that this server cannot decode." if self.count else "The file has no sound."
            raise NoSound(what)
        if len(tracks) == 1:
            return tracks[0]
        return max(tracks, key=lambda track: self._level(track[0]))

    def _level(self, stream: AudioStream) -> float:
        self._stream = stream
        squares = []
        for number in range(LOUDNESS_PLACES):
            start = self.duration * (number + 0.5) / LOUDNESS_PLACES
            squares += [float(np.mean(run.samples**2)) for run in self.runs(start, start + LISTEN_SECONDS)]
        return float(np.mean(squares)) if squares else 0.0

    def _clearest_channel(self) -> int | None:
        if self._stream.codec_context.channels != 2:
            return None
        powers = []
        for channel in (None, 0, 1):
            self._channel = channel
            powers.append(self._level(self._stream))
        mean, left, right = powers
        if mean >= CANCELLED * (left + right) / 2:
            return None
        return 0 if left >= right else 1


class _Mixer:
    def __init__(self, channel: int | None = None) -> None:
        self._channel = channel
        self._fifo: AudioFifo | None = None
        self._resampler: AudioResampler | None = None
        self._rate = 1
        self._start = 0.0  # start of the current gapless sound, seconds
        # two counts of samples at the file's sampling rate: received, and already resampled
        self._taken = self._mixed = 0
        self._given = 0  # number of samples yielded since ``_start``
        # sum of the delays of all frames, in seconds; delay: timestamp minus the time computed from the sample count
        self._late = 0.0
        self._counted = 0

    def put(self, at: float, frame: AudioFrame) -> Iterator[Run]:
        rate = frame.sample_rate
        behind = at - (self._start + self._taken / self._rate)
        if self._fifo is None or rate != self._rate or abs(behind) > HOLE_SECONDS:
            yield from self._begin(at, rate)
            behind = 0.0
        frame.pts = None
        try:
            self._fifo.write(frame)  # type: ignore[union-attr]
        except ValueError:  # the frame has another sample format than the frames before
            yield from self._begin(at, rate)
            behind = 0.0
            self._fifo.write(frame)  # type: ignore[union-attr]
        # Containers round timestamps, so average the differences of many timestamps.
        self._late += behind
        self._counted += 1
        self._taken += frame.samples
        if self._taken - self._mixed >= GATHERED:
            yield from self._mix()

    def _begin(self, at: float, rate: int) -> Iterator[Run]:
        yield from self.end()
        self._start, self._rate = at, rate
        layout = "mono" if self._channel is None else "stereo"
        self._fifo, self._resampler = AudioFifo(), AudioResampler("fltp", layout, RATE)

    def end(self) -> Iterator[Run]:
        if self._taken > self._mixed:
            yield from self._mix()
        if self._mixed:
            yield from self._resampled(None)
        self._fifo = self._resampler = None
        self._taken = self._mixed = self._given = self._counted = 0
        self._late = 0.0

    def _mix(self) -> Iterator[Run]:
        assert self._fifo is not None
        frame = self._fifo.read()
        self._mixed = self._taken
        yield from self._resampled(frame)

    def _resampled(self, frame: AudioFrame | None) -> Iterator[Run]:
        assert self._resampler is not None
        start = self._start + self._late / max(1, self._counted)
        for mixed in self._resampler.resample(frame):
            samples = np.nan_to_num(
                np.asarray(mixed.to_ndarray()[self._channel or 0], np.float32), posinf=1.0, neginf=-1.0
            )
            yield Run(start + self._given / RATE, np.clip(samples, -1.0, 1.0))
            self._given += len(samples)
