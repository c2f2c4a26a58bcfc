from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # picture in BGR, shape (height, width, 3)


@dataclass(frozen=True, slots=True)
class Patch:
    """A changed part of a picture. x, y: upper left corner in displayed pixels. alpha: opacity, 0 to 1."""

    x: int
    y: int
    image: Image
    alpha: NDArray[np.float32]


class Painter(Protocol):
    """A painter of the frames of a :class:`Run`. Its method is called once per frame, in display order."""

    def paint(self, image: Image, seconds: float) -> Sequence[Patch]:
        """Return a frame's patches; later ones cover earlier ones.

        image: displayed picture, upright, square pixels, BGR, read-only. seconds: time on the scale of ``currentTime``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """Frames from ``start`` (inclusive) to ``end`` (exclusive), in seconds of ``currentTime``.

    whole: True to paint all these frames. False allows unpainted frames at both ends, so that fewer frames are encoded
    again.
    """

    start: float
    end: float
    painter: Painter
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """The report on a run; times are seconds of ``currentTime``.

    late: number of frames at the run's start that stay unpainted. encoded_start, encoded_end: limits of the part
    encoded again.
    """

    run: int
    first: float | None
    last: float | None
    changed: int
    late: int
    encoded_start: float | None
    encoded_end: float | None


@dataclass(frozen=True, slots=True)
class Patched:
    """The report on a patched file. encoded: number of frames encoded again."""

    placed: list[Placed]
    frames: int
    encoded: int
    why_encoded: str | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
