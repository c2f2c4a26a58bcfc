"""Rendering of answers as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rest_framework.renderers import JSONRenderer

from vodplatform.core.pauses import pause_for_others

LONG = 10  # lists with at least this many items are encoded in parts
PART = 200  # a long list of numbers or strings is encoded in parts of at most this many items


class RawJson(str):
    """JSON text that is copied into an answer, so that large stored values need not be parsed and encoded again."""


class ItemJSONRenderer(JSONRenderer):
    """A renderer that encodes long lists in parts, also lists inside other values.

    The encoder is written in C and blocks all other threads during a call, so calls must be short.
    """

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        if not _needs_parts(data):
            return bytes(super().render(data, accepted_media_type, dict(renderer_context or {})))
        encoder: json.JSONEncoder = self.encoder_class(
            ensure_ascii=self.ensure_ascii, allow_nan=not self.strict, separators=(",", ":")
        )
        text = "".join(_encode(data, encoder.encode))
        # Escape U+2028 and U+2029, because they end a line in JavaScript.
        return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode()

    def get_indent(self, accepted_media_type: str, renderer_context: Mapping[str, Any]) -> None:
        """Ignore ``indent`` in the Accept header: indented, an answer of 5 MB had 170 MB."""


def _encode(value: Any, encode: Callable[[Any], str]) -> Iterator[str]:
    pause_for_others()
    if isinstance(value, RawJson) or not _needs_parts(value):
        yield value if isinstance(value, RawJson) else encode(value)
    elif isinstance(value, dict):
        for number, (name, item) in enumerate(value.items()):
            yield f"{',' if number else '{'}{encode(str(name))}:"
            yield from _encode(item, encode)
        yield "}"
    elif isinstance(value[0], dict | list | RawJson):
        for number, item in enumerate(value):
            yield "," if number else "["
            yield from _encode(item, encode)
        yield "]"
    else:
        for start in range(0, len(value), PART):
            yield f"{',' if start else '['}{encode(value[start : start + PART])[1:-1]}"
        yield "]"


def _needs_parts(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_needs_parts, value.values()))
    if isinstance(value, list):
        return len(value) >= LONG or any(map(_needs_parts, value))
    return isinstance(value, RawJson)
