"""The match's clock: what it shows when, and the exact instants at which it changes."""

import itertools

import numpy as np
import pytest

from sessions_app.comparison.samples.rendering.match import (
    ClockFormat,
    Match,
    Segment,
    count_up_match,
    format_clock,
    jumping_match,
    round_match,
    still_match,
)

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(("clock_format", "ticks", "text"), [
    ("m:ss", 65, "1:05"), ("mm:ss", 65, "01:05"), ("h:mm:ss", 3_725, "1:02:05"), ("m:ss.t", 659, "1:05.9"),
    ("m:ss.cc", 6_507, "1:05.07"), ("ss", 65, "65"),
])  # fmt: skip
def test_it_writes_the_clock_as_the_game_would(clock_format: ClockFormat, ticks: int, text: str) -> None:
    assert format_clock(ticks, clock_format) == text


def test_a_countdown_shows_the_seconds_begun_one_that_counts_up_those_passed() -> None:
    match = Match(1, 20, [Segment(0.25, 10.0, -1)], "m:ss")
    assert [match.clock_text(t) for t in (0.25, 0.26, 1.24, 1.25, 10.24, 10.25)] == [
        "0:10", "0:10", "0:10", "0:09", "0:01", "0:00",
    ]  # fmt: skip
    match = Match(1, 20, [Segment(0.0, 59.6, 1)], "m:ss")
    assert [match.clock_text(t) for t in (0.0, 0.39, 0.41, 1.41)] == ["0:59", "0:59", "1:00", "1:01"]


@pytest.mark.parametrize("match", [
    round_match(4, 200, pauses=2), count_up_match(5, 200, "m:ss.t", pauses=1), count_up_match(6, 200, "h:mm:ss"),
    jumping_match(7, 200),
])  # fmt: skip
def test_the_text_changes_at_flips_and_nowhere_else(match: Match) -> None:
    flips = match.flips(10, 190)
    assert len(flips) > 60
    for instant, text in flips:
        assert match.clock_text(instant) == text
        assert match.clock_text(np.nextafter(instant, 0)) != text
    edges = [instant for instant, _ in flips]
    for begin, end in itertools.pairwise(edges):
        assert match.clock_text(begin) == match.clock_text((begin + end) / 2)


def test_the_clock_stands_still_in_a_pause_and_loses_nothing() -> None:
    match = count_up_match(8, 200, pauses=1, clock=100.0)
    run, pause, again = match.segments
    assert pause.rate == 0
    assert 5 <= again.start - pause.start <= 15
    assert match.flips(pause.start + 1e-6, again.start) == []
    assert again.clock == pytest.approx(run.clock + pause.start - run.start)


def test_identical_rounds_repeat_a_still_clock_never_changes_and_a_seed_gives_the_same_match() -> None:
    match = round_match(9, 100, buy=4, length=11, identical=True)
    assert all(match.clock_text(t) == match.clock_text(t + 15) for t in np.arange(0.3, 80, 0.1))
    assert still_match(1, 100).flips(0, 100) == []
    assert round_match(11, 100).events == round_match(11, 100).events
    assert round_match(11, 100).events != round_match(12, 100).events


def test_events_are_found_by_time() -> None:
    match = round_match(13, 100)
    found = match.events_between(20, 30)
    assert found == [event for event in match.events if 20 <= event.time < 30]
    assert {event.kind for event in match.events} >= {"shot", "step", "kill", "bell"}
