"""State changes of rows, checked against a table of allowed transitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

ModelT = TypeVar("ModelT", bound=Model)
Table = Mapping[str, frozenset[str]]


class ImpossibleTransition(Exception):
    """Error in the program: the transition table lacks this state or transition."""


def create_in_state(model: type[ModelT], table: Table, state: str, *, field: str = "status", **values: Any) -> ModelT:
    if state not in table:
        raise ImpossibleTransition(f"the transition table has no state {state}")
    return model._default_manager.create(**{field: state}, **values)


def transition(queryset: QuerySet[ModelT], table: Table, to: str, *, field: str = "status", **values: Any) -> int:
    """Move rows to state ``to`` where ``table`` allows it; return how many moved.

    0 means that another request was faster or the state forbids the move. Raises :class:`ImpossibleTransition` if no
    state leads to ``to``.
    """
    sources = [source for source, targets in table.items() if to in targets]
    if not sources:
        raise ImpossibleTransition(f"no transition leads to {to}")
    return queryset.filter(Q(**{f"{field}__in": sources})).update(**{field: to}, **values)
