"""A drawn face speaks what it is given: its mouth follows the sound, and the rest of the picture stays as it was."""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from media_app.av.frames import WHOLE, VideoFile
from media_app.av.source import Source
from sessions_app.prosync.engine.frame_patching.painting import Patch
from sessions_app.prosync.engine.lipsync.faces import Faces
from sessions_app.prosync.engine.lipsync.moving import FADE_FRAMES, MouthPainter, Moved, mouth_painter
from sessions_app.prosync.engine.lipsync.painting import drawn, repaint, skin_colour
from sessions_app.prosync.engine.lipsync.shape import NODES, Habit, Mouth, wanted
from sessions_app.prosync.engine.lipsync.survey import BRIDGE, KEPT, TEMPLES, FaceNotUsable, Track, drop_unusable_frames
from tests.support.footage import write_pictures

pytestmark = [pytest.mark.full, pytest.mark.pure]
RATE, SECONDS = 25, 2.4
SIDE = 320  # pixels
SOUND_RATE = 16_000
GROUND, SKIN, SHADE, HAIR = (150, 130, 110), (150, 180, 222), (125, 155, 195), (30, 40, 60)  # BGR
LIPS, THROAT, TEETH = (105, 110, 195), (30, 25, 55), (225, 230, 235)
Frames = tuple[np.ndarray, np.ndarray, np.ndarray]
UPPER, LOWER, LEFT_EYE, RIGHT_EYE = 13, 14, 33, 263


def drawn_face(opening: float, *, size: int = SIDE, mirrored: bool = False) -> np.ndarray:
    """Somebody who does not exist, BGR. opening: of the mouth, 0 to 1."""
    scale = 2.0
    image = np.full((round(SIDE * scale), round(SIDE * scale), 3), GROUND, np.uint8)

    def oval(x: float, y: float, wide: float, high: float, colour: tuple[int, int, int], *arc: int) -> None:
        centre, axes = (round(x * scale), round(y * scale)), (round(wide * scale), round(high * scale))
        begin, end, line = arc or (0, 360, -1)
        cv2.ellipse(image, centre, axes, 0, begin, end, colour, line, cv2.LINE_AA)

    drop = 26 * opening
    cv2.rectangle(image, (250, 460), (390, 640), SHADE, -1)
    oval(160, 320, 130, 55, (90, 60, 40))
    oval(160, 120, 92, 98, HAIR)
    oval(160, 160 + drop / 4, 78, 100 + drop / 3, SKIN)
    oval(160, 80, 76, 30, HAIR)
    for side in (-1, 1):
        oval(160 + side * 79, 160, 9, 20, (140, 168, 208))
        oval(160 + side * 33, 138, 17, 8, (235, 235, 240))
        oval(160 + side * 33, 138, 7.5, 7.5, (60, 70, 90))
        oval(160 + side * 33, 138, 3.5, 3.5, (10, 10, 10))
        oval(160 + side * 33, 139, 18, 9, (60, 70, 90), 185, 355, 4)
        oval(160 + side * 34, 122, 21, 6, HAIR, 185, 355, 8)
        oval(160 + side * 10, 183, 5, 3, (90, 115, 160))
    oval(160, 178, 10, 8, (165, 192, 230))
    along = np.linspace(-1, 1, 41)
    arch = 1 - along**2
    upper, lower = 213 - 0.15 * drop * arch, 213 + 0.85 * drop * arch
    bow = (1 - np.abs(along) ** 2.2) * (1 - 0.18 * np.exp(-((along / 0.15) ** 2)))

    def between(one: np.ndarray, other: np.ndarray, colour: tuple[int, int, int]) -> None:
        x = np.concatenate([160 + 30 * along, (160 + 30 * along)[::-1]])
        points = np.stack([x, np.concatenate([one, other[::-1]])], 1) * scale
        cv2.fillPoly(image, [np.round(points).astype(np.int32)], colour, cv2.LINE_AA)

    between(upper - 10 * bow, lower + 13 * arch, LIPS)
    between(upper, lower + 0.7, THROAT)
    between(upper, np.minimum(lower, upper + 6 * (1 - along**4)), TEETH)
    image = cv2.GaussianBlur(image, (0, 0), 3.0)
    return np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)[:, :: -1 if mirrored else 1])


def babble(seconds: float) -> np.ndarray:
    """What the face says in the video: another rhythm than that of the sound that it is given."""
    times = np.arange(round(seconds * RATE)) / RATE
    return np.clip(0.5 + 0.6 * np.sin(2 * np.pi * 1.7 * times + 1), 0, 1)


def syllables(seconds: float = SECONDS, *, rhythm: float = 2.5) -> np.ndarray:
    """A voice that says "ah" so many times a second, with pauses between them."""
    times = np.arange(round(seconds * SOUND_RATE)) / SOUND_RATE
    tones = np.arange(120, 3600, 120)
    strength = 1 / (1 + ((tones - 730) / 80) ** 2) + 0.5 / (1 + ((tones - 1090) / 80) ** 2)
    voice = (np.sin(2 * np.pi * tones[:, None] * times) * strength[:, None]).sum(0)
    return np.asarray(0.1 * voice * np.clip(np.sin(2 * np.pi * rhythm * times), 0, 1), np.float32)


def placed(face: np.ndarray, x: int, y: int, width: int = 640, height: int = 360) -> np.ndarray:
    """A picture with a face in it."""
    picture = np.full((height, width, 3), GROUND, np.uint8)
    part = picture[y : y + face.shape[0], x : x + face.shape[1]]
    part[:] = face[: part.shape[0], : part.shape[1]]
    return picture


def swaying(number: int) -> tuple[int, int]:
    return 150 + round(12 * math.sin(number / 9)), 20 + round(6 * math.cos(number / 7))


def film(path: Path, pictures: Sequence[np.ndarray]) -> Source:
    return Source.open(write_pictures(path, pictures, fps=Fraction(RATE), gop=RATE))


@pytest.fixture(scope="module")
def faces() -> Iterator[Faces]:
    with Faces() as models:
        yield models


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Somebody who speaks and moves the head."""
    pictures = [placed(drawn_face(opening), *swaying(number)) for number, opening in enumerate(babble(SECONDS))]
    return film(tmp_path_factory.mktemp("mouth") / "speaker.mp4", pictures)


def laid(image: np.ndarray, patches: Sequence[Patch]) -> tuple[np.ndarray, np.ndarray]:
    """The image under its patches, uint8, and how much of each pixel they cover, 0 to 1."""
    result, cover = image.astype(np.float32), np.zeros(image.shape[:2], np.float32)
    for patch in patches:
        height, width = patch.alpha.shape
        part = np.s_[patch.y : patch.y + height, patch.x : patch.x + width]
        result[part] += patch.alpha[..., None] * (patch.image - result[part])
        cover[part] = np.maximum(cover[part], patch.alpha)
    return np.rint(result).astype(np.uint8), cover


def painted(source: Source, painter: MouthPainter) -> Frames:
    """The frames before and after, uint8, and how much of each pixel was covered, 0 to 1."""
    with VideoFile(source.path) as video:
        frames = [(picture.time, picture.crop(WHOLE)) for picture in video.iterate_frames(0.0)]
    after, covered = zip(*(laid(image, painter.paint(image, time)) for time, image in frames), strict=True)
    return np.stack([image for _, image in frames]), np.stack(after), np.stack(covered)


def openings(faces: Faces, pictures: np.ndarray) -> np.ndarray:
    """Between the lips in each picture, in distances of the eyes, as the mesh sees it."""
    faces.forget()
    found = []
    for picture in pictures:
        points = faces.points(picture)
        assert points is not None
        eyes = np.linalg.norm(points[LEFT_EYE] - points[RIGHT_EYE])
        found.append(np.linalg.norm(points[UPPER] - points[LOWER]) / eyes)
    return np.array(found)


@pytest.fixture(scope="module")
def frames(speaker: Source, faces: Faces) -> Frames:
    return painted(speaker, mouth_painter(speaker, 0.0, SECONDS, syllables(), SOUND_RATE, faces=faces))


class TestSpeaking:
    def test_the_mouth_follows_the_new_sound_and_no_longer_the_old_one(self, frames: Frames, faces: Faces) -> None:
        before, after, _ = frames
        inner = slice(FADE_FRAMES, -FADE_FRAMES)
        sound = np.abs(syllables().reshape(round(SECONDS * RATE), -1)).mean(1)[inner]
        said, says = openings(faces, before)[inner], openings(faces, after)[inner]
        assert np.corrcoef(says, sound)[0, 1] > 0.75
        assert abs(np.corrcoef(says, said)[0, 1]) < 0.35
        assert np.percentile(says, 10) < 0.04
        assert np.percentile(says, 90) > 0.09

    def test_nothing_but_the_lower_face_is_covered_and_it_sets_in_and_ends_softly(self, frames: Frames) -> None:
        before, after, covered = frames
        for number, cover in enumerate(covered):
            x, y = swaying(number)
            rows, columns = np.flatnonzero(cover.any(1)), np.flatnonzero(cover.any(0))
            assert y + 175 <= rows[0] and rows[-1] <= y + SIDE  # below the nostrils
            assert x + 65 <= columns[0] and columns[-1] <= x + 255  # between the ears
        np.testing.assert_array_equal(before[covered == 0], after[covered == 0])
        changed = np.abs(before.astype(int) - after).mean((1, 2, 3))
        assert changed[0] < 0.5 * changed.max()
        assert changed[-1] < 0.5 * changed.max()

    def test_the_mouth_does_not_tremble_in_a_pause(self, speaker: Source, faces: Faces) -> None:
        silent = mouth_painter(speaker, 0.0, SECONDS, np.zeros(1000, np.float32), SOUND_RATE, faces=faces)
        _, after, _ = painted(speaker, silent)
        assert openings(faces, after)[FADE_FRAMES:-FADE_FRAMES].max() < 0.035

    def test_frames_outside_of_the_part_are_left_alone(self, speaker: Source, faces: Faces) -> None:
        painter = mouth_painter(speaker, 0.8, 1.6, syllables(0.8), SOUND_RATE, faces=faces)
        _, _, covered = painted(speaker, painter)
        touched = np.flatnonzero(covered.any((1, 2)))
        assert set(touched) <= set(range(20, 40))
        assert len(touched) > 10

    def test_somebody_who_never_opens_the_mouth_speaks_too(self, faces: Faces, tmp_path: Path) -> None:
        still = film(tmp_path / "still.mp4", [placed(drawn_face(0.0), 150, 20)] * 40)
        painter = mouth_painter(still, 0.0, 1.6, syllables(1.6), SOUND_RATE, faces=faces)
        _, after, _ = painted(still, painter)
        assert openings(faces, after).max() > 0.07
        assert painter.moved == Moved(frames=40, moved=40, own_inside=False)

    def test_a_recording_that_has_to_be_turned(self, faces: Faces, tmp_path: Path) -> None:
        pictures = [np.rot90(placed(drawn_face(opening), 150, 20)) for opening in babble(1.0)]
        source = Source.open(write_pictures(tmp_path / "turned.mp4", pictures, fps=Fraction(RATE), rotation=90))
        _, after, covered = painted(source, mouth_painter(source, 0.0, 1.0, syllables(1.0), SOUND_RATE, faces=faces))
        assert after.shape[1:3] == (360, 640)
        assert covered[10, 225:260, 280:340].any()
        assert not covered[:, :190].any()


def test_the_skin_is_what_lies_around_the_mouth() -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    image[70:130, 150:250] = (90, 120, 180)
    level = np.zeros(len(NODES))
    mouth = Mouth(np.array([200.0, 100.0]), np.eye(2) * 60, 0.3, level, level, -0.2, 0.6, 1.0)
    assert skin_colour(image, mouth).tolist() == [90, 120, 180]


def test_whatever_the_mouth_a_patch_lies_inside_the_picture() -> None:
    for seed in range(30):
        random = np.random.default_rng(seed)
        angle, arch = random.uniform(-1.5, 1.5), 1 - NODES**2
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        gap = random.uniform(0, 0.35)
        mouth = Mouth(
            random.uniform(0, (160, 120)), turn * random.uniform(10, 150), random.uniform(0.12, 0.4),
            -0.3 * gap * arch, 0.7 * gap * arch, random.uniform(-0.4, -0.05), random.uniform(0.4, 0.8), 1.0,
        )  # fmt: skip
        aim = wanted(mouth, Habit(0.27, 0.19), *random.uniform((0, -1, 0), 1))
        image = random.integers(0, 255, (120, 160, 3), np.uint8)
        patch = repaint(image, mouth, aim, drawn(), random.uniform(0, 1))
        assert patch is not None
        height, width = patch.alpha.shape
        assert patch.image.shape == (height, width, 3)
        assert 0 <= patch.x <= patch.x + width <= 160
        assert 0 <= patch.y <= patch.y + height <= 120
        assert 0 <= patch.alpha.min() <= patch.alpha.max() <= 1


class TestWholeFrames:
    def test_it_is_left_alone_while_the_face_is_away(self, faces: Faces, tmp_path: Path) -> None:
        face, ground = placed(drawn_face(0.3), 150, 20), np.full((360, 640, 3), GROUND, np.uint8)
        source = film(tmp_path / "away.mp4", [face] * 20 + [ground] * 12 + [face] * 20)
        _, _, covered = painted(source, mouth_painter(source, 0.0, 2.08, syllables(2.08), SOUND_RATE, faces=faces))
        assert not covered[20:32].any()
        assert covered[5:15].any((1, 2)).all()
        assert covered[40:48].any((1, 2)).all()

    def test_a_cut_to_another_place_is_no_movement(self, faces: Faces, tmp_path: Path) -> None:
        left, right = placed(drawn_face(0.3), 20, 20), placed(drawn_face(0.3, mirrored=True), 310, 30)
        source = film(tmp_path / "cut.mp4", [left] * 25 + [right] * 25)
        painter = mouth_painter(source, 0.0, 2.0, syllables(2.0), SOUND_RATE, faces=faces)
        assert [mouth.trust for mouth in painter.found[23:27] if mouth] == [2 / 4, 1 / 4, 1 / 4, 2 / 4]
        _, _, covered = painted(source, painter)
        assert not covered[:25, :, 330:].any()
        assert not covered[25:, :, :310].any()
        assert covered[10].any()
        assert covered[40].any()


class TestLeftAlone:
    def test_nobody_and_faces_that_cannot_be_followed(self, faces: Faces, tmp_path: Path) -> None:
        two = placed(drawn_face(0.2), 0, 20)
        two[20:340, 320:] = drawn_face(0.4, mirrored=True)
        face, ground = placed(drawn_face(0.3), 150, 20), np.full((360, 640, 3), GROUND, np.uint8)
        small = placed(drawn_face(0.2, size=96), 250, 130)
        for number, (pictures, why) in enumerate((
            ([ground[:180, :320]] * 25, "No face was found in the segment."), ([small] * 25, "The face is too small."),
            ([two] * 25, "Several people"),
            ([face] * 8 + [ground] * 17, "The face cannot be tracked through the segment."),
        )):  # fmt: skip
            source = film(tmp_path / f"{number}.mp4", pictures)
            with pytest.raises(FaceNotUsable, match=why):
                mouth_painter(source, 0.0, 1.0, syllables(1.0), SOUND_RATE, faces=faces)

    def test_a_face_that_is_turned_away(self, faces: Faces) -> None:
        found = faces.points(placed(drawn_face(0.2), 150, 20))
        assert found is not None
        points = np.repeat(found[None, list(KEPT)], 20, axis=0)
        assert drop_unusable_frames(Track(np.arange(20) / RATE, points), 0).points.shape == points.shape
        bridge, temple = KEPT.index(BRIDGE), KEPT.index(TEMPLES[0])
        points[:, bridge] += 0.7 * (points[:, temple] - points[:, bridge])
        with pytest.raises(FaceNotUsable, match="turned away"):
            drop_unusable_frames(Track(np.arange(20) / RATE, points), 0)

    @pytest.mark.parametrize(("start", "end", "why"), [(50.0, 51.0, "no frame"), (1.0, 1.2, "too short")])
    def test_a_part_too_short(self, speaker: Source, faces: Faces, start: float, end: float, why: str) -> None:
        with pytest.raises(FaceNotUsable, match=why):
            mouth_painter(speaker, start, end, syllables(end - start), SOUND_RATE, faces=faces)
