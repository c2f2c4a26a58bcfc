"""Normal forms of text: what they are for any language, and what becomes of text that is made to be slow."""

import unicodedata
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_app.videos import search, text_rules
from vodplatform.core.text import MAX_MARKS, normalize

pytestmark = pytest.mark.pure

FORMS = ("NFC", "NFD", "NFKC", "NFKD")
# Marks that are sorted by their class, and signs that are taken apart into such.
MARKS = ["\u0301\u0316", "\u0f73", "\uff9e\u0301"]
MANY = 20_000


@pytest.mark.parametrize("form", FORMS)
@given(text=st.text(max_size=30))
def test_what_anybody_writes_is_as_unicode_has_it(form: str, text: str) -> None:
    assert normalize(form, text) == unicodedata.normalize(form, text)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("marks", MARKS)
def test_of_a_run_of_marks_the_first_stay(form: str, marks: str) -> None:
    few = ("a" + marks * MANY)[: MAX_MARKS + 1]
    assert normalize(form, "a" + marks * MANY + "b") == unicodedata.normalize(form, few + "b")  # type: ignore[arg-type]


def test_a_run_ends_with_the_next_letter() -> None:
    text = ("a" + "\u0301\u0316" * 15) * 100
    assert normalize("NFD", text) == unicodedata.normalize("NFD", text)


def test_what_is_searched_in_is_made_of_short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    forms: list[str] = []
    monkeypatch.setattr(search, "normalize", lambda form, text: forms.append(form) or normalize(form, text))
    assert search.folded("a" + MARKS[0] * MANY, "end") == "a end"
    assert forms[:3] == ["NFKD", "NFKD", "NFKC"]
    # A text that grows is cut, and no word of a long text is.
    assert len(search.folded("\ufdfa" * 60_000)) < 100_000
    assert search.folded("Žoga 12345 " * 4_000) == " ".join(["zoga 12345"] * 4_000)


@pytest.mark.parametrize(
    ("clean", "most"),
    [(text_rules.title, 255), (text_rules.category, 100), (text_rules.tag, 64), (text_rules.description, 20_000)],
)
def test_length_is_checked_before_the_text(clean: object, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("normalize", "_spaced"):
        monkeypatch.setattr(text_rules, name, Mock(side_effect=RuntimeError("looked at")))
    with pytest.raises(text_rules.InvalidText):
        clean("\u0301" * 320_000)  # type: ignore[operator]
    with pytest.raises(text_rules.InvalidText):
        text_rules.tags(["a"] * 100_000)


def test_a_line_may_be_longer_before_it_is_cleaned() -> None:
    # Hangul that is typed in parts, three signs to a syllable.
    assert text_rules.title(unicodedata.normalize("NFD", "\uac01" * 255)) == "\uac01" * 255
