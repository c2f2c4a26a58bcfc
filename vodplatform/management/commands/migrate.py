"""Django's ``migrate``, one at a time: several hosts that start together would each make the same table."""

from __future__ import annotations

import fcntl
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.commands.migrate import Command as Migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

LOCK = zlib.crc32(b"vodplatform.migrate")


class Command(Migrate):
    """Waits for whoever migrates the same database."""

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor == "sqlite":
            # Django asks in a transaction whether JSON is supported, and takes another process's lock for a no.
            connection.features.supports_json_field = True
        with alone(connection):
            super().handle(*args, **options)


@contextmanager
def alone(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Nobody else is in this block with the same database; who dies in it leaves it."""
    if connection.vendor != "postgresql":
        with open(settings.DATA_DIR / "migrate.lock", "a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
