"""Inspection of how a file was recorded: breaks of its clock, a missing end, changes of the picture's size.

Programs read most files alike. A file that they read differently needs a normalised copy, which
:mod:`media_app.av.normalize` writes.
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

from media_app.av.avcc import nal_units, unit_types
from media_app.av.container import (
    MICROSECONDS,
    REBASED_FORMATS,
    first_video,
    late_start,
    open_media,
    presentation_origin,
)
from media_app.av.timeline import MAX_GAP, Break, PlacedPacket, Unroller
from vodplatform.core.processes.ranged import PREFIX

LATE_START = 5.0  # seconds without any track at the beginning that are cut off; shorter ones are kept
SCAN_SECONDS = 10.0  # maximum time to scan a file while a user waits
RANGED_SECONDS = 2.0  # the same for a file that is read in parts from the bucket
MAX_KEYFRAMES = 2000  # keyframes whose heads are read; of a longer file only every n-th
HEAD_BYTES = 1024  # size of the head of a keyframe, which holds its parameter sets
MAX_SETS = 64  # maximum different parameter sets that are decoded for the size of their picture
MISSING_SECONDS = 0.5  # minimum difference between the claimed and the real duration that is reported
MAX_UNREAD_BYTES, MAX_UNREAD_SHARE = 32_768, 0.05  # unread end of a file up to which it counts as complete
SLICE, IDR_SLICE = 1, 5  # the first and the last type of the units of H.264 that hold pictures
UNIT_TYPES = {"h264": (31, 0, {7}), "hevc": (63, 1, {33})}  # mask, shift and types of sequence parameter sets


class CopyReason:
    """Reasons why a file needs a normalised copy.

    CONTAINER: browsers do not open it. INDEX: it has no index. LATE: its clock starts late. BREAKS: its clock breaks.
    SIZES: its picture changes its size. CUT: its end is missing. TIMES: it has no presentation times. ENTRIES: its
    index leads to pictures that cannot be decoded alone, on which browsers fail.
    """

    CONTAINER = "container"
    INDEX = "index"
    LATE = "late"
    BREAKS = "breaks"
    SIZES = "sizes"
    CUT = "cut"
    TIMES = "times"
    ENTRIES = "entries"


@dataclass(frozen=True, slots=True)
class Recording:
    """How a file was recorded.

    reasons: the :class:`CopyReason` values that apply; empty for a file that needs no copy. duration: seconds of the
    longest track on the presentation clock. breaks: the breaks of the file's clock. sizes: the sizes of the picture in
    order, in stored pixels. clock_start: seconds on the file's clock at which it begins, if that is late.
    claimed_duration: seconds that the file claims if its end is missing. picture_end, sound_end: ends of the tracks in
    seconds. is_complete: whether all packets were read.
    """

    reasons: tuple[str, ...] = ()
    duration: float = 0.0
    breaks: tuple[Break, ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()
    clock_start: float = 0.0
    claimed_duration: float | None = None
    picture_end: float = 0.0
    sound_end: float | None = None
    is_complete: bool = True


def inspect(
    path: str | os.PathLike[str], duration: float, *, truncated: bool, seconds: float = SCAN_SECONDS
) -> Recording:
    """Return how a file was recorded. Scan its packets only if its head and its index leave doubts.

    duration: seconds that the file claims. truncated: whether its index names missing bytes. seconds: maximum time of
    the scan. Raises :class:`media_app.av.container.MediaError` and PyAV's errors.
    """
    with open_media(path) as container:
        video = first_video(container)
        heads = list(_keyframe_heads(container, video))
        reasons = [*_reasons_of_head(container, video)]
        if truncated:
            reasons.append(CopyReason.CUT)
        if any(_is_idr(head, video) is False for head in heads):
            reasons.append(CopyReason.ENTRIES)
        if not reasons and not _needs_scan(container, video, heads):
            picture_end, *sound_ends = map(_end_by_index, streams_of(container))
            return Recording(duration=duration, picture_end=picture_end, sound_end=max(sound_ends, default=None))
        scan = PacketScan(container, streams_of(container))
        # A file in the bucket is inspected again once it is on this machine.
        stop = time.monotonic() + (min(seconds, RANGED_SECONDS) if str(path).startswith(PREFIX) else seconds)
        for number, _ in enumerate(scan.packets()):
            if not number % 1000 and time.monotonic() > stop:
                break
        return scan.recording(reasons, duration)


def _reasons_of_head(container: InputContainer, video: VideoStream) -> Iterator[str]:
    formats = container.format.name.split(",")
    is_stream = not REBASED_FORMATS.isdisjoint(formats)
    if is_stream or "avi" in formats:
        yield CopyReason.CONTAINER
    if "avi" in formats and video.codec_context.has_b_frames:
        yield CopyReason.TIMES
    if "matroska" in formats and not container.duration:
        yield CopyReason.INDEX
    if not is_stream and late_start(container) > LATE_START:
        yield CopyReason.LATE


def _end_by_index(stream: Stream) -> float:
    """Return the end of a track in seconds as its container states it, 0 if it does not."""
    if stream.duration is None or stream.time_base is None:
        return 0.0
    return float(((stream.start_time or 0) + stream.duration) * stream.time_base)


def _needs_scan(container: InputContainer, video: VideoStream, heads: Sequence[bytes]) -> bool:
    """Return whether only the packets show breaks, sizes and a missing end."""
    formats = container.format.name.split(",")
    if "ogg" in formats:
        return False
    if "matroska" in formats:
        return True  # its index lists keyframes only
    if not video.frames or len(video.index_entries) < video.frames:
        return True  # a fragmented MP4
    stamps = sorted(entry.timestamp for entry in video.index_entries)
    base = video.time_base or Fraction(1, 1000)
    if any((later - earlier) * base > MAX_GAP for earlier, later in pairwise(stamps)):
        return True
    record = bytes(video.codec_context.extradata or b"")
    return any(one not in record for head in heads for one in _parameter_sets(head, video))


def _keyframe_heads(container: InputContainer, video: VideoStream) -> Iterator[bytes]:
    """Yield the heads of the keyframes of an MP4 on this machine, in H.264 or HEVC; nothing for other files."""
    kind = UNIT_TYPES.get(video.codec_context.codec.canonical_name)
    record = bytes(video.codec_context.extradata or b"")
    name = container.name.removeprefix("file:")
    if kind is None or not record.startswith(b"\1") or "mov" not in container.format.name or not Path(name).is_file():
        return
    places = [entry.pos for entry in video.index_entries if entry.is_keyframe]
    with open(name, "rb", buffering=0) as file:
        for place in places[:: max(1, len(places) // MAX_KEYFRAMES)]:
            file.seek(place)
            yield file.read(HEAD_BYTES)


def _is_idr(head: bytes, video: VideoStream) -> bool | None:
    """Return whether a keyframe of H.264 is an IDR picture, None if its head does not say and for other codecs.

    A recovery point (open groups, intra refresh) is marked as a keyframe as well. Chromium fails to decode behind one
    to which it seeks, or shows an incomplete picture.
    """
    context = video.codec_context
    if context.codec.canonical_name != "h264":
        return None
    if bytes(context.extradata or b"").startswith(b"\1"):
        types = unit_types(head)
    else:
        types = (part[0] & 31 for part in head.split(b"\0\0\1")[1:] if part)
    return next((one == IDR_SLICE for one in types if SLICE <= one <= IDR_SLICE), None)


def _parameter_sets(head: bytes, video: VideoStream) -> list[bytes]:
    """Return the sequence parameter sets in the head of a keyframe."""
    mask, shift, types = UNIT_TYPES[video.codec_context.codec.canonical_name]
    if bytes(video.codec_context.extradata or b"").startswith(b"\1"):
        units = list(nal_units(head))
    else:
        units = [unit.rstrip(b"\0") for unit in head.split(b"\0\0\1")[1:-1]]
    return [unit for unit in units if unit and (unit[0] >> shift) & mask in types]


class PacketScan:
    """One pass over the packets of a file from its beginning, which collects breaks, sizes and durations.

    streams: the streams to read, the picture first.
    """

    def __init__(self, container: InputContainer, streams: Sequence[Stream]) -> None:
        self._container = container
        self._streams = streams
        start = Fraction(container.start_time or 0, MICROSECONDS)
        is_stream = not REBASED_FORMATS.isdisjoint(container.format.name.split(","))
        # A late beginning is cut off. A beginning below zero is shown.
        origin = float(max(start, presentation_origin(container)))
        self._unroller = Unroller(streams, origin=origin, is_stream=is_stream)
        self._sizes = _PictureSizes(streams[0])
        # Other formats than streams count their duration from the beginning of their clock.
        self._cut_off = 0.0 if is_stream else max(0.0, origin)
        self._has_bad_entries = False
        self._is_complete = False
        self._position = 0

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Return the sizes of the picture so far, in stored pixels."""
        return self._sizes.found

    def packets(self) -> Iterator[PlacedPacket]:
        """Yield each usable packet with its time, until the file ends or cannot be read."""
        for placed in self._unroller.place(self._demuxed()):
            if placed.packet.stream is self._streams[0]:
                self._sizes.add(placed.packet)
                self._check_entry(placed.packet)
            self._position = max(self._position, placed.packet.pos or 0)
            yield placed
        self._is_complete = True

    def _check_entry(self, packet: Packet[Any]) -> None:
        video = self._streams[0]
        if packet.is_keyframe and not self._has_bad_entries and isinstance(video, VideoStream):
            self._has_bad_entries = _is_idr(bytes(memoryview(packet)[:HEAD_BYTES]), video) is False

    def _demuxed(self) -> Iterator[Packet[Any]]:
        try:
            yield from self._container.demux(*self._streams)
        except (IndexError, av.error.FFmpegError):  # see :func:`media_app.av.container.demux`
            return

    def recording(self, reasons: Sequence[str], claimed: float) -> Recording:
        """Return how the file was recorded.

        reasons: the reasons that its head gives. claimed: the duration that it claims, in seconds.
        """
        unroller, found = self._unroller, list(reasons)
        for reason, applies in (
            (CopyReason.BREAKS, bool(unroller.breaks)), (CopyReason.SIZES, len(self.sizes) > 1),
            (CopyReason.CUT, unroller.is_cut or self._misses_end(claimed)), (CopyReason.ENTRIES, self._has_bad_entries),
        ):  # fmt: skip
            if applies and reason not in found:
                found.append(reason)
        ends = [unroller.end_of(stream) for stream in self._streams]
        sound_end = max(ends[1:], default=None)
        if not found:
            return Recording(
                duration=claimed, picture_end=ends[0], sound_end=sound_end, is_complete=self._is_complete
            )  # fmt: skip
        is_short = CopyReason.CUT in found and self._is_complete and not unroller.breaks
        start = (self._container.start_time or 0) / MICROSECONDS
        return Recording(
            reasons=tuple(found),
            duration=unroller.end if self._is_complete else claimed,
            breaks=tuple(unroller.breaks),
            sizes=tuple(self.sizes),
            clock_start=start if CopyReason.LATE in found else 0.0,
            claimed_duration=claimed if is_short and claimed > self._end_on_file + MISSING_SECONDS else None,
            picture_end=ends[0],
            sound_end=sound_end,
            is_complete=self._is_complete,
        )

    @property
    def _end_on_file(self) -> float:
        return self._unroller.end + self._cut_off

    def _misses_end(self, claimed: float) -> bool:
        """Return whether a complete scan ended before the end of the file, or before the duration that it claims."""
        if not self._is_complete or self._unroller.breaks:
            return False
        others = len(self._container.streams) > len(self._streams)  # subtitles may end last
        is_indexed = "mov" in self._container.format.name
        # The index of an AVI stands behind its packets.
        unread = 0 if "avi" in self._container.format.name else self._container.size - self._position
        return (not others and not is_indexed and claimed > self._end_on_file + MISSING_SECONDS) or (
            unread > MAX_UNREAD_BYTES and unread > MAX_UNREAD_SHARE * self._container.size
        )


def streams_of(container: InputContainer) -> list[Stream]:
    """Return the picture that players show, and behind it the sounds of its program that can be decoded."""
    picture = first_video(container)
    sounds = [one for one in container.streams.audio if one.codec_context is not None and one.codec_context.is_decoder]
    if "mpegts" in container.format.name and len(container.streams.video) > 1:
        own = container.streams.best("audio", picture)
        sounds = [one for one in sounds if one is own]
    return [picture, *sounds]


class _PictureSizes:
    """The sizes of a track's pictures, read from its keyframes."""

    def __init__(self, stream: Stream) -> None:
        assert isinstance(stream, VideoStream)
        self._video = stream
        self._codec = stream.codec_context.codec.canonical_name
        self._sets: set[bytes] = set()
        self.found: list[tuple[int, int]] = []

    def add(self, packet: Packet[Any]) -> None:
        if not packet.is_keyframe:
            return
        size: tuple[int, int] | None = None
        if self._codec in ("vp8", "vp9"):
            size = (_vp8_size if self._codec == "vp8" else _vp9_size)(bytes(memoryview(packet)[:16]))
        elif self._codec in UNIT_TYPES:
            sets = b"".join(_parameter_sets(bytes(memoryview(packet)[:HEAD_BYTES]), self._video))
            if packet.has_sidedata("new_extradata"):
                sets += bytes(packet.get_sidedata("new_extradata"))
            if sets in self._sets or len(self._sets) >= MAX_SETS or (not sets and self.found):
                return
            self._sets.add(sets)
            size = self._decoded_size(packet)
        if size is not None and size not in self.found:
            self.found.append(size)

    def _decoded_size(self, packet: Packet[Any]) -> tuple[int, int] | None:
        context: Any = av.CodecContext.create(self._codec, "r")
        context.extradata = self._video.codec_context.extradata
        context.thread_count = 1
        try:
            frames = context.decode(packet) or context.decode(None)
        except av.error.FFmpegError:
            return None
        return (frames[0].width, frames[0].height) if frames else None


def _vp8_size(head: bytes) -> tuple[int, int] | None:
    """Return the size of a VP8 keyframe (RFC 6386, 9.1)."""
    if head[3:6] != b"\x9d\x01\x2a":
        return None
    return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF


def _vp9_size(head: bytes) -> tuple[int, int] | None:
    """Return the size of a VP9 keyframe of profile 0 (VP9 bitstream specification, 6.2)."""
    if len(head) < 12 or head[0] & 0xFC != 0x80 or head[1:4] != b"\x49\x83\x42":
        return None
    bits = int.from_bytes(head[:12])
    return (bits >> 44 & 0xFFFF) + 1, (bits >> 28 & 0xFFFF) + 1
