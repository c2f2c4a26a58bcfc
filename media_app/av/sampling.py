"""Pictures spread over a video as cheaply as they can be had: keyframes alone, or a walk where there are too few."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import av.error
import numpy as np

from media_app.av.frames import Picture, VideoFile

ENOUGH_KEYFRAMES = 0.6  # of the moments asked for have one of their own
WALK_SECONDS = 60.0  # of wall clock, at most: a long video with few keyframes is shown by those
EARLY = 1e-3  # seconds


def spread(duration: float, count: int) -> list[float]:
    """The middles of ``count`` equal parts of ``duration`` seconds."""
    return [(number + 0.5) * duration / count for number in range(count)]


def sample(video: VideoFile, moments: Sequence[float]) -> Iterator[Picture]:
    """A picture near each of ``moments`` (seconds, ascending), each once, in their order.

    There may be fewer than moments, and none at all where nothing of the file can be decoded.
    """
    chosen = nearest_keyframes(video, moments)
    found = False
    if len(chosen) >= ENOUGH_KEYFRAMES * len(moments):
        for picture in _keyframes(video, chosen):
            found = True
            yield picture
    if not found:
        yield from _walk(video, moments, chosen)


def nearest_keyframes(video: VideoFile, moments: Sequence[float]) -> list[float]:
    """Of each moment the keyframe nearest to it, each once, ascending; seconds."""
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
    """The first frame at or after each moment; when that takes too long, the keyframes of what is left.

    Where the video breaks off before the first moment it is the last frame before.
    """
    stop = time.monotonic() + WALK_SECONDS
    wanted = list(moments)
    reached = -np.inf
    picture: Picture | None = None
    try:
        for picture in video.walk(0.0, np.inf):
            if wanted and picture.time >= wanted[0] - EARLY:
                reached = picture.time
                yield picture
                while wanted and wanted[0] - EARLY <= picture.time:
                    wanted.pop(0)
            if not wanted or time.monotonic() > stop:
                break
    except av.error.FFmpegError:
        pass  # the rest is damaged: whatever of it still has keyframes
    if picture is not None and len(wanted) == len(moments):
        reached = picture.time
        yield picture
    if wanted:
        yield from _keyframes(video, [moment for moment in keyframes if moment > reached + EARLY])
