from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from sessions_app.comparison.timeline import Placement

NEAR = 1e-6  # tolerance for rounding errors of times, in frames


@dataclass(frozen=True, slots=True)
class Span:
    """The export frames ``first`` to ``stop`` (exclusive) that show one video.

    time: the video's own time at ``first``, seconds. rate: seconds of the video per second of the export.
    """

    first: int
    stop: int
    time: float
    rate: float


@dataclass(frozen=True, slots=True)
class Caption:
    """A text or a drawing on the frames ``first`` to ``stop`` (exclusive). pane: index of its video."""

    pane: int
    first: int
    stop: int
    text: str = ""
    strokes: tuple[dict[str, Any], ...] = ()
    is_name: bool = False
    is_notice: bool = False  # whether the text replaces the missing picture outside the video


@dataclass(frozen=True, slots=True)
class Clock:
    """The frames of an export. Frame n shows the time ``start + n / fps`` of the shared clock, in seconds."""

    start: float
    fps: Fraction
    frames: int = field(default=0)

    @classmethod
    def between(cls, start: float, end: float, fps: Fraction) -> Clock:
        return cls(start, fps, max(1, math.ceil((end - start) * float(fps) - NEAR)))

    @property
    def seconds(self) -> float:
        return self.frames / float(self.fps)

    def frame_at(self, global_time: float) -> int:
        number = math.ceil((global_time - self.start) * float(self.fps) - NEAR)
        return min(max(number, 0), self.frames)

    def span_of(self, placement: Placement, duration: float) -> Span | None:
        """Return the frames that show a video of ``duration`` seconds."""
        first = self.frame_at(placement.global_time(0.0))
        stop = self.frame_at(placement.global_time(duration))
        if stop <= first:
            return None
        time = max(0.0, placement.time_at(self.start + first / float(self.fps)))
        return Span(first, stop, time, placement.rate)
