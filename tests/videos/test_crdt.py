"""The CRDT of the catalogue: every rule of it, and that whatever order things come in, everybody ends with the same."""

import json
import random
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from media_app.videos.crdt import (
    BASE,
    FIELDS,
    MAX_TAGS,
    Clock,
    Document,
    Dots,
    Operation,
    OperationType,
    Order,
    compare,
    join,
)

pytestmark = pytest.mark.pure
T = OperationType
MADE_WITH = {"title": "as made", "description": "", "category": "", "is_featured": False}
FIRST_TAGS = ("x", "first")
ACTORS = ("a", "b", "b:phone", "server")
TAGS = ("x", "y", "z", "10", "9", "é", "\U0001f600", "\ue000")
VALUES: dict[OperationType, st.SearchStrategy[Any]] = {
    T.UPDATE_TITLE: st.sampled_from(["one", "two", "", "\U0001f600"]),
    T.UPDATE_DESCRIPTION: st.sampled_from(["long", "short\nline"]), T.UPDATE_CATEGORY: st.sampled_from(["Sports", ""]),
    T.UPDATE_FEATURED: st.booleans(), T.ADD_TAG: st.sampled_from(TAGS), T.REMOVE_TAG: st.sampled_from(TAGS),
    T.SET_TAGS: st.lists(st.sampled_from(TAGS), max_size=4),
}  # fmt: skip
TIMES = st.integers(1, 4)  # few, so that many are the same


def text_of(document: Document) -> str:
    return json.dumps(document.to_json(), ensure_ascii=False)


def merged(operations: Iterable[Operation], tags: Iterable[str] = FIRST_TAGS) -> Document:
    document = Document.begin(tags)
    for operation in operations:
        document.apply(operation)
    return document


def values_of(*operations: Operation, tags: Iterable[str] = ()) -> dict[str, Any]:
    return merged(operations, tags).values(MADE_WITH)


def tags_of(*operations: Operation, tags: Iterable[str] = ()) -> list[str]:
    found: list[str] = values_of(*operations, tags=tags)["tags"]
    return found


def op(kind: OperationType, value: Any, actor: str, counter: int, at: int = 1, **seen: int) -> Operation:
    """An operation of ``actor``; seen: what of the others it had seen."""
    return Operation(kind, value, at, actor, {**seen, actor: counter})


# What the contract says, computed from all operations at once, in the plainest way there is.


def living(writes: Sequence[Operation], killers: Sequence[Operation]) -> list[Operation]:
    return [
        one
        for one in writes
        if not any(other is not one and one.counter <= other.covers.get(one.actor, 0) for other in killers)
    ]


def told_by_the_rules(operations: Iterable[Operation], first_tags: Sequence[str]) -> dict[str, Any]:
    each = list({(one.actor, one.counter): one for one in operations}.values())
    told: dict[str, Any] = {}
    for kind, name in FIELDS.items():
        writes = [one for one in each if one.type == kind]
        candidates = living(writes, writes) or writes
        told[name] = max(candidates, key=lambda one: one.key).value if candidates else MADE_WITH[name]
    sets = [one for one in each if one.type == T.SET_TAGS]
    first: dict[str, tuple[Any, ...]] = {}
    for tag in {*TAGS, *first_tags}:
        removals = [one for one in each if one.type == T.REMOVE_TAG and one.value == tag]
        additions = [
            one for one in each if (one.type == T.ADD_TAG and one.value == tag) or (one in sets and tag in one.value)
        ]
        newest: dict[str, Operation] = {}
        for one in living(additions, [*removals, *sets]):
            if one.actor not in newest or newest[one.actor].counter < one.counter:
                newest[one.actor] = one
        places = [
            (*one.key, len(one.value) - 1 - one.value[::-1].index(tag) if one.type == T.SET_TAGS else 0)
            for one in newest.values()
        ]
        if tag in first_tags and not removals and not sets:
            places.append((0, BASE, 0, list(first_tags).index(tag)))
        if places:
            first[tag] = min(places)
    told["tags"] = sorted(first, key=lambda tag: (first[tag], tag))[:MAX_TAGS]
    return told


# Where operations come from: replicas that write, tell each other and go away; and writers that make up their clocks.


def states(kind: OperationType) -> st.SearchStrategy[str]:
    """How a description came to be; nothing else says so."""
    return st.sampled_from(["", "1.AA==", "2.AAAA"] if kind == T.UPDATE_DESCRIPTION else [""])


@st.composite
def histories(draw: st.DrawFn) -> list[Operation]:
    """What honest replicas do: each has its own document, and hears of the others only when it asks one."""
    documents = {actor: Document.begin(FIRST_TAGS) for actor in ACTORS}
    known: dict[str, list[Operation]] = {actor: [] for actor in ACTORS}
    done: list[Operation] = []
    for _ in range(draw(st.integers(0, 30))):
        actor = draw(st.sampled_from(ACTORS))
        if draw(st.booleans()):
            kind = draw(st.sampled_from(list(T)))
            seen = documents[actor].clock
            clock = {**seen, actor: seen.get(actor, 0) + draw(st.sampled_from([1, 1, 1, 3]))}
            operation = Operation(kind, draw(VALUES[kind]), draw(TIMES), actor, clock, draw(states(kind)))
            assert documents[actor].apply(operation)
            known[actor].append(operation)
            done.append(operation)
        else:
            for operation in known[draw(st.sampled_from(ACTORS))]:
                if documents[actor].apply(operation):
                    known[actor].append(operation)
    return done


@st.composite
def inventions(draw: st.DrawFn) -> list[Operation]:
    """Operations with any clock at all: gaps, cycles, claims to have seen what has never been."""
    found = {}
    for _ in range(draw(st.integers(0, 14))):
        kind, actor = draw(st.sampled_from(list(T))), draw(st.sampled_from(ACTORS))
        clock = draw(st.dictionaries(st.sampled_from([*ACTORS, "nobody", BASE]), st.integers(0, 5), max_size=4))
        clock[actor] = draw(st.integers(1, 5))
        found[actor, clock[actor]] = Operation(kind, draw(VALUES[kind]), draw(TIMES), actor, clock, draw(states(kind)))
    return list(found.values())


def in_pieces(operations: Sequence[Operation], rng: random.Random) -> Document:
    """The same operations, shuffled, some twice, merged in several places and kept as JSON, joined in any order."""
    some = [*operations, *rng.sample(operations, rng.randint(0, len(operations)))]
    rng.shuffle(some)
    pieces = [Document.begin(FIRST_TAGS) for _ in range(rng.randint(1, 4))]
    for operation in some:
        for piece in rng.sample(pieces, rng.randint(1, len(pieces))):
            piece.apply(operation)
    while len(pieces) > 1:
        one, other = rng.sample(pieces, 2)
        one.join(Document.from_json(json.loads(text_of(other))))
        if rng.random() < 0.7:
            pieces = [piece for piece in pieces if piece is not other]
        else:
            other.join(one)
            if text_of(one) == text_of(other):
                pieces.remove(other)
    pieces[0].join(pieces[0])
    return pieces[0]


@given(st.one_of(histories(), inventions()), st.randoms(use_true_random=False))
def test_any_order_repetition_and_split_gives_the_same_bytes(operations: list[Operation], rng: random.Random) -> None:
    expected = merged(operations)
    found = in_pieces(operations, rng)
    assert text_of(found) == text_of(expected)
    assert found.values(MADE_WITH) == expected.values(MADE_WITH)
    assert (found.version, list(found.clock.items())) == (expected.version, list(expected.clock.items()))


@given(st.one_of(histories(), inventions()))
def test_what_is_shown_is_what_the_rules_say(operations: list[Operation]) -> None:
    document = merged(operations)
    assert document.values(MADE_WITH) == told_by_the_rules(operations, FIRST_TAGS)
    assert document.version == 1 + len({(one.actor, one.counter) for one in operations})
    assert document.greatest == max((one.key for one in operations), default=None)


@given(histories(), st.randoms(use_true_random=False))
def test_joining_is_commutative_associative_and_idempotent(operations: list[Operation], rng: random.Random) -> None:
    a, b, c = ([one for one in operations if rng.random() < 0.6] for _ in range(3))

    def joined(*parts: Document) -> str:
        whole = Document.begin(FIRST_TAGS)
        for part in parts:
            whole.join(Document.from_json(part.to_json()))
        return text_of(whole)

    assert joined(merged(a), merged(b)) == joined(merged(b), merged(a)) == text_of(merged([*a, *b]))
    right = merged(b)
    right.join(merged(c))
    left = merged(a)
    left.join(merged(b))
    assert joined(merged(a), right) == joined(left, merged(c))
    assert joined(merged(a), merged(a)) == text_of(merged(a))


@given(st.one_of(histories(), inventions()))
def test_a_document_survives_json(operations: list[Operation]) -> None:
    document = merged(operations)
    assert text_of(Document.from_json(json.loads(text_of(document)))) == text_of(document)


def test_an_operation_that_comes_twice_counts_once() -> None:
    document = Document.begin()
    operation = Operation(OperationType.UPDATE_TITLE, "One", 1, "a", {"a": 1})
    assert document.apply(operation)
    assert not document.apply(operation)
    assert (document.version, document.clock) == (2, {"a": 1})


def entries(told: Any) -> int:
    """How many values a JSON text holds."""
    if isinstance(told, dict):
        return sum(1 + entries(value) for value in told.values())
    return sum(1 + entries(value) for value in told) if isinstance(told, list) else 0


def test_the_state_grows_with_people_and_tags_and_not_with_what_they_do() -> None:
    rng = random.Random(3)
    sizes = {}
    for count in (500, 5000):
        document, counters = Document.begin(FIRST_TAGS), dict.fromkeys(ACTORS, 0)
        for number in range(count):
            actor = rng.choice(ACTORS)
            counters[actor] += 1
            seen = {name: rng.randint(max(0, last - 5), last) for name, last in counters.items()}
            kind = rng.choice(list(T))
            value: Any = rng.choice(TAGS) if kind != T.SET_TAGS else rng.sample(TAGS, 3)
            document.apply(Operation(kind, value, number + 1, actor, {**seen, actor: counters[actor]}))
        told = document.to_json()
        sizes[count] = entries(told)
        assert all(len(ranges) == 1 for ranges in told["dots"].values())
        for register in told["registers"].values():
            assert len(register["writes"]) <= len(ACTORS)
            assert len(register["covered"]) <= len(ACTORS)
        for part in ("added", "removed"):
            assert len(told["tags"][part]) <= len(TAGS)
            assert all(len(actors) <= len(ACTORS) + 1 for actors in told["tags"][part].values())
    most = len(ACTORS) * (len(FIELDS) * 7 + 2 * 5 * len(TAGS) + 10)
    assert max(sizes.values()) < most


# Fields


class TestFields:
    def test_a_later_write_that_had_seen_the_earlier_wins_whatever_the_clocks_on_the_wall(self) -> None:
        first = op(T.UPDATE_TITLE, "first", "a", 1, at=9_000)
        second = op(T.UPDATE_TITLE, "second", "b", 1, at=5, a=1)
        assert values_of(first, second)["title"] == values_of(second, first)["title"] == "second"

    @pytest.mark.parametrize(("one", "other", "shown"), [
        (op(T.UPDATE_TITLE, "one", "b", 9, at=1), op(T.UPDATE_TITLE, "other", "a", 1, at=2), "other"),
        (op(T.UPDATE_TITLE, "one", "b", 1, at=1), op(T.UPDATE_TITLE, "other", "a", 9, at=1), "one"),
    ])  # fmt: skip
    def test_of_concurrent_ones_the_latest_then_actor_wins(self, one: Operation, other: Operation, shown: str) -> None:
        assert values_of(one, other)["title"] == values_of(other, one)["title"] == shown

    def test_an_actors_own_later_write_wins_even_with_an_older_timestamp_and_a_gap_between(self) -> None:
        early, late = op(T.UPDATE_TITLE, "early", "a", 2, at=9), op(T.UPDATE_TITLE, "late", "a", 5, at=1)
        assert values_of(late, early)["title"] == values_of(early, late)["title"] == "late"

    def test_a_loser_comes_back_when_what_beat_it_was_seen_and_written_over_by_another(self) -> None:
        """Only what is covered is gone: c had seen b's write and not a's."""
        a = op(T.UPDATE_TITLE, "a", "a", 1, at=5)
        b = op(T.UPDATE_TITLE, "b", "b", 1, at=9)
        c = op(T.UPDATE_TITLE, "c", "c", 1, at=2, b=1)
        assert values_of(a, b)["title"] == "b"
        assert values_of(a, b, c)["title"] == values_of(c, b, a)["title"] == "a"

    def test_a_write_that_comes_after_what_covered_it_is_not_shown(self) -> None:
        covering = op(T.UPDATE_TITLE, "covering", "b", 1, at=1, a=3)
        assert values_of(covering, op(T.UPDATE_TITLE, "late", "a", 3, at=9))["title"] == "covering"
        assert values_of(covering, op(T.UPDATE_TITLE, "unseen", "a", 4, at=9))["title"] == "unseen"

    def test_writers_who_claim_to_have_seen_each_other_leave_the_greatest(self) -> None:
        one = op(T.UPDATE_TITLE, "one", "a", 1, at=1, b=1)
        other = op(T.UPDATE_TITLE, "other", "b", 1, at=2, a=1)
        assert values_of(one, other)["title"] == values_of(other, one)["title"] == "other"
        apart = op(T.UPDATE_TITLE, "apart", "c", 1, at=1)
        assert values_of(one, other, apart)["title"] == values_of(apart, other, one)["title"] == "apart"


# Tags


class TestTags:
    def test_an_addition_wins_over_a_removal_that_had_not_seen_it(self) -> None:
        add, remove = op(T.ADD_TAG, "x", "a", 1, at=1), op(T.REMOVE_TAG, "x", "b", 1, at=9)
        assert tags_of(add, remove) == tags_of(remove, add) == ["x"]

    def test_a_removal_wins_over_the_addition_that_it_had_seen_until_the_next(self) -> None:
        add, remove = op(T.ADD_TAG, "x", "a", 1, at=9), op(T.REMOVE_TAG, "x", "b", 1, at=1, a=1)
        assert tags_of(add, remove) == tags_of(remove, add) == []
        assert tags_of(add, remove, op(T.ADD_TAG, "x", "a", 2, b=1)) == ["x"]
        assert tags_of(add, op(T.SET_TAGS, [], "b", 1, a=1), tags=["first"]) == []

    def test_of_two_additions_a_removal_takes_only_the_one_it_had_seen(self) -> None:
        one, other = op(T.ADD_TAG, "x", "a", 1), op(T.ADD_TAG, "x", "b", 1)
        remove = op(T.REMOVE_TAG, "x", "c", 1, a=1)
        for order in ((one, other, remove), (remove, other, one), (other, remove, one)):
            assert tags_of(*order) == ["x"]
        assert tags_of(one, other, op(T.REMOVE_TAG, "x", "c", 1, a=1, b=1)) == []

    def test_ones_own_removal_takes_ones_earlier_additions_across_a_gap(self) -> None:
        add, remove = op(T.ADD_TAG, "x", "a", 3), op(T.REMOVE_TAG, "x", "a", 7)
        assert tags_of(remove, add) == tags_of(add, remove) == []

    def test_set_tags_removes_what_its_clock_had_seen_and_adds_its_own(self) -> None:
        seen, unseen = op(T.ADD_TAG, "seen", "a", 1), op(T.ADD_TAG, "unseen", "a", 2, at=5)
        put = op(T.SET_TAGS, ["new"], "b", 1, at=2, a=1)
        for order in ((seen, unseen, put), (put, unseen, seen), (unseen, put, seen)):
            assert tags_of(*order) == ["new", "unseen"]

    def test_the_first_tags_are_seen_by_everybody_and_removed_for_good(self) -> None:
        assert tags_of(tags=["x", "y"]) == ["x", "y"]
        assert tags_of(op(T.REMOVE_TAG, "x", "a", 1), tags=["x", "y"]) == ["y"]
        assert tags_of(op(T.SET_TAGS, ["z"], "a", 1), tags=["x", "y"]) == ["z"]

    def test_they_stand_in_the_order_in_which_they_came_to_be(self) -> None:
        operations = [
            op(T.ADD_TAG, "third", "a", 1, at=30),
            op(T.SET_TAGS, ["b", "a", "c"], "b", 1, at=20),
            op(T.ADD_TAG, "second", "a", 2, at=10),
        ]
        expected = ["second", "b", "a", "c", "third"]
        assert tags_of(*operations) == tags_of(*reversed(operations)) == expected
        assert tags_of(*operations[::2], tags=["made", "first"]) == ["made", "first", "second", "third"]

    def test_no_more_are_shown_than_a_video_may_have_and_the_next_one_follows(self) -> None:
        many = [op(T.ADD_TAG, f"tag {number:03}", "a", number, at=number) for number in range(1, 61)]
        names = [one.value for one in many]
        assert tags_of(*many) == tags_of(*reversed(many)) == names[:MAX_TAGS]
        without = op(T.REMOVE_TAG, names[0], "b", 1, a=60)
        assert tags_of(without, *many) == names[1 : MAX_TAGS + 1]

    @pytest.mark.parametrize("name", ["__proto__", "constructor", "0", "", "\U0001f600", "\uffff"])
    def test_a_tag_may_have_any_name(self, name: str) -> None:
        assert tags_of(op(T.ADD_TAG, name, "a", 1)) == [name]


# Versions, clocks, conflicts


def test_the_version_counts_operations_once_each_wherever_there_are_gaps() -> None:
    operations = [op(T.UPDATE_TITLE, str(counter), "a", counter) for counter in (1, 2, 5, 9)]
    document = merged([*operations, *operations])
    assert (document.version, document.clock) == (5, {"a": 9})
    assert document.to_json()["dots"] == {"a": [[1, 2], [5, 5], [9, 9]]}


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 5)), max_size=30))
@example([(1, 0), (3, 0), (2, 0)])
@example([(5, 0), (1, 5)])
def test_dots_are_a_set_of_numbers(ranges: list[tuple[int, int]]) -> None:
    dots, expected = Dots(), set()
    for first, more in ranges:
        dots.add("a", first, first + more)
        expected |= set(range(first, first + more + 1))
    assert {number for number in range(60) if ("a", number) in dots} == expected
    assert dots.count() == len(expected)
    told = dots.ranges.get("a", [])
    assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(told))


@given(*[st.dictionaries(st.sampled_from("abc"), st.integers(0, 3))] * 2)
def test_clocks_stand_to_each_other_as_what_they_have_seen(one: Clock, other: Clock) -> None:
    def dots(clock: Clock) -> set[tuple[str, int]]:
        return {(actor, number) for actor, last in clock.items() for number in range(1, last + 1)}

    mine, theirs = dots(one), dots(other)
    order = Order.EQUAL if mine == theirs else Order.BEFORE if mine < theirs else Order.AFTER if mine > theirs else None
    assert compare(one, other) == (order or Order.CONCURRENT)
    assert dots(join(one, other)) == mine | theirs


class TestConflicts:
    """What is counted as one: neither had seen the other."""

    @pytest.mark.parametrize(("there", "comes", "is_one"), [
        (op(T.UPDATE_TITLE, "a", "a", 1), op(T.UPDATE_TITLE, "b", "b", 1), True),
        (op(T.UPDATE_TITLE, "a", "a", 1), op(T.UPDATE_TITLE, "b", "b", 1, a=1), False),
        (op(T.UPDATE_TITLE, "a", "a", 1, b=1), op(T.UPDATE_TITLE, "b", "b", 1), False),
        (op(T.UPDATE_TITLE, "a", "a", 1), op(T.UPDATE_CATEGORY, "b", "b", 1), False),
        (op(T.UPDATE_TITLE, "a", "a", 1), op(T.UPDATE_TITLE, "b", "a", 2), False),
        (op(T.ADD_TAG, "x", "a", 1), op(T.REMOVE_TAG, "x", "b", 1), True),
        (op(T.REMOVE_TAG, "x", "a", 1), op(T.ADD_TAG, "x", "b", 1), True),
        (op(T.REMOVE_TAG, "x", "a", 1), op(T.ADD_TAG, "x", "b", 1, a=1), False),
        (op(T.REMOVE_TAG, "x", "a", 1, b=1), op(T.ADD_TAG, "x", "b", 1), False),
        (op(T.REMOVE_TAG, "x", "b", 1), op(T.ADD_TAG, "x", "b", 2), False),
        (op(T.REMOVE_TAG, "y", "a", 1), op(T.ADD_TAG, "x", "b", 1), False),
        (op(T.ADD_TAG, "x", "a", 1), op(T.ADD_TAG, "x", "b", 1), False),
        (op(T.ADD_TAG, "x", "a", 1), op(T.SET_TAGS, ["y"], "b", 1), True),
        (op(T.ADD_TAG, "x", "a", 1), op(T.SET_TAGS, ["x"], "b", 1), False),
        (op(T.ADD_TAG, "x", "a", 1), op(T.SET_TAGS, ["y"], "b", 1, a=1), False),
        (op(T.SET_TAGS, ["y"], "a", 1), op(T.ADD_TAG, "x", "b", 1), False),
    ])  # fmt: skip
    def test_two_operations(self, there: Operation, comes: Operation, is_one: bool) -> None:
        assert merged([there], tags=["x"]).meets(comes) is is_one
