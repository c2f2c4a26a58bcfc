"""The health checks ``/health``, ``/health/live`` and ``/health/ready``."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import logging
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.module_loading import import_string

from vodplatform.core.errors import error_body, error_response, headers_of, is_disk_full
from vodplatform.core.files import disk, installation
from vodplatform.core.files.storage import StoreFull
from vodplatform.core.records.database import connect_outside_pool
from vodplatform.core.redis_pool import connect
from vodplatform.core.web import drain
from vodplatform.core.web.views import read_only

logger = logging.getLogger("vodplatform.health")
ANSWER_SECONDS = 1.5
DRIVER_SECONDS = 2  # timeout of a call to a database or server, in seconds; the call blocks a thread
PROBE = os.urandom(4096)
WRITE_SECONDS = 0.5  # maximum seconds that a heartbeat write waits for a lock
LOCKED_SECONDS = 10.0  # seconds for which heartbeat writes may fail, because other writers may lock SQLite
BEAT = "INSERT INTO heartbeat (id, at) SELECT 1,"
BEAT_AGAIN = "WHERE true ON CONFLICT (id) DO UPDATE SET at = excluded.at"


class HealthCheck:
    """The check of a dependency, such as the database. Concurrent requests share one result."""

    def __init__(self, name: str, ask: Callable[[], None]) -> None:
        self.name = name
        self.ask = ask
        self._lock = threading.Lock()
        self._asked: Future[bool] | None = None
        self._was_up = True
        self.is_full = False

    def begin(self) -> Future[bool]:
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = Future()
                run = contextvars.copy_context().run
                threading.Thread(target=run, args=(self._run, self._asked), name=self.name, daemon=True).start()
            return self._asked

    def is_up(self, asked: Future[bool], deadline: float) -> bool:
        try:
            up = asked.result(max(0.0, deadline - time.monotonic()))
        except TooLate:
            up = False
        with self._lock:
            changed, self._was_up = up != self._was_up, up
        if changed:
            logger.warning("health", extra={"data": {"part": self.name, "is": "up" if up else "down"}})
        return up

    def _run(self, asked: Future[bool]) -> None:
        try:
            self.ask()
            self.is_full = False
            asked.set_result(True)
        except Exception as exc:
            self.is_full = is_disk_full(exc) or isinstance(exc, StoreFull | psycopg.errors.DiskFull)
            logger.info("health", extra={"data": {"part": self.name, "exception": repr(exc)}})
            asked.set_result(False)


class HeartbeatWriter:
    """Writer of the database row that a health check updates. Short failures, such as locks, are tolerated."""

    def __init__(self) -> None:
        self._fails_since: float | None = None

    def beat(self, write: Callable[[], object]) -> None:
        try:
            write()
        except (sqlite3.Error, psycopg.Error) as exc:
            if isinstance(exc, psycopg.errors.UndefinedTable) or "no such table" in str(exc):
                return
            if is_disk_full(exc) or isinstance(exc, psycopg.errors.DiskFull):
                raise
            now = time.monotonic()
            self._fails_since = now if self._fails_since is None else self._fails_since
            if now - self._fails_since >= LOCKED_SECONDS:
                raise
        else:
            self._fails_since = None


heart = HeartbeatWriter()
_is_current = False


def check_database() -> None:
    """Read and write a row over a new connection: all pooled connections may be in use."""
    if connection.vendor == "postgresql":
        limits = {"connect_timeout": DRIVER_SECONDS, "tcp_user_timeout": DRIVER_SECONDS * 1000}
        with connect_outside_pool(connection, **limits) as found:
            found.execute(f"SET LOCAL statement_timeout = {DRIVER_SECONDS * 1000}")
            found.execute(f"SET LOCAL lock_timeout = {WRITE_SECONDS * 1000:.0f}")
            heart.beat(lambda: found.execute(f"{BEAT} now() {BEAT_AGAIN}"))
        return
    name = str(connection.settings_dict["NAME"])
    with closing(sqlite3.connect(_address(name, "ro"), uri=True, timeout=DRIVER_SECONDS)) as found:
        # Read a table, because `SELECT 1` would not access SQLite's file.
        found.execute("SELECT count(*) FROM sqlite_master").fetchone()
    writing = sqlite3.connect(_address(name, "rw"), uri=True, timeout=WRITE_SECONDS, isolation_level=None)
    with closing(writing):
        heart.beat(lambda: writing.execute(f"{BEAT} strftime('%Y-%m-%d %H:%M:%f', 'now') {BEAT_AGAIN}"))


def database_is_current() -> bool:
    global _is_current
    if not _is_current:
        executor = MigrationExecutor(connection)
        _is_current = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _is_current


def _address(name: str, mode: str) -> str:
    return name if name.startswith("file:") else f"file:{name}?mode={mode}"


def ask_storage() -> None:
    if not isinstance(default_storage, FileSystemStorage):
        # List the bucket: reading a file would not distinguish a missing file from a missing bucket.
        default_storage.listdir("health")
        return
    Path(default_storage.location).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=default_storage.location) as file:
        file.write(PROBE)
        file.flush()
        file.seek(0)
        if file.read() != PROBE:
            raise OSError("the data read back differs from the data written")


def ask_disk() -> None:
    if not disk.has_room():
        raise StoreFull


def ask_queue() -> None:
    with connect(settings.REDIS_URL, DRIVER_SECONDS / 2) as client:
        client.ping()


def ask_realtime() -> None:
    async def send() -> None:
        await asyncio.wait_for(get_channel_layer().group_send("health", {"type": "health"}), DRIVER_SECONDS)

    async_to_sync(send)()


def ask_own_storage() -> None:
    ask_storage()
    installation.raise_if_wrong()


PARTS = [
    HealthCheck("database", check_database),
    HealthCheck("storage", ask_own_storage),
    HealthCheck("disk", ask_disk),
    HealthCheck("queue", ask_queue),
    HealthCheck("realtime", ask_realtime),
]


@functools.cache
def _part(name: str, ask: str) -> HealthCheck:
    return HealthCheck(name, import_string(ask))


def all_checks() -> list[HealthCheck]:
    return [*PARTS, *(_part(name, ask) for name, ask in settings.HEALTH_PARTS.items())]


def check_all(parts: list[HealthCheck] | None = None) -> dict[str, bool]:
    deadline = time.monotonic() + ANSWER_SECONDS
    asked = [(part, part.begin()) for part in parts or all_checks()]
    return {part.name: part.is_up(answer, deadline) for part, answer in asked}


def database_is_up() -> bool:
    return check_all(PARTS[:1])["database"]


@read_only
def live(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "healthy"})


@read_only
def ready(request: HttpRequest) -> HttpResponse:
    """Answer whether a load balancer may send requests to this process."""
    if drain.is_shutting_down():
        return error_response("unavailable", "This process is shutting down.")
    with contextlib.suppress(Error):
        if database_is_up():
            if database_is_current():
                return JsonResponse({"status": "ready"})
            return error_response(
                "unavailable", "The database has not been migrated to this release. Run `manage.py migrate`."
            )
    return error_response(*_database_refusal())


@read_only
def health(request: HttpRequest) -> HttpResponse:
    found = check_all()
    body: dict[str, Any] = {
        "status": "healthy" if all(found.values()) else "degraded",
        "version": settings.VERSION,
        "commit": settings.COMMIT,
        **{name: "up" if up else "down" for name, up in found.items()},
    }
    if not found["database"]:
        body = error_body(*_database_refusal(), **body)
        return JsonResponse(body, status=body["code"], headers=headers_of(body["code"]))
    return JsonResponse(body)


def _database_refusal() -> tuple[str, str]:
    if PARTS[0].is_full:
        return "disk_full", ""
    return "unavailable", "The database does not answer."
