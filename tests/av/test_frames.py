"""Frames come at their exact presentation times, upright, and only the pixels asked for."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from media_app.av.container import MediaError
from media_app.av.frames import WHOLE, Box, Picture, VideoFile
from tests.av.encoded import grey_of, number_of, write_video
from tests.support.footage import convert

pytestmark = pytest.mark.pure
MIDDLE = Box(0.4, 0.4, 0.2, 0.2)
REORDERED: dict[str, Any] = {"preset": "medium", "bf": "3"}


def number(picture: Picture | None) -> int:
    assert picture is not None
    return number_of(float(np.mean(picture.crop(MIDDLE))))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_every_frame_is_found_at_its_time(tmp_path: Path, suffix: str) -> None:
    with VideoFile(write_video(tmp_path / f"v.{suffix}", **REORDERED)) as video:
        pictures = list(video.iterate_frames(0.0))
        assert [number(p) for p in pictures] == [n % 16 for n in range(60)]
        assert [p.time for p in pictures] == pytest.approx([n / 30 for n in range(60)], abs=0.002)
        # The frame on display at a time.
        for wanted in (0, 1, 19, 20, 21, 37, 59):
            for phase in (0.1, 0.9):
                assert number(video.frame_at((wanted + phase) / 30)) == wanted % 16
        assert number(video.frame_at(100.0)) == 59 % 16
        assert number(video.frame_at(-1.0)) == 0
        # Keyframes decode alone at their own time.
        pictures = [video.keyframe(float(time)) for time in video.keyframes]
        assert [number(p) for p in pictures] == [0, 20 % 16, 40 % 16]
        assert [p.time for p in pictures if p] == pytest.approx([0, 20 / 30, 40 / 30], abs=0.002)


def test_within_the_first_gop_of_a_stream_it_is_found_too(tmp_path: Path) -> None:
    """There a seek goes to any packet, and the first picture may come after the first sound."""
    silent = write_video(tmp_path / "v.mp4", frames=300, gop=150, bf="2")
    stream = convert(
        silent, tmp_path / "v.ts", "-f", "lavfi", "-i", "sine=duration=10", "-map", "0:v", "-map", "1:a", "-c:v",
        "copy", "-c:a", "aac",
    )  # fmt: skip
    with VideoFile(stream) as video:
        assert video.first_time > 0
        for wanted in (0, 2, 29, 30, 45, 100, 149, 150, 200):
            assert number(video.frame_at(video.first_time + (wanted + 0.1) / 30)) == wanted % 16


def test_threads_change_nothing(tmp_path: Path) -> None:
    with VideoFile(write_video(tmp_path / "v.mp4", **REORDERED), 2) as video:
        for start, first in ((0.0, 0), (1.0, 20), (0.7, 20)):
            assert [number(p) for p in video.iterate_frames(start)] == [n % 16 for n in range(first, 60)]
            assert number(video.frame_at(start + 0.01)) == int(start * 30 + 0.3) % 16


def test_sparse_walking_leaves_out_nothing_from_the_wanted_moment_on(tmp_path: Path) -> None:
    with VideoFile(write_video(tmp_path / "v.mp4", gop=60, **REORDERED)) as video:
        pictures = [p for p in video.iterate_frames(0.0, sparse_until=1.0) if p.time >= 1.0]
        assert [number(p) for p in pictures] == [n % 16 for n in range(30, 60)]


def test_times_of_variable_rate_files_are_the_files_own(tmp_path: Path) -> None:
    stamps = [Fraction(n * n, 900) for n in range(40)]
    with VideoFile(write_video(tmp_path / "v.mp4", frames=40, stamps=stamps)) as video:
        assert [p.time for p in video.iterate_frames(0.0)] == pytest.approx([float(s) for s in stamps], abs=1e-3)
        assert number(video.frame_at(float(stamps[25]) + 0.001)) == 25 % 16


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_crops_are_upright_as_displayed(tmp_path: Path, rotation: int) -> None:
    red = {0: (0.05, 0.05), 90: (0.85, 0.05), 180: (0.85, 0.85), 270: (0.05, 0.85)}[rotation]
    with VideoFile(write_video(tmp_path / "v.mp4", rotation=rotation)) as video:
        picture = video.frame_at(0.5)
        assert picture is not None
        crop = picture.crop(Box(*red, 0.1, 0.1)).reshape(-1, 3).mean(axis=0)
        assert crop[2] > 200 and crop[0] < 60
        assert picture.crop(WHOLE).shape[:2] == (video.height, video.width)
        assert picture.scaled(80).shape[1] == 80
        blue = picture.crop(Box(0.9 - red[0], 0.9 - red[1], 0.1, 0.1)).reshape(-1, 3).mean(axis=0)
        assert blue[0] > 200 and blue[2] < 60


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuvj420p"])
def test_a_crop_is_what_converting_the_whole_frame_gives(tmp_path: Path, pixel_format: str) -> None:
    with VideoFile(write_video(tmp_path / "v.mp4", pixel_format=pixel_format)) as video:
        picture = video.frame_at(0.4)
        assert picture is not None
        crop = picture.crop(MIDDLE).astype(int)
        assert abs(crop - grey_of(12)).mean() < 4
        corner = picture.crop(Box(0, 0, 0.1, 0.1)).reshape(-1, 3).mean(axis=0)
        assert corner == pytest.approx([0, 0, 255], abs=25)


def test_wide_pixels_are_made_square(tmp_path: Path) -> None:
    with VideoFile(write_video(tmp_path / "v.mp4", ratio=Fraction(2))) as video:
        assert (video.width, video.height) == (320, 96)
        picture = video.frame_at(0)
        assert picture is not None
        assert picture.crop(Box(0, 0, 0.5, 0.5)).shape == (48, 160, 3)


def test_a_box_grows_around_its_centre_and_is_clipped_but_never_empty(tmp_path: Path) -> None:
    grown = Box(0.4, 0.4, 0.2, 0.2).grown(0.5, 1.0)
    assert (grown.x, grown.y, grown.width, grown.height) == pytest.approx((0.35, 0.3, 0.3, 0.4))
    clipped = Box(-0.1, 0.5, 0.4, 0.9).clipped()
    assert (clipped.x, clipped.y, clipped.width, clipped.height) == pytest.approx((0.0, 0.5, 0.3, 0.5))
    with VideoFile(write_video(tmp_path / "v.mp4")) as video:
        picture = video.frame_at(0)
        assert picture is not None
        assert min(picture.crop(Box(0.9999, 0.9999, 0.5, 0.5)).shape[:2]) >= 2


def test_a_broken_tail_ends_the_walk_and_a_file_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    path = convert(write_video(tmp_path / "a.mp4"), tmp_path / "v.mp4", "-c", "copy", "-movflags", "+faststart")
    path.write_bytes(path.read_bytes()[:-2500])
    with VideoFile(path) as video:
        assert 1 <= len(list(video.iterate_frames(0.0))) < 60
        assert video.keyframe(float(video.keyframes[0])) is not None
    path.write_text("no")
    with pytest.raises(MediaError):
        VideoFile(path)
