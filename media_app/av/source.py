"""What every ingest task has to know of a video file: its facts, its tracks, its keyframes; makes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from media_app.av.container import demux, first_video, late_start, open_media, presentation_origin
from media_app.av.probe import VideoFacts, probe_container

Progress = Callable[[float], None]  # is told the share done, 0 to 1
INDEXED_FRAMES = 0.9  # of all frames: then the index of the file lists every keyframe


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound that a player would play. track: its number in the file. profile: as FFmpeg names it, or empty."""

    track: int
    codec: str
    profile: str
    sample_rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class Source:
    """A file that can be ingested. track: number of the video track in the file. origin: seconds, see
    :func:`media_app.av.container.presentation_origin`. late: seconds from there to where its first track begins.
    keyframe_gap: seconds between the two keyframes that lie furthest apart, None where only reading the whole file
    would tell. decoded_early: seconds by which a keyframe is decoded before it is shown.
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
        """Probe ``path``. Raises :class:`media_app.av.container.MediaError`."""
        with open_media(path) as container:
            facts = probe_container(container)
            video = first_video(container)
            return cls(
                path=Path(path).absolute(),
                facts=facts,
                track=video.index,
                sound=_sound(container),
                origin=presentation_origin(container),
                late=late_start(container),
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
    """AVI has a place for decoding times alone: pictures that are shown in another order have no time of their own."""
    return container.format.name != "avi" or not video.codec_context.has_b_frames


def _decoded_early(container: InputContainer, video: VideoStream) -> float:
    container.seek(container.start_time or 0)
    for packet in demux(container, video):
        if packet.is_keyframe and packet.pts is not None and packet.dts is not None and packet.time_base:
            return max(0.0, float((packet.pts - packet.dts) * packet.time_base))
    return 0.0
