"""Serializer fields that accept only the right JSON type, and serializers shared by many API answers."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Self, TypeVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from vodplatform.core.pauses import pause_for_others

T = TypeVar("T")


class AnswerSerializer(serializers.Serializer[T]):
    """Serializer of an API answer. It also describes the answer in the OpenAPI document.

    A field's value comes from :meth:`get_values`, from ``get_<name>``, or from the instance's attribute
    (``source``).
    """

    def get_values(self, instance: T) -> Mapping[str, Any]:
        """Return values by field name, for subclasses in which one query computes several fields."""
        return {}

    def to_representation(self, instance: T) -> dict[str, Any]:
        together = self.get_values(instance)
        shown = {}
        for name, read, show in self._steps:
            value = together[name] if name in together else read(instance)
            shown[name] = None if value is None else show(value)
        return shown

    @functools.cached_property
    def _steps(self) -> list[tuple[str, Callable[[T], Any], Callable[[Any], Any]]]:
        """Return (name, function that reads the value, function that formats it) for each field.

        Calling these functions directly is faster than REST framework's ``to_representation``.
        """
        return [
            (name, self._method_of(name) or _reader(field), field.to_representation)
            for name, field in self.fields.items()
        ]

    def _method_of(self, name: str) -> Callable[[T], Any] | None:
        # Ignore methods that REST framework's Serializer defines. Otherwise, its ``get_value`` would be called for a
        # field named ``value``.
        method = f"get_{name}"
        return None if hasattr(serializers.Serializer, method) else getattr(self, method, None)

    @classmethod
    def show(cls, instance: T) -> dict[str, Any]:
        pause_for_others()
        return cls._shared().to_representation(instance)

    @classmethod
    @functools.cache
    def _shared(cls) -> Self:
        return cls()


def _reader(field: serializers.Field[Any, Any, Any, Any]) -> Callable[[Any], Any]:
    read: Callable[[Any], Any] = operator.attrgetter(".".join(field.source_attrs))
    if len(field.source_attrs) == 1 or not field.allow_null:
        return read

    def read_or_none(instance: Any) -> Any:
        try:
            return read(instance)
        except AttributeError:
            return None

    return read_or_none


class StoredJsonField(serializers.JSONField):
    """A stored JSON value that is copied into answers without conversion or checks.

    shape: serializer that describes the value in the OpenAPI document. many: whether the value is a list of such
    objects.
    """

    def __init__(self, shape: type[serializers.Serializer[Any]], *, many: bool = False, **options: Any) -> None:
        super().__init__(**options)
        extend_schema_field(shape(many=many))(self)  # type: ignore[type-var]  # typed for classes alone


class SecondsField(serializers.FloatField):
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


class EpochField(serializers.FloatField):
    """A time shown in seconds since 1970."""

    def to_representation(self, value: datetime) -> float:  # type: ignore[override]
        return value.timestamp()


class StrictIntegerField(serializers.IntegerField):
    default_error_messages = {"not_a_number": "Must be a whole number, not {kind}."}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("not_a_number", kind=_kind(data))
        return super().to_internal_value(data)


class StrictCharField(serializers.CharField):
    """A JSON string; REST framework's own field also accepts numbers."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictRegexField(StrictCharField, serializers.RegexField):
    """A JSON string that matches a pattern."""


class StrictBooleanField(serializers.BooleanField):
    """JSON true or false; REST framework's own field also accepts "no" and "off"."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class BoundedListField(serializers.ListField):
    """A list whose length is checked before its elements are validated."""

    def __init__(self, *, max_length: int, **options: Any) -> None:
        super().__init__(max_length=max_length, **options)
        self.most = max_length

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, list | tuple) and len(data) > self.most:
            self.fail("max_length", max_length=self.most)
        found: list[Any] = super().to_internal_value(data)
        return found


class BoundedDictField(serializers.DictField):
    """A JSON object whose number of names is checked before its values are validated."""

    default_error_messages = {"max_length": "Ensure this field has no more than {max_length} elements."}

    def __init__(self, *, max_length: int, **options: Any) -> None:
        super().__init__(**options)
        self.most = max_length

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping) and len(data) > self.most:
            self.fail("max_length", max_length=self.most)
        found: dict[str, Any] = super().to_internal_value(data)
        return found


class ListQuerySerializer(serializers.Serializer[dict[str, Any]]):
    """Query parameters of a list: ``limit`` (1–100, default 20) and ``offset``."""

    limit = serializers.IntegerField(min_value=1, max_value=100, default=20)
    offset = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)


class ListPageSerializer(serializers.Serializer[dict[str, int]]):
    """Position of a page in its list."""

    limit = serializers.IntegerField()
    offset = serializers.IntegerField()
    total = serializers.IntegerField()


class CauseSerializer(serializers.Serializer[dict[str, str]]):
    """The reason of a failure; /api/docs/errors lists each ``type``."""

    type = serializers.CharField()
    message = serializers.CharField()


def validate_query(form: type[serializers.Serializer[Any]], given: Mapping[str, str]) -> dict[str, Any]:
    filled = form(data={name: value for name, value in given.items() if value})
    filled.is_valid(raise_exception=True)
    return dict(filled.validated_data)


def page_slice(query: Mapping[str, Any]) -> slice:
    return slice(query["offset"], query["offset"] + query["limit"])


def page_of(query: Mapping[str, Any], total: int) -> dict[str, int]:
    return {"limit": query["limit"], "offset": query["offset"], "total": total}


def _kind(data: Any) -> str:
    names = {bool: "a boolean", str: "text", type(None): "null", list: "a list", dict: "an object", float: "a fraction"}
    return names.get(type(data), type(data).__name__)
