"""The sprite sheet: every time of the video shows a picture of that time, from keyframes where there are enough."""

import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_app.av import sprite
from media_app.av.frames import VideoFile
from media_app.av.sampling import nearest_keyframes, sample_pictures, spread
from media_app.av.sprite import count_thumbs, thumb_size, timestamp
from tests.support.clips import render_clip
from tests.support.footage import blanked, convert, noise, write_pictures

pytestmark = pytest.mark.pure
Cue = tuple[float, float, str, tuple[int, ...]]
CUE = re.compile(r"(\d+):(\d\d):(\d\d\.\d{3}) --> (\d+):(\d\d):(\d\d\.\d{3})\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)\n")


def grey(level: float, width: int = 320, height: int = 180) -> np.ndarray:
    return np.full((height, width, 3), round(level), np.uint8)


def cues_of(vtt: str) -> list[Cue]:
    """Start, end, file and box of each cue."""
    found = []
    for h0, m0, s0, h1, m1, s1, name, *box in CUE.findall(vtt):
        times = [int(h) * 3600 + int(m) * 60 + float(s) for h, m, s in ((h0, m0, s0), (h1, m1, s1))]
        found.append((times[0], times[1], name, tuple(map(int, box))))
    return found


def sprite_of(video: Path, folder: Path) -> tuple[sprite.Sprite, np.ndarray, list[Cue]]:
    with VideoFile(video) as file:
        made = sprite.make_sprite(folder, file)
        duration = file.duration
    sheet = cv2.imread(str(folder / "sprite.jpg"))
    assert sheet is not None
    assert sheet.shape[:2] == (made.height, made.width)
    vtt = (folder / "sprite.vtt").read_text()
    assert vtt.startswith("WEBVTT\n\n")
    cues = cues_of(vtt)
    assert len(cues) == made.thumbs == vtt.count("-->")
    assert made.size == sum((folder / name).stat().st_size for name in ("sprite.jpg", "sprite.vtt"))
    assert cues[0][0] == 0.0
    assert cues[-1][1] == pytest.approx(duration, abs=0.001)
    assert all(earlier[1] == later[0] for earlier, later in pairwise(cues))
    assert all(start < end for start, end, _, _ in cues)
    for _, _, name, (x, y, width, height) in cues:
        assert name == "sprite.jpg"
        assert 0 <= x <= made.width - width
        assert 0 <= y <= made.height - height
    return made, sheet, cues


def level_in(sheet: np.ndarray, box: tuple[int, ...]) -> float:
    x, y, width, height = box
    return float(sheet[y + 4 : y + height - 4, x + 4 : x + width - 4].mean())


@pytest.mark.parametrize("gop", [5, 1000])
def test_each_cue_shows_a_picture_of_its_own_time(tmp_path: Path, gop: int) -> None:
    """With a keyframe each half second, and with none but the first."""
    pictures = [grey(20 + number) for number in range(200)]
    made, sheet, cues = sprite_of(write_pictures(tmp_path / "v.mp4", pictures, gop=gop), tmp_path)
    assert made.thumbs == 20
    for start, end, _, box in cues:
        shown = (level_in(sheet, box) - 20) / 10
        assert start - 0.3 <= shown <= end + 0.3


def test_dense_keyframes_are_decoded_alone_and_each_frame_is_given_once(tmp_path: Path) -> None:
    path = write_pictures(tmp_path / "v.mp4", [grey(number) for number in range(200)], gop=8)
    with VideoFile(path) as file:
        moments = spread(file.duration, 20)
        chosen = nearest_keyframes(file, moments)
        assert len(chosen) == 20
        assert [picture.time for picture in sample_pictures(file, moments)] == pytest.approx(chosen)
        assert {round(time * 10) % 8 for time in chosen} == {0}
    path = write_pictures(tmp_path / "v.mp4", [grey(number * 20) for number in range(5)], gop=250)
    with VideoFile(path) as file:
        times = [picture.time for picture in sample_pictures(file, spread(file.duration, 40))]
    assert times == sorted(set(times))
    assert 3 <= len(times) <= 5


def test_a_single_frame_three_seconds_and_a_full_sheet(tmp_path: Path) -> None:
    made, _, _ = sprite_of(write_pictures(tmp_path / "one.mp4", [noise(1)]), tmp_path)
    assert (made.thumbs, made.width, made.height) == (1, 160, 90)
    made, _, _ = sprite_of(write_pictures(tmp_path / "three.mp4", [noise(1)] * 30), tmp_path)
    assert made.thumbs == 3
    pictures = [grey(number % 200 + 20, 64, 36) for number in range(250)]
    made, _, _ = sprite_of(write_pictures(tmp_path / "v.mp4", pictures, fps=Fraction(5), gop=3), tmp_path)
    assert made.thumbs == 50
    assert (made.width, made.height) == (sprite.COLUMNS * 160, 5 * 90)


def test_an_upright_video_has_upright_thumbs_and_odd_and_tiny_ones_fit_their_places(tmp_path: Path) -> None:
    marked = grey(100)
    marked[:90, :160] = (0, 0, 255)
    made, sheet, cues = sprite_of(write_pictures(tmp_path / "v.mp4", [marked] * 20, rotation=90), tmp_path)
    assert cues[0][3] == (0, 0, 90, 160)
    assert made.width == 180
    # Turned clockwise, the marked corner is at the top right.
    assert sheet[20, 70, 2] > 200 > sheet[20, 20, 2] + 50
    pictures = [noise(number, 33, 17) for number in range(30)]
    made, _, cues = sprite_of(write_pictures(tmp_path / "v.mp4", pictures, pixel_format="yuv444p"), tmp_path)
    assert made.thumbs == 3
    assert {box[2:] for _, _, _, box in cues} == {thumb_size(33, 17)}


def test_damaged_parts_are_shown_by_their_neighbours(tmp_path: Path) -> None:
    path = write_pictures(tmp_path / "v.mp4", [noise(number) for number in range(200)], gop=10)
    made, _, _ = sprite_of(blanked(path), tmp_path)
    assert 10 <= made.thumbs <= 20


def test_tracks_that_begin_in_the_middle_of_the_file_are_no_trouble(tmp_path: Path) -> None:
    """Recordings that were joined as bytes: PyAV stumbles at the end over tracks that it has not seen at the start."""
    clip = render_clip(tmp_path / "w.mp4", seconds=2.0)
    first = convert(clip, tmp_path / "a.ts", "-c", "copy", "-an")
    ids = ("-mpegts_start_pid", "0x300", "-mpegts_pmt_start_pid", "0x200")
    other = convert(clip, tmp_path / "b.ts", "-c", "copy", *ids)
    path = tmp_path / "v.ts"
    # Far enough in that opening the file does not read up to it.
    path.write_bytes(first.read_bytes() * 300 + other.read_bytes() * 4)
    with VideoFile(path) as video:
        assert len(video.keyframes) >= 4


def test_the_interval_is_round_and_times_are_written_as_webvtt_wants_them() -> None:
    assert [count_thumbs(seconds) for seconds in (3, 60, 100, 120, 580, 3600, 10_800)] == [3, 60, 100, 60, 97, 80, 90]
    assert timestamp(0) == "00:00:00.000"
    assert timestamp(59.9996) == "00:01:00.000"
    assert timestamp(3_661.25) == "01:01:01.250"
    assert timestamp(360_000) == "100:00:00.000"


@given(duration=st.floats(0.01, 604_800), width=st.integers(16, 16_384), height=st.integers(16, 16_384))
def test_thumbs_are_bounded_in_number_and_size_and_even(duration: float, width: int, height: int) -> None:
    assert 1 <= count_thumbs(duration) <= sprite.MAX_THUMBS
    sides = thumb_size(width, height)
    assert all(16 <= side <= sprite.LONGER_SIDE and side % 2 == 0 for side in sides)
    assert sprite.LONGER_SIDE in sides


@given(
    times=st.lists(st.floats(0, 1000), min_size=1, max_size=60, unique=True).map(sorted), duration=st.floats(0.01, 1100)
)
def test_cues_cover_everything_once_whatever_the_times(times: list[float], duration: float) -> None:
    starts, kept = sprite.cue_starts(times, duration)
    assert starts[0] == 0.0
    assert len(starts) == len(kept) <= len(times)
    assert kept == sorted(set(kept))
    assert all(later - earlier > 0.0005 for earlier, later in pairwise([*starts, duration]))
    boxes = [(0, 0, 1, 1)] * len(kept)
    cues = cues_of(sprite.web_vtt([*starts, duration], boxes))
    assert len(cues) == len(kept)
    assert all(earlier[1] == later[0] for earlier, later in pairwise(cues))


def test_a_video_that_breaks_off_before_the_middle_shows_what_came_before(tmp_path: Path) -> None:
    """One thumb is asked for, of the middle, and the only keyframe lies before all that is damaged."""
    path = write_pictures(tmp_path / "v.mkv", [noise(number, 64, 48) for number in range(10)], gop=250)
    with VideoFile(blanked(path, 1 / 4, 1.0)) as video:
        [picture] = sample_pictures(video, [0.9])
        assert picture.time < 0.9
