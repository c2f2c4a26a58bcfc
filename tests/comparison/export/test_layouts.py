"""Where each video stands in an export's picture."""

import pytest

from sessions_app.comparison.export.child.layouts import LAYOUTS, Box, arrange

pytestmark = pytest.mark.pure
WIDE, TALL = (1920, 1080), (1080, 1920)


@pytest.mark.parametrize(("layout", "count", "size"), [
    ("side_by_side", 2, (2560, 720)), ("side_by_side", 3, (3840, 720)), ("stack", 2, (640, 720)),
    ("main_and_side", 3, (1920, 720)), ("main_and_side", 2, (1920, 720)), ("main_and_side", 1, (1280, 720)),
    ("single", 1, (1280, 720)), ("wipe", 2, (1280, 720)),
])  # fmt: skip
def test_the_picture_is_as_high_as_was_asked_for(layout: str, count: int, size: tuple[int, int]) -> None:
    found = arrange(layout, [WIDE] * count, 720)
    assert (found.width, found.height) == size


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("height", [361, 720, 1080])
def test_no_two_overlap_and_all_lie_within_on_even_pixels(layout: str, height: int) -> None:
    found = arrange(layout, [WIDE, (640, 363), TALL], height)
    taken: set[tuple[int, int]] = set()
    for box in found.boxes:
        assert all(side % 2 == 0 for side in (box.x, box.y, box.width, box.height))
        assert 0 <= box.x <= box.x + box.width <= found.width
        assert 0 <= box.y <= box.y + box.height <= found.height
        cells = {(x, y) for x in range(box.x, box.x + box.width, 2) for y in range(box.y, box.y + box.height, 2)}
        if layout not in ("single", "wipe", "overlay", "difference"):
            assert not cells & taken
        taken |= cells


def test_a_picture_of_another_shape_stands_in_the_middle() -> None:
    assert Box(100, 0, 640, 360).fitted(TALL) == Box(318, 0, 202, 360)
    assert Box(0, 20, 640, 360).fitted((400, 100)) == Box(0, 120, 640, 160)


def test_what_nobody_could_play_is_refused() -> None:
    with pytest.raises(ValueError, match="11520×2160"):
        arrange("side_by_side", [WIDE] * 3, 2160)
