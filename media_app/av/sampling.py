"""Pictures spread over a video: keyframes, or all frames if keyframes are too few."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import av.error
import numpy as np

from media_app.av.frames import Picture, VideoFile

# Several requested moments can share a nearest keyframe. If the number of distinct nearest keyframes, divided by the
# number of moments, is below this value, all frames are decoded.
ENOUGH_KEYFRAMES = 0.6
WALK_SECONDS = 60.0  # timeout in seconds for decoding all frames; after the timeout, only keyframes are decoded
EARLY = 1e-3


def spread(duration: float, count: int) -> list[float]:
    return [(number + 0.5) * duration / count for number in range(count)]


def sample_pictures(video: VideoFile, moments: Sequence[float]) -> Iterator[Picture]:
    """Yield distinct pictures near ``moments`` (seconds, ascending), in order; possibly fewer, or none."""
    chosen = nearest_keyframes(video, moments)
    found = False
    if len(chosen) >= ENOUGH_KEYFRAMES * len(moments):
        for picture in _keyframes(video, chosen):
            found = True
            yield picture
    if not found:
        yield from _walk(video, moments, chosen)


def nearest_keyframes(video: VideoFile, moments: Sequence[float]) -> list[float]:
    times = video.keyframes
    if not len(times):
        return []
    after = np.clip(np.searchsorted(times, moments), 1, max(1, len(times) - 1))
    before = after - 1
    after = np.minimum(after, len(times) - 1)
    closer = np.where(np.abs(times[after] - moments) < np.abs(times[before] - moments), after, before)
    return [float(times[number]) for number in np.unique(closer)]


def _keyframes(video: VideoFile, times: Sequence[float]) -> Iterator[Picture]:
    last = -np.inf
    for moment in times:
        picture = video.keyframe(moment)
        if picture is not None and picture.time > last:
            last = picture.time
            yield picture


def _walk(video: VideoFile, moments: Sequence[float], keyframes: Sequence[float]) -> Iterator[Picture]:
    """Yield the first frame at or after each moment. After a timeout, yield keyframes near the remaining moments."""
    stop = time.monotonic() + WALK_SECONDS
    wanted = list(moments)
    reached = -np.inf
    picture: Picture | None = None
    try:
        for picture in video.iterate_frames(0.0, np.inf):
            if wanted and picture.time >= wanted[0] - EARLY:
                reached = picture.time
                yield picture
                while wanted and wanted[0] - EARLY <= picture.time:
                    wanted.pop(0)
            if not wanted or time.monotonic() > stop:
                break
    except av.error.FFmpegError:
        pass
    if picture is not None and len(wanted) == len(moments):
        reached = picture.time
        yield picture
    if wanted:
        yield from _keyframes(video, [moment for moment in keyframes if moment > reached + EARLY])
