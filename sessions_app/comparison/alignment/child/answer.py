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
    """A timer reading or sound measurement.

    value: the timer's time or the measured offset in seconds; None if unreadable.
    """

    time: float
    text: str
    value: float | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """A picture or sound file with which the user can check an offset."""

    file: str
    vod_id: str
    time: float
    text: str = ""
    kind: str = "frame"


@dataclass(frozen=True, slots=True)
class Finding:
    """The offset by one method (timer or sound), or the reason why the method found no offset."""

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
    """A proposed placement of a video on the reference video's timeline.

    confidence: probability that the offset is right. error_bound: maximum inaccuracy of a right offset in seconds.
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
        return Placement(self.offset, self.drift_ppm or 0.0, self.drift_anchor)

    def placed(self, placement: Placement) -> Proposal:
        drift = placement.drift_ppm if self.drift_ppm is not None or placement.drift_ppm else None
        return dataclasses.replace(self, offset=placement.offset, drift_ppm=drift, drift_anchor=placement.anchor)

    @property
    def finding(self) -> Finding:
        return Finding(self.method, self.offset, self.confidence, self.error_bound, self.drift_ppm, self.drift_anchor)


@dataclass(frozen=True, slots=True)
class Refusal:
    vod_id: str
    reason: str
    message: str
    readings: tuple[ShownReading, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class AlignmentResult:
    reference: str | None
    proposals: tuple[Proposal, ...]
    refused: tuple[Refusal, ...]

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


# A proposal's note begins with this prefix if its video was aligned with another video instead of the reference.
INDIRECT_NOTE_PREFIX = "Aligned through"
# minimum overlap in seconds for a direct comparison of the second and the third video
THIRD_SIDE_SECONDS = 60.0
# factor by which the confidences of two videos are multiplied if a direct comparison of the two finds no offset
UNCONFIRMED_FACTOR = 0.8


def third_side(proposals: Mapping[str, Proposal]) -> tuple[Proposal, Proposal] | None:
    """Return the second and third video's proposals if both were aligned with the first video, else None."""
    if len(proposals) < 2 or any(item.note.startswith(INDIRECT_NOTE_PREFIX) for item in proposals.values()):
        return None
    b, c = proposals.values()
    return b, c


def check_third_side(
    proposals: dict[str, Proposal], refused: dict[str, Refusal], gap: float | None, tolerance: float
) -> None:
    """Check two proposals by a direct comparison of their videos.

    gap: directly measured offset minus the difference of the proposed offsets, seconds; None if the comparison found no
    offset, which lowers both confidences. If ``gap`` exceeds ``tolerance``, both videos are refused.
    """
    b, c = proposals.values()
    if gap is None:
        note = f"A direct comparison of {b.vod_id} and {c.vod_id} does not confirm this offset."
        for item in (b, c):
            proposals[item.vod_id] = dataclasses.replace(
                item, confidence=round(item.confidence * UNCONFIRMED_FACTOR, 4), note=f"{item.note} {note}".strip()
            )
    elif abs(gap) > tolerance:
        apart = c.offset - b.offset
        message = (
            f"The offsets of {b.vod_id} ({b.offset:+.3f} s) and {c.vod_id} ({c.offset:+.3f} s) differ by "
            f"{apart:+.3f} s, but a direct comparison of the two videos gives a difference of {apart + gap:+.3f} s. "
            "Set their offsets by hand."
        )
        for item in (b, c):
            refused[item.vod_id] = Refusal(item.vod_id, "contradiction", message, item.readings, item.evidence)
            del proposals[item.vod_id]


class Progress:
    """Thread-safe progress of an alignment in percent. It never falls."""

    def __init__(self, report: OnProgress | None) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._parts: dict[str, float] = {}
        self._shown = 0.0

    def update(self, part: str, share: float, message: str, stage: tuple[float, float, int]) -> None:
        """Report that ``share`` (0 to 1) of ``part`` is completed.

        stage: the part's stage as (percent at the start, percent at the end, number of parts).
        """
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
    """Return a file name for ``vod_id``. Different ids get different names."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", vod_id)[:64]
    return plain if plain == vod_id else f"{plain}-{hashlib.sha256(vod_id.encode()).hexdigest()[:8]}"


def spread_out(items: Sequence[T], count: int) -> list[T]:
    if len(items) <= count:
        return list(items)
    return [items[round(k * (len(items) - 1) / (count - 1))] for k in range(count)]
