"""What is kept of a frame as evidence shows the timer, large enough to read, with the game around it."""

from hypothesis import given
from hypothesis import strategies as st

from media_app.av.frames import Box
from sessions_app.comparison.alignment.child.by_timer import EVIDENCE_SHARE, surroundings

sides = st.floats(0.01, 1.0)


@given(sides, sides, st.floats(0, 1), st.floats(0, 1))
def test_the_box_lies_whole_inside_its_surroundings_and_they_inside_the_frame(width, height, across, down):
    box = Box((1 - width) * across, (1 - height) * down, width, height)
    around = surroundings(box)
    slack = 1e-9
    assert around.x >= -slack
    assert around.y >= -slack
    assert around.x + around.width <= 1 + slack
    assert around.y + around.height <= 1 + slack
    assert around.x <= box.x + slack
    assert around.y <= box.y + slack
    assert around.x + around.width >= box.x + box.width - slack
    assert around.y + around.height >= box.y + box.height - slack
    assert around.width == around.height >= EVIDENCE_SHARE
