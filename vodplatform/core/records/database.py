"""Queries that need different SQL on PostgreSQL and SQLite."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, QuerySet
from django.db.models.sql import InsertQuery

from vodplatform.core.pauses import pause_for_others, with_pauses

IMPATIENT_MILLISECONDS = 50
MAX_INSERTED = 200  # maximum number of rows in one statement of `compile_inserts`
M = TypeVar("M", bound=Model)


def release_connection() -> None:
    """Return this thread's PostgreSQL connection to the pool. Call it before a long wait."""
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        connection.close()


def lock_until_commit(space: int, name: bytes = b"") -> None:
    """Take PostgreSQL's advisory lock of ``name`` in ``space``. SQLite's transactions exclude each other anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [space, zlib.crc32(name) & 0x7FFFFFFF])


@contextmanager
def short_write_timeout() -> Iterator[None]:
    """Make a write in the block raise OperationalError if SQLite's lock delays it by 50 ms."""
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
def statement_timeout(seconds: float) -> Iterator[None]:
    """Make a PostgreSQL statement in the block raise OperationalError after ``seconds``."""
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(max(1, round(seconds * 1000)))])
        yield
        # Reset the timeout: in an outer transaction, it would stay in force after the block.
        cursor.execute("SELECT set_config('statement_timeout', '0', true)")


def connect_outside_pool(django: BaseDatabaseWrapper, **parameters: Any) -> psycopg.Connection[Any]:
    given = {**django.get_connection_params(), **parameters}
    for name in ("cursor_factory", "context", "prepare_threshold"):
        given.pop(name, None)
    return psycopg.connect(**given)


def compile_inserts(rows: Sequence[Model]) -> list[tuple[str, Sequence[Any]]]:
    """Return the statements that insert these new rows of one model. Call it before the transaction.

    ``bulk_create`` would compile the statements inside the transaction, while SQLite makes all other writers wait.
    """
    model = type(rows[0])
    fields = [field for field in model._meta.local_concrete_fields if not field.generated]
    size = min(MAX_INSERTED, max(1, connection.ops.bulk_batch_size(fields, rows)))
    statements: list[tuple[str, Sequence[Any]]] = []
    for first in with_pauses(range(0, len(rows), size)):
        query = InsertQuery(model)
        query.insert_values(fields, list(rows[first : first + size]))
        statements += query.get_compiler(connection=connection).as_sql()
    return statements


def in_batches(rows: QuerySet[M], size: int = 1000) -> Iterator[M]:
    """Yield rows, queried in batches. Server-side cursors do not work through PgBouncer."""
    left = rows.order_by("pk")
    while batch := list(left[:size]):
        yield from batch
        if len(batch) < size:
            return
        left = left.filter(pk__gt=batch[-1].pk)


def delete_in_batches(rows: QuerySet[M], size: int = 5000) -> int:
    """Delete ``rows``; return how many. Transactions are small, because with SQLite each blocks all other writers."""
    count = 0
    while deleted := rows.filter(pk__in=rows.order_by()[:size].values("pk")).delete()[0]:
        count += deleted
        pause_for_others()
    return count
