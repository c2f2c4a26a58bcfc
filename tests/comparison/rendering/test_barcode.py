"""The frame barcode: read back at any scale, refused when it is not there or damaged."""

import cv2
import numpy as np
import pytest

from sessions_app.comparison.samples.rendering.barcode import CELLS, decode_barcode, draw_barcode

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("number", [0, 1, 7, 1499, 2**20 - 1])
@pytest.mark.parametrize("scale", [0.4, 1.0, 1.7])
def test_it_reads_the_number_at_any_scale_and_in_noise(number: int, scale: float) -> None:
    rng = np.random.default_rng(1)
    frame = rng.integers(0, 256, (360, 640, 3), dtype=np.uint8)
    draw_barcode(frame, number)
    seen = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(float)
    seen = np.clip(seen + rng.normal(0, 20, seen.shape), 0, 255).astype(np.uint8)
    assert decode_barcode(seen) == number
    assert decode_barcode(np.asarray(cv2.cvtColor(seen, cv2.COLOR_BGR2GRAY), np.uint8)) == number


def test_it_refuses_a_picture_without_a_strip_one_bit_turned_and_a_number_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="no frame barcode"):
        decode_barcode(np.full((360, 640, 3), 90, np.uint8))
    frame = np.zeros((360, 640, 3), np.uint8)
    draw_barcode(frame, 12)
    edge = 640 // CELLS
    frame[-18:, 5 * edge : 6 * edge] = 255
    with pytest.raises(ValueError, match="check sum"):
        decode_barcode(frame)
    with pytest.raises(ValueError, match="does not fit"):
        draw_barcode(np.zeros((360, 640, 3), np.uint8), 2**20)
