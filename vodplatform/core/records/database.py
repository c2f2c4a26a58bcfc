"""What is the same question on both databases and another statement on each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, QuerySet

IMPATIENT_MILLISECONDS = 50
M = TypeVar("M", bound=Model)


def release_connection() -> None:
    """Give this thread's connection back to PostgreSQL's pool before a long wait for something else.

    Inside of a transaction it stays. The next query takes one again. Each process has 16 of them.
    """
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        connection.close()


@contextmanager
def impatient() -> Iterator[None]:
    """Within the block SQLite gives up a locked write after 50 ms (OperationalError) instead of 20 s.

    PostgreSQL locks rows, not the database: nothing to do there.
    """
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        patience = int(cursor.fetchone()[0])
        cursor.execute(f"PRAGMA busy_timeout = {IMPATIENT_MILLISECONDS}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {patience}")


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Within the block PostgreSQL gives up a statement after ``seconds`` (OperationalError), waits for locks included.

    Reading only: on SQLite readers wait for nobody, and a transaction would take the lock that writers need.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(max(1, round(seconds * 1000)))])
        yield
        # Inside a test's own transaction the setting would outlive the block.
        cursor.execute("SELECT set_config('statement_timeout', '0', true)")


def connect_apart(django: BaseDatabaseWrapper, **parameters: Any) -> psycopg.Connection[Any]:
    """A connection to PostgreSQL beside Django's and its pool. Raises ``psycopg.Error``.

    parameters: in place of Django's.
    """
    given = {**django.get_connection_params(), **parameters}
    for name in ("cursor_factory", "context", "prepare_threshold"):  # Django's way of reading rows
        given.pop(name, None)
    return psycopg.connect(**given)


def in_batches(rows: QuerySet[M], size: int = 1000) -> Iterator[M]:
    """The rows in the order of their keys, read in batches: PgBouncer loses a cursor that stays open in between."""
    left = rows.order_by("pk")
    while batch := list(left[:size]):
        yield from batch
        if len(batch) < size:
            return
        left = left.filter(pk__gt=batch[-1].pk)


def delete_in_batches(rows: QuerySet[M], size: int = 5000) -> int:
    """Delete ``rows``, so many in a transaction, since SQLite lets nobody else write meanwhile; returns how many.

    A row that another changes meanwhile is left, where it is none of ``rows`` any more.
    """
    count = 0
    while deleted := rows.filter(pk__in=rows.order_by()[:size].values("pk")).delete()[0]:
        count += deleted
    return count
