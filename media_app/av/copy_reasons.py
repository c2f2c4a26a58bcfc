"""Faults of recordings, such as clock breaks; :mod:`media_app.av.normalize` repairs them in a copy."""

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
    open_media,
    presentation_origin,
    start_delay,
)
from media_app.av.timeline import MAX_GAP, Break, PacketPlacer, PlacedPacket
from vodplatform.core.processes.ranged import PREFIX

LATE_START = 5.0  # maximum delay of the first track, seconds; a copy removes longer delays
SCAN_SECONDS = 10.0  # maximum seconds of a packet scan, because a user waits
RANGED_SECONDS = 2.0  # maximum seconds of a packet scan of a file in the bucket
MAX_KEYFRAMES = 2000
HEAD_BYTES = 1024  # bytes of a keyframe that are searched for parameter sets
MAX_SETS = 64  # maximum parameter sets that are decoded to find picture sizes
# A file's end is missing if the claimed duration exceeds the last packet's end by more than MISSING_SECONDS, or if the
# bytes after the last packet exceed MAX_UNREAD_BYTES and also MAX_UNREAD_SHARE of the file.
MISSING_SECONDS = 0.5
MAX_UNREAD_BYTES, MAX_UNREAD_SHARE = 32_768, 0.05
SLICE, IDR_SLICE = 1, 5  # lowest and highest H.264 NAL unit type of pictures
# Bit mask and shift of a NAL unit's type, and types of sequence parameter sets, by codec.
UNIT_TYPES = {"h264": (31, 0, {7}), "hevc": (63, 1, {33})}


class CopyReason:
    """Reasons to make a normalised copy of a file.

    CONTAINER: browsers do not open the container. INDEX: the index is missing. LATE: the clock starts late. BREAKS: the
    clock jumps or restarts. SIZES: the picture size changes. CUT: the end is missing. TIMES: presentation times are
    missing. ENTRIES: browsers cannot seek to some keyframes.
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
    """The way a file was recorded.

    - reasons: why players need a copy of the file (:class:`CopyReason`).
    - duration: seconds.
    - sizes: stored picture sizes, in order of appearance.
    - clock_start: first time of the file's clock, in seconds, if the clock starts late; else 0.
    - claimed_duration: seconds claimed by a file whose end is missing.
    - is_complete: False if a scan did not reach the file's end.
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
    """Return how a file was recorded. If the header and index do not suffice, scan packets for at most ``seconds``.

    duration: claimed seconds. truncated: as in :class:`media_app.av.probe.VideoFacts`. Raises
    :class:`media_app.av.container.MediaError`, PyAV's errors.
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
    if not is_stream and start_delay(container) > LATE_START:
        yield CopyReason.LATE


def _end_by_index(stream: Stream) -> float:
    if stream.duration is None or stream.time_base is None:
        return 0.0
    return float(((stream.start_time or 0) + stream.duration) * stream.time_base)


def _needs_scan(container: InputContainer, video: VideoStream, heads: Sequence[bytes]) -> bool:
    formats = container.format.name.split(",")
    if "ogg" in formats:
        return False
    if "matroska" in formats:
        return True  # scan Matroska, because its index lists only keyframes
    if not video.frames or len(video.index_entries) < video.frames:
        return True  # scan a fragmented MP4, because it has no complete index
    stamps = sorted(entry.timestamp for entry in video.index_entries)
    base = video.time_base or Fraction(1, 1000)
    if any((later - earlier) * base > MAX_GAP for earlier, later in pairwise(stamps)):
        return True
    record = bytes(video.codec_context.extradata or b"")
    return any(one not in record for head in heads for one in _parameter_sets(head, video))


def _keyframe_heads(container: InputContainer, video: VideoStream) -> Iterator[bytes]:
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
    """Return whether an H.264 keyframe is an IDR picture; Chromium cannot seek to others. None if unknown."""
    context = video.codec_context
    if context.codec.canonical_name != "h264":
        return None
    if bytes(context.extradata or b"").startswith(b"\1"):
        types = unit_types(head)
    else:
        types = (part[0] & 31 for part in head.split(b"\0\0\1")[1:] if part)
    return next((one == IDR_SLICE for one in types if SLICE <= one <= IDR_SLICE), None)


def _parameter_sets(head: bytes, video: VideoStream) -> list[bytes]:
    mask, shift, types = UNIT_TYPES[video.codec_context.codec.canonical_name]
    if bytes(video.codec_context.extradata or b"").startswith(b"\1"):
        units = list(nal_units(head))
    else:
        units = [unit.rstrip(b"\0") for unit in head.split(b"\0\0\1")[1:-1]]
    return [unit for unit in units if unit and (unit[0] >> shift) & mask in types]


class PacketScan:
    def __init__(self, container: InputContainer, streams: Sequence[Stream]) -> None:
        self._container = container
        self._streams = streams
        start = Fraction(container.start_time or 0, MICROSECONDS)
        is_stream = not REBASED_FORMATS.isdisjoint(container.format.name.split(","))
        origin = float(max(start, presentation_origin(container)))
        self._unroller = PacketPlacer(streams, origin=origin, is_stream=is_stream)
        self._sizes = _PictureSizes(streams[0])
        self._cut_off = 0.0 if is_stream else max(0.0, origin)
        self._has_bad_entries = False
        self._is_complete = False
        self._position = 0

    @property
    def sizes(self) -> list[tuple[int, int]]:
        return self._sizes.found

    def packets(self) -> Iterator[PlacedPacket]:
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
        except (IndexError, av.error.FFmpegError):
            return

    def recording(self, reasons: Sequence[str], claimed: float) -> Recording:
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
        if not self._is_complete or self._unroller.breaks:
            return False
        # Other tracks, such as subtitles, may last longer than picture and sound, so the claimed duration may be right.
        others = len(self._container.streams) > len(self._streams)
        is_indexed = "mov" in self._container.format.name
        # Ignore unread bytes in AVI: the index follows the packets.
        unread = 0 if "avi" in self._container.format.name else self._container.size - self._position
        return (not others and not is_indexed and claimed > self._end_on_file + MISSING_SECONDS) or (
            unread > MAX_UNREAD_BYTES and unread > MAX_UNREAD_SHARE * self._container.size
        )


def streams_of(container: InputContainer) -> list[Stream]:
    picture = first_video(container)
    sounds = [one for one in container.streams.audio if one.codec_context is not None and one.codec_context.is_decoder]
    if "mpegts" in container.format.name and len(container.streams.video) > 1:
        own = container.streams.best("audio", picture)
        sounds = [one for one in sounds if one is own]
    return [picture, *sounds]


class _PictureSizes:
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
    if head[3:6] != b"\x9d\x01\x2a":
        return None
    return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF


def _vp9_size(head: bytes) -> tuple[int, int] | None:
    if len(head) < 12 or head[0] & 0xFC != 0x80 or head[1:4] != b"\x49\x83\x42":
        return None
    bits = int.from_bytes(head[:12])
    return (bits >> 44 & 0xFFFF) + 1, (bits >> 28 & 0xFFFF) + 1
