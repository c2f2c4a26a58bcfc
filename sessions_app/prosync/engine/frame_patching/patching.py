from __future__ import annotations

import heapq
import math
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av.error
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from media_app.av.container import demux, first_video, open_media
from media_app.av.ffmpeg import ConversionFailed, Ffmpeg
from media_app.av.smart_cut import open_output
from media_app.av.source import Progress, Source
from sessions_app.prosync.engine.frame_patching.base_track import BaseTrack, base_track_from_source, convert_if_needed
from sessions_app.prosync.engine.frame_patching.encoding import Brush, Encoder
from sessions_app.prosync.engine.frame_patching.painting import Patched, Placed, Run
from sessions_app.prosync.engine.frame_patching.planning import Piece, holds, plan
from sessions_app.prosync.engine.frame_patching.sounds import Timed, sounds_of, ticks_of

CONVERTED_SHARE = 0.7
ENCODED_WEIGHT = 40
MAX_TICKS = 2**31 - 1  # maximum timescale of an MP4, in ticks per second


def patch(
    source: Source,
    target: Path,
    runs: Sequence[Run],
    *,
    program: Ffmpeg,
    folder: Path,
    on_progress: Progress | None = None,
) -> Patched:
    """Write ``source`` with the changes of ``runs`` to ``target``, an MP4.

    Only picture and sound are kept, without tags. Raise :class:`ConversionFailed`, OSError,
    :class:`media_app.av.ffmpeg.ProgramMissing`, :class:`media_app.av.container.MediaError`, and painters' exceptions.
    """
    tell = on_progress or (lambda share: None)
    own = Path(tempfile.mkdtemp(prefix=".patch-", dir=folder))
    try:
        original = base_track_from_source(source)
        seconds = original.seconds
        if not any(holds(seconds, run) for run in runs):
            raise ConversionFailed("None of the selected parts contains a frame of the video.")
        carrier = convert_if_needed(original, program, own, lambda share: tell(CONVERTED_SHARE * share))
        converted = 0.0 if carrier is original else CONVERTED_SHARE
        seconds = carrier.seconds
        if carrier.why_encoded is not None:
            runs = [replace(run, whole=True) for run in runs]
        pieces, stretches = plan(carrier.pictures, seconds, runs)
        brushes = [Brush(run.painter, stretch) for run, stretch in zip(runs, stretches, strict=True)]
        encoder = Encoder(carrier.source, carrier.pictures, seconds, brushes, program.threads)
        writer = _Writer(carrier, pieces, encoder)
        writer.write(source, target, lambda share: tell(converted + (1 - converted) * share))
        tell(1.0)
        return writer.outcome(brushes)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(own, ignore_errors=True)


class _Writer:
    def __init__(self, carrier: BaseTrack, pieces: Sequence[Piece], encoder: Encoder) -> None:
        self.carrier = carrier
        self.pieces = pieces
        self.encoder = encoder
        self.frames = self.encoded = 0
        # Compute new decoding times, because those of copied and of encoded packets do not fit together.
        pictures = carrier.pictures
        places = {stamp: number for number, stamp in enumerate(pictures.shown)}
        self.ranks = [places[stamp] for stamp in pictures.decoded]
        self.delay = max(carrier.shown[number] - carrier.shown[rank] for number, rank in enumerate(self.ranks))

    def write(self, source: Source, target: Path, tell: Progress) -> None:
        again = sum(piece.behind - piece.first for piece in self.pieces)
        total = len(self.ranks) + ENCODED_WEIGHT * again
        with (
            open_media(source.path) as container,
            open_output(target, "patched", **self._clock(source, container)) as out,
        ):
            tracks: list[Timed] = [self._pictures(self._add_track(out)), *sounds_of(source, container, out)]
            for _, packet in heapq.merge(*tracks, key=lambda one: one[0]):
                out.mux(packet)
                tell(min(1.0, (self.frames + ENCODED_WEIGHT * self.encoded) / total))

    def outcome(self, brushes: Sequence[Brush]) -> Patched:
        carrier = self.carrier
        times = [*carrier.seconds, float(carrier.end * carrier.base)]
        placed = []
        for brush in brushes:
            stretch, piece = brush.stretch, brush.stretch.piece
            placed.append(
                Placed(
                    run=stretch.run,
                    first=None if brush.first is None else times[brush.first],
                    last=None if brush.last is None else times[brush.last],
                    changed=brush.changed,
                    late=stretch.late,
                    encoded_start=None if piece is None else times[piece.first],
                    encoded_end=None if piece is None else times[piece.behind],
                )
            )
        return Patched(placed, self.frames, self.encoded, carrier.why_encoded)

    def _add_track(self, out: OutputContainer) -> VideoStream:
        with open_media(self.carrier.source.path) as container:
            stream = out.add_stream_from_template(first_video(container))
        assert isinstance(stream, VideoStream)
        stream.codec_context.extradata = self.encoder.record
        stream.time_base = self.carrier.base
        return stream

    def _clock(self, source: Source, container: InputContainer) -> dict[str, str]:
        """Return the muxer option for a time scale that stores the tracks' start times exactly, or {}.

        The usual scale, milliseconds, would round these times.
        """
        starts = {self.carrier.base: self.carrier.shown[0] * self.carrier.base}
        for stream in container.streams.audio:
            if stream.time_base and stream.start_time is not None:
                ticks = ticks_of(stream)
                starts[ticks] = max(
                    starts.get(ticks, Fraction(0)), stream.start_time * stream.time_base - source.origin
                )
        scale = math.lcm(*(ticks.denominator for ticks in starts))
        return {"movie_timescale": str(scale)} if max(starts.values()) > 0 and scale <= MAX_TICKS else {}

    def _pictures(self, stream: VideoStream) -> Timed:
        base, shown = self.carrier.base, self.carrier.shown
        for place, number, packet in self._packets():
            packet.stream = stream
            packet.time_base = base
            packet.pts = shown[number]
            packet.dts = shown[place] - self.delay
            packet.duration = (shown[number + 1] if number + 1 < len(shown) else self.carrier.end) - shown[number]
            self.frames += number >= self.carrier.pictures.hidden
            yield float(packet.dts * base), packet

    def _packets(self) -> Iterator[tuple[int, int, Packet[Any]]]:
        pieces = iter(self.pieces)
        piece = next(pieces, None)
        with open_media(self.carrier.source.path) as container:
            for place, packet in enumerate(_copied(self.carrier, container)):
                while piece is not None and place >= piece.behind:
                    piece = next(pieces, None)
                if piece is None or place < piece.first:
                    yield place, self.ranks[place], packet
                elif place == piece.first:
                    for number, made in self.encoder.packets(piece):
                        self.encoded += 1
                        yield number, number, made


def _copied(carrier: BaseTrack, container: InputContainer) -> Iterator[Packet[Any]]:
    left = len(carrier.pictures.decoded)
    begun = False
    try:
        for packet in demux(container, first_video(container)):
            begun = begun or packet.is_keyframe
            if packet.size and begun and left:
                left -= 1
                yield packet
    except av.error.FFmpegError:
        return  # the file is truncated
