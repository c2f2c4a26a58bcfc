"""Merging of concurrent and offline edits of one video's text and tags (docs/design/0012-catalogue.md).

A :class:`Document` is a state-based CRDT (Shapiro et al. 2011, "Conflict-free Replicated Data Types").

- A field is a multi-value register: it keeps its causally maximal writes and shows the one with the greatest key.
- Tags are an observed-remove set in which additions win (Bieniusa et al. 2012, "An optimized conflict-free replicated
  set").

An operation's dot is its (actor, counter). An operation *covers* everything in its clock except itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

Clock = dict[str, int]
# Actor of the initial values of a video; every writer has seen these values.
BASE = ""
MAX_TAGS = 50
ENTRY_CHARACTERS = 64  # approximate number of characters of an actor and a counter in JSON


class OperationType(StrEnum):
    """Type of an operation. The operation's value is a text, a boolean, or for ``set_tags`` a list."""

    UPDATE_TITLE = "update_title"
    UPDATE_DESCRIPTION = "update_description"
    UPDATE_CATEGORY = "update_category"
    UPDATE_FEATURED = "update_featured"
    ADD_TAG = "add_tag"
    REMOVE_TAG = "remove_tag"
    SET_TAGS = "set_tags"


FIELDS: dict[OperationType, str] = {
    OperationType.UPDATE_TITLE: "title",
    OperationType.UPDATE_DESCRIPTION: "description",
    OperationType.UPDATE_CATEGORY: "category",
    OperationType.UPDATE_FEATURED: "is_featured",
}


class Order(StrEnum):
    EQUAL = "equal"
    BEFORE = "before"
    AFTER = "after"
    CONCURRENT = "concurrent"


def compare(one: Mapping[str, int], other: Mapping[str, int]) -> Order:
    """Compare clock ``one`` with clock ``other``. A missing actor has the counter 0."""
    actors = one.keys() | other.keys()
    behind = any(one.get(actor, 0) < other.get(actor, 0) for actor in actors)
    ahead = any(one.get(actor, 0) > other.get(actor, 0) for actor in actors)
    if behind and ahead:
        return Order.CONCURRENT
    return Order.BEFORE if behind else Order.AFTER if ahead else Order.EQUAL


def join(one: Mapping[str, int], other: Mapping[str, int]) -> Clock:
    """Return the smallest clock that includes both clocks."""
    joined = dict(one)
    for actor, counter in other.items():
        if counter > joined.get(actor, -1):
            joined[actor] = counter
    return joined


class Key(NamedTuple):
    """Sort key of concurrent writes; the greatest wins. timestamp: microseconds since 1970."""

    timestamp: int
    actor: str
    counter: int


@dataclass(frozen=True, slots=True)
class Operation:
    """Single edit by one actor.

    timestamp: microseconds since 1970. clock: everything that the writer had seen, including this operation. state:
    edit history of a description.
    """

    type: OperationType
    value: Any
    timestamp: int
    actor: str
    clock: Clock
    state: str = ""

    @property
    def counter(self) -> int:
        return self.clock[self.actor]

    @property
    def key(self) -> Key:
        return Key(self.timestamp, self.actor, self.counter)

    @property
    def covers(self) -> Clock:
        """Clock of the operations that the writer had seen before this one."""
        return {**self.clock, self.actor: self.counter - 1, BASE: 0}


class Dots:
    """Counters of the received operations of each actor, as sorted closed ranges."""

    def __init__(self, ranges: Mapping[str, list[list[int]]] | None = None) -> None:
        self.ranges: dict[str, list[list[int]]] = {
            name: [list(one) for one in own] for name, own in (ranges or {}).items()
        }

    def __contains__(self, dot: tuple[str, int]) -> bool:
        actor, counter = dot
        own = self.ranges.get(actor, [])
        at = _first_ending_at(own, counter)
        return at < len(own) and own[at][0] <= counter

    def add(self, actor: str, first: int, last: int) -> None:
        own = self.ranges.setdefault(actor, [])
        at = end = _first_ending_at(own, first - 1)
        while end < len(own) and own[end][0] <= last + 1:
            end += 1
        touched = own[at:end]
        own[at:end] = [[min([first, *(one[0] for one in touched)]), max([last, *(one[1] for one in touched)])]]

    def count(self) -> int:
        return sum(last - first + 1 for ranges in self.ranges.values() for first, last in ranges)

    def clock(self) -> Clock:
        return {actor: ranges[-1][1] for actor, ranges in sorted(self.ranges.items())}


def _first_ending_at(ranges: list[list[int]], counter: int) -> int:
    return bisect_left(ranges, counter, key=lambda one: one[1])


class Write(NamedTuple):
    key: Key
    value: Any
    state: str = ""

    @classmethod
    def from_json(cls, row: list[Any]) -> Write:
        return cls(Key(*row[:3]), *row[3:])

    def to_json(self) -> list[Any]:
        return [*self.key, self.value, *([self.state] if self.state else [])]


@dataclass(slots=True)
class Register:
    """Writes of one field, by actor.

    - covered: clock of everything that the field's writers had seen. Writes in this clock are dropped.
    - greatest: write with the greatest key, even if dropped. Its value is shown if no write is left.
    """

    writes: dict[str, Write] = field(default_factory=dict)
    covered: Clock = field(default_factory=dict)
    greatest: Write | None = None

    def apply(self, operation: Operation) -> None:
        self._take([Write(operation.key, operation.value, operation.state)], operation.covers)

    def join(self, other: Register) -> None:
        writes = [*other.writes.values(), *([other.greatest] if other.greatest else [])]
        self._take(writes, other.covered)

    def meets(self, operation: Operation) -> bool:
        """Return whether a stored write is concurrent with the operation: neither writer had seen the other's edit."""
        if operation.counter <= self.covered.get(operation.actor, -1):
            return False
        return any(write.key.counter > operation.covers.get(actor, 0) for actor, write in self.writes.items())

    def value(self, otherwise: Any) -> Any:
        living = max(self.writes.values(), key=lambda write: write.key, default=self.greatest)
        return otherwise if living is None else living.value

    def _take(self, writes: Iterable[Write], covers: Clock) -> None:
        self.covered = join(self.covered, {actor: counter for actor, counter in covers.items() if counter > 0})
        for write in writes:
            held = self.writes.get(write.key.actor)
            if held is None or held.key.counter < write.key.counter:
                self.writes[write.key.actor] = write
            if self.greatest is None or self.greatest.key < write.key:
                self.greatest = write
        self.writes = {
            actor: write for actor, write in self.writes.items() if write.key.counter > self.covered.get(actor, 0)
        }


class Addition(NamedTuple):
    """An actor's newest addition of a tag. place: the tag's index in a ``set_tags`` or initial list, else 0."""

    counter: int
    timestamp: int
    place: int


@dataclass(slots=True)
class TagSet:
    """Tags of a video.

    - added: additions by tag and actor.
    - removed: for each removed tag, one clock, joined from the clocks of all ``remove_tag`` operations for the tag.
      Additions of the tag that this clock covers are deleted.
    - cleared: one clock, joined from the clocks of all ``set_tags`` operations. Additions of any tag that this clock
      covers are deleted. The clock of each operation excludes the operation itself, so that the tags that it sets stay.
    """

    added: dict[str, dict[str, Addition]] = field(default_factory=dict)
    removed: dict[str, Clock] = field(default_factory=dict)
    cleared: Clock = field(default_factory=dict)

    @property
    def kept(self) -> int:
        """Number of tags that are present or have a stored removal."""
        return len(self.added.keys() | self.removed.keys())

    def apply(self, operation: Operation) -> None:
        match operation.type:
            case OperationType.ADD_TAG:
                self._add(operation.value, operation.actor, Addition(operation.counter, operation.timestamp, 0))
                self._settle([operation.value])
            case OperationType.REMOVE_TAG:
                # Keep the removal itself in its clock: :meth:`meets` checks whether other writers had seen the removal.
                clock = {**operation.clock, BASE: 0}
                self.removed[operation.value] = join(self.removed.get(operation.value, {}), clock)
                self._settle([operation.value])
            case OperationType.SET_TAGS:
                known = self.cleared
                self.cleared = join(known, operation.covers)
                grown = {actor: counter for actor, counter in self.cleared.items() if counter > known.get(actor, -1)}
                covered = self._tags_covered_by(grown)
                for place, tag in enumerate(operation.value):
                    self._add(tag, operation.actor, Addition(operation.counter, operation.timestamp, place))
                self._settle({*covered, *operation.value})

    def join(self, other: TagSet) -> None:
        self.cleared = join(self.cleared, other.cleared)
        for tag, clock in other.removed.items():
            self.removed[tag] = join(self.removed.get(tag, {}), clock)
        for tag, actors in other.added.items():
            for actor, addition in actors.items():
                self._add(tag, actor, addition)
        self._settle(self.added.keys() | self.removed.keys())

    def meets(self, operation: Operation) -> bool:
        covers = operation.covers
        if operation.type == OperationType.ADD_TAG:
            removed, own = self.removed.get(operation.value, {}), operation.actor
            if operation.counter <= max(self.cleared.get(own, -1), removed.get(own, -1)):
                return False
            return any(counter > covers.get(actor, 0) for actor, counter in removed.items() if actor != own)
        given = set(operation.value) if operation.type == OperationType.SET_TAGS else set()
        tags = (
            [operation.value]
            if operation.type == OperationType.REMOVE_TAG
            else [tag for tag in self.added if tag not in given]
        )
        return any(
            addition.counter > covers.get(actor, -1)
            for tag in tags
            for actor, addition in self.added.get(tag, {}).items()
        )

    def value(self) -> list[str]:
        """Return the tags in order of first addition, at most :data:`MAX_TAGS`."""
        first = {
            tag: min((one.timestamp, actor, one.counter, one.place) for actor, one in actors.items())
            for tag, actors in self.added.items()
        }
        return sorted(first, key=lambda tag: (first[tag], tag))[:MAX_TAGS]

    def _add(self, tag: str, actor: str, addition: Addition) -> None:
        actors = self.added.setdefault(tag, {})
        if actor not in actors or actors[actor] < addition:
            actors[actor] = addition

    def _tags_covered_by(self, clock: Clock) -> set[str]:
        """Return the tags of which the clock covers an addition or a part of the removal."""
        names = clock.keys()
        added = {
            tag
            for tag, actors in self.added.items()
            if any(actors[actor].counter <= clock[actor] for actor in names & actors.keys())
        }
        removed = {
            tag for tag, one in self.removed.items() if any(one[actor] <= clock[actor] for actor in names & one.keys())
        }
        return added | removed

    def _settle(self, tags: Iterable[str]) -> None:
        for tag in tags:
            removed = self.removed.pop(tag, {})
            removed = {actor: counter for actor, counter in removed.items() if counter > self.cleared.get(actor, -1)}
            if removed:
                self.removed[tag] = removed
            living = {
                actor: one
                for actor, one in self.added.pop(tag, {}).items()
                if one.counter > max(self.cleared.get(actor, -1), removed.get(actor, -1))
            }
            if living:
                self.added[tag] = living


@dataclass(slots=True)
class Document:
    """Merged state of one video's text and tags. greatest: sort key of the greatest operation."""

    registers: dict[str, Register] = field(default_factory=lambda: {name: Register() for name in FIELDS.values()})
    tags: TagSet = field(default_factory=TagSet)
    dots: Dots = field(default_factory=Dots)
    greatest: Key | None = None

    @classmethod
    def begin(cls, tags: Iterable[str] = ()) -> Document:
        document = cls()
        for place, tag in enumerate(tags):
            document.tags._add(tag, BASE, Addition(0, 0, place))
        return document

    def apply(self, operation: Operation) -> bool:
        if (operation.actor, operation.counter) in self.dots:
            return False
        self.dots.add(operation.actor, operation.counter, operation.counter)
        self.greatest = operation.key if self.greatest is None else max(self.greatest, operation.key)
        self._part(operation).apply(operation)
        return True

    def meets(self, operation: Operation) -> bool:
        return self._part(operation).meets(operation)

    def join(self, other: Document) -> None:
        for name, register in self.registers.items():
            register.join(other.registers[name])
        self.tags.join(other.tags)
        for actor, ranges in other.dots.ranges.items():
            for first, last in ranges:
                self.dots.add(actor, first, last)
        if other.greatest and (self.greatest is None or self.greatest < other.greatest):
            self.greatest = other.greatest

    @property
    def clock(self) -> Clock:
        return self.dots.clock()

    def actors(self) -> set[str]:
        found = set(self.dots.ranges) | set(self.tags.cleared)
        return found.union(*(register.covered for register in self.registers.values()), *self.tags.removed.values())

    def size_of(self, actors: Set[str]) -> int:
        """Return the approximate number of characters that the entries of ``actors`` need in JSON."""
        clocks: list[Mapping[str, Any]] = [self.tags.cleared, *self.tags.removed.values(), *self.tags.added.values()]
        size = 0
        for register in self.registers.values():
            clocks.append(register.covered)
            size += sum(
                len(str(register.writes[actor].value)) + len(register.writes[actor].state)
                for actor in actors & register.writes.keys()
            )
        size += sum(ENTRY_CHARACTERS * len(actors & clock.keys()) for clock in clocks)
        ranges = self.dots.ranges
        return size + sum(ENTRY_CHARACTERS * len(ranges[actor]) for actor in actors & ranges.keys())

    @property
    def version(self) -> int:
        """Version of the video: the number of its operations plus 1."""
        return 1 + self.dots.count()

    def values(self, base: Mapping[str, Any]) -> dict[str, Any]:
        shown = {name: register.value(base[name]) for name, register in self.registers.items()}
        return {**shown, "tags": self.tags.value()}

    def _part(self, operation: Operation) -> Register | TagSet:
        name = FIELDS.get(operation.type)
        return self.registers[name] if name else self.tags

    def to_json(self) -> dict[str, Any]:
        """Return the document as JSON; equal documents give equal JSON."""
        return {
            "registers": {
                name: {
                    "writes": [write.to_json() for _, write in sorted(register.writes.items())],
                    "covered": dict(sorted(register.covered.items())),
                    "greatest": register.greatest.to_json() if register.greatest else None,
                }
                for name, register in sorted(self.registers.items())
            },
            "tags": {
                "added": {
                    tag: {actor: list(one) for actor, one in sorted(actors.items())}
                    for tag, actors in sorted(self.tags.added.items())
                },
                "removed": {tag: dict(sorted(clock.items())) for tag, clock in sorted(self.tags.removed.items())},
                "cleared": dict(sorted(self.tags.cleared.items())),
            },
            "dots": dict(sorted(self.dots.ranges.items())),
            "greatest": list(self.greatest) if self.greatest else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Document:
        registers = {
            name: Register(
                {row[1]: Write.from_json(row) for row in part["writes"]},
                dict(part["covered"]),
                Write.from_json(part["greatest"]) if part["greatest"] else None,
            )
            for name, part in data["registers"].items()
        }
        tags = TagSet(
            {
                tag: {actor: Addition(*one) for actor, one in actors.items()}
                for tag, actors in data["tags"]["added"].items()
            },
            {tag: dict(clock) for tag, clock in data["tags"]["removed"].items()},
            dict(data["tags"]["cleared"]),
        )
        return cls(registers, tags, Dots(data["dots"]), Key(*data["greatest"]) if data["greatest"] else None)
