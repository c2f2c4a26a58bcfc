"""Results of a merge: positions of the clips, or the faulty clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from media_app.av.merge.plan import Clip, Plan


class ClipFailed(Exception):
    """A failed merge. type: error name. clip: number of the faulty clip, or None. message: sentence for users."""

    def __init__(self, type: str, message: str, clip: int | None = None) -> None:
        super().__init__(message)
        self.type = type
        self.message = message
        self.clip = clip


class Segment(NamedTuple):
    """A clip's start and end in the merged video, in seconds of ``currentTime``. The next clip starts at ``end``."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Merged:
    plan: Plan
    clips: list[Clip]
    segments: list[Segment]
    size: int

    def as_json(self) -> dict[str, Any]:
        facts, shape = self.clips[0].source.facts, self.plan.shape
        copied = self.plan.copies_picture
        return {
            "segments": [{"start": segment.start, "end": segment.end} for segment in self.segments],
            "duration": self.segments[-1].end,
            "size": self.size,
            "picture": "copied" if copied else "encoded",
            "sound": "copied" if self.plan.copies_sound else "encoded" if self.plan.channels else "none",
            "why": self.plan.why,
            "width": facts.width if copied else shape.width,
            "height": facts.height if copied else shape.height,
            "fps": [shape.fps.numerator, shape.fps.denominator],
            "clips": [_said(clip) for clip in self.clips],
        }


def _said(clip: Clip) -> dict[str, Any]:
    facts = clip.source.facts
    return {
        "duration": float(clip.survey.seconds), "width": facts.width, "height": facts.height,
        "fps": [facts.fps.numerator, facts.fps.denominator], "has_sound": clip.source.sound is not None,
    }  # fmt: skip


def measure(times: Sequence[Fraction], counts: Sequence[int]) -> list[Segment]:
    if len(times) != sum(counts) + 1:
        raise ClipFailed("merge_failed", "Frames were lost while the clips were merged.")
    edges, at = [times[0]], 0
    for count in counts:
        at += count
        edges.append(times[at])
    if edges[0] != 0 or any(end <= start for start, end in pairwise(edges)):
        raise ClipFailed("merge_failed", "The timestamps of the frames were lost while the clips were merged.")
    return [Segment(float(start), float(end)) for start, end in pairwise(edges)]
