"""Quick check, while the client waits, whether an uploaded file lacks a video track or an index.

The check reads a few kilobytes of MP4 (ISO/IEC 14496-12, 8.1–8.4) or Matroska (RFC 9559).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Literal

Fault = Literal["no_picture", "no_index"]

MAX_BOXES = 200
PICTURES = {b"vide", b"auxv", b"pict"}
SOUND = b"soun"
EBML, SEGMENT, TRACKS, CLUSTER, TRACK_ENTRY, TRACK_TYPE = 0x1A45DFA3, 0x18538067, 0x1654AE6B, 0x1F43B675, 0xAE, 0x83
MATROSKA_PICTURE, MATROSKA_SOUND = 1, 2
MAX_TRACKS_BYTES = 64 * 1024


def find_fault(file: BinaryIO, size: int) -> Fault | None:
    file.seek(0)
    return _of_matroska(file) if file.read(4) == EBML.to_bytes(4) else _of_movie(file, size)


def _of_movie(file: BinaryIO, size: int) -> Fault | None:
    for count, (kind, begin, end) in enumerate(_boxes(file, 0, size)):
        if kind == b"moov" and end <= size:
            handlers = set(_handlers(file, begin, end))
            return "no_picture" if SOUND in handlers and not handlers & PICTURES else None
        # Accept a truncated fragmented file: it still plays.
        if kind == b"moof" or not kind.isalnum() or count == MAX_BOXES:
            return None
        if end > size:
            return "no_index" if kind in (b"mdat", b"moov") else None
    return None


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while at + 8 <= end:
        file.seek(at)
        head = file.read(16)
        length, kind, own = int.from_bytes(head[:4]), head[4:8], 8
        if length == 1:
            length, own = int.from_bytes(head[8:16]), 16
        elif length == 0:
            length = end - at
        if length < own:
            return
        yield kind, at + own, at + length
        at += length


def _handlers(file: BinaryIO, begin: int, end: int) -> Iterator[bytes]:
    for _, track_begin, track_end in _some(file, begin, end, b"trak"):
        for _, media_begin, media_end in _some(file, track_begin, track_end, b"mdia"):
            for _, handler, _ in _some(file, media_begin, media_end, b"hdlr"):
                file.seek(handler + 8)
                yield file.read(4)


def _some(file: BinaryIO, begin: int, end: int, wanted: bytes) -> Iterator[tuple[bytes, int, int]]:
    for count, box in enumerate(_boxes(file, begin, end)):
        if count == MAX_BOXES or box[2] > end:
            return
        if box[0] == wanted:
            yield box


def _of_matroska(file: BinaryIO) -> Fault | None:
    at = 0
    for _ in range(MAX_BOXES):
        found, length, own = _element(_read_at(file, at, 12))
        if found == TRACKS and length is not None:
            kinds = set(_track_types(_read_at(file, at + own, min(length, MAX_TRACKS_BYTES))))
            return "no_picture" if MATROSKA_SOUND in kinds and MATROSKA_PICTURE not in kinds else None
        if found == SEGMENT:
            at += own
        elif found in (0, CLUSTER) or length is None:
            return None
        else:
            at += own + length
    return None


def _read_at(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


def _track_types(tracks: bytes) -> Iterator[int]:
    for found, content in _elements(tracks):
        if found == TRACK_ENTRY:
            yield from (int.from_bytes(value) for kind, value in _elements(content) if kind == TRACK_TYPE)


def _elements(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(content):
        found, length, own = _element(content[at : at + 12])
        if not found or length is None:
            return
        yield found, content[at + own : at + own + length]
        at += own + length


def _element(head: bytes) -> tuple[int, int | None, int]:
    """Return an EBML element's id (0 if invalid), content length (None if unknown) and header length."""
    id_length = _width(head[:1])
    size_length = _width(head[id_length : id_length + 1])
    if not 1 <= id_length <= 4 or not 1 <= size_length <= 8 or len(head) < id_length + size_length:
        return 0, None, 0
    value = int.from_bytes(head[id_length : id_length + size_length]) & ((1 << 7 * size_length) - 1)
    unknown = value == (1 << 7 * size_length) - 1
    return int.from_bytes(head[:id_length]), None if unknown else value, id_length + size_length


def _width(first: bytes) -> int:
    return 9 - first[0].bit_length() if first and first[0] else 0
