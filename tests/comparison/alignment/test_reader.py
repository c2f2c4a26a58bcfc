"""The default reader reads crops offline; missing readers say what to do."""

import numpy as np
import pytest

from sessions_app.comparison.alignment.child import reader as module
from sessions_app.comparison.alignment.child.likelihood import times_in
from sessions_app.comparison.alignment.child.reader import RapidReader, ReaderUnavailable
from sessions_app.comparison.alignment.child.readers import load_reader
from sessions_app.comparison.alignment.child.timer_text import PROFILES
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
