"""Read the facts of a media file (duration, rate, size, codecs) and refuse what cannot be played; converts nothing.

As a program (``python -m media_app.av.probe``) it reads ``{"paths": […]}`` from standard input and prints one
line ``{"result": [{"path", "facts"} | {"path", "error": {"code", "message"}}]}``.
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
    MAX_PIXELS,
    MICROSECONDS,
    MediaError,
    demux,
    first_video,
    late_start,
    open_media,
    presentation_origin,
)
from media_app.av.recording import Recording, inspect
from vodplatform.core.processes.child import answer_about_paths

MAX_PACKETS_TO_FIRST_FRAME = 400
TIMING_PACKETS = 600
VFR_JITTER = 0.1  # of a frame: more than any container's rounding
RATE_ROUNDING = Fraction(1, 5000)  # a fifth of what parts 30 from 29.97
RATE_ERROR = Fraction(1, 4)  # of a frame, over the whole file
RATE_HOLES = 0.005  # minimum share by which the mean rate differs if pictures are missing
RATE_DENOMINATOR = 1_000_000
VFR_SHARE = 0.01  # one lost frame in a long recording does not make its rate variable

MIN_SIDE = 16  # pixels; below that there is nothing to see, and scalers have odd ideas


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """What a file may claim before anything is decoded: pixels of a side and of a frame, seconds of length."""

    max_side: int = 16384
    max_pixels: int = MAX_PIXELS
    max_seconds: float = 604_800.0


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """codec: canonical name; sample_rate: Hz; channels: count."""

    codec: str
    sample_rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a file is.

    duration, start: seconds (start is where ``currentTime`` 0 lies on the file's own time line). fps: average
    rate, exact. width, height: pixels as displayed, rotation and sample aspect ratio applied; coded_width,
    coded_height: as stored. rotation: degrees clockwise to turn the stored picture for display.
    sample_aspect_ratio: of the stored picture. bit_rate: bits a second, 0 when unknown. truncated: the index
    names bytes that the file does not have. is_interlaced: the first picture is two fields. color_transfer: of the
    first picture, as ITU-T H.273 numbers them, 2 when unknown. recording: how it was recorded; where programs would
    read it differently, duration and start are those of its normalised copy.
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
        """The same as JSON values; fractions as ``[numerator, denominator]``."""
        return {
            key: [value.numerator, value.denominator] if isinstance(value, Fraction) else value
            for key, value in asdict(self).items()
        }


def probe(path: str | os.PathLike[str], limits: ProbeLimits | None = None) -> VideoFacts:
    """Open ``path``, decode one frame, look at how it was recorded, and say what it is. Raises :class:`MediaError`."""
    with open_media(path) as container:
        facts = probe_container(container, limits)
        is_fragmented = not first_video(container).frames
    try:
        # Of a file in fragments those that are whole can be played.
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
    """As :func:`probe`, for a file that is open already and is read from somewhere else afterwards."""
    try:
        return _probe(container, limits or ProbeLimits())
    except av.error.FFmpegError as exc:
        raise MediaError(MediaError.UNREADABLE, "The video data is damaged and cannot be decoded.") from exc


def display_rotation(frame: VideoFrame) -> int:
    """Degrees clockwise, in quarter turns, that bring ``frame`` upright (PyAV reports counter-clockwise)."""
    return round(-frame.rotation / 90) % 4 * 90


def display_size(width: int, height: int, sample_aspect_ratio: Fraction, rotation: int) -> tuple[int, int]:
    """Pixels of the displayed picture: width stretched by the sample aspect ratio, then turned."""
    stretched = max(1, round(width * sample_aspect_ratio))
    return (height, stretched) if rotation % 180 else (stretched, height)


# Of pixels: anamorphic film has 2, old tapes 0.9 to 1.5. A narrower one would hide how much there is to decode.
MIN_RATIO, MAX_RATIO = Fraction(1, 3), Fraction(3)


def sample_aspect_ratio(stream: VideoStream, frame: VideoFrame | None = None) -> Fraction:
    """Width of a pixel over its height; 1 when the file says nothing or nonsense."""
    ratio = stream.sample_aspect_ratio
    return ratio if ratio and MIN_RATIO <= ratio <= MAX_RATIO else Fraction(1)


def _probe(container: av.container.InputContainer, limits: ProbeLimits) -> VideoFacts:
    stream = first_video(container)
    _check_size(stream.codec_context.width, stream.codec_context.height, limits)
    timestamps = indexed = _index_timestamps(stream)
    truncated = _is_truncated(container, stream)
    frame = _first_frame(container, stream, limits)
    _check_size(frame.width, frame.height, limits)
    ratio = sample_aspect_ratio(stream, frame)
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
        # The mean counts the time without pictures, too.
        steady = _steady_rate(timestamps, stream) if len(timestamps) > 2 else rate
        rate = steady if abs(rate / steady - 1) > RATE_HOLES else rate
    if duration <= 0:
        raise MediaError(MediaError.UNREADABLE, "The file does not say how long it is, and no frame tells.")
    if duration > limits.max_seconds:
        raise MediaError(MediaError.UNREADABLE, f"The file claims to last {duration / 86_400:.0f} days.")
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
        raise MediaError(MediaError.UNREADABLE, "The picture has no size, or claims one that is too large to decode.")
    if min(width, height) < MIN_SIDE:
        raise MediaError(MediaError.UNREADABLE, f"The picture is too small: {width}×{height} pixels.")
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise MediaError(MediaError.UNREADABLE, f"The picture is too large: {width}×{height} pixels.")


def _first_frame(container: av.container.InputContainer, stream: VideoStream, limits: ProbeLimits) -> VideoFrame:
    """Decode the first frame that can be decoded, within a bounded number of packets."""
    context = stream.codec_context
    context.thread_count = 1
    # The sequence header may claim another size than the container did.
    context.options = {"max_pixels": str(limits.max_pixels)}
    for packets, packet in enumerate(demux(container, stream)):
        try:
            frames = stream.decode(packet)
        except av.error.InvalidDataError:
            frames = []
        except (av.error.DecoderNotFoundError, av.error.PatchWelcomeError) as exc:
            raise MediaError(MediaError.CODEC, "The video track uses a codec that cannot be decoded here.") from exc
        if frames:
            return frames[0]
        if packets > MAX_PACKETS_TO_FIRST_FRAME:
            break
    raise MediaError(MediaError.UNREADABLE, "No frame of the video can be decoded.")


def _index_timestamps(stream: VideoStream) -> list[int] | None:
    """Sorted timestamps of all frames, in time base units, when the file's own index lists every frame."""
    count = len(stream.index_entries)
    if count < 2 or count < 0.9 * stream.frames or not stream.frames:
        return None
    return sorted(entry.timestamp for entry in stream.index_entries)


def _packet_timestamps(container: av.container.InputContainer, stream: VideoStream) -> list[int]:
    """Sorted presentation timestamps of the packets at the start of the file."""
    container.seek(container.start_time or 0)
    found: list[int] = []
    for packet in demux(container, stream):
        if packet.pts is not None:
            found.append(packet.pts)
        if len(found) >= TIMING_PACKETS:
            break
    # Reordering makes the last few incomplete.
    return sorted(found[: -16 if len(found) > 64 else None])


def _varies(timestamps: Sequence[int]) -> bool:
    """Whether frame durations differ by more than rounding in more than one frame of a hundred."""
    steps = sorted(later - earlier for earlier, later in pairwise(timestamps) if later > earlier)
    if len(steps) < 8:
        return False
    usual = (steps[(len(steps) - 1) // 2] + steps[len(steps) // 2]) / 2  # the median
    tolerance = max(1.5, VFR_JITTER * usual)
    return sum(abs(step - usual) > tolerance for step in steps) > VFR_SHARE * len(steps)


def _measured_rate(timestamps: Sequence[int], stream: VideoStream) -> Fraction:
    span = timestamps[-1] - timestamps[0] if len(timestamps) > 1 else 0
    if span <= 0 or not stream.time_base:
        raise MediaError(MediaError.UNREADABLE, "The file has no usable frame times.")
    return (Fraction(len(timestamps) - 1, span) / stream.time_base).limit_denominator(1001)


def _steady_rate(timestamps: Sequence[int], stream: VideoStream) -> Fraction:
    """Frames a second by the times of all frames, but where some are lost.

    A recorder with a clock of its own has nearly a usual rate; its frames still leave the places that the usual rate
    gives them, with time. The usual rate is the answer where the last frame is less than a quarter of one off.
    """
    steps = [later - earlier for earlier, later in pairwise(timestamps)]
    median = sorted(steps)[len(steps) // 2]
    steady = [step for step in steps if abs(step - median) <= max(1, VFR_JITTER * median)]
    if median <= 0 or not stream.time_base:
        return _measured_rate(timestamps, stream)
    rate = (Fraction(len(steady), sum(steady)) / stream.time_base).limit_denominator(RATE_DENOMINATOR)
    usual = _usual_rate(rate)
    return rate if abs(rate / usual - 1) * len(steps) > RATE_ERROR else usual


def _usual_rate(rate: Fraction) -> Fraction:
    """The whole or NTSC rate that ``rate`` is within rounding of: Matroska and TS round frame times."""
    whole = round(rate)
    for usual in (Fraction(whole), Fraction(whole * 1000, 1001)):
        if usual and abs(rate / usual - 1) < RATE_ROUNDING:
            return usual
    return rate


def _duration(container: av.container.InputContainer, stream: VideoStream) -> float:
    """Seconds that a player's scrub bar shows; files that do not say are asked for their last packet."""
    if container.duration and container.duration > 0:
        # Of an MP4 it is the time from the first track's beginning, where Matroska counts from zero.
        late = late_start(container) if container.format.name.startswith("mov") else 0.0
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
    """Probe each path; an unusable file is an ``error`` entry, never an exception."""
    answers: list[dict[str, Any]] = []
    for path in paths:
        try:
            answers.append({"path": path, "facts": probe(path, limits).as_json()})
        except MediaError as exc:
            answers.append({"path": path, "error": {"code": exc.code, "message": exc.message}})
    return answers


def main() -> None:
    """Serve one request from standard input."""
    answer_about_paths(probe_many)


if __name__ == "__main__":
    main()
