"""A patch in the planes of a frame: the colours are those of the stream, and what it does not cover is not touched."""

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions_app.prosync.engine.frame_patching.blending import Blender, View
from sessions_app.prosync.engine.frame_patching.painting import Patch

pytestmark = pytest.mark.pure
WIDTH, HEIGHT = 64, 40
SQUARE = Fraction(1)


def frame_of(seed: int = 1, pixel_format: str = "yuv420p") -> av.VideoFrame:
    """Noise of moderate colours: every value of the planes has a place in BGR."""
    planes = np.random.default_rng(seed).integers(100, 150, (HEIGHT * 3 // 2, WIDTH), np.uint8)
    return av.VideoFrame.from_ndarray(planes, format=pixel_format)


def planes_of(frame: av.VideoFrame) -> list[np.ndarray]:
    flat = frame.to_ndarray()
    luma, chroma = flat[:HEIGHT], flat[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
    return [luma, chroma[0], chroma[1]]


def blender_of(rotation: int = 0, ratio: Fraction = SQUARE, matrix: int = 1, *, full: bool = False) -> Blender:
    return Blender(View(WIDTH, HEIGHT, rotation, ratio), matrix, full=full)


def plain(x: int, y: int, width: int, height: int, colour: tuple[int, int, int], alpha: float = 1.0) -> Patch:
    image = np.full((height, width, 3), colour, np.uint8)
    return Patch(x, y, image, np.full((height, width), alpha, np.float32))


# ITU-T H.273: luma and chroma of full red, in 8 bits.
@pytest.mark.parametrize(
    ("matrix", "full", "red"),
    [(1, False, (63, 102, 240)), (6, False, (81, 90, 240)), (5, True, (76, 85, 255)), (9, False, (74, 97, 240))],
)
def test_a_colour_has_the_streams_matrix_and_range(matrix: int, full: bool, red: tuple[int, int, int]) -> None:
    frame, blender = frame_of(), blender_of(matrix=matrix, full=full)
    blender.blend(frame, blender.stored(frame), [plain(8, 8, 16, 16, (0, 0, 255))])
    luma, blue, red_difference = planes_of(frame)
    assert set(luma[8:24, 8:24].flat) == {red[0]}
    assert set(blue[4:12, 4:12].flat) == {red[1]}
    assert set(red_difference[4:12, 4:12].flat) == {red[2]}


def test_a_picture_that_does_not_say_has_the_matrix_of_its_size() -> None:
    reds = []
    for height in (480, 720):
        frame = av.VideoFrame.from_ndarray(np.full((height * 3 // 2, 64), 128, np.uint8), format="yuv420p")
        blender = Blender(View(64, height, 0, SQUARE), 2, full=False)
        blender.blend(frame, blender.stored(frame), [plain(0, 0, 16, 16, (0, 0, 255))])
        reds.append(int(frame.to_ndarray()[0, 0]))
    assert reds == [81, 63]


def test_bgr_and_back_has_no_bias() -> None:
    frame, blender = frame_of(), blender_of()
    before = planes_of(frame)[0].astype(float)
    # Every pixel is another by one level of blue, so that each is converted.
    image = blender.stored(frame) ^ np.array([1, 0, 0], np.uint8)
    blender.blend(frame, blender.stored(frame), [Patch(0, 0, image, np.ones((HEIGHT, WIDTH), np.float32))])
    difference = planes_of(frame)[0] - before
    assert abs(difference.mean()) < 0.1
    assert np.abs(difference).max() <= 1


@settings(max_examples=60, deadline=None)
@given(
    st.integers(-70, 70), st.integers(-50, 50), st.integers(1, 80), st.integers(1, 60),
    st.sampled_from([0, 90, 180, 270]),
)  # fmt: skip
def test_nothing_outside_a_patch_is_touched(x: int, y: int, width: int, height: int, rotation: int) -> None:
    frame, blender = frame_of(), blender_of(rotation)
    before = planes_of(frame)
    shown = blender.view.shown(blender.stored(frame))
    after = blender.blend(frame, blender.stored(frame), [plain(x, y, width, height, (0, 0, 255))])
    covered = np.zeros(shown.shape[:2], bool)
    covered[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)] = True
    assert (blender.view.shown(after)[covered] == (0, 0, 255)).all()
    stored = np.rot90(covered, rotation // 90)
    luma, *chroma = planes_of(frame)
    assert (luma[stored] == 63).all()
    assert np.array_equal(luma[~stored], before[0][~stored])
    blocks = stored.reshape(HEIGHT // 2, 2, WIDTH // 2, 2)
    assert all(
        np.array_equal(now[~blocks.any((1, 3))], was[~blocks.any((1, 3))])
        for now, was in zip(chroma, before[1:], strict=True)
    )
    assert all((now[blocks.all((1, 3))] == level).all() for now, level in zip(chroma, (102, 240), strict=True))


def test_pixels_that_are_what_they_were_stay_as_decoded() -> None:
    frame, blender = frame_of(), blender_of()
    before = planes_of(frame)
    shown = blender.view.shown(blender.stored(frame))
    image = shown.copy()
    image[10:20, 10:20] = (0, 0, 255)
    blender.blend(frame, blender.stored(frame), [Patch(0, 0, image, np.ones((HEIGHT, WIDTH), np.float32))])
    after = planes_of(frame)
    assert (after[0] != before[0]).sum() <= 100
    assert (after[0][10:20, 10:20] == 63).all()
    assert (after[1] != before[1]).sum() <= 25


def test_half_covered_is_half_way_and_a_later_patch_lies_over_an_earlier_one() -> None:
    frame, blender = frame_of(), blender_of()
    before = planes_of(frame)
    blender.blend(frame, blender.stored(frame), [plain(0, 0, 32, 32, (0, 0, 255), alpha=0.5)])
    for was, now, level, side in zip(before, planes_of(frame), (63, 102, 240), (32, 16, 16), strict=True):
        middle = (was[:side, :side].astype(float) + level) / 2
        assert np.abs(now[:side, :side] - middle).max() <= 1
    frame, blender = frame_of(), blender_of()
    blender.blend(
        frame, blender.stored(frame), [plain(8, 8, 16, 16, (0, 0, 255)), plain(8, 8, 16, 16, (255, 255, 255))]
    )
    assert set(planes_of(frame)[0][8:24, 8:24].flat) == {235}


def test_wide_pixels_are_shown_wide_and_patched_narrow() -> None:
    frame, blender = frame_of(), blender_of(ratio=Fraction(2))
    before = planes_of(frame)[0]
    shown = blender.view.shown(blender.stored(frame))
    assert shown.shape == (HEIGHT, 2 * WIDTH, 3)
    blender.blend(frame, blender.stored(frame), [plain(32, 8, 32, 16, (0, 0, 255))])
    luma = planes_of(frame)[0]
    assert (luma[8:24, 16:32] == 63).all()
    luma[8:24, 16:32] = before[8:24, 16:32]
    assert np.array_equal(luma, before)
    frame, blender = frame_of(), blender_of()
    patch = Patch(0, 0, np.zeros((4, 4, 3), np.uint8), np.ones((4, 5), np.float32))
    with pytest.raises(ValueError, match="differ in size"):
        blender.blend(frame, blender.stored(frame), [patch])
