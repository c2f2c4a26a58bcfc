"""Measurement P16, on PostgreSQL and Redis.

- CPU time per request and per job, with 1, 2 and 4 web or worker processes. The goals are for CPU time, not for
  requests or jobs per second, because all processes share the cores of one machine, which limit these rates.
- Redis commands and transactions of an idle worker.
- Time to claim and end a job, with a thousand and with a million queued jobs.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import redis

from bench.measure import percentile
from bench.p1_timer_alignment import format_met
from bench.p10_wake_up import prepared
from bench.report import PROJECT_ROOT, Table
from tests.support import nginx
from tests.support.program import Place
from tests.support.services import fresh_database
from tests.support.waiting import wait_until

PROCESSES = (1, 2, 4)
REDIS_URL = "redis://127.0.0.1:6379/7"
REQUESTS_SECONDS = 10.0
READERS = 4
PAGE = "/api/v1/library?limit=20"
JOBS = 600
OWNERS = 50
# Durations in seconds: measurement of idle workers, start of workers, update of PostgreSQL's statistics.
IDLE_SECONDS, START_SECONDS, TOLD_SECONDS = 20.0, 8.0, 1.1
QUEUED, CLAIMERS, CLAIM_SECONDS = 1_000_000, 80, 20.0


def measure(seed: int) -> list[Table]:
    with tempfile.TemporaryDirectory(prefix="bench-hosts-") as folder, fresh_database("vodplatform_bench") as url:
        if url is None:
            raise RuntimeError("P16 needs PostgreSQL and Redis.")
        environment = {
            "DATABASE_URL": url, "REDIS_URL": REDIS_URL, "DJANGO_SETTINGS_MODULE": "bench.settings",
            "VOD_LOG_LEVEL": "WARNING", "VOD_DATA_DIR": folder, "PATH": os.environ["PATH"],
        }  # fmt: skip
        place = prepared(Path(folder), environment)
        try:
            return [requests(place), jobs(place), idle(place), long_queue(place)]
        finally:
            redis.Redis.from_url(REDIS_URL).flushdb()


class Meter:
    def __init__(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        self.tree = [psutil.Process(one.pid) for one in processes]
        self.began = self._read()

    def read(self) -> tuple[float, float]:
        now = self._read()
        return now[0] - self.began[0], now[1] - self.began[1]

    def _read(self) -> tuple[float, float]:
        ours = sum(_seconds(one) for top in self.tree for one in (top, *top.children(recursive=True)))
        servers = [one for one in psutil.process_iter(["name", "ppid"]) if one.info["name"] == "postgres"]
        # Add the CPU time of ended backends, which PostgreSQL's main process reports as its children's CPU time.
        ended = sum(sum(one.cpu_times()[2:4]) for one in servers)
        return ours, ended + sum(_seconds(one) for one in servers)


def _seconds(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        return sum(process.cpu_times()[:2])
    return 0.0


@contextmanager
def running(place: Place, commands: Sequence[Sequence[str]]) -> Iterator[list[subprocess.Popen[bytes]]]:
    started = [
        subprocess.Popen([sys.executable, "manage.py", *words], env=dict(place.environment), cwd=PROJECT_ROOT)
        for words in commands
    ]
    try:
        yield started
    finally:
        for one in started:
            one.terminate()
        for one in started:
            one.wait(30)


def requests(place: Place) -> Table:
    table = Table(
        "Web processes",
        ("web processes", "requests a second", "CPU of the web, ms a request", "of PostgreSQL", "goal", "met"),
    )  # fmt: skip
    first = 0.0
    for count in PROCESSES:
        ports = [nginx.free_port() for _ in range(count)]
        with running(place, [["web", "--port", str(port)] for port in ports]) as started:
            for port in ports:
                wait_until(lambda port=port: nginx.is_open(port), 60)  # type: ignore[misc]
            _read(place, ports, 2.0)
            meter = Meter(started)
            done = _read(place, ports, REQUESTS_SECONDS)
            web, database = (1000 * seconds / done for seconds in meter.read())
        first = first or web
        table.add(
            count, f"{done / REQUESTS_SECONDS:.0f}", f"{web:.2f}", f"{database:.2f}", "web ≤ 1.11× of one",
            format_met(web <= first / 0.9),
        )  # fmt: skip
    table.note = (
        f"{os.cpu_count()} cores for all of it, the readers too. A core of PostgreSQL does for "
        f"{1000 / database:.0f} such requests a second, or {web / database:.0f} cores of web processes."
    )
    return table


def _read(place: Place, ports: Sequence[int], seconds: float) -> int:
    script = (
        "import http.client, sys, threading, time\n"
        "path, key, seconds, *ports = sys.argv[1:]\n"
        "counts = [0]\n"
        "def ask(port):\n"
        "    client, until = http.client.HTTPConnection('127.0.0.1', int(port)), time.monotonic() + float(seconds)\n"
        "    while time.monotonic() < until:\n"
        "        client.request('GET', path, headers={'Authorization': f'Token {key}'})\n"
        "        answer = client.getresponse()\n"
        "        assert answer.status == 200, answer.read()\n"
        "        answer.read()\n"
        "        counts.append(1)\n"
        "threads = [threading.Thread(target=ask, args=[port]) for port in ports]\n"
        "[one.start() for one in threads]\n"
        "[one.join() for one in threads]\n"
        "print(len(counts) - 1)\n"
    )
    readers = [ports[number % len(ports)] for number in range(max(READERS, len(ports)))]
    argv = [sys.executable, "-c", script, PAGE, place.key, str(seconds), *map(str, readers)]
    return int(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)


def jobs(place: Place) -> Table:
    table = Table(
        "Worker processes",
        (
            "worker processes",
            "jobs a second",
            "CPU of the workers, ms a job",
            "of PostgreSQL",
            "transactions",
            "goal",
            "met",
        ),
    )
    first = 0.0
    for count in PROCESSES:
        with running(place, [["worker", "--queues", "crowd", "--threads", "8"] for _ in range(count)]) as started:
            _script(place, "burst", "50")  # warm up: 50 jobs, so that the workers' start-up is not measured
            before, meter = _transactions(place), Meter(started)
            seconds = float(_script(place, "burst", str(JOBS)))
            worker, database = (1000 * spent / JOBS for spent in meter.read())
            transactions = (_transactions(place) - before) / JOBS
        first = first or worker
        table.add(
            count, f"{JOBS / seconds:.0f}", f"{worker:.1f}", f"{database:.1f}", f"{transactions:.1f}",
            "workers ≤ 1.11× of one", format_met(worker <= first / 0.9),
        )  # fmt: skip
    table.note = f"A core of PostgreSQL does for {1000 / database:.0f} jobs a second, however short or long they are."
    return table


def _transactions(place: Place) -> int:
    import psycopg

    with psycopg.connect(place.environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        time.sleep(TOLD_SECONDS)
        row = connection.execute(
            "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    assert row
    return int(row[0])


def idle(place: Place) -> Table:
    client = redis.Redis.from_url(REDIS_URL)

    def commands() -> int:
        return int(client.info("stats")["total_commands_processed"])

    rates = []
    for workers in ([], [["worker"]]):
        with running(place, workers):
            time.sleep(START_SECONDS if workers else 0.0)
            before, rows = commands(), _transactions(place)
            time.sleep(IDLE_SECONDS)
            rates.append(((commands() - before) / IDLE_SECONDS, (_transactions(place) - rows) / IDLE_SECONDS))
    (others, none), (all_of_them, transactions) = rates
    table = Table("An idle worker of all queues", ("what", "a second", "goal", "met"))
    table.add("Redis commands", f"{all_of_them - others:.1f}", "≤ 20", format_met(all_of_them - others <= 20))
    table.add("transactions", f"{transactions - none:.1f}", "", "")
    return table


def long_queue(place: Place) -> Table:
    found = json.loads(_script(place, "queue", str(QUEUED), str(CLAIMERS), str(CLAIM_SECONDS)))
    table = Table("A queue of a million jobs", ("what", "measured", "goal", "met"))
    few, many = found["few"], found["many"]
    table.add(
        f"claim and end, p50, {QUEUED // 1000:,} queued / {QUEUED:,}", f"{few:.1f} / {many:.1f} ms", "flat (≤ 1.3×)",
        format_met(many <= 1.3 * few),
    )  # fmt: skip
    table.add(
        f"{CLAIMERS} claim at once: jobs a second; p50, p95 of a claim and end",
        f"{found['rate']:.0f}; {found['p50']:.0f}, {found['p95']:.0f} ms", "", "",
    )  # fmt: skip
    table.add("claimed twice", found["twice"], "0", format_met(found["twice"] == 0))
    return table


def _script(place: Place, *words: str) -> str:
    argv = [sys.executable, "-m", "bench.p16_processes", *words]
    done = subprocess.run(
        argv, cwd=PROJECT_ROOT, env=dict(place.environment), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.splitlines()[-1]


def burst(count: int) -> float:
    from django.db import transaction

    from jobs_app import services
    from jobs_app.models import Job

    owners = people()
    with transaction.atomic():
        ids = [services.enqueue("bench.crowd", owners[number % OWNERS], {}).pk for number in range(count)]
        began = time.monotonic()
    rows = Job.objects.filter(pk__in=ids)
    while rows.filter(status="completed").count() < count:
        time.sleep(0.1)
    return max(job.result["started"] for job in rows) - began


def people() -> list:  # type: ignore[type-arg]
    from vodplatform.accounts.models import User

    names = [f"owner-{number}" for number in range(OWNERS)]
    return [User.objects.get_or_create(username=name)[0] for name in names]


def queue(count: int, claimers: int, seconds: float) -> dict[str, float]:
    from django.db import connection

    from jobs_app import leases
    from jobs_app.models import Job

    lane, owners, now = "crowd", people(), {}

    def fill(total: int) -> None:
        missing = total - Job.objects.filter(status="queued").count()
        first = Job.objects.create(kind="bench.crowd", lane=lane, owner=owners[0], admitted=True)
        columns = [one.column for one in Job._meta.concrete_fields if one.column not in ("id", "owner_id")]
        names = ", ".join(columns)
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {Job._meta.db_table} (id, owner_id, {names})"
                f" SELECT gen_random_uuid(), (%s::uuid[])[1 + i %% {OWNERS}], {names}"
                f" FROM {Job._meta.db_table}, generate_series(2, %s) AS i WHERE id = %s",
                [[one.pk for one in owners], missing, first.pk],
            )
            cursor.execute("ANALYZE")

    def claim() -> tuple[float, object]:
        began = time.monotonic()
        job = leases.claim(lane, "bench")
        assert job is not None and job.lease_token is not None
        leases.complete(leases.Lease(job.pk, job.lease_token), {})
        return 1000 * (time.monotonic() - began), job.pk

    Job.objects.all().delete()
    for name, total in (("few", count // 1000), ("many", count)):
        fill(total)
        now[name] = percentile([claim()[0] for _ in range(100)], 0.5)
    processes = max(1, claimers // 16)
    argv = [sys.executable, "-m", "bench.p16_processes", "claimers", str(claimers // processes), str(seconds)]
    started = [subprocess.Popen(argv, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    took, ids = [], []
    for one in started:
        found = json.loads(one.communicate()[0].splitlines()[-1])
        took += found["took"]
        ids += found["ids"]
    return {
        **now, "rate": len(ids) / seconds, "p50": percentile(took, 0.5), "p95": percentile(took, 0.95),
        "twice": len(ids) - len(set(ids)),
    }  # fmt: skip


def claim_for(claimers: int, seconds: float) -> dict[str, list[object]]:
    from django.db import connection

    from jobs_app import leases

    took: list[object] = []
    ids: list[object] = []

    def work() -> None:
        until = time.monotonic() + seconds
        while (began := time.monotonic()) < until:
            job = leases.claim("crowd", "bench")
            assert job is not None and job.lease_token is not None
            leases.complete(leases.Lease(job.pk, job.lease_token), {})
            took.append(1000 * (time.monotonic() - began))
            ids.append(str(job.pk))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(claimers)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return {"took": took, "ids": ids}


def main() -> None:
    import django

    django.setup()
    name, *numbers = sys.argv[1:]
    if name == "burst":
        print(burst(int(numbers[0])))
    elif name == "queue":
        print(json.dumps(queue(int(numbers[0]), int(numbers[1]), float(numbers[2]))))
    else:
        print(json.dumps(claim_for(int(numbers[0]), float(numbers[1]))))


if __name__ == "__main__":
    main()
