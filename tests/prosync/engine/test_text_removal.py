"""Text in a video is found to the frame and painted over with the ground behind it; what is outside stays as it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from media_app.av.ffmpeg import Ffmpeg
from media_app.av.frames import WHOLE, Box, VideoFile
from media_app.av.source import Source
from sessions_app.prosync.engine.frame_patching.patching import patch
from sessions_app.prosync.engine.text_removal.detector import TextDetector
from sessions_app.prosync.engine.text_removal.finding import Found, find_text
from sessions_app.prosync.engine.text_removal.painter import TextPainter
from sessions_app.prosync.engine.text_removal.region import Region, merged
from sessions_app.prosync.engine.text_removal.strokes import stroke_mask
from tests.prosync.engine.test_lipsync import laid
from tests.support.footage import FFMPEG, convert, write_pictures

pytestmark = [pytest.mark.full, pytest.mark.pure]
Picture = np.ndarray
WIDTH, HEIGHT, RATE, COUNT = 480, 270, 20, 44
FIRST, BEHIND = 13, 34  # frame in which the caption appears, and the first without it
LINE = "Hello, reader 42"
FONT = cv2.FontFace("sans")


def ground(seed: int, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """Soft blots with a fine grain, of little colour, because half of its resolution is not stored; BGR."""
    random = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for grain, strength in ((48, 26), (16, 18), (5, 12)):
        size = width // grain + 2, height // grain + 2
        blots = random.normal(0, strength, (size[1], size[0], 1)) + random.normal(0, 6, (size[1], size[0], 3))
        picture += cv2.resize(blots.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture + 115, 40, 205).astype(np.uint8)


def written(picture: Picture, line: str, x: int, y: int, size: int = 34) -> Picture:
    """``picture`` with white text that has a dark outline; its left end and its base line."""
    picture = picture.copy()
    for dx, dy in ((-2, 0), (2, 0), (0, -2), (0, 2)):
        cv2.putText(picture, line, (x + dx, y + dy), (8, 8, 8), FONT, size, 600)
    cv2.putText(picture, line, (x, y), (250, 250, 250), FONT, size, 600)
    return picture


@dataclass
class Clip:
    """clean, drawn: pictures without and with text."""

    path: Path
    clean: Sequence[Picture]
    drawn: Sequence[Picture]

    @property
    def source(self) -> Source:
        return Source.open(self.path)

    def changed(self, number: int) -> np.ndarray:
        """Where text was drawn in a frame."""
        return np.any(self.clean[number] != self.drawn[number], axis=2)

    def error(self, number: int, picture: Picture) -> float:
        """PSNR to the clean picture where text was drawn, dB."""
        apart = (picture.astype(float) - self.clean[number])[self.changed(number)]
        return float(10 * np.log10(255**2 / np.mean(apart**2)))


Draw = Callable[[int, Picture], Picture]


def render(path: Path, draw: Draw, *, pan: int = 0, count: int = COUNT, rotation: int = 0) -> Clip:
    wide = ground(7, WIDTH + pan * count)
    clean = [np.ascontiguousarray(wide[:, pan * number : pan * number + WIDTH]) for number in range(count)]
    drawn = [draw(number, picture) for number, picture in enumerate(clean)]
    stored = drawn if not rotation else [np.rot90(picture) for picture in drawn]
    write_pictures(path, stored, fps=Fraction(RATE), gop=20, rotation=rotation)
    return Clip(path, clean, drawn)


def caption(number: int, picture: Picture) -> Picture:
    return written(picture, LINE, 90, 220) if FIRST <= number < BEHIND else picture


@pytest.fixture(scope="module")
def detector() -> TextDetector:
    return TextDetector()


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return render(tmp_path_factory.mktemp("text") / "still.mp4", caption)


@pytest.fixture(scope="module")
def found_still(still: Clip, detector: TextDetector) -> Found:
    return find_text(still.source, detector=detector)


def frames_of(path: Path) -> list[tuple[float, Picture]]:
    """When each frame is shown, and the frame."""
    with VideoFile(path) as video:
        return [(picture.time, picture.crop(WHOLE)) for picture in video.iterate_frames(0.0)]


def painted(clip: Clip, found: Found, numbers: Sequence[int]) -> list[Picture]:
    """These frames of a clip as the painter leaves them."""
    frames = frames_of(clip.path)
    with TextPainter(clip.source, found) as painter:
        return [laid(image, painter.paint(image, time))[0] for time, image in (frames[number] for number in numbers)]


def test_a_caption_is_found_at_its_time_and_place(still: Clip, found_still: Found) -> None:
    (text,) = found_still.texts
    assert (text.start, text.end) == pytest.approx((FIRST / RATE, BEHIND / RATE), abs=1e-6)
    assert text.is_still and text.appears and text.vanishes
    assert found_still.spans == [(text.start, text.end)]
    rows, columns = np.nonzero(still.changed(FIRST))
    (line,) = found_still.as_json()
    box = line["box"]
    assert isinstance(box, dict)
    assert box["x"] == pytest.approx(columns.min() / WIDTH, abs=0.04)
    assert box["x"] + box["width"] == pytest.approx((columns.max() + 1) / WIDTH, abs=0.04)
    assert box["y"] + box["height"] == pytest.approx((rows.max() + 1) / HEIGHT, abs=0.06)
    # Strokes are masked, and the ground between them is not.
    mask = cv2.imdecode(np.frombuffer(text.mask, np.uint8), cv2.IMREAD_GRAYSCALE) > 0
    truth = still.changed(FIRST)[text.region.slices]
    assert (mask & truth).sum() > 0.99 * truth.sum()
    assert mask.sum() < 1.8 * truth.sum()


def test_behind_a_caption_is_what_stood_there_before_and_all_else_stays(still: Clip, found_still: Found) -> None:
    before, first, within, last, behind = painted(still, found_still, [FIRST - 1, FIRST, 20, BEHIND - 1, BEHIND])
    for number, picture in ((FIRST, first), (20, within), (BEHIND - 1, last)):
        assert still.error(number, picture) > 30
    frames = [image for _, image in frames_of(still.path)]
    assert np.array_equal(before, frames[FIRST - 1])
    assert np.array_equal(behind, frames[BEHIND])
    near = cv2.dilate(still.changed(20).astype(np.uint8), np.ones((41, 41), np.uint8)) > 0
    assert np.array_equal(within[~near], frames[20][~near])


def test_a_ground_that_moves_is_seen_in_other_frames(tmp_path: Path, detector: TextDetector) -> None:
    clip = render(tmp_path / "pan.mp4", lambda number, picture: written(picture, LINE, 90, 220), pan=3)
    found = find_text(clip.source, detector=detector)
    (picture,) = painted(clip, found, [20])
    mask = cv2.dilate(clip.changed(20).astype(np.uint8), np.ones((3, 3), np.uint8))
    alone = cv2.inpaint(clip.drawn[20], mask, 3, cv2.INPAINT_TELEA)
    assert clip.error(20, picture) > clip.error(20, alone) + 3


def test_a_line_that_runs_through_the_picture_is_followed(tmp_path: Path, detector: TextDetector) -> None:
    clip = render(tmp_path / "ticker.mp4", lambda number, picture: written(picture, LINE, 150 - 4 * number, 220))
    found = find_text(clip.source, detector=detector)
    numbers = [4, 16, 26]
    for number, picture in zip(numbers, painted(clip, found, numbers), strict=True):
        assert clip.error(number, picture) > 26


def test_a_new_caption_in_the_old_place_is_another_one(tmp_path: Path, detector: TextDetector) -> None:
    def draw(number: int, picture: Picture) -> Picture:
        return written(picture, "The first of all" if number < 23 else "Something else", 90, 220)

    found = find_text(render(tmp_path / "two.mp4", draw).source, detector=detector)
    assert [(text.start, text.end) for text in found.texts] == [
        pytest.approx((0, 23 / RATE), abs=1e-6), pytest.approx((23 / RATE, COUNT / RATE), abs=1e-6),
    ]  # fmt: skip
    assert len(found.spans) == 1


def test_text_of_the_scene_is_left_alone_unless_its_place_is_shown(tmp_path: Path, detector: TextDetector) -> None:
    def shaken(number: int, picture: Picture) -> Picture:
        return written(picture, "EXIT 12", 150 + round(14 * np.sin(number / 4)), 150 + round(9 * np.cos(number / 5)))

    clip = render(tmp_path / "scene.mp4", shaken)
    assert find_text(clip.source, detector=detector).texts == ()
    assert find_text(clip.source, regions=[Box(0.2, 0.3, 0.6, 0.5)], detector=detector).texts


def test_only_the_regions_and_the_seconds_asked_for_change(tmp_path: Path, detector: TextDetector) -> None:
    def draw(number: int, picture: Picture) -> Picture:
        return written(written(picture, LINE, 90, 60), LINE, 90, 220)

    clip = render(tmp_path / "both.mp4", draw)
    found = find_text(clip.source, regions=[Box(0.0, 0.5, 0.5, 0.5)], start=0.5, end=1.5, detector=detector)
    assert found.spans == [pytest.approx((0.5, 1.5), abs=1e-6)]
    frames = [image for _, image in frames_of(clip.path)]
    early, within, late = painted(clip, found, [9, 20, 30])
    assert np.array_equal(early, frames[9]) and np.array_equal(late, frames[30])
    changed = np.any(within != frames[20], axis=2)
    assert changed[HEIGHT // 2 :, : WIDTH // 2].any()
    changed[HEIGHT // 2 :, : WIDTH // 2] = False
    assert not changed.any()
    # The frames outside the time asked for show the same text: nothing may be taken from them.
    assert clip.error(20, np.where(within == frames[20], clip.clean[20], within)) > 15


def test_a_picture_that_is_stored_turned_is_searched_as_it_is_shown(tmp_path: Path, detector: TextDetector) -> None:
    clip = render(tmp_path / "turned.mp4", caption, rotation=90)
    found = find_text(clip.source, detector=detector)
    assert (found.width, found.height) == (WIDTH, HEIGHT)
    (picture,) = painted(clip, found, [20])
    assert clip.error(20, picture) > 30


def test_the_painter_answers_in_the_colours_that_it_is_shown(still: Clip, found_still: Found) -> None:
    # B.T. 709 read by the rule of BT.601 is off by some levels: as much as the two rules differ.
    mixed = np.array([[0.95, 0.03, 0.02], [-0.02, 1.04, -0.04], [0.01, -0.06, 1.06]])
    with TextPainter(still.source, found_still) as painter, VideoFile(still.path) as video:
        picture = video.frame_at(20 / RATE + 0.01)
        assert picture is not None
        image = np.clip(picture.crop(WHOLE) @ mixed.T, 0, 255).astype(np.uint8)
        (patch,) = painter.paint(image, picture.time)
    truth = np.clip(still.clean[20] @ mixed.T, 0, 255)
    rows = slice(patch.y, patch.y + patch.image.shape[0])
    columns = slice(patch.x, patch.x + patch.image.shape[1])
    apart = (patch.image - truth[rows, columns])[patch.alpha > 0.9]
    assert np.abs(apart.mean(axis=0)).max() < 3
    assert np.sqrt(np.mean(apart**2)) < 8


def test_a_file_is_written_without_its_caption_from_the_first_frame_to_the_last(tmp_path: Path, still: Clip) -> None:
    options = ("-c:v", "libx264", "-bf", "3", "-crf", "14", "-g", "20")
    source = Source.open(convert(still.path, tmp_path / "b.mp4", *options))
    found = find_text(source)
    with TextPainter(source, found) as painter:
        patch(source, tmp_path / "clean.mp4", painter.runs, program=Ffmpeg(FFMPEG, threads=1), folder=tmp_path)
    pictures = [image for _, image in frames_of(tmp_path / "clean.mp4")]
    assert len(pictures) == COUNT
    assert min(still.error(number, pictures[number]) for number in range(FIRST, BEHIND)) > 25


def test_it_may_be_asked_from_the_beginning_again(still: Clip, found_still: Found) -> None:
    pictures = frames_of(still.path)[FIRST : FIRST + 8]
    with TextPainter(still.source, found_still) as painter:
        rounds = [[painter.paint(image, time) for time, image in pictures] for _ in range(2)]
    for one, other in zip(*rounds, strict=True):
        assert [(patch.x, patch.y) for patch in one] == [(patch.x, patch.y) for patch in other]
        assert all(np.array_equal(a.image, b.image) for a, b in zip(one, other, strict=True))


def test_without_text_a_still_picture_is_searched_once(tmp_path: Path, still: Clip, detector: TextDetector) -> None:
    found = find_text(render(tmp_path / "none.mp4", lambda number, picture: picture).source, detector=detector)
    assert found.texts == () and found.spans == []
    assert found.looks == 1
    assert find_text(still.source, regions=[Box(0.5, 0.5, 0.0005, 0.0005)], detector=detector).texts == ()


def test_strokes_of_a_line_are_told_by_their_colours_alone() -> None:
    clean = ground(3, 320, 100)
    drawn = written(clean, "Strokes", 60, 64)
    line, around = np.zeros((100, 320), bool), np.ones((100, 320), bool)
    line[25:80, 50:240] = True
    around[20:85, 45:245] = False
    mask = stroke_mask([drawn], line, around) > 0
    truth = np.any(clean != drawn, axis=2)
    assert (mask & truth).sum() > 0.98 * truth.sum()
    assert mask.sum() < 0.75 * line.sum()


def test_regions_that_meet_become_one_and_find_their_pixels_again_from_fractions() -> None:
    apart, near = Region(0, 0, 10, 10), Region(8, 8, 30, 20)
    assert merged([apart, Region(40, 0, 50, 5), near]) == [Region(40, 0, 50, 5), Region(0, 0, 30, 20)]
    for width in (480, 1366, 1919):
        for x in range(0, width - 9, 7):
            region = Region(x, 3, x + 9, 20)
            assert Region.of(region.box(width, 768), width, 768) == region
