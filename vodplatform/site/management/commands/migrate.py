"""Django's ``migrate``, one at a time: several hosts that start together would each make the same table."""

from __future__ import annotations

import fcntl
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands.migrate import Command as Migrate
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder

from vodplatform.core.records.database import connect_apart
from vodplatform.core.records.former import REFUSAL, is_former

LOCK = zlib.crc32(b"vodplatform.migrate")
# A process that was stopped in the middle of a transaction holds its locks no longer than this.
LONGEST_IDLE = "15s"
POLL_SECONDS = 0.2


class Command(Migrate):
    """Waits until no other process migrates the same database. Refuses databases of development versions."""

    def execute(self, *args: Any, **options: Any) -> Any:
        connection = connections[options["database"]]
        if connection.vendor == "sqlite":
            # Django's checks run before `handle`. They test JSON in a transaction, and take a locked database for one
            # without JSON.
            connection.features.supports_json_field = True
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        with alone(connection):
            if is_former(MigrationRecorder(connection).applied_migrations()):
                raise CommandError(REFUSAL)
            super().handle(*args, **options)
            if connection.vendor == "postgresql" and not (options["plan"] or options["check_unapplied"]):
                try:
                    set_limits(connection)
                except DatabaseError as exc:  # a role that may not change itself
                    self.stderr.write(f"Transactions that stand still are not ended: {' '.join(str(exc).split())}")


@contextmanager
def alone(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Nobody else is in this block with the same database; who dies in it leaves it."""
    if connection.vendor != "postgresql":
        with open(settings.DATA_DIR / "migrate.lock", "a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    # A lock of a transaction: one of a session would stay behind in PgBouncer.
    with connect_apart(connection) as own:
        own.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        # Not waited for in PostgreSQL: what waits there keeps `CREATE INDEX CONCURRENTLY` of the other waiting.
        while own.execute("SELECT NOT pg_try_advisory_xact_lock(%s)", [LOCK]).fetchone() == (True,):
            time.sleep(POLL_SECONDS)
        yield


def set_limits(connection: BaseDatabaseWrapper) -> None:
    """What each new connection of this role to this database begins with.

    Kept by PostgreSQL: PgBouncer passes on no settings that a client names when it connects.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_database()")
        role, database = map(connection.ops.quote_name, cursor.fetchone())
        cursor.execute(
            f"ALTER ROLE {role} IN DATABASE {database} SET idle_in_transaction_session_timeout = '{LONGEST_IDLE}'"
        )
