"""What a glance at a whole file tells: no picture, or an index that was cut off; of everything else nothing."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_app.av.header_check import find_fault
from tests.support.footage import convert

PICTURE = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=0.5")
SOUND = ("-f", "lavfi", "-i", "anullsrc=d=0.5")
FRAGMENTED = ("-movflags", "frag_keyframe+empty_moov")


def made(folder: Path, suffix: str, *options: str) -> bytes:
    return convert(None, folder / f"made.{suffix}", *options).read_bytes()


def fault(content: bytes) -> str | None:
    return find_fault(io.BytesIO(content), len(content))


@pytest.mark.parametrize("suffix", ["mp4", "mov", "webm", "mkv"])
def test_sound_without_a_picture_is_seen(tmp_path: Path, suffix: str) -> None:
    assert fault(made(tmp_path, suffix, *SOUND)) == "no_picture"
    assert fault(made(tmp_path, suffix, *PICTURE, *SOUND)) is None
    assert fault(made(tmp_path, suffix, *PICTURE)) is None


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_a_file_that_ends_before_its_index_is_seen(tmp_path: Path, suffix: str) -> None:
    whole = made(tmp_path, suffix, *PICTURE, *SOUND)
    for share in (0.3, 0.6, 0.9, 0.99):
        assert fault(whole[: int(len(whole) * share)]) == "no_index"


def test_one_whose_index_comes_first_or_often_can_be_played_up_to_where_it_was_cut(tmp_path: Path) -> None:
    for options in (("-movflags", "faststart"), FRAGMENTED):
        whole = made(tmp_path, "mp4", *PICTURE, *SOUND, *options)
        assert fault(whole[: int(len(whole) * 0.9)]) is None
    assert fault(made(tmp_path, "mp4", *SOUND, *FRAGMENTED)) == "no_picture"


def test_of_what_it_does_not_know_it_says_nothing(clips: Path) -> None:
    for content in (b"", b"\0" * 4000, b"RIFF\0\0\0\0AVI ", b"\x1aE\xdf\xa3", b"\0\0\0\x18ftypmp42" + b"\0" * 4000):
        assert fault(content) is None
    for path in clips.iterdir():
        if path.is_file():
            with path.open("rb") as file:
                found = find_fault(file, path.stat().st_size)
            assert found == {"truncated.mp4": "no_index"}.get(path.name), path.name


class Counting(io.BytesIO):
    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self.taken += 1 + len(content) // 4096
        return content


@given(st.lists(st.tuples(st.sampled_from([b"moov", b"trak", b"mdia", b"hdlr", b"mdat", b"free"]), st.integers(0, 40))))
def test_it_ends_soon_whatever_the_boxes_say(boxes: list[tuple[bytes, int]]) -> None:
    content = b"".join(length.to_bytes(4) + kind for kind, length in boxes) * 50
    for head in (b"", (8 + len(content)).to_bytes(4) + b"moov", b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff"):
        file = Counting(head + content)
        find_fault(file, len(head + content))
        assert file.taken < 250_000


@given(st.binary(max_size=300))
def test_any_bytes_are_looked_at_without_a_fault_of_its_own(content: bytes) -> None:
    for head in (b"", b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff\x16\x54\xae\x6b"):
        fault(head + content)
