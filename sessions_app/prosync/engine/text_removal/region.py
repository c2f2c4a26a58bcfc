from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from media_app.av.frames import Box


@dataclass(frozen=True, slots=True)
class Region:
    """A pixel rectangle. right, bottom: one past the last pixel."""

    x: int
    y: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.x

    @property
    def height(self) -> int:
        return self.bottom - self.y

    @property
    def is_empty(self) -> bool:
        return self.width <= 0 or self.height <= 0

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.y, self.bottom), slice(self.x, self.right)

    @classmethod
    def of(cls, box: Box, width: int, height: int) -> Region:
        return cls(
            int(box.x * width), int(box.y * height), round((box.x + box.width) * width),
            round((box.y + box.height) * height),
        ).inside(width, height)  # fmt: skip

    def box(self, width: int, height: int) -> Box:
        """Return the rectangle in fractions of a picture's size. ``Region.of`` restores the same rectangle."""
        x0, y0 = (self.x + 0.25) / width, (self.y + 0.25) / height
        return Box(x0, y0, self.right / width - x0, self.bottom / height - y0)

    def grown(self, by: int) -> Region:
        return Region(self.x - by, self.y - by, self.right + by, self.bottom + by)

    def moved(self, x: int, y: int) -> Region:
        return Region(self.x + x, self.y + y, self.right + x, self.bottom + y)

    def inside(self, width: int, height: int) -> Region:
        return self.common(Region(0, 0, width, height))

    def common(self, other: Region) -> Region:
        return Region(
            max(self.x, other.x), max(self.y, other.y), min(self.right, other.right), min(self.bottom, other.bottom)
        )

    def meets(self, other: Region) -> bool:
        return not self.common(other).is_empty

    def around(self, other: Region) -> Region:
        return Region(
            min(self.x, other.x), min(self.y, other.y), max(self.right, other.right), max(self.bottom, other.bottom)
        )

    def scaled(self, across: float, down: float) -> Region:
        return Region(
            round(self.x * across), round(self.y * down), round(self.right * across), round(self.bottom * down)
        )


def merged(regions: Iterable[Region]) -> list[Region]:
    found: list[Region] = []
    for region in regions:
        while True:
            met = next((other for other in found if other.meets(region)), None)
            if met is None:
                break
            found.remove(met)
            region = region.around(met)  # noqa: PLW2901
        found.append(region)
    return found
