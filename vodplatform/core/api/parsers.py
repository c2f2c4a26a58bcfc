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

MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 64
MAX_PARTS = 200_000
MAX_SMALL_BODY_BYTES = 16 * 1024
REFUSED_LETTER = re.compile("[\x00\ud800-\udfff]")


class StrictJSONParser(BaseParser):
    """Parser of UTF-8 JSON: at most 2 MiB, 64 levels, finite numbers, text without NUL or lone surrogates."""

    media_type = "application/json"
    max_bytes = MAX_BODY_BYTES

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        raw = stream.read(self.max_bytes + 1)
        if len(raw) > self.max_bytes:
            raise DomainError("too_large", f"The body is larger than {self.max_bytes} bytes.", limit=self.max_bytes)
        if has_too_many_parts(raw):
            raise DomainError("too_large", "The body has too many parts.", limit=MAX_PARTS)
        try:
            value = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
        except UnicodeDecodeError as exc:
            raise ParseError("The body is not UTF-8.") from exc
        except RecursionError as exc:
            raise ParseError("The body is nested too deeply.") from exc
        except ValueError as exc:
            raise ParseError(f"The body is not valid JSON: {exc}") from exc
        check_json(value)
        return value


def has_too_many_parts(raw: bytes, most: int = MAX_PARTS) -> bool:
    """Return whether the parsed JSON would take too much memory. An empty list takes fifty times its text's memory."""
    return sum(raw.count(sign) for sign in (b"[", b"{", b",")) > most


class SmallJSONParser(StrictJSONParser):
    """The strict parser with a limit of 16 KiB, for requests before sign-in."""

    max_bytes = MAX_SMALL_BODY_BYTES


def check_json(value: Any) -> None:
    """Raise :class:`ParseError` for values that a database cannot store."""
    pending = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise ParseError("The body is nested too deeply.")
        if isinstance(item, dict):
            pending.extend((part, depth + 1) for pair in item.items() for part in pair)
        elif isinstance(item, list):
            pending.extend((part, depth + 1) for part in item)
        elif isinstance(item, float) and not math.isfinite(item):
            raise ParseError("The body has a number that is not finite.")
        elif isinstance(item, str) and (found := REFUSED_LETTER.search(item)):
            what = "a NUL character" if found[0] == "\x00" else "half a surrogate pair"
            raise ParseError(f"The body has {what} in a text.")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")
