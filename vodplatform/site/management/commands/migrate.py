"""Django's ``migrate`` under a lock. Hosts that start together would otherwise create the same tables."""

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

from vodplatform.core.records.database import connect_outside_pool
from vodplatform.core.records.former import REFUSAL, is_former

LOCK = zlib.crc32(b"vodplatform.migrate")
# Time after which PostgreSQL ends an idle transaction, so that a stopped process keeps no locks.
IDLE_TRANSACTION_TIMEOUT = "15s"
POLL_SECONDS = 0.2


class Command(Migrate):
    def execute(self, *args: Any, **options: Any) -> Any:
        connection = connections[options["database"]]
        if connection.vendor == "sqlite":
            # Skip Django's check for JSON support, which also fails if the database is locked.
            connection.features.supports_json_field = True
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        with migration_lock(connection):
            if is_former(MigrationRecorder(connection).applied_migrations()):
                raise CommandError(REFUSAL)
            super().handle(*args, **options)
            if connection.vendor == "postgresql" and not (options["plan"] or options["check_unapplied"]):
                try:
                    set_limits(connection)
                except DatabaseError as exc:  # PostgreSQL may forbid the role to change its own settings
                    self.stderr.write(
                        "Idle transactions will not be ended, because the role's timeout could not be set: "
                        f"{' '.join(str(exc).split())}"
                    )


@contextmanager
def migration_lock(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Hold a database's migration lock during the block."""
    if connection.vendor != "postgresql":
        with open(settings.DATA_DIR / "migrate.lock", "a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    # docs/design/0023-several-hosts.md explains the transaction lock and the polling.
    with connect_outside_pool(connection) as own:
        own.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        while own.execute("SELECT NOT pg_try_advisory_xact_lock(%s)", [LOCK]).fetchone() == (True,):
            time.sleep(POLL_SECONDS)
        yield


def set_limits(connection: BaseDatabaseWrapper) -> None:
    """Set the timeout of idle transactions for this role's new connections to this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_database()")
        role, database = map(connection.ops.quote_name, cursor.fetchone())
        cursor.execute(
            f"ALTER ROLE {role} IN DATABASE {database}"
            f" SET idle_in_transaction_session_timeout = '{IDLE_TRANSACTION_TIMEOUT}'"
        )
