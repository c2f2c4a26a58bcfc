"""Rows per second of a backup and of its restore, against a plain ``bulk_create`` of the same rows."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

from bench.report import Table
from tests.support.services import fresh_database

JOBS, EVENTS_EACH = 5_000, 19
AT_ONCE = 1_000


def measure(seed: int) -> list[Table]:
    with tempfile.TemporaryDirectory(prefix="bench-archive-") as folder, fresh_database("vod_bench_archive") as url:
        os.environ["DJANGO_SETTINGS_MODULE"] = "bench.settings"
        os.environ["VOD_DATA_DIR"] = folder
        if url:
            os.environ["DATABASE_URL"] = url
        django.setup()
        try:
            return [_measure(Path(folder))]
        finally:
            from django.db import connection

            connection.close()
            if url:
                connection.close_pool()  # type: ignore[attr-defined]


def _measure(folder: Path) -> Table:
    from django.core.management import call_command
    from django.db import connection

    from jobs_app.models import Job, JobEvent, JobStatus
    from vodplatform.accounts.models import User
    from vodplatform.site import backup

    call_command("migrate", verbosity=0)
    owner = User.objects.create(username="anna")
    jobs = [
        Job(kind="ingest", lane="ingest", owner=owner, status=JobStatus.COMPLETED, admitted=False, result={"a": 1})
        for _ in range(JOBS)
    ]
    events = [JobEvent(job=job, name="processing", attempt=1, data={}) for job in jobs for _ in range(EVENTS_EACH)]

    def insert() -> None:
        Job.objects.bulk_create(jobs, batch_size=AT_ONCE)
        JobEvent.objects.bulk_create(events, batch_size=AT_ONCE)

    def empty() -> None:
        with connection.cursor() as cursor:
            for model in (JobEvent, Job, User):
                cursor.execute(f"DELETE FROM {model._meta.db_table}")

    inserted = _took(insert)
    target = folder / "all.tar"
    written = _took(lambda: backup.write_archive(target))
    empty()
    read = _took(lambda: backup.read_archive(target))
    table = Table(
        "", ("rows", "bulk_create alone", "backup", "restore", "restore / bulk_create"),
        note=f"{connection.vendor}; {EVENTS_EACH} events for each job.",
    )  # fmt: skip
    count = len(jobs) + len(events)
    rates = [f"{count / seconds:,.0f} rows/s" for seconds in (inserted, written, read)]
    table.add(f"{count:,}", *rates, f"{read / inserted:.1f}×")
    return table


def _took(work: Callable[[], Any]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began
