"""Join plain MP4 files that agree by copying ranges of bytes under a new header; decodes nothing.

Nothing of FFmpeg is loaded: that alone would take as long as all the rest. Where a file is not plain (see
:mod:`media_app.av.merge.tables`) or does not agree, nothing is said against it here: FFmpeg's reader looks at it then.
Only bytes of pictures and sound that are played go into the result.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from operator import add
from pathlib import Path

from media_app.av.merge import tables
from media_app.av.merge.layout import BLOCK, Layout, lay_out, packets_of_sound
from media_app.av.merge.outcome import Merged, measure
from media_app.av.merge.parameters import Unusual, picture_parameters, sound_parameters
from media_app.av.merge.plan import Clip, plan
from media_app.av.merge.survey import Colours, Pictures, SoundSurvey, Survey
from media_app.av.merge.tables import Movie, NewTrack, NotPlain, Track

Progress = Callable[[float], None]
Tell = Callable[[float, str], None]  # percent, and what is being done

KEPT_BOXES = {b"vide": (b"avcC", b"pasp", b"colr"), b"soun": (b"esds",)}
COMPRESSOR_NAME = slice(42, 74)  # of the fields of a sample entry: what wrote it is nobody's business
PICTURE_FIELDS, SOUND_FIELDS = tables.PICTURE_FIELDS, tables.SOUND_FIELDS
MOST_APART = 8 * 1024 * 1024  # bytes between pictures and sound of one moment: beyond, a player would seek for ever
LEAST_RATE = 7_350  # samples a second: the timescale of the sound is its rate
COPIED_FROM = 10.0  # percent
ONE, NONE, BACK = struct.pack(">i", 1 << 16), bytes(4), struct.pack(">i", -(1 << 16))
WAYS = (ONE + NONE + NONE + ONE, NONE + ONE + BACK + NONE, BACK + NONE + NONE + BACK, NONE + BACK + ONE + NONE)
VFR_JITTER = 0.1  # of a picture's length, see :mod:`media_app.av.probe`
VFR_SHARE = 0.01
NO_COLOURS = Colours(2, 2, 2, is_full=False)


@dataclass(frozen=True, slots=True)
class PlainFacts:
    """See :class:`media_app.av.merge.plan.Facts`."""

    width: int
    height: int
    coded_width: int
    coded_height: int
    rotation: int
    fps: Fraction
    is_vfr: bool
    codec: str = "h264"
    pixel_format: str = "yuv420p"
    is_interlaced: bool = False
    sample_aspect_ratio: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class PlainSound:
    """AAC-LC. sample_rate: Hz."""

    sample_rate: int
    channels: int
    codec: str = "aac"
    profile: str = "LC"


@dataclass(frozen=True, slots=True)
class PlainSource:
    """A file that is described by its header alone."""

    facts: PlainFacts
    sound: PlainSound | None
    hides_pictures: bool = False
    times_pictures: bool = True


def copy(files: Sequence[tuple[Path, str]], target: Path, tell: Tell, *, level: bool) -> Merged:
    """Join files (path and name) into ``target``.

    Raises :class:`NotPlain` where that cannot be done here, OSError, and ClipFailed.
    """
    tell(0, "Looking at the clips")
    movies = [tables.read(path) for path, _ in files]
    if len({_entry(movie.picture) for movie in movies}) > 1 or len({movie.sound is None for movie in movies}) > 1:
        raise NotPlain
    clips = [
        Clip(number, name, _described(movie, survey), survey)
        for number, (movie, (_, name)) in enumerate(zip(movies, files, strict=True))
        for survey in [_survey(movie)]
    ]
    planned = plan(clips, level=level)
    if not planned.copies_picture or (planned.channels and not planned.copies_sound):
        raise NotPlain
    layout = lay_out([clip.survey for clip in clips], movies[0].sound_timescale or None)
    try:
        write(target, clips, movies, layout, lambda share: tell(COPIED_FROM + (99 - COPIED_FROM) * share, "Joining"))
        segments = measure(times_of(target), [len(clip.survey.shown) for clip in clips])
        return Merged(planned, clips, segments, target.stat().st_size)
    except BaseException as exc:
        target.unlink(missing_ok=True)
        if isinstance(exc, (struct.error, OverflowError)):  # times beyond what a table can hold
            raise NotPlain from exc
        raise


def _described(movie: Movie, survey: Survey) -> PlainSource:
    """Raises :class:`NotPlain`."""
    picture = movie.picture
    pixels = picture.own.get(b"pasp", b"\0" * 8)
    if pixels[:4] != pixels[4:8]:
        raise NotPlain
    sound = None
    try:
        size = picture_parameters(survey.extradata)
        if survey.sound is not None:
            sound = PlainSound(*sound_parameters(survey.sound.config))
    except Unusual as exc:
        raise NotPlain from exc
    # Turned by quarters, wherever the picture comes to stand then.
    way = picture.matrix[:8] + picture.matrix[12:20]
    if way not in WAYS or (sound is not None and sound.sample_rate != movie.sound_timescale):
        raise NotPlain
    rotation = 90 * WAYS.index(way)
    steps = Counter(later - earlier for earlier, later in pairwise(survey.shown))
    usual = max(steps, key=lambda step: steps[step]) if steps else survey.last_length
    is_vfr = sum(many for step, many in steps.items() if abs(step - usual) > VFR_JITTER * usual) > (
        VFR_SHARE * len(survey.shown)
    )
    fps = Fraction(len(survey.shown)) / survey.seconds if is_vfr else 1 / (usual * survey.base)
    width, height = (size.height, size.width) if rotation % 180 else (size.width, size.height)
    facts = PlainFacts(width, height, size.width, size.height, rotation, fps.limit_denominator(1001), is_vfr)
    return PlainSource(facts, sound)


def write(target: Path, clips: Sequence[Clip], movies: Sequence[Movie], layout: Layout, tell: Progress) -> None:
    """Write ``target``. Raises OSError."""
    parts = [_Part(movie) for movie in movies]
    pictures = [_kept(movie.picture, range(len(movie.picture.sizes))) for movie in movies]
    rate = movies[0].sound_timescale
    sounds = _sounds(clips, movies, layout, rate) if rate else [[] for _ in movies]
    for part, picture, sound in zip(parts, pictures, sounds, strict=True):
        part.arrange(picture, sound)
    at = 0
    for part in parts:
        part.at = at
        at += part.size
    tracks = [_picture_track(clips, movies, parts, layout)]
    if rate:
        assert movies[0].sound is not None
        tracks.append(_sound_track(movies[0].sound, sounds, parts, layout, rate))
    head = tables.header(tracks, round(1 / layout.base), at)
    with target.open("wb", buffering=0) as out:
        _write(out.fileno(), head)
        done = 0
        for part in parts:
            with part.path.open("rb", buffering=0) as file:
                for place, length, own in part.ranges:
                    if own is not None:
                        _write(out.fileno(), own)
                    else:
                        _copy(file.fileno(), out.fileno(), place, length)
                    done += length
                    tell(done / at)


def times_of(path: Path) -> list[Fraction]:
    """When each picture of a file made here is shown, and when the last one ends, seconds, in order.

    Raises :class:`NotPlain`.
    """
    picture = tables.read(path).picture
    shown = sorted(map(add, picture.starts, picture.shifts))
    ticks = [stamp - picture.edit_start for stamp in [*shown, shown[-1] + picture.last_length]]
    return [Fraction(stamp, picture.timescale) for stamp in ticks]


def _write(out: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(out, view) :]


def _copy(file: int, out: int, place: int, length: int) -> None:
    while length:
        count = os.sendfile(out, file, place, min(length, 1 << 24))
        if not count:
            raise OSError("a clip has become shorter while it was read")
        place += count
        length -= count


Sample = tuple[int, int, bytes | None]  # place and length in the clip, or bytes of our own


class _Part:
    """What goes into the result of one clip, in which order, and where its chunks come to stand.

    at: bytes of the media before it. ranges: place, length and, of what is not in the clip, the bytes. chunks: of the
    pictures and of the sound, place within the part and number of samples.
    """

    def __init__(self, movie: Movie) -> None:
        self.path = movie.path
        self.at = self.size = 0
        self.ranges: list[Sample] = []
        self.chunks: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])

    def arrange(self, pictures: Sequence[Sample], sounds: Sequence[Sample]) -> None:
        """In the order in which they stand in the clip; what is not in the clip stands behind what comes before it."""
        both = []
        for track, samples in enumerate((pictures, sounds)):
            place = -1
            for number, sample in enumerate(samples):
                place = place if sample[2] is not None else sample[0]
                both.append((place, track, number, sample))
        both.sort(key=lambda one: one[:3])
        before = -1
        for _, track, _, (place, length, own) in both:
            last = self.ranges[-1] if self.ranges else None
            is_next = last is not None and own is None and last[2] is None and last[0] + last[1] == place
            if is_next and last is not None:
                self.ranges[-1] = (last[0], last[1] + length, None)
            else:
                self.ranges.append((place, length, own))
            chunks = self.chunks[track]
            if track == before:
                chunks[-1] = (chunks[-1][0], chunks[-1][1] + 1)
            else:
                chunks.append((self.size, 1))
            before = track
            self.size += length


def _kept(track: Track, numbers: Sequence[int]) -> list[Sample]:
    return [(track.places[number], track.sizes[number], None) for number in numbers]


def _picture_track(clips: Sequence[Clip], movies: Sequence[Movie], parts: Sequence[_Part], layout: Layout) -> NewTrack:
    times = [int(clip.survey.base / layout.base) for clip in clips]
    delay = max(clip.survey.delay * many for clip, many in zip(clips, times, strict=True))
    starts: list[int] = []
    shifts: list[int] = []
    keys: list[int] | None = None if all(movie.picture.keys is None for movie in movies) else []
    for number, (clip, movie, many) in enumerate(zip(clips, movies, times, strict=True)):
        survey, before = clip.survey, len(starts)
        begin = layout.starts[number] - survey.shown[0] * many
        # Decoding times are made anew: of several clocks only this order is common.
        starts += [begin + place * many for place in survey.shown]
        shifts += [(shown - place) * many + delay for shown, place in zip(survey.decoded, survey.shown, strict=True)]
        if keys is not None:
            own = range(len(survey.shown)) if movie.picture.keys is None else movie.picture.keys
            keys += [before + key + 1 for key in own]
    first = movies[0].picture
    return NewTrack(
        kind=b"vide", entry=_entry(first), timescale=round(1 / layout.base), media_start=delay,
        seconds=layout.starts[-1] * layout.base, starts=starts, end=layout.starts[-1], shifts=shifts,
        sizes=[size for movie in movies for size in movie.picture.sizes], keys=keys,
        chunks=[(part.at + place, count) for part in parts for place, count in part.chunks[0]], matrix=first.matrix,
        size=first.size,
    )  # fmt: skip


def _sounds(clips: Sequence[Clip], movies: Sequence[Movie], layout: Layout, rate: int) -> list[list[Sample]]:
    silence = b""
    found = []
    for movie, numbers in zip(movies, packets_of_sound(layout, rate), strict=True):
        track = movie.sound
        assert track is not None
        own: list[Sample] = []
        for number in numbers:
            if 0 <= number < len(track.sizes):
                own.append((track.places[number], track.sizes[number], None))
                continue
            if not silence:
                from media_app.av.merge.copying import silent_packet  # hardly ever needed

                sound = clips[0].source.sound
                silence = silent_packet(rate, sound.channels if sound is not None else 1)
            own.append((0, len(silence), silence))
        found.append(own)
    return found


def _sound_track(
    track: Track, sounds: Sequence[Sequence[Sample]], parts: Sequence[_Part], layout: Layout, rate: int
) -> NewTrack:
    sizes = [length for own in sounds for _, length, _ in own]
    ahead = BLOCK - layout.first_slot  # samples before the first that is heard
    end = int(layout.total * rate) + ahead
    return NewTrack(
        kind=b"soun", entry=_entry(track), timescale=rate, media_start=ahead, seconds=Fraction(end - ahead, rate),
        starts=range(0, len(sizes) * BLOCK, BLOCK), end=min(len(sizes) * BLOCK, end), shifts=None, sizes=sizes,
        keys=None, chunks=[(part.at + place, count) for part in parts for place, count in part.chunks[1]],
    )  # fmt: skip


def _entry(track: Track) -> bytes:
    """The sample entry with what players need to know."""
    fields = bytearray(track.entry[: PICTURE_FIELDS if track.kind == b"vide" else SOUND_FIELDS])
    if track.kind == b"vide":
        fields[COMPRESSOR_NAME] = bytes(32)
    own = [struct.pack(">I4s", 8 + len(track.own[kind]), kind) + track.own[kind]
           for kind in KEPT_BOXES[track.kind] if kind in track.own]  # fmt: skip
    content = bytes(fields) + b"".join(own)
    return struct.pack(">I4s", 8 + len(content), b"avc1" if track.kind == b"vide" else b"mp4a") + content


def _survey(movie: Movie) -> Survey:
    picture, sound = movie.picture, movie.sound
    shown = [start + shift - picture.edit_start for start, shift in zip(picture.starts, picture.shifts, strict=True)]
    ordered = sorted(shown)
    base = Fraction(1, picture.timescale)
    last = picture.length - picture.starts[-1] or 1
    end = (ordered[-1] + last + picture.edit_start) * base
    # An edit that begins or ends within the pictures hides some.
    if ordered[0] < 0 or (picture.edit_end is not None and picture.edit_end < end - last * base / 2):
        raise NotPlain
    if sound is not None and (sound.timescale < LEAST_RATE or any(sound.shifts) or _is_apart(picture, sound)):
        raise NotPlain
    if sound is not None and sound.edit_end is not None:
        hidden = Fraction(sound.length, sound.timescale) - sound.edit_end
        if hidden * sound.timescale > 2 * BLOCK:
            raise NotPlain
    return Survey(
        path=str(movie.path), track=0, base=base, origin=Fraction(0), decoded=shown, shown=ordered, last_length=last,
        extradata=picture.own[b"avcC"], colours=NO_COLOURS, why_not=_why_not(movie, shown),
        sound=None if sound is None else _survey_sound(sound, picture.late),
    )  # fmt: skip


def _survey_sound(sound: Track, late: Fraction) -> SoundSurvey:
    lengths = [later - earlier for earlier, later in pairwise([*sound.starts, sound.length])]
    starts = [start - sound.edit_start for start in sound.starts]
    return SoundSurvey(1, Fraction(1, sound.timescale), starts, lengths, tables.config_of(sound), sound.late - late)


def _why_not(movie: Movie, shown: Sequence[int]) -> str | None:
    pictures = Pictures(movie.picture.own[b"avcC"])
    keys = None if movie.picture.keys is None else frozenset(movie.picture.keys)
    if len(set(shown)) < len(shown):
        return "Several of its pictures have the same time."
    with movie.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for number, (place, size) in enumerate(zip(movie.picture.places, movie.picture.sizes, strict=True)):
            why = pictures.why(content, place, size, is_key=keys is None or number in keys, stamp=shown[number])
            if why:
                return why
    return None


def _is_apart(picture: Track, sound: Track) -> bool:
    """Whether what is seen and heard at the same time stands so far apart that a player would seek for ever."""
    for share in (0.25, 0.5, 0.75):
        one, other = (track.places[int(share * len(track.places))] for track in (picture, sound))
        if abs(one - other) > MOST_APART:
            return True
    return any(later < earlier for track in (picture, sound) for earlier, later in pairwise(track.places))
