"""Rendering of answers as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import JSONRenderer

LONG = 10  # lists with at least this many items are encoded item by item


class ItemJSONRenderer(JSONRenderer):
    """A renderer that encodes the items of long lists one by one.

    The encoder is written in C, and each call blocks all other threads.
    """

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        context = dict(renderer_context or {})
        is_object = isinstance(data, dict) and any(map(_is_long, data.values()))
        if not (is_object or _is_long(data)) or self.get_indent(accepted_media_type or "", context) is not None:
            return bytes(super().render(data, accepted_media_type, context))
        encoder: json.JSONEncoder = self.encoder_class(
            ensure_ascii=self.ensure_ascii, allow_nan=not self.strict, separators=(",", ":")
        )

        def encode(value: Any) -> str:
            return f"[{','.join(map(encoder.encode, value))}]" if _is_long(value) else encoder.encode(value)

        if is_object:
            text = ",".join(f"{encoder.encode(str(name))}:{encode(value)}" for name, value in data.items())
            text = f"{{{text}}}"
        else:
            text = encode(data)
        # Escape these two characters, which end a line in JavaScript.
        return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode()


def _is_long(value: Any) -> bool:
    return isinstance(value, list) and len(value) >= LONG
