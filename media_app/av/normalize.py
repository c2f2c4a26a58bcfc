"""Normalised copies: files that all programs read alike.

Packets are placed on one clock (:mod:`media_app.av.timeline`). Pictures are encoded only if copying cannot repair them.
"""

from __future__ import annotations

import heapq
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.packet import Packet
from av.stream import Stream

from media_app.av.container import first_video, open_media
from media_app.av.copy_reasons import CopyReason, PacketScan, Recording, streams_of
from media_app.av.ffmpeg import DEINTERLACE, WITHOUT_TAGS, Ffmpeg, Filter, Track
from media_app.av.isobmff import MP4_PICTURES
from media_app.av.ladder import SOUND_BITS, round_down_even
from media_app.av.smart_cut import open_output
from media_app.av.source import Progress, Source
from media_app.av.timeline import PlacedPacket

REORDER_WINDOW = 40  # number of pictures buffered to compute decoding times; no codec reorders more
MP4_SOUNDS = frozenset({"aac", "mp3", "opus", "flac"})  # sound codecs that browsers play from MP4
WEBM_PICTURES = frozenset({"vp8", "vp9", "av1"})
WEBM_SOUNDS = frozenset({"opus", "vorbis"})
# Sound codecs for an intermediate file in MOV. With other codecs, the file is Matroska, which rounds timestamps to
# milliseconds.
MOV_SOUNDS = MP4_SOUNDS | {"ac3", "eac3", "mp2", "alac", "pcm_s16le", "pcm_s24le"}
FORMATS = {".mp4": "mp4", ".webm": "webm", ".mkv": "matroska", ".mov": "mov"}
MIME_TYPES = {"mp4": "video/mp4", "webm": "video/webm"}
MUXER_OPTIONS = {"mp4": {"movflags": "+faststart"}, "webm": {"cues_to_front": "1"}, "matroska": {}, "mov": {}}
QUALITY = {"preset": "veryfast", "crf": 18}
MAX_PACKET = 2  # maximum seconds of a sound packet; in MP4, claimed durations include clock jumps
JOINT_SECONDS = 0.003  # gaps and overlaps of sound packets up to this many seconds are rounding errors
COPY_SHARE = 0.25


def normalize(
    source: Path,
    folder: Path,
    reasons: Sequence[str],
    *,
    duration: float,
    program: Callable[[], Ffmpeg] = Ffmpeg.default,
    on_progress: Progress | None = None,
) -> tuple[Path, Recording]:
    """Write a normalised copy into ``folder``; return its path and how ``source`` was recorded.

    reasons: :class:`media_app.av.copy_reasons.CopyReason` values found in the file's header. duration: claimed seconds.
    Raises :class:`media_app.av.ffmpeg.ConversionFailed`, :class:`media_app.av.ffmpeg.ProgramMissing`,
    :class:`media_app.av.container.MediaError`, OSError.
    """
    report = on_progress or (lambda share: None)
    own = Path(tempfile.mkdtemp(prefix=".normalize-", dir=folder))
    try:
        with open_media(source) as container:
            streams = streams_of(container)
            scan = PacketScan(container, streams)
            picture, *sounds = (stream.codec_context.codec.canonical_name for stream in streams)
            suffix = "webm" if picture in WEBM_PICTURES and sounds and WEBM_SOUNDS.issuperset(sounds) else "mp4"
            encodes_picture = CopyReason.TIMES in reasons or (suffix == "mp4" and picture not in MP4_PICTURES)
            encodes_sound = suffix == "mp4" and not MP4_SOUNDS.issuperset(sounds)
            made = own / f"normalized.{suffix}"
            if CopyReason.TIMES in reasons:
                made = source
            elif encodes_picture or encodes_sound:
                fits_mov = picture in MP4_PICTURES and MOV_SOUNDS.issuperset(sounds)
                made = own / ("between.mov" if fits_mov else "between.mkv")
                try:
                    _remux(scan, streams, made, size=container.size, report=lambda share: report(share * COPY_SHARE))
                except ValueError:  # the container does not support the codec, so encode the original
                    made = source
            else:
                _remux(scan, streams, made, size=container.size, report=report)
            if made == source:
                for _ in scan.packets():
                    pass
            recording = scan.recording(reasons, duration)
            encodes_picture |= not {CopyReason.SIZES, CopyReason.ENTRIES}.isdisjoint(recording.reasons)
            if encodes_picture or encodes_sound:
                video = first_video(container).codec_context
                sizes = scan.sizes or [(video.width, video.height)]
                largest = max(sizes, key=lambda size: size[0] * size[1])
                between, made = made, own / "encoded.mp4"
                _encode(
                    between, made, largest if encodes_picture else None, program(),
                    lambda share: report(COPY_SHARE + (1 - COPY_SHARE) * share),
                )  # fmt: skip
        return made.rename(folder / f"normalized{made.suffix}"), recording
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _remux(scan: PacketScan, streams: Sequence[Stream], target: Path, *, size: int, report: Progress) -> None:
    format = FORMATS[target.suffix]
    with open_output(target, "copied", format=format, **MUXER_OPTIONS[format]) as out:
        writers = {}
        for stream in streams:
            made = out.add_stream_from_template(stream)
            made.time_base = stream.time_base
            if stream.type == "video" and format == "mp4":
                made.codec_context.codec_tag = MP4_PICTURES[stream.codec_context.codec.canonical_name]
            # In Matroska, priming at negative times would shift all tracks, so drop it.
            first = 0.0 if format == "matroska" else float("-inf")
            writers[stream.index] = _Pictures(made) if stream.type == "video" else _Sound(made, first)
        for number, placed in enumerate(scan.packets()):
            position = placed.packet.pos
            for packet in writers[placed.packet.stream.index].add(placed):
                out.mux(packet)
            if position and not number % 1000:
                report(min(1.0, position / max(1, size)))
        for writer in writers.values():
            for packet in writer.flush():
                out.mux(packet)


class _Sound:
    """Writer of sound packets with new timestamps, from ``first`` (seconds) on.

    Players ignore small overlaps between packets. If their sum would exceed half a packet, the next packet is dropped.
    """

    def __init__(self, made: Stream, first: float) -> None:
        self._made = made
        self._first = first
        self._base = Fraction(made.time_base or Fraction(1, 90_000))
        self._last: int | None = None
        self._end = float("-inf")
        self._overlap = 0.0  # total seconds by which packets overlap, minus total seconds of gaps

    def add(self, placed: PlacedPacket) -> Iterator[Packet[Any]]:
        packet = placed.packet
        seconds = float((packet.duration or 0) * (packet.time_base or 0))
        length = seconds if seconds < MAX_PACKET else 0.0
        overlap = self._end - placed.time
        if placed.time < self._first:
            return
        if JOINT_SECONDS < abs(overlap) < MAX_PACKET:
            if self._overlap + overlap > length / 2:
                return
            self._overlap += overlap
        self._end = placed.time + length
        stamp = round(placed.time / self._base)
        if self._last is not None and stamp <= self._last:
            stamp = self._last + 1
        self._last = stamp
        packet.stream, packet.time_base, packet.pts, packet.dts = self._made, self._base, stamp, stamp
        yield packet

    def flush(self) -> Iterator[Packet[Any]]:
        return iter(())


class _Pictures:
    def __init__(self, made: Stream) -> None:
        self._made = made
        self._base = Fraction(made.time_base or Fraction(1, 90_000))
        self._waiting: deque[tuple[Packet[Any], int]] = deque()
        self._shown: list[int] = []
        self._delay: int | None = None
        self._last: int | None = None

    def add(self, placed: PlacedPacket) -> Iterator[Packet[Any]]:
        stamp = round(placed.time / self._base)
        self._waiting.append((placed.packet, stamp))
        heapq.heappush(self._shown, stamp)
        if len(self._waiting) > REORDER_WINDOW:
            yield self._next()

    def flush(self) -> Iterator[Packet[Any]]:
        while self._waiting:
            yield self._next()

    def _next(self) -> Packet[Any]:
        if self._delay is None:
            decoded = (stamp for _, stamp in self._waiting)
            self._delay = max(shown - own for shown, own in zip(sorted(self._shown), decoded, strict=True))
        packet, stamp = self._waiting.popleft()
        place = min(heapq.heappop(self._shown) - self._delay, stamp)
        if self._last is not None and place <= self._last:
            place = self._last + 1
        self._last = place
        packet.stream, packet.time_base = self._made, self._base
        packet.pts, packet.dts = max(stamp, place), place
        return packet


def _encode(path: Path, target: Path, size: tuple[int, int] | None, program: Ffmpeg, report: Progress) -> None:
    source = Source.open(path)
    facts = source.facts
    options: dict[str, Any] = {"c:v": "copy", "c:a": "aac", "b:a": SOUND_BITS, **WITHOUT_TAGS}
    picture = Track(source.track)
    if size is not None:
        shape = (
            (round_down_even(size[1]), round_down_even(size[0]))
            if facts.rotation % 180
            else (round_down_even(size[0]), round_down_even(size[1]))
        )
        fitted = (("force_original_aspect_ratio", "decrease"), ("flags", "bicubic"))
        steps = [Filter("scale", shape, fitted), Filter("pad", (*shape, "(ow-iw)/2", "(oh-ih)/2"))]
        if facts.is_interlaced:
            steps.insert(0, DEINTERLACE)
        picture = Track(source.track, (*steps, Filter("format", ("yuv420p",))))
        timed = {"fps_mode": "passthrough", "enc_time_base:v": "demux"}
        options |= {"c:v": "libx264", **QUALITY, "threads": program.threads, **timed}
    elif tag := MP4_PICTURES.get(facts.codec):
        options["tag:v"] = tag
    sounds = [Track(source.sound.track)] if source.sound else []
    options |= {"f": "mp4", "copyts": None, "movflags": "+faststart"}
    reading = {"itsoffset": f"{float(-source.origin):.6f}"} if source.origin > 0 else {}
    program.make(target, source, [picture, *sounds], options, on_progress=report, reading=reading)
