"""Thumbnails out of pictures that anybody may have made: small, upright, without what they say; bombs stay closed."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_app.av import thumbnail
from media_app.av.sniff import JPEG, PNG, WEBP
from media_app.av.thumbnail import MAX_SIDE, Refused, dimensions, make
from tests.support.pictures import SECRET, encoded, jpeg_bomb, picture, png_bomb, webp_bomb, with_exif
from vodplatform.core.processes.process import run_child

pytestmark = pytest.mark.pure
KINDS = {".jpg": JPEG, ".png": PNG, ".webp": WEBP}
BOMBS = {"png": png_bomb, "jpeg": jpeg_bomb, "webp": webp_bomb}


def made_of(content: bytes, folder: Path) -> tuple[thumbnail.Made, np.ndarray]:
    """What is made of a picture, and its pixels."""
    source = folder / "source"
    source.write_bytes(content)
    made = make(source, folder)
    path = folder / made.file
    assert made.size == path.stat().st_size
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None
    assert (image.shape[1], image.shape[0]) == (made.width, made.height)
    return made, image


@pytest.mark.parametrize("suffix", KINDS)
def test_it_keeps_its_kind_and_is_only_made_smaller(suffix: str, tmp_path: Path) -> None:
    made, image = made_of(encoded(suffix, picture(3000, 1500)), tmp_path)
    assert (made.file, made.mime_type) == (f"thumbnail{suffix}", KINDS[suffix].mime_type)
    assert (made.width, made.height) == (MAX_SIDE, MAX_SIDE // 2)
    assert image[300, 100, 2] > 200 > 60 > image[300, 100, 0]
    assert image[300, 1200, 0] > 200
    made, _ = made_of(encoded(suffix, picture(40, 30)), tmp_path)
    assert (made.width, made.height) == (40, 30)


@pytest.mark.parametrize("suffix", KINDS)
def test_it_is_upright_and_what_it_says_of_its_maker_is_not_in_it(suffix: str, tmp_path: Path) -> None:
    content = with_exif(encoded(suffix, picture(64, 48)))
    assert SECRET in content
    made, _ = made_of(content, tmp_path)
    stored = (tmp_path / made.file).read_bytes()
    assert SECRET not in stored
    assert not any(mark in stored for mark in (b"Exif", b"eXIf", b"EXIF", b"tEXt"))
    made, image = made_of(with_exif(encoded(suffix, picture(64, 48)), 6), tmp_path)
    # A quarter clockwise: the red left half is above.
    assert (made.width, made.height) == (48, 64)
    assert image[10, 24, 2] > 200
    assert image[54, 24, 0] > 200


def test_transparency_stays_and_other_depths_become_eight_bits_and_colours(tmp_path: Path) -> None:
    for suffix in (".png", ".webp"):
        _, image = made_of(encoded(suffix, picture(64, 48, alpha=True)), tmp_path)
        assert image.shape[2] == 4
        assert (image[5, 5, 3], image[44, 5, 3]) == (255, 0)
    deep = picture(40, 30, alpha=True).astype(np.uint16) * 257
    _, image = made_of(encoded(".png", deep), tmp_path)
    assert (image.dtype, image[5, 5].tolist()) == (np.uint8, [0, 0, 255, 255])
    _, image = made_of(encoded(".png", np.full((30, 40), 40_000, np.uint16)), tmp_path)
    assert (image.dtype, image.shape) == (np.uint8, (30, 40, 3))


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_before_a_decoder_sees_it(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[object] = []
    monkeypatch.setattr(thumbnail, "_decoded", decoded.append)
    for sides in ((16_000, 16_000), (7100, 7100)):
        (tmp_path / "source").write_bytes(BOMBS[kind](*sides))
        with pytest.raises(Refused, match="too large") as refusal:
            make(tmp_path / "source", tmp_path)
        assert refusal.value.type == "picture_unreadable"
    assert decoded == []


def test_a_jpeg_with_two_frames_counts_by_the_larger(tmp_path: Path) -> None:
    small, large = encoded(".jpg", picture(16, 16)), jpeg_bomb(16_000, 16_000)
    frame = large[large.index(b"\xff\xc0") :][:19]
    at = small.index(b"\xff\xc0")
    assert dimensions(small[:at] + frame + small[at:], JPEG) == (16_000, 16_000)


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a" + b"\0" * 100, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html></html>", b"BM" + b"\0" * 99],
)
def test_what_is_no_picture_of_these_kinds(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(content)
    with pytest.raises(Refused) as refusal:
        make(tmp_path / "source", tmp_path)
    assert refusal.value.type == "not_a_picture"


@pytest.mark.parametrize("suffix", KINDS)
def test_a_page_in_a_pictures_clothes_is_pixels_or_refused(suffix: str, tmp_path: Path) -> None:
    script = b"<script>alert(1)</script>"
    content = encoded(suffix, picture(64, 48)) + script
    made, _ = made_of(content, tmp_path)
    assert script not in (tmp_path / made.file).read_bytes()
    (tmp_path / "source").write_bytes(content[:12] + script * 20)
    with pytest.raises(Refused):
        make(tmp_path / "source", tmp_path)


@given(st.sampled_from(sorted(KINDS)), st.integers(0, 400), st.binary(max_size=8))
def test_damage_refused_or_read(tmp_path_factory: pytest.TempPathFactory, suffix: str, at: int, noise: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    content = encoded(suffix, picture(64, 48))
    at = min(at, len(content))
    (folder / "source").write_bytes(content[:at] + noise + content[at + len(noise) :])
    try:
        assert make(folder / "source", folder).size
    except Refused as exc:
        assert exc.type in ("not_a_picture", "picture_unreadable")


def test_as_a_child_it_says_so_in_one_line(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for content, key in ((encoded(".png", picture(64, 48)), "result"), (png_bomb(60_000, 60_000), "error")):
        source.write_bytes(content)
        request = json.dumps({"source": str(source), "folder": str(tmp_path)}).encode()
        [answer] = run_child([sys.executable, "-m", "media_app.av.thumbnail"], stdin=request).messages
        assert list(answer) == [key]
