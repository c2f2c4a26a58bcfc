"""Detection of a file's kind by its first bytes, never its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Family = Literal["video", "image", "audio"]

ENOUGH_BYTES = 512  # minimum number of bytes for `sniff`; with 4 096 bytes, it makes fewer mistakes
BOX_HEADER = 8
CUT_PACKETS = 8  # minimum number of packets to recognise a transport stream that begins in the middle of a packet
TS_SYNC = 0x47
TS_PACKET = 188
M2TS_PACKET = 192
M2TS_LEAD = 4
STILL_BRANDS = frozenset({b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"crx "})
SOUND_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "})
M4V_BRANDS = frozenset({b"M4V ", b"M4VH", b"M4VP"})
MOVIE_CHILDREN = frozenset({b"mvhd", b"cmov", b"iods", b"trak", b"udta", b"meta", b"mvex"})
PADDING = frozenset({b"wide", b"free", b"skip", b"pnot", b"PICT"})
# First bytes of Ogg streams with sound. A file with any other stream counts as video.
OGG_SOUNDS = (b"\x01vorbis", b"OpusHead", b"Speex   ", b"\x7fFLAC", b"PCM     ", b"CELT    ")
OGG_NEITHER = (b"fishead\0", b"fisbone\0")
MP3_BIT_RATES = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),  # kbit/s in MPEG-1 Audio
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # kbit/s in MPEG-2 Audio
    0: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # kbit/s in MPEG-2.5 Audio
}
MP3_SAMPLE_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
AAC_SAMPLE_RATES = 13
HEADER_IN_SIGHT = 7  # length of an ADTS header, in bytes


@dataclass(frozen=True, slots=True)
class Kind:
    family: Family
    container: str
    extension: str
    mime_type: str


MP4 = Kind("video", "mp4", "mp4", "video/mp4")
M4V = Kind("video", "mp4", "m4v", "video/x-m4v")
THREE_GP = Kind("video", "mp4", "3gp", "video/3gpp")
MOV = Kind("video", "mov", "mov", "video/quicktime")
WEBM = Kind("video", "webm", "webm", "video/webm")
MATROSKA = Kind("video", "matroska", "mkv", "video/x-matroska")
OGV = Kind("video", "ogg", "ogv", "video/ogg")
AVI = Kind("video", "avi", "avi", "video/x-msvideo")
MPEG_TS = Kind("video", "mpegts", "ts", "video/mp2t")
MPEG_PS = Kind("video", "mpeg", "mpg", "video/mpeg")
FLV = Kind("video", "flv", "flv", "video/x-flv")
ASF = Kind("video", "asf", "wmv", "video/x-ms-wmv")
JPEG = Kind("image", "jpeg", "jpg", "image/jpeg")
PNG = Kind("image", "png", "png", "image/png")
WEBP = Kind("image", "webp", "webp", "image/webp")
MP3 = Kind("audio", "mp3", "mp3", "audio/mpeg")
WAV = Kind("audio", "wav", "wav", "audio/wav")
M4A = Kind("audio", "mp4", "m4a", "audio/mp4")
AAC = Kind("audio", "adts", "aac", "audio/aac")
OGG = Kind("audio", "ogg", "ogg", "audio/ogg")
FLAC = Kind("audio", "flac", "flac", "audio/flac")
SIGNATURES = tuple(
    (re.compile(pattern, re.DOTALL), kind)
    for pattern, kind in (
        (rb"\xff\xd8\xff", JPEG),
        (rb"\x89PNG\r\n\x1a\n....IHDR", PNG),
        (rb"FLV\x01.\0\0\0\x09", FLV),
        (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", ASF),
        (rb"fLaC", FLAC),
    )
)
RIFF_KINDS = {b"AVI ": AVI, b"WAVE": WAV, b"WEBPVP8 ": WEBP, b"WEBPVP8L": WEBP, b"WEBPVP8X": WEBP}
VIDEO_KINDS = (MP4, M4V, THREE_GP, MOV, WEBM, MATROSKA, OGV, AVI, MPEG_TS, MPEG_PS, FLV, ASF)
IMAGE_KINDS = (JPEG, PNG, WEBP)
AUDIO_KINDS = (MP3, WAV, M4A, AAC, OGG, FLAC)


def sniff(head: bytes) -> Kind | None:
    """Return a file's kind; None if unknown. head: the first 512 to 4 096 bytes, or all bytes of a shorter file."""
    return _fixed(head) or _iso_media(head) or _ebml(head) or _ogg(head) or _streams(head) or _bare_sound(head)


def _fixed(head: bytes) -> Kind | None:
    if head[:4] in (b"RIFF", b"RF64"):
        return RIFF_KINDS.get(head[8:16] if head[8:12] == b"WEBP" else head[8:12])
    return next((kind for signature, kind in SIGNATURES if signature.match(head)), None)


def _iso_media(head: bytes) -> Kind | None:
    at = 0
    seen = False
    while at + BOX_HEADER <= len(head):
        size, kind = int.from_bytes(head[at : at + 4]), head[at + 4 : at + 8]
        if kind == b"ftyp":
            return _branded(head[at + BOX_HEADER : at + size]) if 16 <= size <= 4096 else None
        if kind == b"moov":
            return MOV if head[at + 12 : at + 16] in MOVIE_CHILDREN else None
        # If the four bytes of the box length are printable characters, the file is a text file.
        if kind not in PADDING | {b"mdat"} or _is_text(head[at : at + 4]):
            return None
        if kind == b"mdat":
            return MOV
        if size < BOX_HEADER:
            return None
        seen = True
        at += size
    return MOV if seen else None


def _branded(brands: bytes) -> Kind | None:
    major = brands[:4]
    listed = {brands[at : at + 4] for at in range(8, len(brands) - 3, 4)}
    if major == b"qt  ":
        return MOV
    if major in SOUND_BRANDS:
        return M4A
    if major in STILL_BRANDS:
        return None
    if major in M4V_BRANDS:
        return M4V
    if major[:3] in (b"3gp", b"3g2"):
        return THREE_GP
    # Many cameras have their own major brand, so the compatible brands decide.
    return MOV if listed == {b"qt  "} else MP4


def _is_text(part: bytes) -> bool:
    return all(0x20 <= byte < 0x7F or byte in b"\t\r\n" for byte in part)


def _ebml(head: bytes) -> Kind | None:
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    length, at = _vint(head, 4)
    end = min(len(head), at + length)
    while 0 < at < end:
        width = 9 - head[at].bit_length()
        name = head[at : at + width]
        size, content = _vint(head, at + width)
        if not content:
            return None
        if name == b"\x42\x82":
            doc_type = head[content : content + size].rstrip(b"\0")
            return {b"webm": WEBM, b"matroska": MATROSKA}.get(doc_type)
        at = content + size
    return None


def _vint(head: bytes, at: int) -> tuple[int, int]:
    if at >= len(head) or not head[at]:
        return 0, 0
    width = 9 - head[at].bit_length()
    value = int.from_bytes(head[at : at + width]) & ((1 << 7 * width) - 1)
    return value, at + width


def _ogg(head: bytes) -> Kind | None:
    if not head.startswith(b"OggS\0"):
        return None
    starts = [start for start in _ogg_starts(head) if not start.startswith(OGG_NEITHER)]
    return OGG if starts and all(start.startswith(OGG_SOUNDS) for start in starts) else OGV


def _ogg_starts(head: bytes) -> Iterator[bytes]:
    """Yield the first bytes of each Ogg stream. A file begins with the first pages of all its streams (RFC 3533)."""
    at = 0
    while head[at : at + 5] == b"OggS\0" and at + 27 <= len(head) and head[at + 5] & 2:
        segments = head[at + 26]
        body = at + 27 + segments
        if body + 8 <= len(head):
            yield head[body : body + 8]
        at = body + sum(head[at + 27 : body])


def _streams(head: bytes) -> Kind | None:
    for packet, lead in ((TS_PACKET, 0), (M2TS_PACKET, M2TS_LEAD)):
        if _is_transport(head, lead, packet, 2):
            return MPEG_TS
        if any(_is_transport(head, at, packet, CUT_PACKETS) for at in range(packet)):
            return MPEG_TS
    if head.startswith(b"\0\0\x01\xba") and len(head) > 4 and (head[4] & 0xC4 == 0x44 or head[4] & 0xF1 == 0x21):
        return MPEG_PS
    return None


def _is_transport(head: bytes, lead: int, packet: int, least: int) -> bool:
    places = range(lead, len(head) - 3, packet)
    # A valid transport packet has no error flag, no reserved scrambling value, and some content.
    return len(places) >= least and all(
        head[at] == TS_SYNC and not head[at + 1] & 0x80 and head[at + 3] >> 6 != 1 and head[at + 3] & 0x30
        for at in places
    )


def _bare_sound(head: bytes) -> Kind | None:
    at = 0
    if head.startswith(b"ID3") and len(head) >= 10 and head[3] in (2, 3, 4) and max(head[6:10]) < 0x80:
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        at = 10 + size + (10 if head[5] & 0x10 else 0)
        if at + 4 > len(head):
            return MP3
        if head.startswith(b"fLaC", at):
            return FLAC
    for length_of, kind in ((_mp3_frame, MP3), (_adts_frame, AAC)):
        length = length_of(head, at)
        following = at + length
        # Random bytes may look like an audio frame, so also check the next frame.
        if length and (following + HEADER_IN_SIGHT > len(head) or length_of(head, following)):
            return kind
    return None


def _mp3_frame(head: bytes, at: int) -> int:
    if at + 4 > len(head) or head[at] != 0xFF or head[at + 1] & 0xE6 != 0xE2:
        return 0
    version, bits, rate = head[at + 1] >> 3 & 3, head[at + 2] >> 4, head[at + 2] >> 2 & 3
    if version == 1 or bits in (0, 15) or rate == 3 or head[at + 3] & 3 == 2:
        return 0
    samples = 144_000 if version == 3 else 72_000
    return samples * MP3_BIT_RATES[version][bits] // MP3_SAMPLE_RATES[version][rate] + (head[at + 2] >> 1 & 1)


def _adts_frame(head: bytes, at: int) -> int:
    if at + HEADER_IN_SIGHT > len(head):
        return 0
    if head[at] != 0xFF or head[at + 1] & 0xF6 != 0xF0 or head[at + 2] >> 2 & 15 >= AAC_SAMPLE_RATES:
        return 0
    length = (head[at + 3] & 3) << 11 | head[at + 4] << 3 | head[at + 5] >> 5
    return length if length > 7 else 0
