"""Base classes and helpers of management commands."""

from __future__ import annotations

import contextlib
import fcntl
import signal
import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from vodplatform.settings.variables import PROJECT_ROOT
from vodplatform.version import version_text

UP_LOCK = "up.lock"  # file in the data folder, locked while `up` runs
SILENT_SECONDS = 1.0  # seconds until a waiting command prints that it waits
TABLES_SECONDS = 120.0  # maximum seconds that a command waits for `up`'s migrations


class Command(BaseCommand):
    """Base class of the management commands. vodplatform/__main__.py reads ``--data-dir`` before the settings load."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--data-dir", help="folder of the database and generated files; default VOD_DATA_DIR or data/"
        )

    def get_version(self) -> str:
        return version_text()


class DatabaseCommand(Command):
    """Base class of commands that need database tables. They wait while `up` creates the tables."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        wait_for_tables(lambda: self.stderr.write("waiting for the database …"))
        return super().execute(*args, **options)


def wait_for_tables(say: Callable[[], object]) -> None:
    """Wait until `up` has applied all migrations. Raises :class:`CommandError` if no `up` runs.

    ``say`` is called once if the wait takes longer than :data:`SILENT_SECONDS`.
    """
    teller = threading.Timer(SILENT_SECONDS, say)
    teller.daemon = True
    teller.start()
    deadline = time.monotonic() + TABLES_SECONDS
    try:
        while not _has_tables():
            if not _is_up_running() or time.monotonic() > deadline:
                raise CommandError(
                    "The database has not been migrated to this release. Start `manage.py up`, or run "
                    "`manage.py migrate`."
                )
            threading.Event().wait(0.2)
    finally:
        teller.cancel()


def _has_tables() -> bool:
    try:
        executor = MigrationExecutor(connection)
        return not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except OperationalError as exc:
        if connection.vendor == "sqlite" and "locked" in str(exc):
            return False  # a lock on SQLite's file means that `up` is still creating the tables
        raise CommandError(f"The database cannot be used: {' '.join(str(exc).split())}") from exc


def _is_up_running() -> bool:
    try:
        with open(Path(settings.DATA_DIR) / UP_LOCK) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def manage_argv(*words: str) -> list[str]:
    """Return a command line that runs ``manage.py WORDS``, or the installed package with the same arguments."""
    script = PROJECT_ROOT / "manage.py"
    program = [str(script)] if script.exists() else ["-P", "-m", "vodplatform"]
    return [sys.executable, *program, *words]


@contextlib.contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: Any) -> NoReturn:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
