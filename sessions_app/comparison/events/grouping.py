"""Grouping of events that several VODs show at one moment.

Groups are not stored, because they depend on the current offsets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from uuid import UUID

JOIN_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Mark:
    """An event on the shared clock, in seconds.

    frame: duration of one frame of its VOD in seconds. is_alone: whether the event is never grouped.
    """

    key: UUID | str
    number: int
    kind: str
    vod_id: str | None
    global_time: float
    frame: float = 0.0
    is_alone: bool = False
    size: int = 0
    label: str = ""


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Events that are listed as one event, in order of creation. global_time: their median time."""

    marks: tuple[Mark, ...]
    global_time: float

    @property
    def size(self) -> int:
        return sum(mark.size for mark in self.marks)

    @property
    def key(self) -> UUID | str:
        return self.marks[0].key


def group_marks(marks: Iterable[Mark]) -> list[EventGroup]:
    """Group events of the same kind and nearly the same time, at most one event per VOD.

    Their times may differ by 0.25 s, or by one frame if that is longer. Groups are sorted by time, then by creation.
    """
    found: list[EventGroup] = []
    social: list[Mark] = []
    for mark in marks:
        if mark.is_alone or mark.vod_id is None:
            found.append(_joined([mark]))
        else:
            social.append(mark)
    for _, of_kind in groupby(sorted(social, key=lambda mark: (mark.kind, mark.global_time, mark.number)), _kind_of):
        together: list[Mark] = []
        for mark in of_kind:
            if together and not _belongs(mark, together):
                found.append(_joined(together))
                together = []
            together.append(mark)
        if together:
            found.append(_joined(together))
    return sorted(found, key=lambda one: (one.global_time, one.marks[0].number))


def _clash(mark: Mark, other: Mark) -> bool:
    """Return whether the events have different labels. A group shows only one label."""
    return bool(mark.label and other.label) and mark.label != other.label


def _kind_of(mark: Mark) -> str:
    return mark.kind


def _belongs(mark: Mark, together: list[Mark]) -> bool:
    if any(mark.vod_id == other.vod_id or _clash(mark, other) for other in together):
        return False
    # Events arrive in order of time, so a comparison with the group's first event is enough.
    apart = max(JOIN_SECONDS, *(one.frame for one in (mark, *together)))
    return mark.global_time - together[0].global_time <= apart


def _joined(marks: list[Mark]) -> EventGroup:
    in_order = tuple(sorted(marks, key=lambda mark: mark.number))
    return EventGroup(in_order, median(mark.global_time for mark in marks))
