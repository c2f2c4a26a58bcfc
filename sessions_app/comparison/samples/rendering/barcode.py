"""A frame number drawn as black and white cells, readable from any screenshot.

A strip of 28 equal cells covers the bottom 1/20 of the picture. From left to right:

- white, black
- 20 bits of the number, the most significant bit first; white is 1
- 4 bits of checksum: 5 plus the sum of the number's five hexadecimal digits, modulo 16
- black, white
"""

import numpy as np
from numpy.typing import NDArray

CELLS, NUMBER_BITS, CHECK_BITS = 28, 20, 4


def _check(number: int) -> int:
    return (5 + sum(number >> shift & 15 for shift in range(0, NUMBER_BITS, 4))) % 16


def strip_height(height: int) -> int:
    return max(4, height // 20)


def draw_barcode(frame: NDArray[np.uint8], number: int) -> None:
    """Draw `number` (0 to 2**20 - 1) into `frame`, uint8 of shape (h, w) or (h, w, 3)."""
    if not 0 <= number < 1 << NUMBER_BITS:
        raise ValueError(f"frame number {number} does not fit in {NUMBER_BITS} bits")
    bits = [1, 0]
    bits += [number >> shift & 1 for shift in reversed(range(NUMBER_BITS))]
    bits += [_check(number) >> shift & 1 for shift in reversed(range(CHECK_BITS))]
    bits += [0, 1]
    width = frame.shape[1]
    edges = [round(cell * width / CELLS) for cell in range(CELLS + 1)]
    row = np.repeat(np.array(bits, np.uint8) * 255, np.diff(edges))
    strip = frame[-strip_height(frame.shape[0]) :]
    strip[:] = row if frame.ndim == 2 else row[:, None]


def decode_barcode(image: NDArray[np.uint8]) -> int:
    """Return the frame number in a picture of any size, (h, w) or (h, w, 3 or 4). Raises ValueError."""
    grey = image.astype(np.float64) if image.ndim == 2 else image[:, :, :3].mean(axis=2)
    height, width = grey.shape
    strip = strip_height(height)
    rows = grey[height - strip + strip // 4 : height - strip // 4]
    cell = width / CELLS
    levels = [rows[:, int((i + 0.3) * cell) : int((i + 0.7) * cell) + 1].mean() for i in range(CELLS)]
    white, black = min(levels[0], levels[-1]), max(levels[1], levels[-2])
    if white - black < 60:
        raise ValueError("no frame barcode at the bottom of the picture")
    bits = [int(level > (white + black) / 2) for level in levels[2:-2]]
    value = int("".join(map(str, bits)), 2)
    number, check = value >> CHECK_BITS, value & (1 << CHECK_BITS) - 1
    if check != _check(number):
        raise ValueError("the frame barcode's checksum is wrong")
    return number
