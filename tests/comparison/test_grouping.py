"""What several VODs show of one kind at one moment is one event; whatever the offsets become."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.comparison.events.grouping import JOIN_SECONDS, Mark, group_marks
from sessions_app.comparison.timeline import Placement

pytestmark = pytest.mark.pure


def marks(*places: tuple[str | None, float], kind: str = "kill", frame: float = 0.0) -> list[Mark]:
    return [Mark(str(number), number, kind, vod, time, frame) for number, (vod, time) in enumerate(places)]


def keys(found: list[Mark]) -> list[str]:
    return ["".join(mark.key for mark in one.marks) for one in group_marks(found)]


def test_two_within_a_quarter_of_a_second_are_one_and_three_have_the_median() -> None:
    [one] = group_marks(marks(("a", 10.0), ("b", 10.25)))
    assert (one.key, one.global_time) == ("0", 10.125)
    assert keys(marks(("a", 10.0), ("b", 10.2501))) == ["0", "1"]
    [one] = group_marks(marks(("c", 10.2), ("a", 10.0), ("b", 10.05)))
    assert [mark.key for mark in one.marks] == ["0", "1", "2"]
    assert one.global_time == 10.05


def test_an_event_joins_what_is_near_all_of_it_of_other_vods_and_of_its_kind() -> None:
    assert keys(marks(("a", 10.0), ("b", 10.2), ("c", 10.4))) == ["01", "2"]
    assert keys(marks(("a", 10.0), ("a", 10.1), ("b", 10.15))) == ["0", "12"]
    assert keys([*marks(("a", 10.0)), *marks(("b", 10.0), kind="death")]) == ["0", "0"]
    assert keys(marks(("a", 10.0), ("b", 10.9), frame=1.0)) == ["01"]


def test_what_belongs_to_no_vod_or_was_written_by_people_stays_by_itself() -> None:
    assert keys(marks((None, 10.0), ("a", 10.0), (None, 10.0))) == ["0", "1", "2"]
    alone = [Mark("x", 0, "kill", "a", 10.0, is_alone=True), Mark("y", 1, "kill", "b", 10.0)]
    assert keys(alone) == ["x", "y"]
    between = [*marks(("a", 10.0), ("b", 10.1)), Mark("x", 2, "kill", "c", 10.05, is_alone=True)]
    assert keys(between) == ["01", "x"]
    named = [Mark(str(at), at, "kill", "abc"[at], 10.0, label=label) for at, label in enumerate(("Ace", "", "Clutch"))]
    assert keys(named) == ["01", "2"]  # a name would be hidden


placed = st.lists(st.tuples(st.sampled_from(["a", "b", "c", None]), st.floats(0, 20, allow_nan=False)), max_size=30)


@given(placed)
def test_each_event_is_shown_once_and_together_are_only_neighbours(places: list[tuple[str | None, float]]) -> None:
    given_marks = marks(*places)
    found = group_marks(given_marks)
    assert sorted(mark.number for one in found for mark in one.marks) == list(range(len(places)))
    assert [one.global_time for one in found] == sorted(one.global_time for one in found)
    for one in found:
        assert len({mark.vod_id for mark in one.marks}) == len(one.marks)
        for first, second in combinations(one.marks, 2):
            assert abs(first.global_time - second.global_time) <= JOIN_SECONDS + 1e-9


drifts = st.floats(-1000, 1000, allow_nan=False)
offsets = st.floats(-600, 600, allow_nan=False)


@given(offsets, offsets, drifts, drifts, st.floats(0, 600), st.floats(0, 600))
def test_one_instant_stays_one_event_after_each_change_of_offset_and_drift(
    first: float, second: float, first_drift: float, second_drift: float, anchor: float, instant: float
) -> None:
    """Marked in two VODs at the same instant of the clock, it stands at that instant whatever their placement."""
    placements = {"a": Placement(first, first_drift, anchor), "b": Placement(second, second_drift, anchor)}
    times = {vod: placement.time_at(instant) for vod, placement in placements.items()}
    [one] = group_marks(marks(*((vod, placements[vod].global_time(time)) for vod, time in times.items())))
    assert abs(one.global_time - instant) < 1e-6
