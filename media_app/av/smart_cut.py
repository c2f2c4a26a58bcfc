"""Parts of a video, joined into one MP4: complete GOPs are copied, and GOPs at the edges of parts are encoded.

One sample entry holds the parameter sets of copied and of encoded pictures, with different ids (ISO/IEC 14496-15,
5.3.3). The sound of all parts is encoded in one run, because separate AAC files would each add priming.
"""

from __future__ import annotations

import errno
import heapq
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av
import av.error
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from media_app.av.audio_splice import SoundTrack, Span
from media_app.av.avcc import IDR, PPS, SPS, Avcc, nal_units
from media_app.av.container import REBASED_FORMATS, SEEK_STEPS, demux, open_media, presentation_origin
from media_app.av.ffmpeg import WITHOUT_TAGS, ConversionFailed, Ffmpeg, Filter, Track
from media_app.av.ladder import picture_of, round_down_even
from media_app.av.source import Progress, Source

WHOLE = {"preset": "veryfast", "crf": 21}  # x264 settings if all parts are encoded
# x264 settings for the edges of parts: same quality as `veryfast` at crf 17, in half the time.
EDGE = {"preset": "ultrafast", "crf": 19}
GOP_SECONDS = 2
MIN_COPIED = 12  # minimum number of frames copied from a part; parts with fewer are encoded
NEAR = 1e-3  # times that differ by at most this many seconds count as equal
# In streaming formats, seeks are inexact, so they go to this many seconds before the keyframe.
STREAM_MARGIN = Fraction(7, 10)
REORDER_SECONDS = 1.0  # seconds of packets read after a part's end, since frames are stored in decoding order
ENCODED_SHARE = 0.85


@dataclass(frozen=True, slots=True)
class PlacedPart:
    """Position of a part in the output.

    start, end: measured seconds in the output. source_start, source_end: seconds in the source of the part's first
    frame and of the frame after the part.
    """

    part: int
    start: float
    end: float
    source_start: float
    source_end: float


@dataclass(slots=True)
class _Piece:
    """A run of consecutive frames, copied or encoded.

    - stamps: timestamps in presentation order.
    - entry: timestamp of the keyframe at which decoding starts.
    - decoded: timestamps in decoding order; None until encoded.
    - file: file with the encoded frames; None for a copied run.
    """

    stamps: list[int]
    entry: int
    decoded: list[int] | None = None
    file: Path | None = None


@dataclass(slots=True)
class _Part:
    number: int
    stop: int
    pieces: list[_Piece] = field(default_factory=list)

    @property
    def first(self) -> int:
        return self.pieces[0].stamps[0]

    @property
    def stamps(self) -> list[int]:
        return [stamp for piece in self.pieces for stamp in piece.stamps]


class _SourcePacket(NamedTuple):
    """A packet of the source.

    length: ticks. is_entry: whether a copied run may start with it. is_hidden: whether players skip the packet.
    """

    stamp: int
    length: int
    is_key: bool
    is_entry: bool
    is_hidden: bool


class _CannotJoin(Exception):
    pass


def cut_parts(
    target: Path,
    source: Source,
    parts: Sequence[tuple[float, float]],
    program: Ffmpeg,
    on_progress: Progress | None = None,
    *,
    give: float = 0.0,
) -> list[PlacedPart]:
    """Write ``parts`` (start, end in seconds of ``currentTime``) of ``source`` into an MP4.

    The frame at ``end`` is excluded. give: maximum seconds by which a part may end early, to avoid encoding its end.
    Raises :class:`ConversionFailed`, OSError, :class:`media_app.av.ffmpeg.ProgramMissing`,
    :class:`media_app.av.container.MediaError`.
    """
    tell = on_progress or (lambda share: None)
    folder = Path(tempfile.mkdtemp(prefix=".cut-", dir=target.parent))
    try:
        with open_media(source.path) as container:
            cutter = _Cutter(container, source, program, folder)
            try:
                return cutter.make(target, parts, give, tell)
            except _CannotJoin:
                cutter.copied = None
                return cutter.make(target, parts, give, tell)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def why_not_copied(source: Source) -> str | None:
    facts = source.facts
    if facts.codec != "h264":
        return f"The video codec is {facts.codec}, not H.264."
    if facts.pixel_format != "yuv420p" or facts.is_interlaced:
        return "The video is interlaced or has an unusual pixel format."
    if facts.rotation or facts.sample_aspect_ratio != 1:
        return "The video has a rotation or non-square pixels, which cannot be kept without re-encoding."
    if (facts.coded_width, facts.coded_height) != (
        round_down_even(facts.coded_width),
        round_down_even(facts.coded_height),
    ):
        return "The width or height of the video is an odd number of pixels."
    if not source.times_pictures:
        return "The frames of the video have no timestamps."
    return None


class _Cutter:
    def __init__(self, container: InputContainer, source: Source, program: Ffmpeg, folder: Path) -> None:
        self.container = container
        self.source = source
        self.program = program
        self.folder = folder
        self.video = container.streams[source.track]
        assert isinstance(self.video, VideoStream)
        if not self.video.time_base:
            raise ConversionFailed("The frames of the video have no timestamps.")
        self.base = Fraction(self.video.time_base)
        self.origin = presentation_origin(container)
        self.is_stream = not REBASED_FORMATS.isdisjoint(container.format.name.split(","))
        self.copied = None if why_not_copied(source) else Avcc.parse(self.video.codec_context.extradata or b"")

    def make(self, target: Path, parts: Sequence[tuple[float, float]], give: float, tell: Progress) -> list[PlacedPart]:
        planned = [
            found for number, (start, end) in enumerate(parts) if (found := self.plan(number, start, end, give))
        ]  # fmt: skip
        if not planned:
            raise ConversionFailed("None of the chosen parts contains a frame.")
        self.encode([piece for part in planned for piece in part.pieces if piece.decoded is None], tell)
        self.write(target, planned, lambda share: tell(ENCODED_SHARE + (1 - ENCODED_SHARE) * share))
        tell(1.0)
        return self.measure(target, planned)

    def plan(self, number: int, start: float, end: float, give: float) -> _Part | None:
        first, last, least = self.stamp(start - NEAR), self.stamp(end - NEAR), self.stamp(end - NEAR - give)
        packets = self.packets_around(first, last)
        shown = [packet for packet in packets if not packet.is_hidden]
        stamps = sorted({packet.stamp for packet in shown if first <= packet.stamp < last})
        if not stamps:
            return None
        stop = min((packet.stamp for packet in shown if packet.stamp >= last), default=None)
        if stop is None:
            lengths = [packet.length for packet in shown if packet.stamp == stamps[-1]]
            stop = stamps[-1] + (lengths[0] or self.usual_length())

        def piece(stamps: list[int], decoded: list[int] | None = None) -> _Piece:
            entries = [packet.stamp for packet in packets if packet.is_key and packet.stamp <= stamps[0]]
            return _Piece(stamps, max(entries, default=stamps[0]), decoded)

        decoded = self.copyable(shown, first, last) if self.copied is not None else []
        if len(decoded) < MIN_COPIED:
            return _Part(number, stop, [piece(stamps)])
        behind = max(decoded)
        before, after = [s for s in stamps if s < decoded[0]], [s for s in stamps if s > behind]
        if after and after[0] >= least:
            stop, after = after[0], []
        part = _Part(number, stop, [piece(sorted(decoded), decoded)])
        if before:
            part.pieces.insert(0, piece(before))
        if after:
            part.pieces.append(piece(after))
        return part

    def stamp(self, seconds: float) -> int:
        exact = (Fraction(seconds) + self.origin) / self.base
        return -((-exact.numerator) // exact.denominator)

    def seconds(self, stamp: int) -> float:
        return float(stamp * self.base - self.origin)

    def usual_length(self) -> int:
        return max(1, round(1 / (self.source.facts.fps * self.base)))

    def packets_around(self, first: int, last: int) -> list[_SourcePacket]:
        enough = last + int(REORDER_SECONDS / self.base)
        found: list[_SourcePacket] = []
        for extra in SEEK_STEPS:
            found.clear()
            for packet, stamp in self.packets_from(first - int(extra / self.base)):
                is_key = packet.is_keyframe
                if not found and not is_key:
                    continue
                is_entry = is_key and not packet.is_discard and self.is_entry(packet)
                found.append(_SourcePacket(stamp, packet.duration or 0, is_key, is_entry, packet.is_discard))
                if stamp > enough:
                    break
            if found and found[0].stamp <= first:
                break
        return found

    def packets_from(self, stamp: int) -> Iterator[tuple[Packet[Any], int]]:
        try:
            self.container.seek(stamp, stream=self.video, backward=True)
        except av.error.FFmpegError:
            self.container.seek(self.container.start_time or 0)
        try:
            for packet in demux(self.container, self.video):
                time = packet.pts if packet.pts is not None else packet.dts
                if packet.size and time is not None:
                    yield packet, time
        except av.error.FFmpegError:
            return

    def is_entry(self, packet: Packet[Any]) -> bool:
        if self.copied is None or packet.has_sidedata("new_extradata"):
            return False
        units = list(nal_units(bytes(packet)))
        own = {unit for unit in units if unit[0] & 31 in (SPS, PPS)}
        return any(unit[0] & 31 == IDR for unit in units) and own <= {*self.copied.sps, *self.copied.pps}

    @staticmethod
    def copyable(packets: Sequence[_SourcePacket], first: int, last: int) -> list[int]:
        """Return timestamps, in decoding order, of the longest run of packets that can be copied."""
        stamps = [packet.stamp for packet in packets]
        begin = next(
            (n for n, packet in enumerate(packets)
             if packet.is_entry and first <= packet.stamp < last and max(stamps[:n], default=first - 1) < packet.stamp),
            None,
        )  # fmt: skip
        if begin is None:
            return []
        soonest = [0] * len(stamps)
        behind = last if stamps[-1] >= last else 1 << 62
        for number in range(len(stamps) - 1, -1, -1):
            soonest[number] = behind
            behind = min(behind, stamps[number])
        latest, length = stamps[begin], 0
        for number in range(begin, len(stamps)):
            latest = max(latest, stamps[number])
            if latest >= last:
                break
            if latest < soonest[number]:
                length = number + 1 - begin
        return stamps[begin : begin + length]

    def encode(self, pieces: Sequence[_Piece], tell: Progress) -> None:
        total = sum(len(piece.stamps) for piece in pieces)
        done = 0
        for number, piece in enumerate(pieces):
            share = len(piece.stamps) / total

            def report(
                share_of_file: float, begin: float = done / total, share: float = share, piece: _Piece = piece
            ) -> None:
                length = max(NEAR, self.seconds(piece.stamps[-1]) - self.seconds(piece.stamps[0]))
                tell(ENCODED_SHARE * (begin + share * min(1.0, share_of_file * self.source.facts.duration / length)))

            piece.file = self.folder / f"{number}.mp4"
            self.encode_piece(piece, piece.file, report)
            done += len(piece.stamps)

    def encode_piece(self, piece: _Piece, file: Path, tell: Progress) -> None:
        margin = min(self.usual_length() * self.base / 2, Fraction(1, 200))
        begin, end = piece.stamps[0] * self.base - margin, piece.stamps[-1] * self.base + margin
        reading: dict[str, Any]
        timed: dict[str, Any] = {}
        trimmed: tuple[Filter, ...] = ()
        if self.is_stream:
            # In streaming formats, a seek may end at any packet, so trim by timestamps.
            early = piece.entry * self.base - STREAM_MARGIN - self.origin
            reading, timed = {"ss": f"{float(max(Fraction(0), early)):.6f}", "noaccurate_seek": None}, {"copyts": None}
            cut = Filter("trim", (), (("start", f"{float(begin):.6f}"), ("end", f"{float(end):.6f}")))
            trimmed = (cut, Filter("setpts", ("PTS-STARTPTS",)))
        elif self.origin:
            reading = {"ss": f"{float(begin - self.origin):.6f}", "t": f"{float(end - begin):.6f}"}
        else:
            # Use the file's timestamps: by default, ffmpeg counts seek times from the first track's start.
            reading = {"seek_timestamp": 1, "ss": f"{float(begin):.6f}", "t": f"{float(end - begin):.6f}"}
        facts = self.source.facts
        options: dict[str, Any] = {
            "c:v": "libx264", **(WHOLE if self.copied is None else EDGE), "profile:v": "high",
            "threads": self.program.threads, "fps_mode": "passthrough",
            "enc_time_base:v": "demux", "an": None, "f": "mp4", **WITHOUT_TAGS, **timed,
            "g": max(1, round(facts.fps * GOP_SECONDS)),
        }  # fmt: skip
        if self.copied is None:
            track = picture_of(self.source, (round_down_even(facts.width), round_down_even(facts.height)))
            track = Track(track.number, (*trimmed, *track.filters))
        else:
            options["x264-params"] = f"sps-id={self.copied.unused_set_number()}"
            track = Track(self.source.track, (*trimmed, Filter("format", ("yuv420p",))))
        self.program.make(file, self.source, [track], options, on_progress=tell, reading=reading)

    def write(self, target: Path, parts: Sequence[_Part], tell: Progress) -> None:
        pieces = [piece for part in parts for piece in part.pieces]
        for piece in pieces:
            if piece.file is not None:
                self.match(piece)
        parts = [part for part in parts if part.stamps]
        if not parts:
            raise ConversionFailed("None of the video's frames can be decoded.")
        delay = max(_delay(piece) for piece in pieces)
        sound = self.source.sound
        with open_output(target) as out:
            stream = self.add_picture(out, pieces)
            spans = [(self.seconds(part.first), part.stop - part.first) for part in parts]
            voice = None if sound is None else SoundTrack(out, sound.channels)
            tracks = [self.pictures(parts, delay, stream)]
            if voice is not None:
                heard = [Span(self.source, start, length * self.base) for start, length in spans]
                tracks.append(voice.packets(heard))
            total = float(sum(length for _, length in spans) * self.base)
            for time, packet in heapq.merge(*tracks, key=lambda one: one[0]):
                out.mux(packet)
                tell(min(1.0, max(0.0, time / total)) if total > 0 else 1.0)

    def match(self, piece: _Piece) -> None:
        with _reading(piece.file) as made:
            video = made.streams.video[0]
            times = [
                packet.pts * (packet.time_base or 0) for packet in demux(made, video)
                if packet.size and packet.pts is not None
            ]  # fmt: skip
            if self.copied is not None and (video.width, video.height) != (
                self.source.facts.coded_width, self.source.facts.coded_height
            ):  # fmt: skip
                raise _CannotJoin
        shown = sorted(times)
        if len(shown) != len(piece.stamps):
            # Some of the source's frames could not be decoded, so take the timestamps from the encoded file.
            begin = piece.stamps[0]
            piece.stamps = sorted({begin + round((time - shown[0]) / self.base) for time in shown})[: len(shown)]
            if len(piece.stamps) != len(shown):
                raise ConversionFailed("The timestamps of the video's frames are damaged.")
        places = {time: number for number, time in enumerate(shown)}
        piece.decoded = [piece.stamps[places[time]] for time in times]

    def add_picture(self, out: OutputContainer, pieces: Sequence[_Piece]) -> VideoStream:
        encoded = None
        for piece in (piece for piece in pieces if piece.file is not None):
            with _reading(piece.file) as made:
                own = made.streams.video[0].codec_context.extradata or b""
            if encoded is not None and own != encoded:
                if self.copied is not None:
                    raise _CannotJoin
                raise ConversionFailed("The frame size changes during the video.")
            encoded = own
        copied = any(piece.file is None for piece in pieces)
        if copied or encoded is None:
            stream = out.add_stream_from_template(self.video)
            if encoded is not None:
                joined = None if self.copied is None else self.copied.joined(encoded)
                if joined is None:
                    raise _CannotJoin
                stream.codec_context.extradata = joined
        else:
            file = next(piece.file for piece in pieces if piece.file is not None)
            with _reading(file) as made:
                stream = out.add_stream_from_template(made.streams.video[0])
        assert isinstance(stream, VideoStream)
        stream.time_base = self.base
        return stream

    def pictures(self, parts: Sequence[_Part], delay: int, stream: VideoStream) -> Iterator[tuple[float, Packet[Any]]]:
        base = 0
        for part in parts:
            ends = dict(pairwise([*part.stamps, part.stop]))
            for piece in part.pieces:
                for packet, stamp, place in self.packets_of(piece):
                    packet.stream = stream
                    packet.time_base = self.base
                    packet.pts = base + stamp - part.first
                    packet.dts = base + place - part.first - delay
                    packet.duration = ends[stamp] - stamp
                    yield float(packet.dts * self.base), packet
            base += part.stop - part.first

    def packets_of(self, piece: _Piece) -> Iterator[tuple[Packet[Any], int, int]]:
        assert piece.decoded is not None
        if piece.file is not None:
            with _reading(piece.file) as made:
                packets = [packet for packet in demux(made, made.streams.video[0]) if packet.size]
                yield from zip(packets, piece.decoded, piece.stamps, strict=True)
            return
        count = 0
        for extra in SEEK_STEPS:
            for packet, stamp in self.packets_from(piece.decoded[0] - int(extra / self.base)):
                if count == len(piece.decoded) or (not count and stamp > piece.decoded[0] and packet.is_keyframe):
                    break
                if stamp == piece.decoded[count] and (count or packet.is_keyframe):
                    yield packet, stamp, piece.stamps[count]
                    count += 1
            if count == len(piece.decoded):
                return
            if count:
                break
        raise ConversionFailed("The video's data is damaged in a part that must be copied.")

    def measure(self, target: Path, parts: Sequence[_Part]) -> list[PlacedPart]:
        with open_media(target) as made:
            video = made.streams.video[0]
            base = Fraction(video.time_base or 0)
            shown = sorted(
                (packet.pts, packet.duration or 0) for packet in demux(made, video)
                if packet.size and packet.pts is not None and not packet.is_discard
            )  # fmt: skip
        times = [float(stamp * base) for stamp, _ in shown]
        times.append(float(sum(shown[-1]) * base))
        placed, at = [], 0
        for part in parts:
            count = len(part.stamps)
            if not count:
                continue
            start, end = times[at], times[at + count]
            placed.append(PlacedPart(part.number, start, end, self.seconds(part.first), self.seconds(part.stop)))
            at += count
        if at != len(shown):
            raise ConversionFailed("Frames were lost while the video was cut.")
        return placed


def _delay(piece: _Piece) -> int:
    assert piece.decoded is not None
    return max((shown - own for shown, own in zip(piece.stamps, piece.decoded, strict=True)), default=0)


@contextmanager
def _reading(file: Path | None) -> Iterator[InputContainer]:
    assert file is not None
    try:
        made = av.open(f"file:{file}")
    except (av.error.FFmpegError, OSError) as exc:
        raise ConversionFailed("None of the video's frames can be decoded.") from exc
    with made:
        if not made.streams.video:
            raise ConversionFailed("None of the video's frames can be decoded.")
        yield made


@contextmanager
def open_output(target: Path, verb: str = "cut", *, format: str = "mp4", **options: str) -> Iterator[OutputContainer]:
    """Open a media file for writing. The index of an MP4 is put at the start of the file.

    verb: past participle for the error message, such as "cut". Raises OSError, :class:`ConversionFailed`.
    """
    options = {"movflags": "+faststart", **options} if format == "mp4" else options
    try:
        with av.open(f"file:{target}", "w", format=format, options=options) as out:
            yield out
    except av.error.FFmpegError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EACCES, errno.ENOENT, errno.EROFS):
            raise OSError(exc.errno, exc.strerror) from exc
        raise ConversionFailed(f"The video is damaged or has a format that cannot be {verb}.") from exc
