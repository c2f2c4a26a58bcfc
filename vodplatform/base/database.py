"""What is the same question on both databases and another statement on each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

IMPATIENT_MILLISECONDS = 50


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
