"""Replacement of a video's sound in segments. Outside the segments, AAC-LC packets are copied."""

from __future__ import annotations

import heapq
import math
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.container import OutputContainer
from av.packet import Packet

from media_app.av.audio_splice import BLOCK, LAYOUTS, Samples, read_samples
from media_app.av.container import open_media
from media_app.av.ffmpeg import ConversionFailed, Ffmpeg
from media_app.av.ladder import SOUND_RATE
from media_app.av.merge.copying import NO_ROOM
from media_app.av.source import Progress, Source
from sessions_app.prosync.engine.audio import aac
from sessions_app.prosync.engine.audio.fitting import USUAL_STRETCH, Fitted, Line, SampleCount, fit
from sessions_app.prosync.engine.audio.level import AROUND_SECONDS, gain_of, loudness
from sessions_app.prosync.engine.audio.mixing import Voice, mixed, positions_of
from sessions_app.prosync.engine.audio.outcome import Dubbed, Outcome, SoundFailed
from sessions_app.prosync.engine.audio.pictures import Pictures, encode, why_not_copied
from sessions_app.prosync.engine.audio.sounds import channels_of
from sessions_app.prosync.engine.audio.splicing import splice
from sessions_app.prosync.engine.audio.track import NotSpliced, OwnSound, read_track

WHOLE_BITS = 96_000
MAX_TIMESCALE = 1 << 24
# PICTURED: progress (0 to 1) once the pictures are encoded. The sounds take the remaining progress. FITTED and ENCODED:
# shares of this remaining progress once the sounds are fitted, and once they are encoded.
PICTURED, FITTED, ENCODED = 0.8, 0.3, 0.6


def replace_sound(
    source: Source, target: Path, lines: Sequence[Line], folder: Path, *,
    pictures: Source | None = None, program: Ffmpeg | None = None, on_progress: Progress | None = None,
) -> Dubbed:  # fmt: skip
    """Write ``source`` with the sounds of ``lines`` to ``target``, an MP4, atomically.

    pictures: file with changed pictures and the same timestamps, or None. program: encoder for pictures that MP4 cannot
    hold.
    Raise :class:`sessions_app.prosync.engine.audio.outcome.SoundFailed` (``line``: index into ``lines``),
    :class:`ConversionFailed`, :class:`media_app.av.container.MediaError` and OSError.
    """
    tell = on_progress or (lambda share: None)
    own = Path(tempfile.mkdtemp(prefix=".dub-", dir=folder))
    order = sorted(range(len(lines)), key=lambda number: lines[number].start)
    try:
        why = why_not_copied(pictures or source)
        shown = _shown(pictures or source, why, own, program, lambda share: tell(PICTURED * share))
        begin = PICTURED if why else 0.0
        found = _Dub(
            source, [lines[number] for number in order], own, lambda share: tell(begin + (1 - begin) * share)
        ).write(target, shown)  # fmt: skip
    except SoundFailed as exc:
        target.unlink(missing_ok=True)
        line = None if exc.line is None else order[exc.line]
        raise SoundFailed(exc.type, exc.message, line) from exc
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(own, ignore_errors=True)
    in_order = [segment for _, segment in sorted(zip(order, found.segments, strict=True), key=lambda one: one[0])]
    return replace(found, segments=in_order, picture="encoded" if why else "copied", why_picture=why)


def _shown(source: Source, why: str | None, folder: Path, program: Ffmpeg | None, tell: Progress) -> Pictures:
    if why is None:
        return Pictures(source.path, source.track, source.origin)
    made = folder / "pictures.mp4"
    encode(source, made, program or Ffmpeg.default(), tell)
    own = Source.open(made)
    return Pictures(made, own.track, Fraction(0))


@dataclass(frozen=True, slots=True)
class _Sound:
    rate: int
    channels: int
    packets: Iterator[tuple[int, bytes, int]]
    joints: Sequence[tuple[float | None, float | None]]
    own: OwnSound | None
    why: str | None


class _Dub:
    def __init__(self, source: Source, lines: Sequence[Line], folder: Path, tell: Progress) -> None:
        self.source = source
        self.lines = lines
        self.folder = folder
        self.tell = tell
        self.said: list[Outcome] = []

    def write(self, target: Path, pictures: Pictures) -> Dubbed:
        try:
            sound = self._spliced()
        except (NotSpliced, aac.Damaged) as exc:
            why = str(exc) if isinstance(exc, NotSpliced) else "The sound is not standard AAC-LC."
            sound = self._whole(why)
        self._write(target, pictures, sound)
        segments = [
            replace(outcome, joints=(_rounded(before), _rounded(behind)))
            for outcome, (before, behind) in zip(self.said, sound.joints, strict=True)
        ]
        return Dubbed(segments, "spliced" if sound.own else "encoded", sound.why, "copied", None)

    def _spliced(self) -> _Sound:
        own = read_track(self.source, [edge for line in self.lines for edge in (line.start, line.end)])
        voices = self._voices(own.rate, own.channels)
        made = splice(own, voices, lambda share: self.tell(FITTED + (ENCODED - FITTED) * share))
        joints: list[tuple[float | None, float | None]] = [(None, None)] * len(voices)
        for run in made.runs:
            first, last = run.voices[0], run.voices[-1]
            joints[first] = (run.before, joints[first][1])
            joints[last] = (joints[last][0], run.behind)
        return _Sound(own.rate, own.channels, made.packets(), joints, own, None)

    def _whole(self, why: str) -> _Sound:
        sound = self.source.sound
        channels = min(2, sound.channels) if sound else self._channels()
        voices = self._voices(SOUND_RATE, channels)
        end = max(math.ceil(self.source.facts.duration * SOUND_RATE), *(voice.place.end for voice in voices))
        packets = aac.encoded(self._blocks(voices, end, channels), SOUND_RATE, channels, WHOLE_BITS * channels)
        placed = (
            (at, packet, min(BLOCK, end - at)) for number, packet in enumerate(packets)
            if (at := (number - 1) * BLOCK) < end
        )  # fmt: skip
        return _Sound(SOUND_RATE, channels, placed, [(None, None)] * len(voices), None, why)

    def _channels(self) -> int:
        found = 1
        for number, line in enumerate(self.lines):
            try:
                found = max(found, channels_of(line.sound))
            except SoundFailed as exc:
                raise SoundFailed(exc.type, exc.message, number) from exc
        return found

    def _blocks(self, voices: Sequence[Voice], end: int, channels: int) -> Iterator[Samples]:
        rest, at = np.zeros((channels, 0), np.float32), 0
        for samples in read_samples(self.source, 0.0, end, channels):
            rest = np.concatenate([rest, samples], axis=1)
            while rest.shape[1] >= BLOCK:
                yield mixed(voices, at, rest[:, :BLOCK])
                rest, at = rest[:, BLOCK:], at + BLOCK
        if rest.shape[1]:
            yield mixed(voices, at, rest)

    def _voices(self, rate: int, channels: int) -> list[Voice]:
        self.said.clear()
        places = positions_of(self.lines, rate)
        rooms = [SampleCount(place.count, place.tail) for place in places]
        voices = []
        fitted = fit(self.lines, rooms, rate, channels, self.folder)
        for number, (place, line, sound) in enumerate(zip(places, self.lines, fitted, strict=True), 1):
            original = self._loudness(line, channels)
            given, peak = loudness(sound.runs(), rate, channels)
            gain = gain_of(original, given, peak)
            self.said.append(_outcome(sound, gain, original, given))
            voices.append(Voice(place, sound, 10 ** (gain / 20)))
            self.tell(FITTED * number / len(self.lines))
        return voices

    def _loudness(self, line: Line, channels: int) -> float | None:
        around = max(0.0, AROUND_SECONDS - (line.end - line.start)) / 2
        begin = max(0.0, line.start - around)
        count = round((line.end + around - begin) * SOUND_RATE)
        return loudness(read_samples(self.source, begin, count, channels), SOUND_RATE, channels)[0]

    def _write(self, target: Path, pictures: Pictures, sound: _Sound) -> None:
        total = self.source.facts.duration
        timescale = math.lcm(sound.rate, pictures.base.denominator)
        options = {
            "movflags": "+faststart",
            "movie_timescale": str(timescale if timescale <= MAX_TIMESCALE else sound.rate),
        }
        with _output(target, options) as out:
            video = pictures.add_to(out)
            tracks = [pictures.packets(video), self._sounds(out, sound)]
            for time, packet in heapq.merge(*tracks, key=lambda one: one[0]):
                out.mux(packet)
                self.tell(ENCODED + (1 - ENCODED) * min(1.0, max(0.0, time / total)))
        self.tell(1.0)

    def _sounds(self, out: OutputContainer, sound: _Sound) -> Iterator[tuple[float, Packet[Any]]]:
        if sound.own is None:
            stream: Any = out.add_stream("aac", rate=sound.rate, layout=LAYOUTS[sound.channels])
            stream.bit_rate = WHOLE_BITS * sound.channels
        else:
            assert self.source.sound is not None
            with open_media(self.source.path) as container:
                stream = out.add_stream_from_template(container.streams[self.source.sound.track])
            stream.codec_context.extradata = sound.own.config
        stream.time_base = Fraction(1, sound.rate)
        return _packets(stream, sound)


def _packets(stream: Any, sound: _Sound) -> Iterator[tuple[float, Packet[Any]]]:
    for at, content, length in sound.packets:
        packet = Packet(content)
        packet.stream = stream
        packet.time_base = Fraction(1, sound.rate)
        packet.pts = packet.dts = at
        packet.duration = length
        yield at / sound.rate, packet


def _outcome(sound: Fitted, gain: float, original: float | None, given: float | None) -> Outcome:
    note = None
    if not USUAL_STRETCH[0] <= sound.stretch <= USUAL_STRETCH[1]:
        note = f"The sound was stretched to {sound.stretch:.3g} times its length, which is audible."
    own = sound.own / sound.stretch
    return Outcome(
        mode=sound.mode,
        used=round(min(own, sound.count if sound.stretch == 1 else own) / sound.rate, 6),
        repeats=round(sound.repeats, 3),
        stretch=round(sound.stretch, 6),
        gain=round(gain, 2),
        silence=round(sound.silence / sound.rate, 6),
        original=_rounded(original),
        given=_rounded(given),
        note=note,
    )


def _rounded(level: float | None) -> float | None:
    return None if level is None else round(level, 2)


@contextmanager
def _output(target: Path, options: dict[str, str]) -> Iterator[OutputContainer]:
    try:
        with av.open(f"file:{target}", "w", format="mp4", options=options) as out:
            yield out
    except av.error.FFmpegError as exc:
        if exc.errno in NO_ROOM:
            raise OSError(exc.errno, exc.strerror) from exc
        raise ConversionFailed("The video is damaged, or its format cannot be stored in an MP4 file.") from exc
