"""Facts of media files; rejection of unplayable ones.

``python -m media_app.av.probe`` reads ``{"paths": […]}`` from standard input and prints ``{"result": [{"path", "facts"
| "error"}]}``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av.container
import av.error
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from media_app.av.container import (
    CANNOT_DECODE,
    MAX_PIXELS,
    MICROSECONDS,
    MediaError,
    demux,
    first_video,
    open_media,
    presentation_origin,
    start_delay,
)
from media_app.av.copy_reasons import Recording, inspect
from vodplatform.core.processes.child import answer_about_paths

MAX_PACKETS_TO_FIRST_FRAME = 400
TIMING_PACKETS = 600
VFR_JITTER = 0.1  # a frame is irregular if its duration differs from the usual one by more than this share
# Relative difference up to which a frame rate is rounded to a usual rate. 30 and 29.97 differ by 0.001.
RATE_ROUNDING = Fraction(1, 5000)
RATE_ERROR = Fraction(1, 4)  # rounding the frame rate may shift the last measured frame by at most this many frames
# If the mean frame rate differs by more than this share from the rate outside gaps, pictures are missing.
RATE_HOLES = 0.005
RATE_DENOMINATOR = 1_000_000
VFR_SHARE = 0.01  # share of irregular frames above which the frame rate is variable

MIN_SIDE = 16  # minimum pixels of a side; scalers fail on smaller pictures


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """Maximum values that a file may claim: pixels per side, pixels per frame, and duration in seconds."""

    max_side: int = 16384
    max_pixels: int = MAX_PIXELS
    max_seconds: float = 604_800.0


@dataclass(frozen=True, slots=True)
class AudioTrack:
    codec: str
    sample_rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """Facts of a media file.

    - duration: seconds.
    - start: container time in seconds at ``currentTime`` 0.
    - width, height: displayed pixels.
    - coded_width, coded_height: stored pixels.
    - rotation: clockwise degrees.
    - bit_rate: bits a second; 0 if unknown.
    - truncated: whether the index names bytes that the file lacks.
    - color_transfer: ITU-T H.273 code.
    - recording: faults of the recording. If they require a normalised copy, duration and start are the copy's.
    """

    container: str
    duration: float
    start: float
    fps: Fraction
    is_vfr: bool
    width: int
    height: int
    coded_width: int
    coded_height: int
    rotation: int
    sample_aspect_ratio: Fraction
    codec: str
    pixel_format: str
    bit_rate: int
    audio_tracks: tuple[AudioTrack, ...]
    truncated: bool
    has_video: bool = True
    is_interlaced: bool = False
    color_transfer: int = 2
    recording: Recording = field(default_factory=Recording)

    def as_json(self) -> dict[str, Any]:
        return {
            key: [value.numerator, value.denominator] if isinstance(value, Fraction) else value
            for key, value in asdict(self).items()
        }


def probe(path: str | os.PathLike[str], limits: ProbeLimits | None = None) -> VideoFacts:
    with open_media(path) as container:
        facts = probe_container(container, limits)
        is_fragmented = not first_video(container).frames
    try:
        # A truncated fragmented file plays up to its last complete fragment, so it is repaired, not rejected.
        recording = inspect(path, facts.duration, truncated=facts.truncated and is_fragmented)
    except av.error.FFmpegError as exc:
        raise MediaError(MediaError.UNREADABLE, "The video data is damaged and cannot be decoded.") from exc
    facts = replace(facts, recording=recording, truncated=facts.truncated and not is_fragmented)
    if not recording.reasons or recording.duration <= 0:
        return facts
    size = Path(path).stat().st_size if Path(path).is_file() else 0
    return replace(
        facts, duration=recording.duration, start=0.0,
        bit_rate=round(8 * size / recording.duration) if size else facts.bit_rate,
    )  # fmt: skip


def probe_container(container: av.container.InputContainer, limits: ProbeLimits | None = None) -> VideoFacts:
    try:
        return _probe(container, limits or ProbeLimits())
    except av.error.FFmpegError as exc:
        raise MediaError(MediaError.UNREADABLE, "The video data is damaged and cannot be decoded.") from exc


def display_rotation(frame: VideoFrame) -> int:
    """Return the clockwise degrees, in quarter turns, that bring ``frame`` upright; PyAV counts counter-clockwise."""
    return round(-frame.rotation / 90) % 4 * 90


def display_size(width: int, height: int, sample_aspect_ratio: Fraction, rotation: int) -> tuple[int, int]:
    stretched = max(1, round(width * sample_aspect_ratio))
    return (height, stretched) if rotation % 180 else (stretched, height)


# Pixel aspect ratios (width / height) outside these limits are ignored. With a tiny ratio, a huge stored picture could
# pass as a small one.
MIN_RATIO, MAX_RATIO = Fraction(1, 3), Fraction(3)


def sample_aspect_ratio(stream: VideoStream) -> Fraction:
    ratio = stream.sample_aspect_ratio
    return ratio if ratio and MIN_RATIO <= ratio <= MAX_RATIO else Fraction(1)


def _probe(container: av.container.InputContainer, limits: ProbeLimits) -> VideoFacts:
    stream = first_video(container)
    _check_size(stream.codec_context.width, stream.codec_context.height, limits)
    timestamps = indexed = _index_timestamps(stream)
    truncated = _is_truncated(container, stream)
    frame = _first_frame(container, stream, limits)
    _check_size(frame.width, frame.height, limits)
    ratio = sample_aspect_ratio(stream)
    rotation = display_rotation(frame)
    width, height = display_size(frame.width, frame.height, ratio, rotation)
    if timestamps is None:
        timestamps = _packet_timestamps(container, stream)
    duration = _duration(container, stream)
    is_vfr = _varies(timestamps)
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    if not rate or rate <= 0:
        rate = _measured_rate(timestamps, stream)
    if not is_vfr:
        rate = _steady_rate(indexed, stream) if indexed else _usual_rate(rate)
        # If pictures are missing, use the frame rate of the parts without gaps.
        steady = _steady_rate(timestamps, stream) if len(timestamps) > 2 else rate
        rate = steady if abs(rate / steady - 1) > RATE_HOLES else rate
    if duration <= 0:
        raise MediaError(MediaError.UNREADABLE, "The file's duration is unknown.")
    if duration > limits.max_seconds:
        raise MediaError(MediaError.UNREADABLE, f"The file's duration, {duration / 86_400:.0f} days, is not plausible.")
    context = stream.codec_context
    return VideoFacts(
        container=container.format.name,
        duration=duration,
        start=float(presentation_origin(container)),
        fps=Fraction(rate),
        is_vfr=is_vfr,
        width=width,
        height=height,
        coded_width=frame.width,
        coded_height=frame.height,
        rotation=rotation,
        sample_aspect_ratio=ratio,
        codec=context.codec.canonical_name,
        pixel_format=frame.format.name,
        bit_rate=int(container.bit_rate or stream.bit_rate or 0),
        audio_tracks=tuple(
            AudioTrack(s.codec_context.codec.canonical_name, s.codec_context.sample_rate, s.codec_context.channels)
            for s in container.streams.audio
            if s.codec_context is not None
        ),
        truncated=truncated,
        is_interlaced=bool(frame.interlaced_frame),
        color_transfer=int(frame.color_trc),
    )


def _check_size(width: int, height: int, limits: ProbeLimits) -> None:
    if not width or not height:
        raise MediaError(MediaError.UNREADABLE, "The video's resolution is missing or too high to decode.")
    if min(width, height) < MIN_SIDE:
        raise MediaError(MediaError.UNREADABLE, f"The video's resolution is too low: {width}×{height} pixels.")
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise MediaError(MediaError.UNREADABLE, f"The video's resolution is too high: {width}×{height} pixels.")


def _first_frame(container: av.container.InputContainer, stream: VideoStream, limits: ProbeLimits) -> VideoFrame:
    context = stream.codec_context
    context.thread_count = 1
    # The sequence header may claim a larger picture than the container, so the decoder also limits the picture size.
    context.options = {"max_pixels": str(limits.max_pixels)}
    for packets, packet in enumerate(demux(container, stream)):
        try:
            frames = stream.decode(packet)
        except av.error.InvalidDataError:
            frames = []
        except (av.error.DecoderNotFoundError, av.error.PatchWelcomeError) as exc:
            raise MediaError(MediaError.CODEC, CANNOT_DECODE) from exc
        if frames:
            return frames[0]
        if packets > MAX_PACKETS_TO_FIRST_FRAME:
            break
    raise MediaError(MediaError.UNREADABLE, "No frame of the video can be decoded.")


def _index_timestamps(stream: VideoStream) -> list[int] | None:
    count = len(stream.index_entries)
    if count < 2 or count < 0.9 * stream.frames or not stream.frames:
        return None
    return sorted(entry.timestamp for entry in stream.index_entries)


def _packet_timestamps(container: av.container.InputContainer, stream: VideoStream) -> list[int]:
    container.seek(container.start_time or 0)
    found: list[int] = []
    for packet in demux(container, stream):
        if packet.pts is not None:
            found.append(packet.pts)
        if len(found) >= TIMING_PACKETS:
            break
    # Packets are in decoding order, so some timestamps before the latest one may not have been read. Therefore, drop
    # the last 16 timestamps if there are more than 64.
    return sorted(found[: -16 if len(found) > 64 else None])


def _varies(timestamps: Sequence[int]) -> bool:
    steps = sorted(later - earlier for earlier, later in pairwise(timestamps) if later > earlier)
    if len(steps) < 8:
        return False
    usual = (steps[(len(steps) - 1) // 2] + steps[len(steps) // 2]) / 2
    tolerance = max(1.5, VFR_JITTER * usual)
    return sum(abs(step - usual) > tolerance for step in steps) > VFR_SHARE * len(steps)


def _measured_rate(timestamps: Sequence[int], stream: VideoStream) -> Fraction:
    span = timestamps[-1] - timestamps[0] if len(timestamps) > 1 else 0
    if span <= 0 or not stream.time_base:
        raise MediaError(MediaError.UNREADABLE, "The frames of the video have no usable timestamps.")
    return (Fraction(len(timestamps) - 1, span) / stream.time_base).limit_denominator(1001)


def _steady_rate(timestamps: Sequence[int], stream: VideoStream) -> Fraction:
    """Return the frame rate outside gaps, rounded to a usual rate within :data:`RATE_ERROR`."""
    steps = [later - earlier for earlier, later in pairwise(timestamps)]
    median = sorted(steps)[len(steps) // 2]
    steady = [step for step in steps if abs(step - median) <= max(1, VFR_JITTER * median)]
    if median <= 0 or not stream.time_base:
        return _measured_rate(timestamps, stream)
    rate = (Fraction(len(steady), sum(steady)) / stream.time_base).limit_denominator(RATE_DENOMINATOR)
    usual = _usual_rate(rate)
    return rate if abs(rate / usual - 1) * len(steps) > RATE_ERROR else usual


def _usual_rate(rate: Fraction) -> Fraction:
    whole = round(rate)
    for usual in (Fraction(whole), Fraction(whole * 1000, 1001)):
        if usual and abs(rate / usual - 1) < RATE_ROUNDING:
            return usual
    return rate


def _duration(container: av.container.InputContainer, stream: VideoStream) -> float:
    if container.duration and container.duration > 0:
        # In MP4, the duration counts from the start of the first track, so add the delay before it. In Matroska, the
        # duration counts from zero.
        late = start_delay(container) if container.format.name.startswith("mov") else 0.0
        return container.duration / MICROSECONDS + late
    base = stream.time_base
    if base is None:
        return 0.0
    if stream.duration and stream.duration > 0:
        return float(stream.duration * base)
    last = 0
    container.seek(0)
    for packet in demux(container, stream):
        if packet.pts is not None:
            last = max(last, packet.pts + (packet.duration or 0))
    return max(0.0, float(last * base - presentation_origin(container)))


def _is_truncated(container: av.container.InputContainer, stream: VideoStream) -> bool:
    entries = stream.index_entries
    if not len(entries) or container.format.name.startswith(("mpegts", "matroska")):
        return False
    last = entries[len(entries) - 1]
    return last.pos + last.size > container.size


def probe_many(paths: Sequence[str], limits: ProbeLimits | None = None) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    for path in paths:
        try:
            answers.append({"path": path, "facts": probe(path, limits).as_json()})
        except MediaError as exc:
            answers.append({"path": path, "error": {"code": exc.code, "message": exc.message}})
    return answers


def main() -> None:
    answer_about_paths(probe_many)


if __name__ == "__main__":
    main()
