"""Codec names from MP4 headers (ISO/IEC 14496-12, -14, -15)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

# Sample entry types by picture codec.
MP4_PICTURES = {
    "h264": "avc1", "hevc": "hvc1", "av1": "av01", "vp9": "vp09", "mpeg4": "mp4v", "mpeg2video": "mp4v",
    "mpeg1video": "mp4v",
}  # fmt: skip
# Length in bytes of a box's fixed fields, which precede its inner boxes.
FULL_BOX = 4
ENTRY_FIELDS = {b"avc1": 78, b"avc3": 78, b"mp4a": 28}
SAMPLES_OF_STSD = 8
DECODER_SPECIFIC = 5
LONG_OBJECT_TYPE = 31
MAX_BEFORE_MOOV = 4096  # maximum bytes before the ``moov`` box


def codecs_of(header: bytes) -> str:
    """Return codec names (RFC 6381) such as ``avc1.64001f,mp4a.40.2``. Raises ValueError for unknown codecs."""
    names = {
        name
        for moov in boxes(header, b"moov")
        for trak in boxes(moov, b"trak")
        for mdia in boxes(trak, b"mdia")
        for minf in boxes(mdia, b"minf")
        for stbl in boxes(minf, b"stbl")
        for stsd in boxes(stbl, b"stsd")
        for name in _entries(stsd[SAMPLES_OF_STSD:])
    }
    if not names:
        raise ValueError("The file's header lists no video or sound track.")
    return ",".join(sorted(names))


def header_of(path: Path) -> bytes:
    """Return an MP4's bytes up to the end of its ``moov`` box.

    Raises ValueError if no ``moov`` box begins within the first :data:`MAX_BEFORE_MOOV` bytes.
    """
    with path.open("rb") as file:
        at = 0
        while len(start := file.read(8)) == 8 and at < MAX_BEFORE_MOOV:
            at += max(8, int.from_bytes(start[:4]))
            if start[4:] == b"moov":
                file.seek(0)
                return file.read(at)
            file.seek(at)
    raise ValueError("The file does not begin with its header.")


def boxes(content: bytes, kind: bytes) -> Iterator[bytes]:
    for found, inner in _walk(content):
        if found == kind:
            yield inner


def _walk(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(content):
        size = int.from_bytes(content[at : at + 4])
        if size < 8:
            return
        yield content[at + 4 : at + 8], content[at + 8 : at + size]
        at += size


def _entries(content: bytes) -> Iterator[str]:
    for kind, inner in _walk(content):
        if kind not in ENTRY_FIELDS:
            raise ValueError(f"Unknown codec {kind!r}.")
        own = inner[ENTRY_FIELDS[kind] :]
        if kind == b"mp4a":
            yield f"mp4a.40.{_object_type(next(boxes(own, b'esds'))[FULL_BOX:])}"
        else:
            yield f"{kind.decode()}.{next(boxes(own, b'avcC'))[1:4].hex()}"


def _object_type(descriptors: bytes) -> int:
    at = 0
    skips = {3: 3, 4: 13}  # bytes to skip before the inner descriptors, by descriptor tag
    while at < len(descriptors):
        tag = descriptors[at]
        at += 1
        while at < len(descriptors) and descriptors[at] & 0x80:
            at += 1
        at += 1
        if tag == DECODER_SPECIFIC and at + 1 < len(descriptors):
            kind = descriptors[at] >> 3
            if kind == LONG_OBJECT_TYPE:
                return 32 + ((descriptors[at] & 7) << 3 | descriptors[at + 1] >> 5)
            return kind
        at += skips.get(tag, len(descriptors))
    raise ValueError("The sound has no decoder configuration.")
