"""Make a copy of a file that every program reads alike, of one that is read differently.

Its packets are put on one clock (:mod:`media_app.av.timeline`) and written into an MP4 or a WebM as they are. Where the
picture changes its size, does not say when it is shown, or fits neither, it is encoded. So is sound that browsers do
not play.
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
from media_app.av.cut import output
from media_app.av.ffmpeg import WITHOUT_TAGS, Ffmpeg, Filter, Track
from media_app.av.recording import Recording, Survey, Why, recorded, streams_of
from media_app.av.rungs import SOUND_BITS, even
from media_app.av.source import Progress, Source
from media_app.av.timeline import Placed

WINDOW = 40  # pictures: no codec reorders more of them
# What an MP4 carries, with the sample entry that players look for where there are several.
MP4_PICTURES = {
    "h264": "avc1", "hevc": "hvc1", "av1": "av01", "vp9": "vp09", "mpeg4": "mp4v", "mpeg2video": "mp4v",
    "mpeg1video": "mp4v",
}  # fmt: skip
MP4_SOUNDS = frozenset({"aac", "mp3", "opus", "flac"})
WEBM_PICTURES = frozenset({"vp8", "vp9", "av1"})
WEBM_SOUNDS = frozenset({"opus", "vorbis"})
FORMATS = {".mp4": "mp4", ".webm": "webm", ".mkv": "matroska"}
MIME_TYPES = {"mp4": "video/mp4", "webm": "video/webm"}
WRITING = {"mp4": {"movflags": "+faststart"}, "webm": {"cues_to_front": "1"}, "matroska": {}}
QUALITY = {"preset": "veryfast", "crf": 18}
COPIED_SHARE = 0.25  # of the work where more follows


def normalize(
    source: Path,
    folder: Path,
    why: Sequence[str],
    *,
    duration: float,
    program: Callable[[], Ffmpeg] = Ffmpeg.default,
    on_progress: Progress | None = None,
) -> tuple[Path, Recording]:
    """Write a copy of ``source`` into ``folder``; return its path and how the file was recorded, all of it read.

    why: reasons that are known already (:class:`media_app.av.recording.Why`). duration: seconds that the file says it
    has. program: finds what encodes, where something has to be. Nothing else is left behind. Raises
    :class:`media_app.av.ffmpeg.ConversionFailed` where the media is at fault, OSError where the disk is,
    :class:`media_app.av.ffmpeg.ProgramMissing`, and as :func:`media_app.av.container.open_media`.
    """
    tell = on_progress or (lambda share: None)
    own = Path(tempfile.mkdtemp(prefix=".normalize-", dir=folder))
    try:
        with open_media(source) as container:
            streams = streams_of(container)
            found = Survey(container, streams)
            picture, *sounds = (stream.codec_context.codec.canonical_name for stream in streams)
            suffix = "webm" if picture in WEBM_PICTURES and sounds and WEBM_SOUNDS.issuperset(sounds) else "mp4"
            encodes_picture = Why.TIMES in why or (suffix == "mp4" and picture not in MP4_PICTURES)
            encodes_sound = suffix == "mp4" and not MP4_SOUNDS.issuperset(sounds)
            made = own / f"normalized.{suffix}"
            if Why.TIMES in why:
                made = source
                for _ in found.read():
                    pass
            elif encodes_picture or encodes_sound:
                made = own / "between.mkv"
                _remux(found, streams, made, size=container.size, tell=lambda done: tell(done * COPIED_SHARE))
            else:
                _remux(found, streams, made, size=container.size, tell=tell)
            recording = recorded(why, found, duration, container.start_time or 0)
            if encodes_picture or encodes_sound or len(found.sizes) > 1:
                video = first_video(container).codec_context
                sizes = found.sizes or [(video.width, video.height)]
                is_copied = not encodes_picture and len(found.sizes) < 2
                size = None if is_copied else max(sizes, key=lambda one: one[0] * one[1])
                between, made = made, own / "encoded.mp4"
                _convert(made, between, size, program(), lambda done: tell(COPIED_SHARE + (1 - COPIED_SHARE) * done))
        return made.rename(folder / f"normalized{made.suffix}"), recording
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _remux(found: Survey, streams: Sequence[Stream], target: Path, *, size: int, tell: Progress) -> None:
    """Write the packets of ``streams`` on the presentation clock into ``target``. size: bytes of the file."""
    format = FORMATS[target.suffix]
    with output(target, "copied", format=format, **WRITING[format]) as out:
        writers = {}
        for stream in streams:
            made = out.add_stream_from_template(stream)
            made.time_base = stream.time_base
            if stream.type == "video" and format == "mp4":
                made.codec_context.codec_tag = MP4_PICTURES[stream.codec_context.codec.canonical_name]
            # Matroska has no times before zero: with the priming of a sound kept all would move.
            first = 0.0 if format == "matroska" else float("-inf")
            writers[stream.index] = _Pictures(made) if stream.type == "video" else _Sound(made, first)
        for number, placed in enumerate(found.read()):
            position = placed.packet.pos
            for packet in writers[placed.packet.stream.index].put(placed):
                out.mux(packet)
            if position and not number % 1000:
                tell(min(1.0, position / max(1, size)))
        for writer in writers.values():
            for packet in writer.rest():
                out.mux(packet)


class _Sound:
    """Gives packets of sound their times in the ticks of what is written. first: seconds of the first that is kept."""

    def __init__(self, made: Stream, first: float) -> None:
        self._made = made
        self._first = first
        self._base = Fraction(made.time_base or Fraction(1, 90_000))
        self._last: int | None = None

    def put(self, placed: Placed) -> Iterator[Packet[Any]]:
        packet = placed.packet
        if placed.time < self._first:
            return
        stamp = round(placed.time / self._base)
        if self._last is not None and stamp <= self._last:
            stamp = self._last + 1
        self._last = stamp
        packet.stream, packet.time_base, packet.pts, packet.dts = self._made, self._base, stamp, stamp
        yield packet

    def rest(self) -> Iterator[Packet[Any]]:
        return iter(())


class _Pictures:
    """The same for pictures. When each is decoded is made anew: of several clocks only the order is common."""

    def __init__(self, made: Stream) -> None:
        self._made = made
        self._base = Fraction(made.time_base or Fraction(1, 90_000))
        self._waiting: deque[tuple[Packet[Any], int]] = deque()
        self._shown: list[int] = []
        self._delay: int | None = None
        self._last: int | None = None

    def put(self, placed: Placed) -> Iterator[Packet[Any]]:
        stamp = round(placed.time / self._base)
        self._waiting.append((placed.packet, stamp))
        heapq.heappush(self._shown, stamp)
        if len(self._waiting) > WINDOW:
            yield self._next()

    def rest(self) -> Iterator[Packet[Any]]:
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


def _convert(target: Path, between: Path, size: tuple[int, int] | None, program: Ffmpeg, tell: Progress) -> None:
    """Encode the sound of ``between``, and the picture where a ``size`` is given, in pixels as stored."""
    source = Source.open(between)
    facts = source.facts
    options: dict[str, Any] = {"c:v": "copy", "c:a": "aac", "b:a": SOUND_BITS, **WITHOUT_TAGS}
    picture = Track(source.track)
    if size is not None:
        # ffmpeg turns the picture as the file asks before any filter sees it.
        shown = (even(size[1]), even(size[0])) if facts.rotation % 180 else (even(size[0]), even(size[1]))
        fitted = (("force_original_aspect_ratio", "decrease"), ("flags", "bicubic"))
        steps = [Filter("scale", shown, fitted), Filter("pad", (*shown, "(ow-iw)/2", "(oh-ih)/2"))]
        if facts.is_interlaced:
            steps.insert(0, Filter("bwdif", (), (("mode", "send_frame"), ("deint", "interlaced"))))
        picture = Track(source.track, (*steps, Filter("format", ("yuv420p",))))
        timed = {"fps_mode": "passthrough", "enc_time_base:v": "demux"}
        options |= {"c:v": "libx264", **QUALITY, "threads": program.threads, **timed}
    elif tag := MP4_PICTURES.get(facts.codec):
        options["tag:v"] = tag
    sounds = [Track(source.sound.track)] if source.sound else []
    options |= {"f": "mp4", "copyts": None, "movflags": "+faststart"}
    program.make(target, source, [picture, *sounds], options, on_progress=tell)
