"""The CRDT of the catalogue: every rule of it, and that whatever order things come in, everybody ends with the same."""

import json
import random
from collections.abc import Iterable, Sequence
from itertools import pairwise, permutations
from math import factorial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from media_app.catalogue.crdt import (
    BASE,
    FIELDS,
    MAX_TAGS,
    Clock,
    Document,
    Dots,
    Operation,
    OperationType,
    Order,
    TagSet,
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
    return list(values_of(*operations, tags=tags)["tags"])


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


# Fields and tags: what is shown of these operations in whatever order they come


def title(value: str, actor: str, counter: int, at: int = 1, **seen: int) -> Operation:
    return op(T.UPDATE_TITLE, value, actor, counter, at, **seen)


def add(tag: str, actor: str, counter: int, at: int = 1, **seen: int) -> Operation:
    return op(T.ADD_TAG, tag, actor, counter, at, **seen)


def remove(tag: str, actor: str, counter: int, at: int = 1, **seen: int) -> Operation:
    return op(T.REMOVE_TAG, tag, actor, counter, at, **seen)


def put(tags: list[str], actor: str, counter: int, at: int = 1, **seen: int) -> Operation:
    return op(T.SET_TAGS, tags, actor, counter, at, **seen)


TITLES: dict[str, tuple[list[Operation], str]] = {
    "a later write that had seen the earlier wins whatever the clocks on the wall":
        ([title("first", "a", 1, at=9_000), title("second", "b", 1, at=5, a=1)], "second"),
    "of concurrent ones the latest wins": ([title("one", "b", 9, at=1), title("other", "a", 1, at=2)], "other"),
    "of those at the same instant the greater actor wins": ([title("one", "b", 1), title("other", "a", 9)], "one"),
    "an actor's own later write wins even with an older timestamp and a gap between":
        ([title("early", "a", 2, at=9), title("late", "a", 5, at=1)], "late"),
    "of two that have not seen each other one loses": ([title("a", "a", 1, at=5), title("b", "b", 1, at=9)], "b"),
    "it comes back when what beat it was seen and written over by another, who had not seen it":
        ([title("a", "a", 1, at=5), title("b", "b", 1, at=9), title("c", "c", 1, at=2, b=1)], "a"),
    "a write that comes after what covered it is not shown":
        ([title("covering", "b", 1, at=1, a=3), title("late", "a", 3, at=9)], "covering"),
    "one that was not covered is": ([title("covering", "b", 1, at=1, a=3), title("unseen", "a", 4, at=9)], "unseen"),
    "writers who claim to have seen each other leave the greatest":
        ([title("one", "a", 1, at=1, b=1), title("other", "b", 1, at=2, a=1)], "other"),
    "and one who has not wins over both":
        ([title("one", "a", 1, at=1, b=1), title("other", "b", 1, at=2, a=1), title("apart", "c", 1)], "apart"),
}  # fmt: skip
# The first tags, the operations, and what is shown.
TAGGED: dict[str, tuple[list[str], list[Operation], list[str]]] = {
    "an addition wins over a removal that had not seen it": ([], [add("x", "a", 1), remove("x", "b", 1, at=9)], ["x"]),
    "a removal wins over the addition that it had seen":
        ([], [add("x", "a", 1, at=9), remove("x", "b", 1, at=1, a=1)], []),
    "until the next addition": ([], [add("x", "a", 1, at=9), remove("x", "b", 1, a=1), add("x", "a", 2, b=1)], ["x"]),
    "no tags at all are a removal of each": (["first"], [add("x", "a", 1, at=9), put([], "b", 1, a=1)], []),
    "of two additions a removal takes only the one it had seen":
        ([], [add("x", "a", 1), add("x", "b", 1), remove("x", "c", 1, a=1)], ["x"]),
    "one that had seen both takes both": ([], [add("x", "a", 1), add("x", "b", 1), remove("x", "c", 1, a=1, b=1)], []),
    "one's own removal takes one's earlier additions across a gap": ([], [add("x", "a", 3), remove("x", "a", 7)], []),
    "to set tags removes what its clock had seen and adds its own":
        ([], [add("seen", "a", 1), add("unseen", "a", 2, at=5), put(["new"], "b", 1, at=2, a=1)], ["new", "unseen"]),
    "the first tags are there": (["x", "y"], [], ["x", "y"]),
    "they are seen by everybody and removed for good": (["x", "y"], [remove("x", "a", 1)], ["y"]),
    "also by setting others": (["x", "y"], [put(["z"], "a", 1)], ["z"]),
    "tags stand in the order in which they came to be":
        ([], [add("third", "a", 1, at=30), put(["b", "a", "c"], "b", 1, at=20), add("second", "a", 2, at=10)],
         ["second", "b", "a", "c", "third"]),
    "after the first ones": (["made", "first"], [add("third", "a", 1, at=30), add("second", "a", 2, at=10)],
                             ["made", "first", "second", "third"]),
}  # fmt: skip


@pytest.mark.parametrize("rule", TITLES)
def test_of_titles_one_is_shown(rule: str) -> None:
    operations, shown = TITLES[rule]
    assert {values_of(*order)["title"] for order in permutations(operations)} == {shown}


@pytest.mark.parametrize("rule", TAGGED)
def test_which_tags_are_shown(rule: str) -> None:
    first, operations, shown = TAGGED[rule]
    assert [tags_of(*order, tags=first) for order in permutations(operations)] == [shown] * factorial(len(operations))


def test_no_more_are_shown_than_a_video_may_have_and_the_next_one_follows() -> None:
    many = [op(T.ADD_TAG, f"tag {number:03}", "a", number, at=number) for number in range(1, 61)]
    names = [one.value for one in many]
    assert tags_of(*many) == tags_of(*reversed(many)) == names[:MAX_TAGS]
    without = op(T.REMOVE_TAG, names[0], "b", 1, a=60)
    assert tags_of(without, *many) == names[1 : MAX_TAGS + 1]


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
def test_two_conflict_if_neither_had_seen_the_other(there: Operation, comes: Operation, is_one: bool) -> None:
    assert merged([there], tags=["x"]).meets(comes) is is_one


def test_set_tags_settles_only_the_tags_that_it_covers(monkeypatch: pytest.MonkeyPatch) -> None:
    document = merged(op(T.REMOVE_TAG, f"t{number}", "a", number, b=1_000) for number in range(1, 101))
    document.apply(op(T.SET_TAGS, ["x"], "b", 1))  # covers the video's initial tags in each removal
    settled: list[str] = []
    settle = TagSet._settle
    monkeypatch.setattr(TagSet, "_settle", lambda tags, some: (settled.extend(some), settle(tags, some))[1])
    for number in range(2, 12):
        document.apply(op(T.SET_TAGS, ["x"], "b", number))
    assert settled == ["x"] * 10
    document.apply(op(T.SET_TAGS, ["x"], "c", 1, a=100, b=1_000))
    assert document.tags.kept == 1
