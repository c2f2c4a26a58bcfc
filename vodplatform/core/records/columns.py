"""All columns of a model, for code that must also handle columns of future releases."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Field, Model


def columns_of(model: type[Model], but: Collection[str] = ()) -> list[Field[Any, Any]]:
    columns = list(model._meta.concrete_fields)
    if unknown := set(but) - {column.name for column in columns}:
        raise ValueError(f"{model.__name__} has no {', '.join(sorted(unknown))}")
    return [column for column in columns if column.name not in but]


def column_names(model: type[Model], but: Collection[str] = ()) -> list[str]:
    return [column.name for column in columns_of(model, but)]


def column_values(row: Model, but: Collection[str] = ()) -> dict[str, Any]:
    return {column.attname: getattr(row, column.attname) for column in columns_of(type(row), but)}
