"""The poster: a frame worth seeing, upright, small enough, of whatever can be decoded."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from media_app.av.container import MediaError
from media_app.av.frames import VideoFile
from media_app.av.poster import MAX_BYTES, MAX_SIDE, FrameFeatures, Poster, make_poster, score
from tests.support.footage import blanked, noise, write_pictures

pytestmark = pytest.mark.pure
BLACK = np.zeros((180, 320, 3), np.uint8)


def poster_of(video: Path, folder: Path, at: float | None = None) -> tuple[Poster, np.ndarray]:
    with VideoFile(video) as file:
        made = make_poster(folder / "poster.jpg", file, at=at)
    image = cv2.imread(str(folder / "poster.jpg"))
    assert image is not None
    assert image.shape[:2] == (made.height, made.width)
    assert made.size == (folder / "poster.jpg").stat().st_size
    return made, image


def test_a_video_that_is_mostly_black_shows_what_is_not(tmp_path: Path) -> None:
    pictures = [BLACK] * 40 + [noise(1)] * 20 + [BLACK] * 40
    made, image = poster_of(write_pictures(tmp_path / "v.mp4", pictures), tmp_path)
    assert 4.0 <= made.time < 6.0
    assert image.mean() > 60


def test_a_fade_in_with_one_keyframe_is_decoded_beyond_it(tmp_path: Path) -> None:
    pictures = [(noise(2) * (number / 30)).astype(np.uint8) for number in range(30)]
    _, image = poster_of(write_pictures(tmp_path / "v.mp4", pictures, gop=250), tmp_path)
    assert image.mean() > 60


def test_sharp_frames_win_over_blurred_ones(tmp_path: Path) -> None:
    blurred = cv2.GaussianBlur(noise(3), (0, 0), 9)
    pictures = [blurred] * 50 + [noise(3)] * 10 + [blurred] * 40
    made, _ = poster_of(write_pictures(tmp_path / "v.mp4", pictures), tmp_path)
    assert 5.0 <= made.time < 6.0


def test_a_flash_on_a_keyframe_is_not_chosen(tmp_path: Path) -> None:
    """Sharper and with more contrast than all the rest, but gone with the next frame."""
    quiet = cv2.GaussianBlur(noise(4, low=60, high=110), (0, 0), 1)
    flash = noise(5, low=90, high=230, grain=4)
    pictures = [flash if number % 30 == 20 else quiet for number in range(120)]
    made, image = poster_of(write_pictures(tmp_path / "v.mp4", pictures, gop=5), tmp_path)
    assert round(made.time * 10) % 30 != 20
    assert image.mean() < 110


def test_a_title_card_loses_to_a_scene(tmp_path: Path) -> None:
    """Although its letters are sharper, and stand out more, than anything in the scene."""
    card = np.full((180, 320, 3), 100, np.uint8)
    for line in range(6):
        cv2.putText(card, "A TITLE IN LETTERS", (4, 26 + 30 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (255, 255, 255), 2)
    scene = cv2.GaussianBlur(noise(6, low=40, high=200), (0, 0), 0.7)
    made, _ = poster_of(write_pictures(tmp_path / "v.mp4", [card] * 60 + [scene] * 40), tmp_path)
    assert made.time >= 6.0


def test_a_black_video_and_a_single_frame_have_their_posters(tmp_path: Path) -> None:
    _, image = poster_of(write_pictures(tmp_path / "v.mp4", [BLACK] * 20), tmp_path)
    assert image.mean() < 20
    made, image = poster_of(write_pictures(tmp_path / "v.mp4", [noise(7)]), tmp_path)
    assert made.time == 0.0
    assert image.std() > 20


@pytest.mark.parametrize(("at", "first"), [(0.0, 0.0), (2.55, 2.5), (60.0, 4.9)])
def test_a_frame_that_is_chosen_is_shown_black_or_not(tmp_path: Path, at: float, first: float) -> None:
    video = write_pictures(tmp_path / "v.mp4", [noise(1)] * 20 + [BLACK] * 30)
    made, image = poster_of(video, tmp_path, at)
    assert made.time == pytest.approx(first, abs=0.001)
    assert (image.mean() < 10) == (at >= 2)


def test_it_is_turned_its_pixels_are_square_and_odd_sizes_are_kept(tmp_path: Path) -> None:
    pictures = [noise(9, 144, 96)] * 10
    video = write_pictures(tmp_path / "v.mp4", pictures, rotation=90, ratio=Fraction(4, 3))
    made, _ = poster_of(video, tmp_path)
    assert (made.width, made.height) == (96, 192)
    pictures = [noise(11, 161, 91)] * 3
    made, _ = poster_of(write_pictures(tmp_path / "v.mp4", pictures, pixel_format="yuv444p"), tmp_path)
    assert (made.width, made.height) == (161, 91)


@pytest.mark.parametrize(("size", "expected"), [((1920, 1080), (1280, 720)), ((1080, 1920), (720, 1280))])
def test_a_large_picture_is_scaled_down(tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]) -> None:
    pictures = [noise(10, *size, low=0, high=255, grain=2)] * 2
    made, _ = poster_of(write_pictures(tmp_path / "v.mp4", pictures), tmp_path)
    assert (made.width, made.height) == expected
    assert max(made.width, made.height) <= MAX_SIDE
    # Finer than any camera's picture, so that the first quality does not do.
    assert made.size <= MAX_BYTES


def test_what_cannot_be_decoded_is_passed_over_and_a_video_without_any_frame_left_is_refused(tmp_path: Path) -> None:
    path = write_pictures(tmp_path / "v.mp4", [noise(number) for number in range(100)])
    made, image = poster_of(blanked(path), tmp_path)
    assert made.size
    assert image.std() > 20
    path = write_pictures(tmp_path / "v.mp4", [noise(number) for number in range(30)])
    content = path.read_bytes()
    index = content.index(b"moov") - 4
    path.write_bytes(content[:48] + bytes(index - 48) + content[index:])
    with pytest.raises(MediaError):
        poster_of(path, tmp_path)


def test_brightness_counts_from_neither_end_and_sharpness_counts() -> None:
    looks = [FrameFeatures(brightness, 40, 100, 0.1) for brightness in (5, 60, 120, 200, 250)]
    scores = score(looks, [0.5] * 5)
    assert scores[2] == max(scores)
    assert scores[0] == scores[4] == 0
    blurred, sharp = score([FrameFeatures(120, 40, detail, 0.1) for detail in (50, 200)], [0.5] * 2)
    assert blurred == pytest.approx(sharp / 2, rel=0.1)
