"""Read and write the tables of plain MP4 files, so that clips are joined by copying ranges of bytes; decodes nothing.

ISO/IEC 14496-12, 8. A plain file has one track of H.264 and at most one of AAC, whole tables in one ``moov``, and edits
that only say when a track begins. Whatever is otherwise is left to FFmpeg's own reader and writer.
"""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, chain, groupby, repeat
from pathlib import Path

from media_app.av.isobmff import boxes

MOST_HEADER = 64 * 1024 * 1024  # bytes
MOST_SAMPLES = 4_000_000  # of a track: a few bytes may claim billions
FULL_BOX = 4
PICTURE_FIELDS, SOUND_FIELDS = 78, 28  # bytes of a sample entry before its own boxes
IDENTITY = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
SHORT_OFFSETS = 1 << 32
UNDETERMINED = 0x55C4  # the language "und"
DECODER_SPECIFIC = 5


class NotPlain(Exception):
    """The file is none that is read here."""


@dataclass(slots=True)
class Track:
    """entry: its sample entry, without the box's own head. own: the boxes in that. timescale: ticks a second.

    late: seconds by which the
    track begins later than the file. starts: decoding times, ticks; shifts: what is added to
    show a sample; places, sizes: bytes. keys: numbers of the keyframes, None for all. length: ticks of all. matrix,
    size: of the track as displayed. edit_start: ticks of the media with which it begins; edit_end: seconds of the media
    with which it ends, None for its end.
    """

    kind: bytes
    entry: bytes
    own: dict[bytes, bytes]
    timescale: int
    late: Fraction
    starts: list[int]
    shifts: list[int]
    sizes: Sequence[int]
    places: list[int]
    keys: list[int] | None
    length: int
    matrix: bytes
    size: bytes
    edit_start: int
    edit_end: Fraction | None

    @property
    def last_length(self) -> int:
        """Ticks of the sample that is decoded last."""
        return self.length - self.starts[-1]


@dataclass(slots=True)
class Movie:
    """A plain file."""

    path: Path
    picture: Track
    sound: Track | None

    @property
    def sound_timescale(self) -> int:
        """Ticks a second of its sound, 0 for none."""
        return self.sound.timescale if self.sound is not None else 0


def read(path: Path) -> Movie:
    """Raises :class:`NotPlain`."""
    try:
        header, size = _header(path)
        tracks = [_track(trak, _timescale(header)) for trak in boxes(header, b"trak") if _handler(trak) in HANDLERS]
    except (struct.error, LookupError, ValueError, StopIteration, ArithmeticError, OSError) as exc:
        raise NotPlain from exc  # whoever looks next says what is the matter
    pictures = [track for track in tracks if track.kind == b"vide"]
    sounds = [track for track in tracks if track.kind == b"soun"]
    if len(pictures) != 1 or len(sounds) > 1 or any(boxes(header, b"mvex")):
        raise NotPlain
    for track in tracks:
        if any(place + length > size for place, length in zip(track.places, track.sizes, strict=True)):
            raise NotPlain
    return Movie(path, pictures[0], sounds[0] if sounds else None)


HANDLERS = frozenset({b"vide", b"soun"})


def _header(path: Path) -> tuple[bytes, int]:
    """What ``moov`` holds, and the size of the file."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        at, found = 0, None
        while at + 8 <= size:
            file.seek(at)
            length, kind = struct.unpack(">I4s", file.read(8))
            head = 8
            if length == 1:
                (length,) = struct.unpack(">Q", file.read(8))
                head = 16
            elif length == 0:
                length = size - at
            if length < head or kind == b"moof" or (kind == b"moov" and (found or length > MOST_HEADER)):
                raise NotPlain
            if kind == b"moov":
                found = file.read(length - head)
            at += length
    if not found:
        raise NotPlain
    return found, size


def _one(content: bytes, *kinds: bytes) -> bytes:
    for kind in kinds:
        content = next(boxes(content, kind))
    return content


def _timescale(moov: bytes) -> int:
    mvhd = _one(moov, b"mvhd")
    return int(struct.unpack_from(">I", mvhd, 20 if mvhd[0] else 12)[0])


def _handler(trak: bytes) -> bytes:
    return _one(trak, b"mdia", b"hdlr")[8:12]


def _track(trak: bytes, movie_scale: int) -> Track:
    mdia = _one(trak, b"mdia")
    stbl = _one(mdia, b"minf", b"stbl")
    mdhd, tkhd, stsd = _one(mdia, b"mdhd"), _one(trak, b"tkhd"), _one(stbl, b"stsd")
    timescale = int(struct.unpack_from(">I", mdhd, 20 if mdhd[0] else 12)[0])
    if not timescale or struct.unpack_from(">I", stsd, FULL_BOX)[0] != 1:
        raise NotPlain
    length, form = struct.unpack_from(">I4s", stsd, 8)
    entry = stsd[16 : 8 + length]
    kind = _handler(trak)
    if form != {b"vide": b"avc1", b"soun": b"mp4a"}[kind]:
        raise NotPlain
    if kind == b"soun" and struct.unpack_from(">H", entry, 8)[0]:
        raise NotPlain  # QuickTime's own versions have more fields
    own = dict(_boxes(entry[PICTURE_FIELDS if kind == b"vide" else SOUND_FIELDS :]))
    if (b"avcC" if kind == b"vide" else b"esds") not in own:
        raise NotPlain
    sizes = _sizes(stbl)
    count = len(sizes)
    starts, length = _starts(_one(stbl, b"stts"), count)
    shifts = _shifts(next(boxes(stbl, b"ctts"), None), count)
    stss = next(boxes(stbl, b"stss"), None)
    keys = None if stss is None else [number - 1 for number in _numbers(stss, 4)]
    where = 48 if tkhd[0] else 36
    late, begin, end = _edits(trak, movie_scale, timescale)
    return Track(
        kind=kind, entry=entry, own=own, timescale=timescale, late=late, starts=starts,
        shifts=shifts, sizes=sizes, places=_places(stbl, sizes), keys=keys, length=length,
        matrix=tkhd[where + 4 : where + 40], size=tkhd[where + 40 : where + 48], edit_start=begin, edit_end=end,
    )  # fmt: skip


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        if length < 8:
            return
        yield kind, content[at + 8 : at + length]
        at += length


def _numbers(table: bytes, at: int, width: int = 1, code: str = "I") -> array[int]:
    """The numbers of a table whose entries have ``width`` of them, behind their count at ``at``."""
    (count,) = struct.unpack_from(">I", table, at)
    found = array(code)
    begin = at + 4
    content = table[begin : begin + count * width * found.itemsize]
    if len(content) != count * width * found.itemsize:
        raise NotPlain
    found.frombytes(content)
    found.byteswap()
    return found


def _sizes(stbl: bytes) -> Sequence[int]:
    stsz = _one(stbl, b"stsz")
    same, count = struct.unpack_from(">II", stsz, FULL_BOX)
    if not 0 < count <= MOST_SAMPLES:
        raise NotPlain
    sizes = [same] * count if same else _numbers(stsz, 8)
    if 0 in sizes:
        raise NotPlain
    return sizes


def _starts(stts: bytes, count: int) -> tuple[list[int], int]:
    runs = _numbers(stts, FULL_BOX, 2)
    if sum(runs[::2]) != count:
        raise NotPlain
    steps = chain.from_iterable(repeat(step, many) for many, step in zip(runs[::2], runs[1::2], strict=True))
    times = list(accumulate(steps, initial=0))
    return times[:-1], times[-1]


def _shifts(ctts: bytes | None, count: int) -> list[int]:
    if ctts is None:
        return [0] * count
    runs = _numbers(ctts, FULL_BOX, 2)
    if sum(runs[::2]) != count:
        raise NotPlain
    found = chain.from_iterable(repeat(one, many) for many, one in zip(runs[::2], runs[1::2], strict=True))
    # Version 1 has signs, and some writers set them in version 0.
    return [one - (1 << 32) if one >> 31 else one for one in found]


def _places(stbl: bytes, sizes: Sequence[int]) -> list[int]:
    stco, co64 = next(boxes(stbl, b"stco"), None), next(boxes(stbl, b"co64"), None)
    chunks = _numbers(stco, FULL_BOX) if stco is not None else _numbers(co64 or b"", FULL_BOX, 1, "Q")
    runs = _numbers(_one(stbl, b"stsc"), FULL_BOX, 3)
    firsts, counts, forms = runs[::3], runs[1::3], runs[2::3]
    if set(forms) != {1} or firsts[0] != 1:
        raise NotPlain
    places: list[int] = []
    number = 0
    for first, last, many in zip(firsts, [*firsts[1:], len(chunks) + 1], counts, strict=True):
        for chunk in range(first - 1, last - 1):
            at = chunks[chunk]
            for size in sizes[number : number + many]:
                places.append(at)
                at += size
            number += many
    if len(places) != len(sizes):
        raise NotPlain
    return places


def _edits(trak: bytes, movie_scale: int, timescale: int) -> tuple[Fraction, int, Fraction | None]:
    """Seconds before the track begins, the ticks of the media with which it does, the seconds with which it ends."""
    elst = next((elst for edts in boxes(trak, b"edts") for elst in boxes(edts, b"elst")), None)
    if elst is None:
        return Fraction(0), 0, None
    form = ">Qqi" if elst[0] else ">Iii"
    (count,) = struct.unpack_from(">I", elst, FULL_BOX)
    edits = [struct.unpack_from(form, elst, 8 + number * struct.calcsize(form)) for number in range(count)]
    late = Fraction(0)
    if len(edits) > 1 and edits[0][1] == -1:
        late = Fraction(edits.pop(0)[0], movie_scale)
    if len(edits) != 1 or edits[0][1] < 0 or edits[0][2] != 0x10000:
        raise NotPlain
    length, begin, _ = edits[0]
    return late, begin, Fraction(begin, timescale) + Fraction(length, movie_scale) if length else None


def config_of(sound: Track) -> bytes:
    """The AudioSpecificConfig in its ``esds`` (ISO/IEC 14496-1, 7.2.6). Raises :class:`NotPlain`."""
    descriptors = sound.own.get(b"esds", b"")[FULL_BOX:]
    at, skips = 0, {3: 3, 4: 13}  # fixed fields of the two descriptors around the one wanted
    while at < len(descriptors):
        tag, at, length = descriptors[at], at + 1, 0
        while at < len(descriptors):
            length = length << 7 | descriptors[at] & 0x7F
            at += 1
            if not descriptors[at - 1] & 0x80:
                break
        if tag == DECODER_SPECIFIC:
            return descriptors[at : at + length]
        at += skips.get(tag, length)
    raise NotPlain


# Writing


@dataclass(slots=True)
class NewTrack:
    """A track that is to be written. entry: the sample entry. media_start: ticks of the media at which it begins.

    starts, end: decoding times, ticks; shifts: see :class:`Track`. chunks: place and number of samples of each, in the
    order of the samples.
    """

    kind: bytes
    entry: bytes
    timescale: int
    media_start: int
    seconds: Fraction
    starts: Sequence[int]
    end: int
    shifts: Sequence[int] | None
    sizes: Sequence[int]
    keys: Sequence[int] | None
    chunks: Sequence[tuple[int, int]]
    matrix: bytes = IDENTITY
    size: bytes = bytes(8)


def header(tracks: Sequence[NewTrack], timescale: int, bytes_of_media: int) -> bytes:
    """Everything before the media, to which the chunks' places are relative. timescale: of the movie."""
    brands = _box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2avc1mp41")
    long_media = bytes_of_media + 8 >= SHORT_OFFSETS
    mdat = struct.pack(">I4sQ", 1, b"mdat", bytes_of_media + 16) if long_media else struct.pack(
        ">I4s", bytes_of_media + 8, b"mdat"
    )  # fmt: skip
    behind = 0
    while True:
        # The places depend on how long the header is, which depends on how long the places are.
        moov = _moov(tracks, timescale, behind)
        ahead = len(brands) + len(moov) + len(mdat)
        if ahead == behind:
            return brands + moov + mdat
        behind = ahead


def _box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _moov(tracks: Sequence[NewTrack], timescale: int, behind: int) -> bytes:
    duration = max(round(track.seconds * timescale) for track in tracks)
    mvhd = struct.pack(">IQQIQIH10x", 1 << 24, 0, 0, timescale, duration, 0x10000, 0x100)
    mvhd += IDENTITY + bytes(24) + struct.pack(">I", len(tracks) + 1)
    return _box(
        b"moov", _box(b"mvhd", mvhd),
        *(_trak(track, number, timescale, behind) for number, track in enumerate(tracks, 1)),
    )  # fmt: skip


def _trak(track: NewTrack, number: int, timescale: int, behind: int) -> bytes:
    duration = round(track.seconds * timescale)
    is_sound = track.kind == b"soun"
    tkhd = struct.pack(">IQQIIQ8xHHHH", 1 << 24 | 3, 0, 0, number, 0, duration, 0, is_sound, is_sound << 8, 0)
    elst = struct.pack(">IIQqi", 1 << 24, 1, duration, track.media_start, 0x10000)
    mdhd = struct.pack(">IQQIQHH", 1 << 24, 0, 0, track.timescale, track.end, UNDETERMINED, 0)
    name = b"SoundHandler\0" if is_sound else b"VideoHandler\0"
    media = _box(b"smhd", bytes(8)) if is_sound else _box(b"vmhd", struct.pack(">I8x", 1))
    here = _box(b"dinf", _box(b"dref", struct.pack(">II", 0, 1), _box(b"url ", struct.pack(">I", 1))))
    return _box(
        b"trak",
        _box(b"tkhd", tkhd, track.matrix, track.size),
        _box(b"edts", _box(b"elst", elst)),
        _box(
            b"mdia",
            _box(b"mdhd", mdhd),
            _box(b"hdlr", bytes(8), track.kind, bytes(12), name),
            _box(b"minf", media, here, _stbl(track, behind)),
        ),
    )


def _stbl(track: NewTrack, behind: int) -> bytes:
    steps = [later - earlier for earlier, later in zip(track.starts, chain(track.starts[1:], (track.end,)))]  # noqa: B905
    tables = [_box(b"stsd", struct.pack(">II", 0, 1), track.entry), _box(b"stts", _runs(steps, "I"))]
    if track.shifts is not None and any(track.shifts):
        tables.append(_box(b"ctts", _runs(track.shifts, "I")))
    if track.keys is not None:
        tables.append(_box(b"stss", struct.pack(">II", 0, len(track.keys)), _packed(track.keys, "I")))
    counts = [count for _, count in track.chunks]
    firsts = [number for number, count in enumerate(counts) if not number or counts[number - 1] != count]
    stsc = [part for number in firsts for part in (number + 1, counts[number], 1)]
    tables.append(_box(b"stsc", struct.pack(">II", 0, len(firsts)), _packed(stsc, "I")))
    tables.append(_box(b"stsz", struct.pack(">III", 0, 0, len(track.sizes)), _packed(track.sizes, "I")))
    places = [place + behind for place, _ in track.chunks]
    kind, code = (b"stco", "I") if places[-1] < SHORT_OFFSETS else (b"co64", "Q")
    tables.append(_box(kind, struct.pack(">II", 0, len(places)), _packed(places, code)))
    return _box(b"stbl", *tables)


def _runs(values: Sequence[int], code: str) -> bytes:
    runs = [part for value, same in groupby(values) for part in (sum(1 for _ in same), value)]
    return struct.pack(">II", 0, len(runs) // 2) + _packed(runs, code)


def _packed(values: Sequence[int], code: str) -> bytes:
    found = array(code, values)
    found.byteswap()
    return found.tobytes()
