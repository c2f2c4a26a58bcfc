"""Serializer fields that take a JSON number as a number and nothing else, and the list parameters all lists share."""

from __future__ import annotations

import math
from typing import Any

from rest_framework import serializers


class SecondsField(serializers.FloatField):
    """A finite JSON number (no boolean, no text), in seconds unless its help says otherwise."""

    default_error_messages = {
        "not_a_number": "Must be a number, not {kind}.",
        "not_finite": "Must be a finite number.",
    }

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("not_a_number", kind=_kind(data))
        try:
            value = float(data)
        except OverflowError:
            self.fail("not_finite")
        if not math.isfinite(value):
            self.fail("not_finite")
        return value


class StrictIntegerField(serializers.IntegerField):
    """A JSON whole number, not a boolean, not text."""

    default_error_messages = {"not_a_number": "Must be a whole number, not {kind}."}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("not_a_number", kind=_kind(data))
        return super().to_internal_value(data)


class StrictCharField(serializers.CharField):
    """JSON text only; the framework's own field would take a number as its digits."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class ListQuerySerializer(serializers.Serializer[dict[str, Any]]):
    """``limit`` (1–100, default 20) and ``offset`` of a list."""

    limit = serializers.IntegerField(min_value=1, max_value=100, default=20)
    offset = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)


def _kind(data: Any) -> str:
    names = {bool: "a boolean", str: "text", type(None): "null", list: "a list", dict: "an object", float: "a fraction"}
    return names.get(type(data), type(data).__name__)
