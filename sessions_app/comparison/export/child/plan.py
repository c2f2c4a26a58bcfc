"""What an export shows, in frames: which of its frames each video fills, from which moment on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from sessions_app.comparison.timeline import Placement

NEAR = 1e-6  # frames: where a moment is on a border, rounding does not decide


@dataclass(frozen=True, slots=True)
class Span:
    """The frames of the export that show one video: from ``first`` up to but without ``stop``.

    time: where the video stands at ``first``, seconds of its own. rate: seconds of it in one of the export.
    """

    first: int
    stop: int
    time: float
    rate: float


@dataclass(frozen=True, slots=True)
class Caption:
    """Something that is shown from one frame up to but without another: words, or a drawing's strokes.

    pane: number of the video that it stands on.
    """

    pane: int
    first: int
    stop: int
    text: str = ""
    strokes: tuple[dict[str, Any], ...] = ()
    is_name: bool = False
    is_notice: bool = False  # stands in the middle


@dataclass(frozen=True, slots=True)
class Clock:
    """The frames of an export: frame n is the moment ``start + n / fps`` of the shared clock, in seconds."""

    start: float
    fps: Fraction
    frames: int = field(default=0)

    @classmethod
    def between(cls, start: float, end: float, fps: Fraction) -> Clock:
        """All frames before ``end``, one at least."""
        return cls(start, fps, max(1, math.ceil((end - start) * float(fps) - NEAR)))

    @property
    def seconds(self) -> float:
        return self.frames / float(self.fps)

    def frame_at(self, global_time: float) -> int:
        """The first frame that is not before a moment of the shared clock, within the export."""
        number = math.ceil((global_time - self.start) * float(self.fps) - NEAR)
        return min(max(number, 0), self.frames)

    def span_of(self, placement: Placement, duration: float) -> Span | None:
        """Which frames show a video of this length (seconds); None where none does."""
        first = self.frame_at(placement.global_time(0.0))
        stop = self.frame_at(placement.global_time(duration))
        if stop <= first:
            return None
        time = max(0.0, placement.time_at(self.start + first / float(self.fps)))
        return Span(first, stop, time, placement.rate)
