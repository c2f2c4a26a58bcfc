"""Rendering of answers as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import JSONRenderer

BATCH = 10  # number of list items that are encoded at once


class BatchJSONRenderer(JSONRenderer):
    """A renderer that encodes the items of long lists in batches.

    The encoder is written in C and blocks all other threads. With a list of 4 MB, they would wait 0.1 s.
    """

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        context = dict(renderer_context or {})

        def encode(value: Any) -> bytes:
            return bytes(super(BatchJSONRenderer, self).render(value, accepted_media_type, context)) or b"null"

        def encode_value(value: Any) -> bytes:
            if not _is_long(value):
                return encode(value)
            batches = (list(value[first : first + BATCH]) for first in range(0, len(value), BATCH))
            return b"[" + b",".join(encode(batch)[1:-1] for batch in batches) + b"]"

        is_object = isinstance(data, dict) and any(map(_is_long, data.values()))
        if not (is_object or _is_long(data)) or self.get_indent(accepted_media_type, context) is not None:
            return bytes(super().render(data, accepted_media_type, context))
        if not is_object:
            return encode_value(data)
        return b"{" + b",".join(encode(str(name)) + b":" + encode_value(value) for name, value in data.items()) + b"}"


def _is_long(value: Any) -> bool:
    return isinstance(value, list) and len(value) > BATCH
