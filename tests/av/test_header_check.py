"""What a glance at a whole file tells: no picture, or an index that was cut off; of everything else nothing."""

import io
import tempfile
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_app.av.header_check import find_fault

SOUND_CODECS = {"mp4": "aac", "mov": "aac", "webm": "libopus", "matroska": "aac"}
PICTURE_CODECS = {"mp4": "libx264", "mov": "mpeg4", "webm": "libvpx", "matroska": "libx264"}


def made(container: str, *, picture: bool, sound: bool, options: dict[str, str] | None = None) -> bytes:
    """Half a second of each track that is wanted."""
    with tempfile.NamedTemporaryFile(suffix=f".{container}") as file:  # an index at the front takes a file of a name
        with av.open(file.name, "w", format=container, options=options or {}) as out:
            if sound:
                track = out.add_stream(SOUND_CODECS[container], rate=48_000)
                track.format = "flt" if SOUND_CODECS[container] == "libopus" else "fltp"
                silence = np.zeros((1, 24_000), np.float32)
                frame = av.AudioFrame.from_ndarray(silence, format=track.format.name, layout="mono")
                frame.sample_rate = 48_000
            if picture:
                stream = out.add_stream(PICTURE_CODECS[container], rate=10)
                stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
                for number in range(5):
                    image = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 40, np.uint8), format="rgb24")
                    out.mux(stream.encode(image))
                out.mux(stream.encode(None))
            if sound:
                out.mux([packet for one in (frame, None) for packet in track.encode(one)])
        return Path(file.name).read_bytes()


def fault(content: bytes) -> str | None:
    return find_fault(io.BytesIO(content), len(content))


@pytest.mark.parametrize("container", SOUND_CODECS)
def test_sound_without_a_picture_is_seen(container: str) -> None:
    assert fault(made(container, picture=False, sound=True)) == "no_picture"
    assert fault(made(container, picture=True, sound=True)) is None
    assert fault(made(container, picture=True, sound=False)) is None


@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_a_file_that_ends_before_its_index_is_seen(container: str) -> None:
    whole = made(container, picture=True, sound=True)
    for share in (0.3, 0.6, 0.9, 0.99):
        assert fault(whole[: int(len(whole) * share)]) == "no_index"


def test_one_whose_index_comes_first_or_often_can_be_played_up_to_where_it_was_cut() -> None:
    first = made("mp4", picture=True, sound=True, options={"movflags": "faststart"})
    often = made("mp4", picture=True, sound=True, options={"movflags": "frag_keyframe+empty_moov"})
    for whole in (first, often):
        assert fault(whole[: int(len(whole) * 0.9)]) is None
    alone = made("mp4", picture=False, sound=True, options={"movflags": "frag_keyframe+empty_moov"})
    assert fault(alone) == "no_picture"


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
