"""Measurement P10: delay from a job's creation, by API or database commit, to its start on an idle worker."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.measure import percentile
from bench.p1_timer_alignment import format_met
from bench.report import PROJECT_ROOT, Table
from sessions_app.comparison.samples.rendering.clips import render_pair, timer_pairs
from tests.support.program import Place, Program, Truth, manage
from tests.support.services import fresh_database
from vodplatform.settings.environment import private_redis_socket

ROUNDS = 60
BURST = 400
ACCOUNT = "bench"
BARE_THREADS = 4


def measure(seed: int) -> list[Table]:
    with tempfile.TemporaryDirectory(prefix="bench-wake-") as folder, running(Path(folder), seed) as (program, truth):
        os.environ.update(VOD_DATA_DIR=str(program.place.data_dir), DJANGO_SETTINGS_MODULE="bench.settings")
        import django

        django.setup()
        redis_url = f"unix://{private_redis_socket(program.place.data_dir)}"
        session = program.compare(truth)
        rng = random.Random(seed)
        posts = idle_rounds(lambda: post(program, session), rng)
        commits = idle_rounds(commit, rng)
        ours = burst()
        bare: dict[str, list[float]] = {}
        bare_burst = 0.0
        for name, extra in (("its defaults", {}), ("worker_timeout 20 ms", {"dramatiq_worker_timeout": "20"})):
            with bare_worker(redis_url, extra) as send:
                bare[name] = idle_rounds(lambda send=send: send(1)[1], rng)  # type: ignore[misc]
                bare_burst = max(bare_burst, send(BURST)[0])
        costs = claim_costs()
    table = Table("", ("what", "p50", "p95", "goal", "met"))
    middle = percentile(posts, 0.5)
    table.add(
        "POST /align to the first line of the job", ms(middle), ms(percentile(posts, 0.95)), "p50 ≤ 50 ms",
        format_met(middle <= 0.05),
    )  # fmt: skip
    table.add(
        "commit of an enqueue to the first line", ms(percentile(commits, 0.5)), ms(percentile(commits, 0.95)), "", ""
    )
    for name, values in bare.items():
        table.add(f"bare dramatiq actor, {name}", ms(percentile(values, 0.5)), ms(percentile(values, 0.95)), "", "")
    quick = percentile(bare["worker_timeout 20 ms"], 0.5)
    table.add("ratio of p50: commit to bare at 20 ms", f"{percentile(commits, 0.5) / quick:.2f}×", "", "reported", "")
    rate = Table("No-op jobs, and the claim", ("what", "measured", "goal", "met"))
    rate.add(f"no-op jobs a second, {BURST} queued", f"{ours:.0f}", "", "")
    rate.add(f"bare messages a second, {BURST} sent", f"{bare_burst:.0f}", "", "")
    rate.add("ratio", f"{ours / bare_burst:.2f}×", "≥ 0.5×", format_met(ours / bare_burst >= 0.5))
    for database, by_count in costs.items():
        for count, value in by_count.items():
            rate.add(f"{database}: claim and end with {count} queued, p50", f"{value:.1f} ms", "", "")
        counts = list(by_count)
        flat = by_count[counts[-1]] / by_count[counts[0]]
        rate.add(f"{database}: ratio", f"{flat:.2f}×", "flat (≤ 1.3×)", format_met(flat <= 1.3))
    return [table, rate]


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


@contextmanager
def running(folder: Path, seed: int) -> Iterator[tuple[Program, Truth]]:
    pair = timer_pairs(seed)[0]
    library = folder / "library"
    library.mkdir()
    a, b = render_pair(pair, library)
    environment = {
        "VOD_LIBRARY_ROOTS": f"{library}={ACCOUNT}", "DJANGO_SETTINGS_MODULE": "bench.settings",
        "VOD_LOG_LEVEL": "WARNING",
    }  # fmt: skip
    place = prepared(folder / "data", environment)
    program = Program(place).start()
    try:
        yield program, Truth(a, b, pair.offset or 0.0, 0.0)
    finally:
        program.end()


def prepared(data_dir: Path, environment: dict[str, str]) -> Place:
    key = ""
    for words in (
        ["migrate", "--verbosity", "0"],
        ["create_account", ACCOUNT, "--group", ACCOUNT],
        ["create_token", ACCOUNT],
    ):
        ended = manage(*words, environment={**environment, "VOD_DATA_DIR": str(data_dir)})
        if ended.returncode:
            raise RuntimeError(ended.stderr)
        key = ended.stdout.strip()
    return Place(data_dir, environment, key)


def idle_rounds(start_one: Callable[[], float], rng: random.Random) -> list[float]:
    pause = threading.Event()
    waits = []
    for _ in range(ROUNDS):
        pause.wait(rng.uniform(0.15, 0.45))
        waits.append(start_one())
    return waits


def post(program: Program, session: str) -> float:
    from jobs_app.models import Job

    sent = time.monotonic()
    job_id = program.align(session)
    return started_at(lambda: Job.objects.filter(pk=job_id)) - sent


def commit() -> float:
    from django.db import transaction

    from jobs_app import services
    from jobs_app.models import Job
    from vodplatform.accounts.models import User

    owner = User.objects.get(username=ACCOUNT)
    with transaction.atomic():
        job = services.enqueue("bench.noop", owner, {})
        sent = time.monotonic()
    return started_at(lambda: Job.objects.filter(pk=job.pk)) - sent


def started_at(rows: Callable[[], Any]) -> float:
    """Return a job's start time. Polls rarely, so that polling does not slow the job."""
    pause = threading.Event()
    while True:
        pause.wait(0.1)
        job = rows().get()
        if job.status == "completed":
            return float(job.result["started"])


def burst() -> float:
    from django.db import transaction

    from jobs_app import services
    from jobs_app.models import Job
    from vodplatform.accounts.models import User

    owner = User.objects.get(username=ACCOUNT)
    with transaction.atomic():
        ids = [services.enqueue("bench.noop", owner, {}).pk for _ in range(BURST)]
        sent = time.monotonic()
    jobs = Job.objects.filter(pk__in=ids)
    pause = threading.Event()
    while jobs.filter(status="completed").count() < BURST:
        pause.wait(0.2)
    return BURST / (max(job.result["started"] for job in jobs) - sent)


@contextmanager
def bare_worker(redis_url: str, extra: dict[str, str]) -> Iterator[Callable[[int], tuple[float, float]]]:
    """Run a bare Dramatiq worker; yield a function that sends n messages.

    The function returns (messages per second, seconds until the first message's start).
    """
    environment = {**os.environ, "BENCH_REDIS_URL": redis_url, **extra}
    environment.pop("dramatiq_queue_prefetch", None)
    argv = [sys.executable, "-m", "dramatiq", "bench.bare_actor", "--processes", "1", "--threads", str(BARE_THREADS)]
    os.environ["BENCH_REDIS_URL"] = redis_url
    import dramatiq

    known = dramatiq.get_broker()
    from bench import bare_actor

    dramatiq.set_broker(known)
    with open(os.devnull, "wb") as nowhere:
        worker = subprocess.Popen(argv, cwd=PROJECT_ROOT, env=environment, stderr=nowhere)

    def send(count: int) -> tuple[float, float]:
        bare_actor.answers.delete(bare_actor.STARTED)
        sent = time.monotonic()
        for _ in range(count):
            bare_actor.note_start.send()
        pause = threading.Event()
        while bare_actor.answers.llen(bare_actor.STARTED) < count:
            pause.wait(0.1)
        times = [float(value) for value in bare_actor.answers.lrange(bare_actor.STARTED, 0, -1)]
        return count / (max(times) - sent), min(times) - sent

    try:
        send(1)
        yield send
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(20)


def claim_costs() -> dict[str, dict[str, float]]:
    costs = {}
    with tempfile.TemporaryDirectory(prefix="bench-claims-") as folder:
        costs["SQLite"] = claims({"VOD_DATA_DIR": folder})
        with fresh_database("vodplatform_bench") as url:
            if url:
                costs["PostgreSQL"] = claims({"VOD_DATA_DIR": folder, "DATABASE_URL": url})
    return costs


def claims(environment: dict[str, str]) -> dict[str, float]:
    given = {name: value for name, value in os.environ.items() if name not in ("VOD_DATA_DIR", "DATABASE_URL")}
    done = subprocess.run(
        [sys.executable, "-m", "bench.claims"], env={**given, **environment, "VOD_LOG_LEVEL": "WARNING"},
        cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
