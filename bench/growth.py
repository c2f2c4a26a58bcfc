"""Duration of the hourly clean-up of large tables, and how long it delays other writers, on SQLite and PostgreSQL.

``python -m bench.growth`` measures only the database that the settings name, and prints JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.report import Table
from tests.support.services import fresh_database

ENTRIES, JOBS, EVENTS_EACH = 1_000_000, 10_000, 20
PAUSE_SECONDS = 0.01  # pause, in seconds, between two rows that the concurrent writer inserts
COLUMNS = ("database", "what", "rows deleted", "seconds", "rows/s", "longest wait of another write")


def measure(seed: int) -> list[Table]:
    table = Table(
        "", COLUMNS, note=f"The audit log has {ENTRIES:,} entries, and half of them are old. Each job has "
            f"{EVENTS_EACH} events. "
        "Meanwhile another connection writes one entry after the other.",
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="bench-growth-") as folder, fresh_database("vod_bench_growth") as url:
        places = {"SQLite": {"VOD_DATA_DIR": folder}}
        if url:
            places["PostgreSQL"] = {"VOD_DATA_DIR": folder, "DATABASE_URL": url}
        for name, place in places.items():
            for what, rows, seconds, wait in _of_one(place):
                table.add(name, what, f"{rows:,}", f"{seconds:.1f}", f"{rows / seconds:,.0f}", f"{1000 * wait:.0f} ms")
    return [table]


def _of_one(place: dict[str, str]) -> Any:
    given = {name: text for name, text in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    said = subprocess.run(
        [sys.executable, "-m", "bench.growth"], env={**given, **place, "VOD_LOG_LEVEL": "WARNING"},
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return json.loads(said.stdout.splitlines()[-1])


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(json.dumps([_audit(), _jobs()]))


def _audit() -> tuple[str, int, float, float]:
    from django.db import connection

    from vodplatform.core.models import AuditEntry
    from vodplatform.core.records import audit

    numbers, day = (
        (f"generate_series(1, {ENTRIES}) AS each(n)", "now() - interval '1 day'")
        if connection.vendor == "postgresql"
        else (f"(WITH RECURSIVE each(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM each WHERE n < {ENTRIES}) SELECT n "
              "FROM each)", "strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 day')")
    )  # fmt: skip
    old = day.replace("1 day", "400 days")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_entry (at, actor_id, actor_name, action, target_type, target_id, target_name, data, "
            f"request_id, address) SELECT CASE WHEN n % 2 = 0 THEN {old} ELSE {day} END, "
            "'0b8c2d54-8a52-4f4e-9f0b-3f6f1a1de' || (n % 1000), 'someone', 'video.changed', 'media_app.video', "
            "'c1b1d3b2-1a1e-4a53-8e0c-7a4d' || n, 'Final, round three', '{\"fields\": [\"title\"]}', 'request-' || n, "
            f"'10.0.0.1' FROM {numbers}"
        )
        cursor.execute("ANALYZE")
    count, seconds, wait = _measure_with_writer(audit.purge)
    assert count == ENTRIES // 2, count
    assert AuditEntry.objects.filter(action="video.changed").count() == ENTRIES // 2
    return "audit", count, seconds, wait


def _jobs() -> tuple[str, int, float, float]:
    from datetime import timedelta

    from django.utils import timezone

    from jobs_app import maintenance
    from jobs_app.models import Job, JobEvent, JobStatus
    from vodplatform.accounts.models import User

    owner, past = User.objects.create(username="anna"), timezone.now() - timedelta(days=400)
    jobs = Job.objects.bulk_create(
        (
            Job(kind="bench.noop", lane="bench", owner=owner, admitted=False, status=JobStatus.COMPLETED, result={},
                finished_at=past)
            for _ in range(JOBS)
        ),
        batch_size=1_000,
    )  # fmt: skip
    JobEvent.objects.bulk_create(
        (JobEvent(job=job, name="processing", attempt=1, data={}) for job in jobs for _ in range(EVENTS_EACH)),
        batch_size=1_000,
    )
    count, seconds, wait = _measure_with_writer(maintenance.purge)
    assert count == JOBS, count
    return "jobs and their events", count * (1 + EVENTS_EACH), seconds, wait


def _measure_with_writer(work: Callable[[], int]) -> tuple[int, float, float]:
    from django.db import connection

    from vodplatform.core.records import audit

    writes, ended = threading.Event(), threading.Event()

    def write() -> float:
        longest = 0.0
        try:
            while not ended.wait(PAUSE_SECONDS):
                began = time.monotonic()
                audit.record("bench.written", actor=None)
                if writes.is_set():  # skip the first write, which opens the database connection
                    longest = max(longest, time.monotonic() - began)
                writes.set()
        finally:
            writes.set()
            connection.close()
        return longest

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        writes.wait()
        began = time.monotonic()
        try:
            count = work()
            seconds = time.monotonic() - began
        finally:
            ended.set()
        return count, seconds, writer.result()


if __name__ == "__main__":
    main()
