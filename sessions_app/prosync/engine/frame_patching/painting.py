"""What a painter changes in a picture, in which runs of frames, and what became of it; how it gets into the file is no
matter of this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # BGR, shape (height, width, 3)


@dataclass(frozen=True, slots=True)
class Patch:
    """A piece of a picture that is to be changed. x, y: pixels of the displayed picture, of its upper left corner.

    image: BGR, shape (h, w, 3). alpha: how much of it covers what was there, 0 to 1, shape (h, w). What lies outside
    the picture is left out, and so are pixels that are what they were: those stay exactly as they were decoded.
    """

    x: int
    y: int
    image: Image
    alpha: NDArray[np.float32]


class Painter(Protocol):
    """Says what changes in each frame of a run. It is asked in the order of presentation, once for every frame."""

    def paint(self, image: Image, seconds: float) -> Sequence[Patch]:
        """What changes in a frame, later ones over earlier ones; nothing leaves it as it is.

        image: the picture as it is displayed, upright, square pixels, BGR of shape (height, width, 3), read-only.
        seconds: when it is shown, on the scale of ``currentTime``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """Frames shown from ``start`` up to but without ``end``, seconds on the scale of ``currentTime``.

    whole: none of them is left out, for which frames before them may have to be encoded again. Otherwise all frames
    before them stay bit-exact: where some need a picture within the run to be decoded, the run begins behind that. It
    may then also end a little earlier, where that spares encoding what lies behind it.
    """

    start: float
    end: float
    painter: Painter
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a run. run: its number among those asked for. Times are seconds on the scale of ``currentTime``.

    first, last: when the first and the last of the frames are shown that were changed, None where none was; changed:
    how many were. late: frames at its beginning that the painter was not asked about, because those before it need
    them as they are. encoded_start, encoded_end: from the first frame that was encoded again for it to the one behind
    the last, None where none was.
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
    """What was written. placed: of each run, in their order. frames: in the file; encoded: how many of them again.

    why_encoded: why all pictures had to be encoded and none could be copied, a sentence; None where they were.
    """

    placed: list[Placed]
    frames: int
    encoded: int
    why_encoded: str | None

    def as_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return asdict(self)
