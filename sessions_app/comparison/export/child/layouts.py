"""Layouts of an export. Uses only the standard library, because the web process imports this module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SIDE_BY_SIDE, STACK, MAIN_AND_SIDE = "side_by_side", "stack", "main_and_side"
SINGLE, WIPE, OVERLAY, DIFFERENCE = "single", "wipe", "overlay", "difference"
LAYOUTS = (SIDE_BY_SIDE, STACK, MAIN_AND_SIDE, SINGLE, WIPE, OVERLAY, DIFFERENCE)
SHARED_BOX_LAYOUTS = frozenset({WIPE, OVERLAY, DIFFERENCE})  # layouts in which two videos share one box
MAX_SIDE = 8192  # maximum width and height in pixels that most H.264 players support


def even(side: float) -> int:
    """Round a size down to an even number, at least 2, as the pixel format 4:2:0 requires."""
    return max(2, int(side) // 2 * 2)


@dataclass(frozen=True, slots=True)
class Box:
    x: int
    y: int
    width: int
    height: int

    def fitted(self, shape: tuple[int, int]) -> Box:
        """Return the largest centred part of the box with the aspect ratio of ``shape`` (width, height)."""
        scale = min(self.width / shape[0], self.height / shape[1])
        width, height = (min(even(round(side * scale)), whole) for side, whole in zip(shape, self.size, strict=True))
        return Box(self.x + (self.width - width) // 4 * 2, self.y + (self.height - height) // 4 * 2, width, height)

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height


@dataclass(frozen=True, slots=True)
class Arrangement:
    width: int
    height: int
    boxes: tuple[Box, ...]


def videos_of(layout: str) -> int | None:
    return 1 if layout == SINGLE else 2 if layout in SHARED_BOX_LAYOUTS else None


def arrange(layout: str, shapes: Sequence[tuple[int, int]], height: int) -> Arrangement:
    """Arrange videos in a picture that is ``height`` pixels high.

    shapes: (width, height) of each video, the main video first. Raises ``ValueError`` if the picture is too large.
    """
    height = even(height)
    aspects = [width / tall for width, tall in shapes]
    if layout == STACK:
        width = even(round(height / sum(1 / aspect for aspect in aspects)))
        sizes = [(width, even(round(width / aspect))) for aspect in aspects]
        tops = [sum(size[1] for size in sizes[:number]) for number in range(len(sizes))]
        boxes = [Box(0, top, *size) for top, size in zip(tops, sizes, strict=True)]
        return _checked(width, sum(size[1] for size in sizes), boxes)
    main = even(round(height * aspects[0]))
    if layout == SINGLE or layout in SHARED_BOX_LAYOUTS:
        return _checked(main, height, [Box(0, 0, main, height)] * len(shapes))
    if layout == MAIN_AND_SIDE:
        side, part = even(main // 2), even(height // 2)
        top = even((height - part * (len(shapes) - 1)) // 2) if len(shapes) == 2 else 0
        column = [Box(main, top + number * part, side, part) for number in range(len(shapes) - 1)]
        return _checked(main + (side if column else 0), height, [Box(0, 0, main, height), *column])
    widths = [even(round(height * aspect)) for aspect in aspects]
    lefts = [sum(widths[:number]) for number in range(len(widths))]
    return _checked(sum(widths), height, [Box(x, 0, w, height) for x, w in zip(lefts, widths, strict=True)])


def _checked(width: int, height: int, boxes: Sequence[Box]) -> Arrangement:
    if max(width, height) > MAX_SIDE:
        raise ValueError(f"The video would be {width}×{height} pixels, but neither side may exceed {MAX_SIDE}.")
    return Arrangement(width, height, tuple(boxes))
