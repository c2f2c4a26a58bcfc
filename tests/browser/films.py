"""Videos for the pages of challenges, whose pictures carry their numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from sessions_app.comparison.samples.rendering.clips import small_spec
from sessions_app.comparison.samples.rendering.encode import render
from sessions_app.comparison.samples.rendering.match import round_match


@dataclass(frozen=True, slots=True)
class Film:
    """A merged video. counts: pictures of each part; the first picture of all is number 0."""

    path: Path
    fps: Fraction
    counts: tuple[int, ...]
    size: tuple[int, int]

    @property
    def firsts(self) -> list[int]:
        return [sum(self.counts[:index]) for index in range(len(self.counts))]

    @property
    def lasts(self) -> list[int]:
        return [first + count - 1 for first, count in zip(self.firsts, self.counts, strict=True)]

    @property
    def segments(self) -> list[dict[str, float]]:
        """Where each part begins and ends, seconds."""
        pairs = zip(self.firsts, self.lasts, strict=True)
        return [{"start": float(first / self.fps), "end": float((last + 1) / self.fps)} for first, last in pairs]


def film(
    path: Path, counts: Sequence[int], fps: Fraction = Fraction(30), size: tuple[int, int] = (640, 360),
    sound: bool = True,
) -> Film:  # fmt: skip
    """Render a video of as many parts as there are ``counts``."""
    spec = small_spec(
        path.stem, 0.0, fps=fps, duration=float(sum(counts) / fps), width=size[0], height=size[1], gop=2 * round(fps),
        audio=sound, style=None, loop=1.0, frame_barcode=True,
    )  # fmt: skip
    render(spec, round_match(77, 60.0), path)
    return Film(path, fps, tuple(counts), size)
