"""A strict JSON parser for every endpoint."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from vodplatform.core.errors import DomainError
from vodplatform.core.pauses import pause_for_others

MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 64
TINY = 1e-30  # smaller numbers count as 0, because PostgreSQL stores such a number with up to 326 digits
# Maximum number of values in a body. The second limit is for endpoints that accept a long list.
MAX_PARTS, MAX_LIST_PARTS = 40_000, 200_000
MAX_SMALL_BODY_BYTES = 16 * 1024
# A JSON string. Possessive repetitions, and the alternative for an unfinished string, keep the search linear.
TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
REFUSED_LETTER = re.compile("[\x00\ud800-\udfff]")


class StrictJSONParser(BaseParser):
    """Parser of UTF-8 JSON: at most 2 MiB, 64 levels, finite numbers, text without NUL or lone surrogates."""

    media_type = "application/json"
    max_bytes = MAX_BODY_BYTES
    max_parts = MAX_PARTS

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        raw = stream.read(self.max_bytes + 1)
        if len(raw) > self.max_bytes:
            raise DomainError("too_large", f"The body is larger than {self.max_bytes} bytes.", limit=self.max_bytes)
        if has_too_many_parts(raw, self.max_parts):
            raise DomainError("too_large", "The body has too many values.", limit=self.max_parts)
        try:
            value = load_json(raw.decode("utf-8"), parse_constant=_refuse_constant)
        except UnicodeDecodeError as exc:
            raise ParseError("The body is not UTF-8.") from exc
        except RecursionError as exc:
            raise ParseError("The body is nested too deeply.") from exc
        except ValueError as exc:
            raise ParseError(f"The body is not valid JSON: {exc}") from exc
        check_json(value)
        return value


class ListJSONParser(StrictJSONParser):
    """The strict parser for bodies with a long list. Such a body takes up to 40 MB: parse large bodies one by one."""

    max_parts = MAX_LIST_PARTS


def load_json(text: str | bytes, **options: Any) -> Any:
    """Parse JSON, and pause for other requests at each number and object. ``json.loads`` alone would block them."""
    return json.loads(text, parse_float=_to_float, parse_int=_to_int, object_hook=_to_object, **options)


def _to_float(text: str) -> float:
    pause_for_others()
    value = float(text)
    return value if abs(value) >= TINY else 0.0


def _to_object(found: dict[str, Any]) -> dict[str, Any]:
    pause_for_others()
    return found


def _to_int(text: str) -> int:
    pause_for_others()
    return int(text)


def has_too_many_parts(raw: bytes, most: int = MAX_LIST_PARTS) -> bool:
    """Return whether the parsed JSON would take too much memory. A parsed empty list takes 50 times its text."""
    # First count all commas and opening brackets, also those in strings. Only if there are too many, count those
    # outside strings, which is slower.
    if _count_parts(raw, 0, len(raw)) <= most:
        return False
    count = start = 0
    for text in TEXT.finditer(raw):
        pause_for_others()
        count += _count_parts(raw, start, text.start())
        start = text.end()
        if count > most:
            return True
    return count + _count_parts(raw, start, len(raw)) > most


def _count_parts(raw: bytes, start: int, end: int) -> int:
    return sum(raw.count(sign, start, end) for sign in (b"[", b"{", b","))


class SmallJSONParser(StrictJSONParser):
    """The strict parser with a limit of 16 KiB, for requests before sign-in."""

    max_bytes = MAX_SMALL_BODY_BYTES


def check_json(value: Any) -> None:
    """Raise :class:`ParseError` for values that a database cannot store."""
    pending = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        pause_for_others()
        if depth > MAX_DEPTH:
            raise ParseError("The body is nested too deeply.")
        if isinstance(item, dict):
            pending.extend((part, depth + 1) for pair in item.items() for part in pair)
        elif isinstance(item, list):
            pending.extend((part, depth + 1) for part in item)
        elif isinstance(item, float) and not math.isfinite(item):
            raise ParseError("The body contains a number that is not finite.")
        elif isinstance(item, str) and (found := REFUSED_LETTER.search(item)):
            what = "a NUL character" if found[0] == "\x00" else "an unpaired surrogate"
            raise ParseError(f"A string in the body contains {what}.")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")
