"""How a file was recorded: whether its clock goes on, its end is there and its picture keeps its size; writes nothing.

Most recordings are whole and are read alike by every program. Others need a copy: see :mod:`media_app.av.normalize`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from media_app.av.avcc import nal_units
from media_app.av.container import (
    MICROSECONDS,
    REBASED_FORMATS,
    first_video,
    late_start,
    open_media,
    presentation_origin,
)
from media_app.av.timeline import MAX_GAP, Break, Placed, Unroller

LATE_START = 5.0  # seconds of nothing at the beginning; less is shown as browsers show it
SCAN_SECONDS = 10.0  # of a look at a file that somebody waits for
MANY_KEYFRAMES = 2000  # of a file whose index lists them: more are looked at evenly
HEAD_BYTES = 1024  # of a keyframe, in which its parameter sets stand
MAX_SETS = 64  # different parameter sets of one file that are decoded for their sizes
MISSING_SECONDS = 1.0  # by which a file may be shorter than it says
UNIT_TYPES = {"h264": (31, 0, {7}), "hevc": (63, 1, {33})}  # mask, shift and types of sequence parameter sets


class Why:
    """Reasons for a copy."""

    CONTAINER = "container"
    INDEX = "index"
    LATE = "late"
    BREAKS = "breaks"
    SIZES = "sizes"
    CUT = "cut"
    TIMES = "times"


@dataclass(frozen=True, slots=True)
class Recording:
    """How a file was recorded. why: the reasons for a copy, none where none is needed. duration: seconds on the
    presentation clock, of the longest track. breaks: where its clock does not go on. sizes: of its picture in the order
    of their coming, pixels as stored. begin: seconds on its own clock where it begins, if that is late. promised:
    seconds that it says it has where its end is missing. picture, sound: seconds at which each ends. is_whole: whether
    all of it was looked at.
    """

    why: tuple[str, ...] = ()
    duration: float = 0.0
    breaks: tuple[Break, ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()
    begin: float = 0.0
    promised: float | None = None
    picture: float = 0.0
    sound: float | None = None
    is_whole: bool = True


def look(path: str | os.PathLike[str], duration: float, *, truncated: bool, seconds: float = SCAN_SECONDS) -> Recording:
    """How a file was recorded. Its packets are read only where its head leaves doubts.

    duration: seconds that it says it has. truncated: whether its index names bytes that are not there. seconds: of the
    look at its packets at most. Raises :class:`media_app.av.container.MediaError` and PyAV's errors.
    """
    with open_media(path) as container:
        return _look(container, duration, truncated=truncated, seconds=seconds)


def _look(container: InputContainer, duration: float, *, truncated: bool, seconds: float) -> Recording:
    video = first_video(container)
    why = [*_reasons(container, video)]
    if truncated:
        why.append(Why.CUT)
    if not why and not _is_doubtful(container, video):
        return Recording(duration=duration)
    return recorded(tuple(why), survey(container, seconds), duration, container.start_time or 0)


def recorded(why: Sequence[str], found: Survey, duration: float, start: int) -> Recording:
    """How a file was recorded, by its packets. why: reasons that its head gave. duration: seconds that it says it has.

    start: where its first track begins on its own clock, microseconds.
    """
    reasons = list(why)
    for reason, is_there in (
        (Why.BREAKS, bool(found.breaks)), (Why.SIZES, len(found.sizes) > 1), (Why.CUT, found.is_cut),
    ):  # fmt: skip
        if is_there and reason not in reasons:
            reasons.append(reason)
    if not reasons:
        return Recording(duration=duration, picture=found.picture, sound=found.sound)
    is_short = Why.CUT in reasons and found.is_whole and not found.breaks
    return Recording(
        why=tuple(reasons),
        duration=found.duration if found.is_whole else duration,
        breaks=tuple(found.breaks),
        sizes=tuple(found.sizes),
        begin=start / MICROSECONDS if Why.LATE in reasons else 0.0,
        promised=duration if is_short and duration > found.duration + MISSING_SECONDS else None,
        picture=found.picture,
        sound=found.sound,
        is_whole=found.is_whole,
    )


def _reasons(container: InputContainer, video: VideoStream) -> Iterator[str]:
    """What the head of a file tells."""
    formats = container.format.name.split(",")
    is_stream = not REBASED_FORMATS.isdisjoint(formats)
    if is_stream or "avi" in formats:
        yield Why.CONTAINER
    if "avi" in formats and video.codec_context.has_b_frames:
        yield Why.TIMES
    if "matroska" in formats and not container.duration:
        yield Why.INDEX
    if not is_stream and late_start(container) > LATE_START:
        yield Why.LATE


def _is_doubtful(container: InputContainer, video: VideoStream) -> bool:
    """Whether the packets of a file have to be looked at: its index is none, or has a hole, or its picture changes."""
    formats = container.format.name.split(",")
    if "ogg" in formats:
        return False
    if video.codec_context.codec.canonical_name in ("vp8", "vp9"):
        return True
    if "matroska" in formats:
        # Its index is read with the first seek; afterwards it stands at its beginning again.
        container.seek(int(container.duration or 0))
        container.seek(min(0, container.start_time or 0))
        stamps = sorted(entry.timestamp for entry in video.index_entries)
    else:
        if not video.frames or len(video.index_entries) < video.frames:
            return True  # written in fragments
        stamps = sorted(entry.timestamp for entry in video.index_entries)
    base = video.time_base or Fraction(1, 1000)
    if any((later - earlier) * base > MAX_GAP for earlier, later in pairwise(stamps)):
        return True
    return _heads_differ(container, video)


def _heads_differ(container: InputContainer, video: VideoStream) -> bool:
    """Whether the keyframes that the index lists have parameter sets that the head of the file has not."""
    kind = UNIT_TYPES.get(video.codec_context.codec.canonical_name)
    record = bytes(video.codec_context.extradata or b"")
    name = container.name.removeprefix("file:")
    if kind is None or not record.startswith(b"\1") or "mov" not in container.format.name or not Path(name).is_file():
        return False
    places = [entry.pos for entry in video.index_entries if entry.is_keyframe]
    step = max(1, len(places) // MANY_KEYFRAMES)
    with open(name, "rb", buffering=0) as file:
        for place in places[::step]:
            file.seek(place)
            if any(one not in record for one in _sets(file.read(HEAD_BYTES), video)):
                return True
    return False


def _sets(head: bytes, video: VideoStream) -> list[bytes]:
    """The sequence parameter sets in the first bytes of a keyframe."""
    mask, shift, types = UNIT_TYPES[video.codec_context.codec.canonical_name]
    if bytes(video.codec_context.extradata or b"").startswith(b"\1"):
        units = list(nal_units(head))
    else:
        units = [unit.rstrip(b"\0") for unit in head.split(b"\0\0\1")[1:-1]]
    return [unit for unit in units if unit and (unit[0] >> shift) & mask in types]


class Survey:
    """What the packets of a file tell while they go by, see :class:`Recording`.

    streams: of a file that stands at its beginning. is_cut: the file ends within a packet.
    """

    def __init__(self, container: InputContainer, streams: Sequence[Stream]) -> None:
        self._container = container
        self._streams = streams
        # A file whose tracks all begin late has nothing before that; one that begins below zero is shown from there.
        start = Fraction(container.start_time or 0, MICROSECONDS)
        is_stream = not REBASED_FORMATS.isdisjoint(container.format.name.split(","))
        origin = float(max(start, presentation_origin(container)))
        self._unroller = Unroller(streams, origin=origin, is_stream=is_stream)
        self._sizes = _Sizes(streams[0])
        self.is_whole = False

    def read(self) -> Iterator[Placed]:
        """Each packet with its place, as far as the file can be read."""
        for placed in self._unroller.read(self._packets()):
            if placed.packet.stream is self._streams[0]:
                self._sizes.see(placed.packet)
            yield placed
        self.is_whole = True

    def _packets(self) -> Iterator[Packet[Any]]:
        try:
            yield from self._container.demux(*self._streams)
        except (IndexError, av.error.FFmpegError):  # see :func:`media_app.av.container.demux`
            return

    @property
    def duration(self) -> float:
        return self._unroller.end

    @property
    def breaks(self) -> list[Break]:
        return self._unroller.breaks

    @property
    def sizes(self) -> list[tuple[int, int]]:
        return self._sizes.seen

    @property
    def picture(self) -> float:
        return self._unroller.end_of(self._streams[0])

    @property
    def sound(self) -> float | None:
        return max((self._unroller.end_of(stream) for stream in self._streams[1:]), default=None)

    @property
    def is_cut(self) -> bool:
        return self._unroller.is_cut


def survey(container: InputContainer, seconds: float = float("inf")) -> Survey:
    """Read the packets of all of a file that stands at its beginning, for so many seconds at most."""
    found = Survey(container, streams_of(container))
    stop = time.monotonic() + seconds
    for number, _ in enumerate(found.read()):
        if not number % 1000 and time.monotonic() > stop:
            break
    return found


def streams_of(container: InputContainer) -> list[Stream]:
    """The picture that is shown and the sounds that can be decoded, in this order."""
    return [
        first_video(container),
        *(one for one in container.streams.audio if one.codec_context is not None and one.codec_context.is_decoder),
    ]


class _Sizes:
    """Which sizes the pictures of a track have, by their keyframes."""

    def __init__(self, stream: Stream) -> None:
        assert isinstance(stream, VideoStream)
        self._video = stream
        self._codec = stream.codec_context.codec.canonical_name
        self._sets: set[bytes] = set()
        self.seen: list[tuple[int, int]] = []

    def see(self, packet: Packet[Any]) -> None:
        if not packet.is_keyframe:
            return
        size: tuple[int, int] | None = None
        if self._codec in ("vp8", "vp9"):
            size = (_vp8_size if self._codec == "vp8" else _vp9_size)(bytes(memoryview(packet)[:16]))
        elif self._codec in UNIT_TYPES:
            found = b"".join(_sets(bytes(memoryview(packet)[:HEAD_BYTES]), self._video))
            if packet.has_sidedata("new_extradata"):
                found += bytes(packet.get_sidedata("new_extradata"))
            if found in self._sets or len(self._sets) >= MAX_SETS or (not found and self.seen):
                return
            self._sets.add(found)
            size = self._decoded(packet)
        if size is not None and size not in self.seen:
            self.seen.append(size)

    def _decoded(self, packet: Packet[Any]) -> tuple[int, int] | None:
        context: Any = av.CodecContext.create(self._codec, "r")
        context.extradata = self._video.codec_context.extradata
        context.thread_count = 1
        try:
            frames = context.decode(packet) or context.decode(None)
        except av.error.FFmpegError:
            return None
        return (frames[0].width, frames[0].height) if frames else None


def _vp8_size(head: bytes) -> tuple[int, int] | None:
    """Of a keyframe (RFC 6386, 9.1)."""
    if head[3:6] != b"\x9d\x01\x2a":
        return None
    return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF


def _vp9_size(head: bytes) -> tuple[int, int] | None:
    """Of a keyframe of profile 0 (VP9 bitstream specification, 6.2)."""
    if len(head) < 12 or head[0] & 0xFC != 0x80 or head[1:4] != b"\x49\x83\x42":
        return None
    bits = int.from_bytes(head[:12])
    return (bits >> 44 & 0xFFFF) + 1, (bits >> 28 & 0xFFFF) + 1
