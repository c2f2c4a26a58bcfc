"""The one mechanism by which a row gets its state: made in one, then moved by an UPDATE that says whether it won."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

ModelT = TypeVar("ModelT", bound=Model)
Table = Mapping[str, frozenset[str]]


class ImpossibleTransition(Exception):
    """The table has no such arrow: a fault of the program, not of its user."""


def begin(model: type[ModelT], table: Table, state: str, *, field: str = "status", **values: Any) -> ModelT:
    """Create a row in a ``state`` of the table. Raises :class:`ImpossibleTransition` for any other."""
    if state not in table:
        raise ImpossibleTransition(f"{state} is none of the table's states")
    return model._default_manager.create(**{field: state}, **values)


def transition(queryset: QuerySet[ModelT], table: Table, to: str, *, field: str = "status", **values: Any) -> int:
    """Move the rows of ``queryset`` to ``to`` where ``table`` allows it from their present state.

    Returns how many rows it won: 0 means that somebody else was faster or that the state does not allow it.
    ``values`` are written by the same UPDATE. Raises :class:`ImpossibleTransition` when no state leads to ``to``.
    """
    sources = [source for source, targets in table.items() if to in targets]
    if not sources:
        raise ImpossibleTransition(f"nothing leads to {to}")
    return queryset.filter(Q(**{f"{field}__in": sources})).update(**{field: to}, **values)
