"""Sets: what is chosen of much that overlaps, and what goes on the same way."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from sessions_app.analysis.pipelines.counting import Counted
from sessions_app.analysis.pipelines.counting import has_rival as find_rival
from sessions_app.analysis.pipelines.repetitions import Repetition, Signal
from sessions_app.analysis.pipelines.sets import Set, candidates, choose_sets, joined, windows

pytestmark = pytest.mark.pure
SAME, OTHER = np.array([1, 0], np.float32), np.array([0, 1], np.float32)


def a_set(start: float, count: int, *, worth: float = 0.4, signal: str = "left knee") -> Set:
    """So many repetitions of two seconds each, one after the other."""
    return Set(
        signal=signal,
        repetitions=tuple(Repetition(start + 2 * n, start + 2 * n + 1, start + 2 * n + 2) for n in range(count)),
        likeness=0.9, range=0.5, worth=worth, is_usual=True, is_cut=False, typical=SAME,
        curve=np.zeros(count * 30, np.float32), amplitudes=(0.5,) * count,
    )  # fmt: skip


def test_the_sets_that_say_most_together_are_chosen() -> None:
    long, short, other = a_set(0, 6), a_set(0, 2, worth=0.5), a_set(30, 3, signal="left elbow")
    found = choose_sets([short, other, long, a_set(8, 3, worth=0.3)])
    assert [(one.start, len(one.repetitions)) for one in found] == [(0, 6), (30, 3)]


def stretched(one: Set, count: int) -> Set:
    """The same time as so many repetitions."""
    length = (one.end - one.start) / count
    ends = [one.start + length * n for n in range(count + 1)]
    repetitions = tuple(Repetition(a, (a + b) / 2, b) for a, b in pairwise(ends))
    return replace(one, repetitions=repetitions, signal="left hip")


@pytest.mark.parametrize(("count", "worth", "has_rival"), [(7, 0.4, True), (7, 0.2, False), (5, 0.4, False)])
def test_a_number_that_another_comes_near_is_never_sure(count: int, worth: float, has_rival: bool) -> None:
    one = replace(a_set(0, 5), likeness=1.0)
    sure = Counted(one, by_poses=True, agreement=1.0)
    rival = replace(stretched(one, count), worth=worth)
    found = replace(sure, has_rival=find_rival(one, [one, rival, a_set(40, 9)]))
    assert sure.confidence > 0.9
    assert (found.has_rival, found.confidence) == (has_rival, 0.85 if has_rival else sure.confidence)


def test_a_movement_unlike_the_others_of_its_set_is_named_and_makes_the_number_unsure() -> None:
    times = np.arange(0, 16, 0.05)
    squats = (1 - np.cos(np.pi * times)) / 2  # eight, two seconds each
    # The whole body goes down each time; in the fifth something else moves.
    ways = np.stack([squats, squats, np.zeros_like(squats), np.zeros_like(squats)], axis=1)
    fifth = (times >= 8) & (times < 10)
    ways[fifth] = ways[fifth][:, [2, 3, 0, 1]] * [0, 0, 1, -1]
    found = choose_sets(candidates(times, {"left knee": Signal(values=squats, rests_high=False, trust=1.0)}, ways))
    [one] = [each for each in found if len(each.repetitions) == 7]
    [skipped] = one.skipped
    assert 7.5 < skipped.start < 8.5 and 9.5 < skipped.end < 10.5
    counted = Counted(one, by_poses=True, agreement=1.0)
    assert counted.confidence <= 0.85


def test_what_goes_on_the_same_way_is_one_set_and_none_begins_before_the_last_has_ended() -> None:
    [one] = joined([a_set(0, 4), a_set(9, 3)])
    assert len(one.repetitions) == len(one.amplitudes) == 7
    assert one.is_cut
    assert (one.start, one.end) == (0, 15)
    first, second = joined([a_set(0, 4), replace(a_set(7.8, 3), signal="left elbow")])
    assert first.end == second.start == 8.0
    assert second.repetitions[0].turn == 8.8


@pytest.mark.parametrize("later", [
    a_set(14, 3), a_set(9, 3, signal="left elbow"),
    replace(a_set(9, 3), typical=OTHER), replace(a_set(9, 3), range=0.1),
])  # fmt: skip
def test_another_pause_signal_way_or_size_is_another_set(later: Set) -> None:
    assert len(joined([a_set(0, 4), later])) == 2


def test_windows_cover_everything_and_end_with_the_whole() -> None:
    times = np.arange(900) / 15
    spans = list(windows(times))
    assert spans[-1] == (0, 900)
    assert all(0 <= first < last <= 900 for first, last in spans)
    assert {first for first, last in spans if last - first == 120} >= {0, 60, 120}
    assert list(windows(np.zeros(1))) == []
