"""What an alignment answers, whatever it went by: proposals with their evidence, and refusals with their reasons."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sessions_app.comparison.timeline import Placement

T = TypeVar("T")
OnProgress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class ShownReading:
    """One thing that was read or heard. time: seconds of the video; value: seconds, None where it says nothing."""

    time: float
    text: str
    value: float | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """A saved file: its name, whose it is, the moment it shows (seconds of that video), and what is read there.

    kind: "frame", a picture of a frame; "outline", a picture of both sounds; "sample", a sound with the reference on
    the left and the video on the right.
    """

    file: str
    vod_id: str
    time: float
    text: str = ""
    kind: str = "frame"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one method found by itself: an offset as a Proposal has it, or why there is none, as a Refusal has it."""

    method: str
    offset: float | None = None
    confidence: float | None = None
    error_bound: float | None = None
    drift_ppm: float | None = None
    drift_anchor: float = 0.0
    reason: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Where a video lies on the reference's time, by offset, drift and anchor as in :class:`Placement`.

    error_bound: seconds by which it may be off if it is right at all. agreeing, samples: readings that support it, and
    all. drift_ppm: None where it was not measured. findings: of each method, where several were asked. note: a
    sentence for the user, may be empty.
    """

    vod_id: str
    offset: float
    confidence: float
    error_bound: float
    agreeing: int
    samples: int
    note: str
    method: str
    drift_ppm: float | None = None
    drift_anchor: float = 0.0
    readings: tuple[ShownReading, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def placement(self) -> Placement:
        """Where the video lies on the reference's time."""
        return Placement(self.offset, self.drift_ppm or 0.0, self.drift_anchor)

    def placed(self, placement: Placement) -> Proposal:
        """The same proposal with another placement; a drift that was not measured stays unknown."""
        drift = placement.drift_ppm if self.drift_ppm is not None or placement.drift_ppm else None
        return dataclasses.replace(self, offset=placement.offset, drift_ppm=drift, drift_anchor=placement.anchor)

    @property
    def finding(self) -> Finding:
        """It as what one method found."""
        return Finding(self.method, self.offset, self.confidence, self.error_bound, self.drift_ppm, self.drift_anchor)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a video got no offset. reason: stable code; message: sentence with counts and what to try."""

    vod_id: str
    reason: str
    message: str
    readings: tuple[ShownReading, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class AlignmentResult:
    """The answer: the reference's id (None where nothing could be gone by), proposals, refusals."""

    reference: str | None
    proposals: tuple[Proposal, ...]
    refused: tuple[Refusal, ...]

    def as_json(self) -> dict[str, Any]:
        """The result as the child protocol's JSON values."""
        return dataclasses.asdict(self)


THROUGH = "Aligned through"  # begins the note of what was placed by another video than the reference
THIRD_SIDE_SECONDS = 60.0  # that two videos have in common, from which their own comparison must find them alike
UNCONFIRMED = 0.8  # what a proposal keeps of its confidence where the third side says nothing


def third_side(proposals: Mapping[str, Proposal]) -> tuple[Proposal, Proposal] | None:
    """The second and the third of three videos, where each was placed by the first and they can be compared too."""
    if len(proposals) < 2 or any(item.note.startswith(THROUGH) for item in proposals.values()):
        return None
    b, c = proposals.values()
    return b, c


def check_third_side(
    proposals: dict[str, Proposal], refused: dict[str, Refusal], gap: float | None, tolerance: float
) -> None:
    """Lower or refuse two proposals that a comparison of their videos with each other does not confirm.

    gap: seconds by which that comparison differs from what the proposals say of the two, None where it found no
    offset though they have enough in common. Of three sides that do not close it cannot be told which one is wrong.
    """
    b, c = proposals.values()
    if gap is None:
        note = f"{b.vod_id} and {c.vod_id} by themselves do not confirm it."
        for item in (b, c):
            proposals[item.vod_id] = dataclasses.replace(
                item, confidence=round(item.confidence * UNCONFIRMED, 4), note=f"{item.note} {note}".strip()
            )
    elif abs(gap) > tolerance:
        apart = c.offset - b.offset
        message = (
            f"The three do not fit together: {b.vod_id} lies at {b.offset:+.3f} s and {c.vod_id} at {c.offset:+.3f} s, "
            f"{apart:+.3f} s apart; compared with each other these two are {apart + gap:+.3f} s apart."
        )
        for item in (b, c):
            refused[item.vod_id] = Refusal(item.vod_id, "contradiction", message, item.readings, item.evidence)
            del proposals[item.vod_id]


class Progress:
    """Percent over all videos that never falls, whichever thread reports."""

    def __init__(self, report: OnProgress | None) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._parts: dict[str, float] = {}
        self._shown = 0.0

    def update(self, part: str, share: float, message: str, stage: tuple[float, float, int]) -> None:
        """``part`` has done ``share`` (0 to 1) of its stage: (percent at its start, at its end, number of parts)."""
        start, end, parts = stage
        if self._report is None:
            return
        with self._lock:
            key = f"{part} {start}"
            self._parts[key] = max(self._parts.get(key, 0.0), share)
            done = sum(v for k, v in self._parts.items() if k.endswith(f" {start}")) / parts
            self._shown = max(self._shown, start + (end - start) * min(1.0, done))
            self._report(self._shown, message)


def safe_name(vod_id: str) -> str:
    """``vod_id`` as part of a file name; what cannot stand there is replaced and told apart by a hash."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", vod_id)[:64]
    return plain if plain == vod_id else f"{plain}-{hashlib.sha256(vod_id.encode()).hexdigest()[:8]}"


def spread_out(items: Sequence[T], count: int) -> list[T]:
    """At most ``count`` of ``items``, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(k * (len(items) - 1) / (count - 1))] for k in range(count)]
