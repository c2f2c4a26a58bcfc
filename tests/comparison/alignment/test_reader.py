"""The default reader reads crops offline, missing readers say what to do, and texts become seconds or nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.comparison.alignment.child import reader as module
from sessions_app.comparison.alignment.child.likelihood import times_in
from sessions_app.comparison.alignment.child.reader import RapidReader, ReaderUnavailable
from sessions_app.comparison.alignment.child.readers import load_reader
from sessions_app.comparison.alignment.child.timer_text import (
    CLEAN,
    PROFILES,
    REPAIRED,
    format_timer,
    parse,
    possible_times,
)
from tests.comparison.alignment.draw import timer_crop

pytestmark = pytest.mark.pure


@pytest.fixture(scope="module")
def rapid() -> RapidReader:
    return RapidReader()


def test_it_reads_timers_of_different_widths_in_one_call(rapid: RapidReader) -> None:
    texts = ["1:23", "0:07", "12:34", "1:02:03", "0:59.4", "8:16"]
    readings = rapid.read([timer_crop(text, 30 + 7 * number) for number, text in enumerate(texts)])
    assert [r.text for r in readings] == texts
    assert [r.value for r in readings] == pytest.approx([83, 7, 754, 3723, 59.4, 496])
    assert [r.resolution for r in readings] == pytest.approx([1, 1, 1, 1, 0.1, 1])
    assert min(r.confidence for r in readings) > 0.8


def test_noise_blank_and_tiny_crops_have_no_value(rapid: RapidReader) -> None:
    rng = np.random.default_rng(0)
    crops = [rng.integers(0, 255, (30, 90, 3), dtype=np.uint8), np.zeros((20, 60, 3), np.uint8)]
    assert [r.value for r in rapid.read(crops)] == [None, None]
    assert rapid.read([]) == []
    assert rapid.read([np.zeros((2, 2, 3), np.uint8)])[0].value is None


def test_a_zero_that_looks_like_an_eight_stays_a_choice() -> None:
    """As the dotted zeros of Apex Legends at 360p: 01:03 is read as 81:83."""
    characters = ["", *"0123456789:", "x"]
    scores = np.full((10, len(characters)), 0.001)
    for step, seen in enumerate(({"8": 0.6, "0": 0.3}, "", "1", "", ":", "", {"8": 0.7, "0": 0.2}, "", "3", "")):
        for character, chance in (seen if isinstance(seen, dict) else {seen: 0.98}).items():
            scores[step, characters.index(character)] = chance
    times = times_in(scores, characters)
    assert times[0][0] == 63
    assert 0.2 < times[0][1] < 0.8
    assert times_in(np.eye(13)[[0, 12, 0]], characters) == []
    reading = module.reading_of("81:83", 0.6, PROFILES["auto"], times)
    assert (reading.text, reading.value, 4863 in [other.value for other in reading.others]) == ("81:83", 63, True)


def test_an_unknown_reader_is_named_and_a_missing_model_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReaderUnavailable, match="'tesseract'"):
        load_reader("tesseract")
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ReaderUnavailable, match=r"requirements/base\.txt"):
        load_reader("rapidocr")


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
def test_the_usual_forms_of_a_time_are_understood(text: str, seconds: float, resolution: float) -> None:
    value = parse(text)
    assert value is not None
    assert value.seconds == pytest.approx(seconds)
    assert value.resolution == pytest.approx(resolution)
    assert value.trust == CLEAN


@pytest.mark.parametrize(("text", "seconds"), [
    ("1:O5", 65), ("l:23", 83), ("1.23", 83), ("123", 83), ("1:I0", 70), ("L:38", 98), ("TIME1:23", 83),
    ("120:05", 7205), ("90:00+3", 5400), ("13.07", 13.07), ("13,07", 13.07),
])  # fmt: skip
def test_likely_confusions_are_repaired_at_less_trust(text: str, seconds: float) -> None:
    value = parse(text)
    assert value is not None
    assert (value.seconds, value.trust) == (seconds, REPAIRED)


NO_TIMES = "|7|24 / 240|1:75|TIME|Oil|1:2|m0th|1:23 4:56|12:34:56:78|-|::|16-12|Z:38|Z1:38|x:07"


@pytest.mark.parametrize("text", NO_TIMES.split("|"))
def test_what_is_no_time_is_refused(text: str) -> None:
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
