"""JSON bodies, strictly: one parser for every endpoint, with a size limit and no value that a database refuses."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from vodplatform.base.errors import DomainError

MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 64


class StrictJSONParser(BaseParser):
    """UTF-8 JSON of at most 2 MiB, 64 levels, finite numbers, text without NUL or lone surrogates."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        raw = stream.read(MAX_BODY_BYTES + 1)
        if len(raw) > MAX_BODY_BYTES:
            raise DomainError("too_large", "The body is larger than 2 MiB.", limit=MAX_BODY_BYTES)
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


def check_json(value: Any) -> None:
    """Raise :class:`ParseError` for what JSON can say and a database cannot keep."""
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
        elif isinstance(item, str):
            if "\x00" in item:
                raise ParseError("The body has a NUL character in a text.")
            if any("\ud800" <= letter <= "\udfff" for letter in item):
                raise ParseError("The body has half a surrogate pair in a text.")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")
