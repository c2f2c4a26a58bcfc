"""Facts, tracks and keyframes of a video file to ingest."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from media_app.av.container import demux, first_video, open_media, presentation_origin, start_delay
from media_app.av.probe import VideoFacts, probe_container

Progress = Callable[[float], None]
INDEXED_FRAMES = 0.9  # minimum share of frames in a usable index; a shorter index may lack keyframes


@dataclass(frozen=True, slots=True)
class Sound:
    track: int
    codec: str
    profile: str
    sample_rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class Source:
    """A file to ingest.

    - track: number of the video track.
    - origin: container time in seconds at ``currentTime`` 0.
    - late: seconds from the origin to the start of the first track.
    - keyframe_gap: maximum seconds between keyframes; None if unknown.
    - decoded_early: seconds from the decoding of a keyframe to its presentation.
    """

    path: Path
    facts: VideoFacts
    track: int
    sound: Sound | None
    origin: Fraction
    late: float
    keyframe_gap: float | None
    hides_pictures: bool
    times_pictures: bool
    decoded_early: float

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Source:
        with open_media(path) as container:
            facts = probe_container(container)
            video = first_video(container)
            return cls(
                path=Path(path).absolute(),
                facts=facts,
                track=video.index,
                sound=_sound(container),
                origin=presentation_origin(container),
                late=start_delay(container),
                keyframe_gap=_keyframe_gap(video, facts),
                hides_pictures=any(entry.is_discard for entry in video.index_entries),
                times_pictures=_times_pictures(container, video),
                decoded_early=_decoded_early(container, video),
            )


def _sound(container: InputContainer) -> Sound | None:
    for stream in container.streams.audio:
        context = stream.codec_context
        if context is not None and context.is_decoder and context.sample_rate > 0 and context.channels > 0:
            return Sound(
                stream.index, context.codec.canonical_name, context.profile or "", context.sample_rate, context.channels
            )
    return None


def _keyframe_gap(video: VideoStream, facts: VideoFacts) -> float | None:
    entries = video.index_entries
    if not video.time_base or not video.frames or len(entries) < INDEXED_FRAMES * video.frames:
        return None
    stamps = sorted(entry.timestamp for entry in entries if entry.is_keyframe)
    if not stamps:
        return None
    end = stamps[0] + facts.duration / video.time_base
    gaps = [later - earlier for earlier, later in zip(stamps, [*stamps[1:], max(end, stamps[-1])], strict=True)]
    return float(max(gaps) * video.time_base)


def _times_pictures(container: InputContainer, video: VideoStream) -> bool:
    """Return whether the file has presentation times. AVI files with B-frames have only decoding times."""
    return container.format.name != "avi" or not video.codec_context.has_b_frames


def _decoded_early(container: InputContainer, video: VideoStream) -> float:
    container.seek(container.start_time or 0)
    for packet in demux(container, video):
        if packet.is_keyframe and packet.pts is not None and packet.dts is not None and packet.time_base:
            return max(0.0, float((packet.pts - packet.dts) * packet.time_base))
    return 0.0
