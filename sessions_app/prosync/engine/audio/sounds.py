"""Reading of uploaded, untrusted sounds.

Durations are measured by decoding, because MP3 and ADTS headers contain only estimates.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from media_app.av.audio_splice import LAYOUTS, Samples
from media_app.av.container import DECODER_OPTIONS, OPTIONS, demux
from media_app.av.peaks import PAIRS
from media_app.av.sniff import AUDIO_KINDS, M4A, Kind, sniff
from sessions_app.prosync.engine.audio.outcome import SoundFailed

FORMATS = {"mp3": "mp3", "wav": "wav,w64", "mp4": "mov,mp4,m4a,3gp,3g2,mj2", "mov": "mov,mp4,m4a,3gp,3g2,mj2",
           "adts": "aac", "ogg": "ogg", "flac": "flac"}  # fmt: skip
CODECS = frozenset({"mp3", "mp2", "aac", "vorbis", "opus", "flac", "alac"})
LINEAR = "pcm_"
MAX_SECONDS = 3600.0
MAX_CHANNELS, MAX_RATE = 8, 192_000
MAX_DAMAGE = 0.1
HEAD = 4096
CELL = 256


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """Facts about a sound. duration: seconds that can be decoded."""

    duration: float
    codec: str
    sample_rate: int
    channels: int
    container: str
    extension: str
    mime_type: str


def probe_sound(path: str | os.PathLike[str], peaks: Path | None = None) -> SoundFacts:
    """Decode a sound in constant memory and return its facts.

    peaks: output path of the waveform, see :mod:`media_app.av.peaks`. Raise :class:`SoundFailed` and OSError.
    """
    kind, container = _opened(Path(path))
    with container:
        stream = _track(container)
        rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
        outline = _Outline()
        count = 0
        for samples in _decoded(container, stream, rate, 1):
            count += samples.shape[1]
            if count > MAX_SECONDS * rate:
                message = f"The sound is longer than the maximum of {MAX_SECONDS / 60:.0f} minutes."
                raise SoundFailed(SoundFailed.TOO_LONG, message)
            if peaks is not None:
                outline.add(samples[0])
        codec = stream.codec_context.codec.canonical_name
    if not count:
        raise SoundFailed(SoundFailed.UNREADABLE, "The file contains no sound.")
    if peaks is not None:
        peaks.write_bytes(outline.as_json(rate))
    return SoundFacts(count / rate, codec, rate, channels, kind.container, kind.extension, kind.mime_type)


def read(path: Path, rate: int, channels: int) -> Iterator[Samples]:
    """Yield the sound in float32 arrays of shape (channels, n). Raise :class:`SoundFailed`."""
    _, container = _opened(path)
    with container:
        yield from _decoded(container, _track(container), rate, channels)


def channels_of(path: Path) -> int:
    _, container = _opened(path)
    with container:
        return min(2, _track(container).codec_context.channels)


def _opened(path: Path) -> tuple[Kind, InputContainer]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise SoundFailed(SoundFailed.UNREADABLE, "This is not a regular file.")
        with path.open("rb") as file:
            kind = sniff(file.read(HEAD))
    except OSError as exc:
        raise SoundFailed(SoundFailed.UNREADABLE, "The sound file is missing or cannot be read.") from exc
    # Accept files of the kinds MP4 and MOV here: many programs label a sound-only MP4 as a video.
    if kind is None or (kind not in AUDIO_KINDS and kind.container not in ("mp4", "mov")):
        raise SoundFailed(SoundFailed.UNSUPPORTED, "The file is not an MP3, WAV, M4A, AAC, Ogg or FLAC file.")
    options = {**OPTIONS, "format_whitelist": FORMATS[kind.container]}
    try:
        container = av.open(
            f"file:{path.absolute()}", options=DECODER_OPTIONS, container_options=options, metadata_errors="replace"
        )
    except (av.error.FFmpegError, OSError, ValueError) as exc:
        raise SoundFailed(SoundFailed.UNREADABLE, "The sound is damaged or incomplete.") from exc
    if kind.family == "video":
        if any(not track.disposition & track.disposition.attached_pic for track in container.streams.video):
            container.close()
            raise SoundFailed(SoundFailed.UNSUPPORTED, "This is a video, not a sound file.")
        kind = M4A
    return kind, container


def _track(container: InputContainer) -> AudioStream:
    for stream in container.streams.audio:
        context = stream.codec_context
        if context is None or not context.is_decoder or context.sample_rate <= 0 or context.channels <= 0:
            continue
        name = context.codec.canonical_name
        if name not in CODECS and not name.startswith(LINEAR):
            raise SoundFailed(SoundFailed.UNSUPPORTED, "The sound's codec is not supported.")
        if context.channels > MAX_CHANNELS or context.sample_rate > MAX_RATE:
            message = "The sound has too many channels, or its sample rate is too high."
            raise SoundFailed(SoundFailed.UNSUPPORTED, message)
        context.thread_count = 1
        return stream
    raise SoundFailed(SoundFailed.UNSUPPORTED, "The file has no sound.")


def _decoded(container: InputContainer, stream: AudioStream, rate: int, channels: int) -> Iterator[Samples]:
    resampler: AudioResampler | None = None
    shape: Any = None
    # FFmpeg's conversion between mono and stereo changes levels by 3 dB, so keep the layout.
    layout = LAYOUTS[min(2, stream.codec_context.channels)]
    for frame in _frames(container, stream):
        if frame is not None and (now := (frame.format.name, frame.layout.name, frame.sample_rate)) != shape:
            if resampler is not None:
                yield from _spread(resampler.resample(None), channels)
            shape, resampler = now, AudioResampler("fltp", layout, rate)
        if frame is not None:
            frame.pts = None
        if resampler is not None:
            yield from _spread(resampler.resample(frame), channels)


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[Any]:
    packets = damaged = 0
    try:
        for packet in demux(container, stream):
            packets += 1
            try:
                yield from stream.decode(packet)
            except av.error.FFmpegError:
                damaged += 1
    except av.error.FFmpegError as exc:
        raise SoundFailed(SoundFailed.UNREADABLE, "The sound is damaged.") from exc
    if damaged > MAX_DAMAGE * packets:
        raise SoundFailed(SoundFailed.UNREADABLE, "The sound is damaged.")
    yield None


def _spread(frames: list[Any], channels: int) -> Iterator[Samples]:
    for frame in frames:
        samples = np.asarray(frame.to_ndarray(), np.float32)
        if channels < samples.shape[0]:
            yield samples.mean(axis=0, keepdims=True)
        else:
            yield samples if samples.shape[0] == channels else np.repeat(samples, channels, axis=0)


class _Outline:
    def __init__(self) -> None:
        self.cells: list[NDArray[np.float32]] = []
        self.rest: NDArray[np.float32] = np.zeros(0, np.float32)

    def add(self, samples: NDArray[np.float32]) -> None:
        samples = np.concatenate([self.rest, samples])
        whole = len(samples) // CELL * CELL
        self._keep(samples[:whole].reshape(-1, CELL))
        self.rest = samples[whole:]

    def _keep(self, cells: NDArray[np.float32]) -> None:
        if cells.size:
            self.cells.append(np.stack([cells.min(axis=1), cells.max(axis=1)], axis=1))

    def as_json(self, rate: int) -> bytes:
        self._keep(self.rest[None])
        cells = np.concatenate(self.cells)
        each = math.ceil(len(cells) / PAIRS)
        edges = np.arange(0, len(cells), each)
        pairs = np.stack([np.minimum.reduceat(cells[:, 0], edges), np.maximum.reduceat(cells[:, 1], edges)], axis=1)
        levels = np.clip(np.floor(pairs * 128), -128, 127).astype(int)
        found = {
            "version": 2, "channels": 1, "sample_rate": rate, "samples_per_pixel": each * CELL, "bits": 8,
            "length": len(levels), "data": levels.ravel().tolist(),
        }  # fmt: skip
        return json.dumps(found, separators=(",", ":")).encode()
