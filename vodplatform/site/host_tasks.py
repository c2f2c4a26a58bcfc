"""Periodic tasks for one host: disk reserve, installation check, scratch folders and metrics.

Web and worker processes of each host run the tasks, because other hosts cannot see the host's folders.
"""

from __future__ import annotations

import errno
import io
import logging
import shutil
import threading
import time
from pathlib import Path
from typing import cast

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection
from prometheus_client import CollectorRegistry, start_http_server

from jobs_app import scratch
from jobs_app.periodic import periodic_task
from media_app.uploads import cleanup
from vodplatform.core import logs
from vodplatform.core.files import disk, installation
from vodplatform.core.models import ProcessKind
from vodplatform.core.records import process_registry
from vodplatform.site import metrics

logger = logging.getLogger("vodplatform.site.host_tasks")
not_served = logs.RateLimitedLogger(logger, "metrics not served", seconds=3600)
SCRATCH_SECONDS = 86_400
EVERY_SECONDS = 5.0
WATCH_SECONDS = 60.0
CLEAN_SECONDS = 3600.0
_next_watch = _next_clean = 0.0
_metrics_server: object | None = None


@periodic_task("expire", seconds=3600)
def delete_expired() -> None:
    process_registry.delete_gone()
    call_command("expire", stdout=io.StringIO())


def run_due_tasks() -> None:
    global _next_watch, _next_clean
    disk.manage_reserve_file()
    now = time.monotonic()
    if now >= _next_watch:
        _next_watch = now + WATCH_SECONDS
        installation.check_or_stop()
    if now >= _next_clean:
        _next_clean = now + CLEAN_SECONDS
        delete_unused_scratch()
    if settings.METRICS_ADDRESS:
        serve_metrics(*settings.METRICS_ADDRESS)


def serve_metrics(host: str, port: int) -> None:
    """Serve this host's ``/metrics``, unless another process of the host already does. Failures are logged."""
    global _metrics_server
    if _metrics_server is not None:
        return
    try:
        _metrics_server, _ = start_http_server(
            port, host, cast(CollectorRegistry, metrics.Scrape(metrics.HOST_COLLECTORS))
        )
    except OSError as exc:
        if exc.errno != errno.EADDRINUSE:
            not_served.warning(address=f"{host}:{port}", exception=repr(exc))


def delete_unused_scratch() -> int:
    removed = scratch.sweep() + remove_older(scratch.scratch_root(), SCRATCH_SECONDS)
    cleanup.sweep_scratch()
    return removed


def remove_older(parent: Path, seconds: float) -> int:
    """Delete folders in ``parent`` that have not changed for ``seconds``; return how many.

    Folders of job attempts are left to :func:`jobs_app.scratch.sweep`.
    """
    if not parent.is_dir():
        return 0
    others = [folder for folder in parent.iterdir() if folder.is_dir() and scratch.token_of(folder) is None]
    old = [folder for folder in others if time.time() - folder.stat().st_mtime > seconds]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    return len(old)


def start_task_thread() -> None:
    threading.Thread(target=_run, name="host", daemon=True).start()


def _run() -> None:
    pause, next_beat = threading.Event(), 0.0
    while True:
        try:
            run_due_tasks()
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + process_registry.BEAT_SECONDS
                process_registry.report_process(ProcessKind.WEB)
        except (DatabaseError, OSError) as exc:
            logger.warning("host tasks failed", extra={"data": {"exception": repr(exc)}})
        finally:
            connection.close()
        pause.wait(EVERY_SECONDS)
