"""What is missing on this machine, and how to mend it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from media_app.catalog.models import Video
from media_app.catalog.services import local_path
from vodplatform.base.append_only import unprotected_tables
from vodplatform.base.commands import Command as BaseCommand
from vodplatform.base.process import ChildError, run_child
from vodplatform.management.commands.up import redis_server


class Command(BaseCommand):
    help = "Check database, broker, library folders, reader and helpers; exit 1 when something is wrong."

    def handle(self, *args: Any, **options: Any) -> None:
        checks: list[tuple[str, Callable[[], str | None]]] = [
            ("database", database),
            ("append-only tables", append_only),
            ("broker", broker),
            ("library folders", library_folders),
            ("helper processes", helper),
            ("timer reader", reader),
            ("video files", files),
        ]
        wrong = 0
        for name, check in checks:
            problem = check()
            wrong += problem is not None
            self.stdout.write(f"{'ok  ' if problem is None else 'BAD '} {name}{': ' + problem if problem else ''}")
        if wrong:
            sys.exit(1)


def database() -> str | None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return "migrations are missing; run `manage.py migrate` or start `manage.py up`."
    return None


def append_only() -> str | None:
    if database():
        return None
    tables = ", ".join(unprotected_tables())
    return (
        f"{tables}: the trigger that keeps rows unchanged is gone; migrate that app back and forth." if tables else None
    )


def broker() -> str | None:
    if settings.REDIS_IS_PRIVATE:
        try:
            redis_server()
        except CommandError as exc:
            return str(exc)
        return None
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2) as client:
            client.ping()
    except redis.RedisError as exc:
        return f"REDIS_URL does not answer ({exc}); start it or unset REDIS_URL."
    return None


def library_folders() -> str | None:
    missing = [str(root) for root, _ in settings.LIBRARY_ROOTS if not root.is_dir()]
    return f"{', '.join(missing)} named by VOD_LIBRARY_ROOTS do not exist." if missing else None


def helper() -> str | None:
    try:
        run_child([sys.executable, "-c", "import av, cv2, numpy, onnxruntime"])
    except ChildError as exc:
        return f"a helper process does not start ({exc}); run `make install` again. {exc.stderr[-200:]}"
    return None


def reader() -> str | None:
    code = (
        "import sys, json\nfrom sessions_app.comparison.alignment.reader import ReaderUnavailable, load_reader\n"
        "try:\n    load_reader(sys.argv[1])\n"
        "except ReaderUnavailable as exc:\n    print(json.dumps({'problem': str(exc)}))"
    )
    try:
        messages = run_child([sys.executable, "-c", code, settings.TIMER_READER]).messages
    except ChildError as exc:
        return f"the reader {settings.TIMER_READER} broke: {exc.stderr[-200:] or exc}"
    return str(messages[0]["problem"]) if messages else None


def files() -> str | None:
    if database():
        return None
    gone = []
    for video in Video.objects.iterator():
        try:
            local_path(video)
        except FileNotFoundError:
            gone.append(video.location)
    return f"{len(gone)} videos have no file any more, the first is {gone[0]}." if gone else None
