"""Timer texts become seconds, or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.comparison.alignment.child.timer_text import (
    CLEAN,
    PROFILES,
    REPAIRED,
    format_timer,
    parse,
    possible_times,
)

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(("text", "seconds", "resolution"), [
    ("1:23", 83, 1),
    ("01:23", 83, 1),
    ("0:00", 0, 1),
    ("1:02:03", 3723, 1),
    ("1:02:03.45", 3723.45, 0.01),
    ("1:23.4", 83.4, 0.1),
    ("9.8", 9.8, 0.1),
    (":07", 7, 1),
    ("1;23", 83, 1),
    ("ROUND 3 1:40", 100, 1),
    ("1 : 23", 83, 1),
    ("1:4 0", 100, 1),
    ("1：23", 83, 1),
])  # fmt: skip
def test_it_reads_the_usual_forms(text: str, seconds: float, resolution: float) -> None:
    value = parse(text)
    assert value is not None
    assert value.seconds == pytest.approx(seconds)
    assert value.resolution == pytest.approx(resolution)
    assert value.trust == CLEAN


@pytest.mark.parametrize(("text", "seconds"), [
    ("1:O5", 65), ("l:23", 83), ("1.23", 83), ("123", 83), ("1:I0", 70), ("L:38", 98), ("TIME1:23", 83),
    ("120:05", 7205), ("90:00+3", 5400), ("13.07", 13.07), ("13,07", 13.07),
])  # fmt: skip
def test_it_repairs_likely_confusions_at_less_trust(text: str, seconds: float) -> None:
    value = parse(text)
    assert value is not None
    assert (value.seconds, value.trust) == (seconds, REPAIRED)


NO_TIMES = "|7|24 / 240|1:75|TIME|Oil|1:2|m0th|1:23 4:56|12:34:56:78|-|::|16-12|Z:38|Z1:38|x:07"


@pytest.mark.parametrize("text", NO_TIMES.split("|"))
def test_it_refuses_what_is_no_time(text: str) -> None:
    assert parse(text) is None


def test_what_has_two_meanings_has_both() -> None:
    assert [(value.seconds, value.resolution) for value in possible_times("13.07")] == [(13.07, 0.01), (787, 1)]
    assert [value.seconds for value in possible_times("13.07", PROFILES["valorant"])] == [13.07]
    assert [value.seconds for value in possible_times("1.23")] == [83, 1.23]


def test_before_zero_a_timer_cuts_off_the_other_way() -> None:
    value = parse("-0:45")
    assert value is not None
    assert (value.seconds, value.resolution, format_timer(-45.5), format_timer(-46)) == (-46, 1, "-0:45", "-0:45")


def test_a_game_bounds_what_its_timer_can_show() -> None:
    assert parse("9:59", PROFILES["valorant"]) is None
    assert parse("1:39", PROFILES["valorant"]) is not None


@given(st.integers(0, 359_999))
def test_what_is_shown_is_read_back(seconds: int) -> None:
    value = parse(format_timer(seconds))
    assert value is not None
    assert value.seconds == seconds


@given(st.text(max_size=40))
def test_any_text_gives_a_bounded_value_or_none(text: str) -> None:
    value = parse(text)
    assert value is None or abs(value.seconds) <= PROFILES["auto"].longest + 1
