"""What a file is by its first bytes: every kind that is taken in, nothing else, and never an exception."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pytest_check import check

from media_app.av import sniff as kinds
from media_app.av.probe import probe
from media_app.av.sniff import AUDIO_KINDS, ENOUGH_BYTES, IMAGE_KINDS, VIDEO_KINDS, Kind, sniff
from tests.support.footage import convert

pytestmark = pytest.mark.pure
PICTURE = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=1")
TONE = ("-f", "lavfi", "-i", "sine=d=2:r=44100")
OLD = ("-c:v", "mpeg1video", "-r", "25")
VIDEOS = {
    "v.mp4": ((), kinds.MP4), "start.mp4": (("-movflags", "+faststart"), kinds.MP4),
    "fragments.mp4": (("-movflags", "+frag_keyframe+empty_moov"), kinds.MP4),
    "v.m4v": (("-c:v", "libx264", "-f", "ipod"), kinds.M4V),
    "v.3gp": (("-c:v", "libx264", "-f", "3gp"), kinds.THREE_GP), "v.mov": (("-c:v", "libx264"), kinds.MOV),
    "v.webm": (("-c:v", "libvpx-vp9"), kinds.WEBM), "v.mkv": (("-c:v", "libx264"), kinds.MATROSKA),
    "theora.ogv": (("-c:v", "libtheora"), kinds.OGV),
    "with_sound.ogv": ((*TONE, "-c:v", "libtheora", "-c:a", "libvorbis"), kinds.OGV),
    "vp8.ogv": (("-c:v", "libvpx", "-f", "ogg"), kinds.OGV), "v.avi": (("-c:v", "mpeg4"), kinds.AVI),
    "v.ts": (OLD, kinds.MPEG_TS), "v.m2ts": ((*OLD, "-mpegts_m2ts_mode", "1"), kinds.MPEG_TS),
    "mpeg1.mpg": ((*OLD, "-f", "mpeg"), kinds.MPEG_PS),
    "mpeg2.vob": (("-c:v", "mpeg2video", "-r", "25", "-f", "vob"), kinds.MPEG_PS),
    "v.flv": (("-c:v", "flv"), kinds.FLV), "v.wmv": (("-c:v", "wmv2"), kinds.ASF),
}  # fmt: skip
SOUNDS = {
    "plain.mp3": (("-id3v2_version", "0", "-write_xing", "0"), kinds.MP3),
    "tagged.mp3": (("-metadata", "title=A title", "-id3v2_version", "3"), kinds.MP3),
    "long_tag.mp3": (("-metadata", f"title={'x' * 6000}", "-id3v2_version", "4"), kinds.MP3),
    "low.mp3": (("-ar", "16000", "-b:a", "24k", "-id3v2_version", "0", "-write_xing", "0"), kinds.MP3),
    "s.wav": ((), kinds.WAV), "large.wav": (("-rf64", "always"), kinds.WAV), "s.m4a": ((), kinds.M4A),
    "s.aac": ((), kinds.AAC), "vorbis.ogg": (("-c:a", "libvorbis"), kinds.OGG),
    "opus.ogg": (("-c:a", "libopus"), kinds.OGG), "flac.ogg": (("-c:a", "flac", "-f", "ogg"), kinds.OGG),
    "s.flac": ((), kinds.FLAC),
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of each kind."""
    folder = tmp_path_factory.mktemp("kinds")
    for name, (options, _) in VIDEOS.items():
        convert(None, folder / name, *PICTURE, *options)
    for name, (options, _) in SOUNDS.items():
        convert(None, folder / name, *TONE, *options)
    return folder


def head(path: Path, count: int = ENOUGH_BYTES) -> bytes:
    with path.open("rb") as file:
        return file.read(count)


@pytest.mark.parametrize("name", [*VIDEOS, *SOUNDS])
def test_a_file_is_known_by_its_first_bytes_and_a_video_can_be_probed(files: Path, name: str) -> None:
    expected = (VIDEOS | SOUNDS)[name][1]
    assert expected.family == ("video" if name in VIDEOS else "audio")
    assert sniff(head(files / name)) == sniff(head(files / name, 4096)) == expected
    assert name in SOUNDS or probe(files / name).width == 64


@pytest.mark.parametrize(("suffix", "expected"), [(".jpg", kinds.JPEG), (".png", kinds.PNG), (".webp", kinds.WEBP)])
def test_pictures_for_thumbnails_are_known(suffix: str, expected: Kind) -> None:
    done, content = cv2.imencode(suffix, np.full((32, 32, 3), 99, np.uint8))
    assert done
    assert expected.family == "image"
    assert sniff(content.tobytes()[:ENOUGH_BYTES]) == expected


def test_every_kind_has_an_extension_and_a_type_of_its_own() -> None:
    every = [*VIDEO_KINDS, *IMAGE_KINDS, *AUDIO_KINDS]
    assert len({kind.extension for kind in every}) == len({kind.mime_type for kind in every}) == len(every)
    assert not any(kind.extension.startswith(".") for kind in every)
    assert all(kind.mime_type.startswith(f"{kind.family}/") for kind in every)


def box(kind: bytes, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4) + kind + content


@pytest.mark.parametrize("start", [
    box(b"wide") + (1000).to_bytes(4) + b"mdat",
    box(b"free", bytes(20)) + box(b"skip", bytes(9)) + (0).to_bytes(4) + b"mdat",
    (2_100_000_000).to_bytes(4) + b"mdat",
    (1).to_bytes(4) + b"mdat" + (5_000_000_000).to_bytes(8),
    (900).to_bytes(4) + b"moov" + box(b"mvhd", bytes(100)),
    (4000).to_bytes(4) + b"free",
])  # fmt: skip
def test_quicktime_older_than_brands_is_known_by_its_boxes(start: bytes) -> None:
    assert sniff(start.ljust(ENOUGH_BYTES, b"\0")) == kinds.MOV


def brands(major: bytes, *others: bytes) -> bytes:
    return box(b"ftyp", major + bytes(4) + b"".join(others)).ljust(ENOUGH_BYTES, b"\0")


def test_brands_tell_the_relatives_of_mp4_apart() -> None:
    assert sniff(brands(b"XAVC", b"XAVC", b"mp42", b"iso2")) == kinds.MP4
    assert sniff(brands(b"3gp5", b"3gp5")) == kinds.THREE_GP
    assert sniff(brands(b"M4A ", b"M4A ", b"mp42", b"isom")) == kinds.M4A
    assert sniff(brands(b"heic", b"mif1", b"heic")) is None
    assert sniff(brands(b"avif", b"mif1")) is None
    assert sniff(box(b"free", bytes(32)) + box(b"ftyp", b"isom\0\0\0\0isommp41")) == kinds.MP4


UTF_16 = "<html>𝄞 Hello, world: this is a page.</html>" * 40
FOREIGN = [
    b"", b"\xff", b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n" * 20,
    b"ffconcat version 1.0\nfile v.ts\n" * 40,
    b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011">' * 20,
    b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>' * 20,
    b"<!DOCTYPE html><script>alert(1)</script>" * 40, UTF_16.encode("utf-16"), b"GIF89a" + bytes(600),
    b"%PDF-1.7\n" + bytes(600), b"PK\x03\x04" + bytes(26) + b"ftypisom.mp4" + b"\0\0\0\x20ftypisom" * 50,
    b"\x7fELF\x02\x01\x01" + bytes(600), b"\x1f\x8b\x08" + bytes(600), bytes(4096),
    b"\xff" * 4096, b"I am free and I skip wide" * 40, b"Some" + b"mdat" + b" is a box" * 80,
    (900).to_bytes(4) + b"moov" + box(b"rmra", bytes(100)),  # a movie that names other files
    b"\x1a\x45\xdf\xa3\x88\x42\x82\x85other".ljust(600, b"\0"),  # an EBML of something else
    b"\x1a\x45\xdf\xa3\x01" + b"\0" * 20, b"G" * 4096, b"RIFF\0\0\0\0ACON" + bytes(600),
]  # fmt: skip


def test_what_is_no_media_is_none() -> None:
    for content in FOREIGN:
        with check(str(content[:40])):
            assert sniff(content[:ENOUGH_BYTES]) is None
            assert sniff(content[:4096]) is None


SIGNATURES = [
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x20ftyp", b"\0\0\0\x08wide",
    b"\0\0\0\x10moov", b"\0\0\0\x01mdat", b"\x1a\x45\xdf\xa3", b"OggS\0\x02", b"OggS\0\x02" + bytes(20) + b"\x01\x08",
    b"\x47\x40\0\x10", b"\0\0\x01\xba", b"FLV\x01", b"\x30\x26\xb2\x75", b"ID3\x04\0\x10", b"\xff\xfb\x90\0",
    b"\xff\xf1\x50\x80", b"fLaC", b"",
]  # fmt: skip


@given(start=st.sampled_from(SIGNATURES), rest=st.binary(max_size=4096))
@example(start=b"\x1a\x45\xdf\xa3", rest=b"")
@example(start=b"\xff", rest=b"")
def test_no_bytes_make_it_raise(start: bytes, rest: bytes) -> None:
    found = sniff(start + rest)
    assert found is None or isinstance(found, Kind)


@given(text=st.text(min_size=1, max_size=600))
def test_text_is_no_media(text: str) -> None:
    for encoding in ("utf-8", "utf-16"):
        content = text.encode(encoding, "surrogatepass")
        assert b"fLaC" in content[:4] or sniff(content) is None


@pytest.mark.parametrize("cut", [1, 47, 100, 187, 188 * 3 + 20])
def test_a_broadcast_may_be_cut_at_any_byte(files: Path, cut: int) -> None:
    content = (files / "v.ts").read_bytes()
    assert sniff(content[cut : cut + 4096]) == kinds.MPEG_TS
