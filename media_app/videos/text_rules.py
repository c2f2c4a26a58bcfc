"""Rules for the text fields of videos, which raise :class:`InvalidText`; free of Django."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from typing import Any

from vodplatform.core.text import normalize

MAX_TITLE = 255
MAX_DESCRIPTION = 20_000
MAX_CATEGORY = 100
MAX_TAGS = 50
MAX_TAG_LENGTH = 64
MAX_SHRUNK = 4  # maximum length of a line or tag list before clean-up, divided by the maximum after


class InvalidText(ValueError):
    pass


def title(value: Any) -> str:
    sentence = f"Use 1 to {MAX_TITLE} characters."
    return _filled(_line(value, MAX_TITLE, sentence), sentence)


def description(value: Any) -> str:
    return "" if value is None else _text(value, MAX_DESCRIPTION, f"Use at most {MAX_DESCRIPTION} characters.")


def category(value: Any) -> str:
    return "" if value is None else _line(value, MAX_CATEGORY, f"Use at most {MAX_CATEGORY} characters.")


def tag(value: Any) -> str:
    sentence = f"A tag must have 1 to {MAX_TAG_LENGTH} characters."
    return _filled(_line(value, MAX_TAG_LENGTH, sentence), sentence)


def tags(value: Any) -> list[str]:
    sentence = f"Use at most {MAX_TAGS} tags of at most {MAX_TAG_LENGTH} characters each."
    if isinstance(value, list) and len(value) > MAX_SHRUNK * MAX_TAGS:
        raise InvalidText(sentence)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InvalidText("Send a list of strings.")
    found = list(dict.fromkeys(filter(None, (_line(one, MAX_TAG_LENGTH, sentence) for one in value))))
    if len(found) > MAX_TAGS:
        raise InvalidText(sentence)
    return found


def tags_from_form(value: Any) -> list[str]:
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.lstrip().startswith("[") else [value]
        except (ValueError, RecursionError) as exc:
            raise InvalidText("Send a valid JSON list.") from exc
    return tags(value)


def is_blank(text: str) -> bool:
    return not _spaced(text).strip()


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidText("Send true or false.")
    return value


CLEAN: dict[str, Callable[[Any], Any]] = {
    "title": title, "description": description, "category": category, "tags": tags, "is_featured": flag
}  # fmt: skip


def _text(value: Any, most: int, sentence: str) -> str:
    if not isinstance(value, str):
        raise InvalidText("Send a string.")
    if len(value) > most:
        raise InvalidText(sentence)
    if "\x00" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
        raise InvalidText("The text is not valid Unicode. Remove invalid characters.")
    return value


def _line(value: Any, most: int, sentence: str) -> str:
    text = _text(value.replace("\x00", " ") if isinstance(value, str) else value, MAX_SHRUNK * most, sentence)
    text = normalize("NFC", " ".join(_spaced(text).split()))
    if len(text) > most:
        raise InvalidText(sentence)
    return text


def _filled(text: str, sentence: str) -> str:
    if not text:
        raise InvalidText(sentence)
    return text


def _spaced(text: str) -> str:
    return "".join(" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in text)
