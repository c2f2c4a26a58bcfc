"""Peaks of a video's mixed sound, in audiowaveform's JSON, version 2 (BBC, doc/DataFormat.md)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from media_app.av.container import MediaError, demux, open_media
from media_app.av.source import Progress, Source

NAME = "peaks.json"
MIME_TYPE = "application/json"
PAIRS = 1500
BLOCK_SAMPLES = 1 << 16


@dataclass(frozen=True, slots=True)
class Peaks:
    pairs: int
    size: int
    mime_type: str = MIME_TYPE


def make_peaks(path: Path, source: Source, on_progress: Progress | None = None) -> Peaks:
    assert source.sound is not None
    rate = source.sound.sample_rate
    total = max(1, math.ceil(source.facts.duration * rate))
    samples_per_pixel = max(1, math.ceil(total / PAIRS))
    outline = _Outline(math.ceil(total / samples_per_pixel), samples_per_pixel)
    for start, samples in _blocks(source, rate):
        outline.add(start, samples)
        if on_progress is not None:
            on_progress(min(1.0, max(0.0, start / total)))
    if outline.is_empty:
        raise MediaError(MediaError.UNREADABLE, "The video's sound cannot be decoded.")
    found = {
        "version": 2,
        "channels": 1,
        "sample_rate": rate,
        "samples_per_pixel": samples_per_pixel,
        "bits": 8,
        "length": len(outline.lowest),
        "data": outline.as_bytes().tolist(),
    }
    content = json.dumps(found, separators=(",", ":")).encode()
    path.write_bytes(content)
    return Peaks(len(outline.lowest), len(content))


class _Outline:
    def __init__(self, pairs: int, samples_per_pixel: int) -> None:
        self.lowest: NDArray[np.int16] = np.zeros(pairs, np.int16)
        self.highest: NDArray[np.int16] = np.zeros(pairs, np.int16)
        self.samples_per_pixel = samples_per_pixel
        self.is_empty = True

    def add(self, start: int, samples: NDArray[np.int16]) -> None:
        end = len(self.lowest) * self.samples_per_pixel
        first, last = max(0, start), min(end, start + len(samples))
        if first >= last:
            return
        self.is_empty = False
        samples = samples[first - start : last - start]
        begin = first // self.samples_per_pixel
        stop = (last - 1) // self.samples_per_pixel + 1
        edges = np.maximum(np.arange(begin, stop) * self.samples_per_pixel - first, 0)
        self.lowest[begin:stop] = np.minimum(self.lowest[begin:stop], np.minimum.reduceat(samples, edges))
        self.highest[begin:stop] = np.maximum(self.highest[begin:stop], np.maximum.reduceat(samples, edges))

    def as_bytes(self) -> NDArray[np.int8]:
        return (np.stack([self.lowest, self.highest], axis=1).ravel() >> 8).astype(np.int8)


def _blocks(source: Source, rate: int) -> Iterator[tuple[int, NDArray[np.int16]]]:
    gathered: list[NDArray[np.int16]] = []
    start = count = 0
    for at, samples in _mixed(source, rate):
        if gathered and (abs(at - (start + count)) > rate // 50 or count >= BLOCK_SAMPLES):
            yield start, np.concatenate(gathered)
            gathered, count = [], 0
        if not gathered:
            start = at
        gathered.append(samples)
        count += len(samples)
    if gathered:
        yield start, np.concatenate(gathered)


def _mixed(source: Source, rate: int) -> Iterator[tuple[int, NDArray[np.int16]]]:
    resampler: AudioResampler | None = None
    layout: Any = None
    for frame in _frames(source):
        if frame.pts is None or frame.time_base is None:
            continue
        at = round((frame.pts * frame.time_base - source.origin) * rate)
        if layout != (frame.format.name, frame.layout.name, frame.sample_rate):
            layout = (frame.format.name, frame.layout.name, frame.sample_rate)
            resampler = AudioResampler("s16", "mono", rate)
        assert resampler is not None
        for mixed in resampler.resample(frame):
            yield at, mixed.to_ndarray()[0]
            at += mixed.samples


def _frames(source: Source) -> Iterator[AudioFrame]:
    assert source.sound is not None
    with open_media(source.path) as container:
        stream = cast("AudioStream", container.streams[source.sound.track])
        stream.codec_context.thread_count = 1
        try:
            for packet in demux(container, stream):
                try:
                    yield from stream.decode(packet)
                except av.error.InvalidDataError:
                    continue
        except av.error.FFmpegError:
            return  # the rest is damaged; keep the peaks so far
