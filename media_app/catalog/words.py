"""What people write about videos, made clean: one rule for each field, the same at every door. Free of Django."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from typing import Any

MAX_TITLE = 255
MAX_DESCRIPTION = 20_000
MAX_CATEGORY = 100
MAX_TAGS = 50
MAX_TAG_LENGTH = 64


class NotClean(ValueError):
    """Why a value is refused, as a sentence."""


def title(value: Any) -> str:
    """One line of 1 to 255 characters. Raises :class:`NotClean`."""
    text = _line(value)
    if not text or len(text) > MAX_TITLE:
        raise NotClean(f"Send 1 to {MAX_TITLE} characters.")
    return text


def description(value: Any) -> str:
    """A text of any lines, at most 20 000 characters; null is none. Raises :class:`NotClean`."""
    text = "" if value is None else _text(value)
    if len(text) > MAX_DESCRIPTION:
        raise NotClean(f"Send at most {MAX_DESCRIPTION} characters.")
    return text


def category(value: Any) -> str:
    """One line of at most 100 characters; null is none. Raises :class:`NotClean`."""
    text = "" if value is None else _line(value)
    if len(text) > MAX_CATEGORY:
        raise NotClean(f"Send at most {MAX_CATEGORY} characters.")
    return text


def tag(value: Any) -> str:
    """One line of 1 to 64 characters. Raises :class:`NotClean`."""
    text = _line(value)
    if not text or len(text) > MAX_TAG_LENGTH:
        raise NotClean(f"A tag has 1 to {MAX_TAG_LENGTH} characters.")
    return text


def tags(value: Any) -> list[str]:
    """Tags from a list, each once, in the order given, empty ones left out. Raises :class:`NotClean`."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise NotClean("Send a list of texts.")
    found = list(dict.fromkeys(filter(None, map(_line, value))))
    if len(found) > MAX_TAGS or any(len(one) > MAX_TAG_LENGTH for one in found):
        raise NotClean(f"At most {MAX_TAGS}, each of {MAX_TAG_LENGTH} characters.")
    return found


def tags_from_form(value: Any) -> list[str]:
    """Tags from a list, a JSON list, or one text. Raises :class:`NotClean`."""
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.lstrip().startswith("[") else [value]
        except (ValueError, RecursionError) as exc:
            raise NotClean("Not a JSON list.") from exc
    return tags(value)


def is_blank(text: str) -> bool:
    """Whether nothing is left of it in a line."""
    return not _spaced(text).strip()


def flag(value: Any) -> bool:
    """A JSON truth value. Raises :class:`NotClean`."""
    if not isinstance(value, bool):
        raise NotClean("Send true or false.")
    return value


CLEAN: dict[str, Callable[[Any], Any]] = {
    "title": title, "description": description, "category": category, "tags": tags, "is_featured": flag
}  # fmt: skip


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise NotClean("Send a text.")
    if "\x00" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
        raise NotClean("Not valid Unicode.")
    return value


def _line(value: Any) -> str:
    text = _text(value.replace("\x00", " ") if isinstance(value, str) else value)
    return unicodedata.normalize("NFC", " ".join(_spaced(text).split()))


def _spaced(text: str) -> str:
    """With blanks for control characters and the ends of lines."""
    return "".join(" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in text)
