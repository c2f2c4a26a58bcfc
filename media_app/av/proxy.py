"""Renditions for comparing videos, with the original ``currentTime`` of every picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from media_app.av.ffmpeg import WITHOUT_TAGS, ConversionFailed, Ffmpeg, Track
from media_app.av.hls import RenditionNotAvailable
from media_app.av.isobmff import MP4_PICTURES, codecs_of, header_of
from media_app.av.ladder import encoding, fitted, picture_of, sound_of
from media_app.av.probe import VideoFacts
from media_app.av.source import Progress, Source

PROXY_NAME = "proxy.mp4"
SILENT_NAME = "silent.mp4"
MIME_TYPE = "video/mp4"
LINES = 720
GOP_SECONDS = Fraction(1, 4)
MAX_GOP = 30  # maximum number of frames from one keyframe to the next
QUALITY = 21
# Minimum seconds between forced keyframes at a variable frame rate.
FORCED_SECONDS = 0.2
# MP4's sample entry types by picture codec.
CARRIED = {**MP4_PICTURES, "mjpeg": "mp4v"}


@dataclass(frozen=True, slots=True)
class Mp4Rendition:
    width: int
    height: int
    bit_rate: int
    codecs: str
    size: int
    mime_type: str = MIME_TYPE


def make_proxy(folder: Path, source: Source, program: Ffmpeg, on_progress: Progress | None = None) -> Mp4Rendition:
    """Encode ``proxy.mp4``: at most 720 lines, all frames, a keyframe every 0.25 s.

    Raises :class:`media_app.av.ffmpeg.ConversionFailed`, OSError.
    """
    width, height = fitted(source.facts, LINES)
    tracks = [picture_of(source, (width, height))]
    if source.sound is not None:
        tracks.append(sound_of(source.sound))
    options: dict[str, Any] = {
        "crf": QUALITY, "bf": 0, "refs": 1, "tune": "fastdecode", "g": gop_frames(source.facts),
        "fps_mode": "passthrough", "enc_time_base:v": "demux",
    }  # fmt: skip
    if source.facts.is_vfr:
        options["force_key_frames"] = f"expr:gte(t,prev_forced_t+{FORCED_SECONDS})+isnan(prev_forced_t)"
    path = folder / PROXY_NAME
    _run(path, source, program, tracks=tracks, options=encoding(source, program, **options), on_progress=on_progress)
    return _describe(path, width, height, source.facts)


def gop_frames(facts: VideoFacts) -> int:
    return min(MAX_GOP, max(1, int(facts.fps * GOP_SECONDS)))


def make_silent(folder: Path, source: Source, program: Ffmpeg, on_progress: Progress | None = None) -> Mp4Rendition:
    """Copy only the picture into ``silent.mp4``. Raises :class:`RenditionNotAvailable`, ConversionFailed, OSError."""
    facts = source.facts
    tag = CARRIED.get(facts.codec)
    if tag is None:
        raise RenditionNotAvailable(f"An MP4 file cannot contain {facts.codec} video.")
    if not source.times_pictures:
        raise RenditionNotAvailable("The frames of the video have no timestamps.")
    options = {"c:v": "copy", "tag:v": tag, **WITHOUT_TAGS}
    path = folder / SILENT_NAME
    _run(path, source, program, tracks=[Track(source.track)], options=options, on_progress=on_progress)
    return _describe(path, facts.width, facts.height, facts)


def _run(
    path: Path, source: Source, program: Ffmpeg, *, tracks: Sequence[Track], options: dict[str, Any],
    on_progress: Progress | None,
) -> None:  # fmt: skip
    options = {**options, "copyts": None, "f": "mp4", "movflags": "+faststart"}
    # Subtract the origin from all times: by default, ffmpeg would shift them so that the first time is zero.
    reading = {"itsoffset": f"{float(-source.origin):.6f}"}
    program.make(path, source, tracks, options, on_progress=on_progress, reading=reading)


def _describe(path: Path, width: int, height: int, facts: VideoFacts) -> Mp4Rendition:
    size = path.stat().st_size
    try:
        header = header_of(path)
    except ValueError as exc:
        raise ConversionFailed("No part of the video could be converted.") from exc
    try:
        codecs = codecs_of(header)
    except ValueError:
        codecs = ""
    return Mp4Rendition(width, height, round(size * 8 / max(facts.duration, 0.001)), codecs, size)
