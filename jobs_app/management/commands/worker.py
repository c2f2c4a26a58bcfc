"""Command that runs this host's job workers."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Collection
from typing import Any

from django.conf import settings

from jobs_app.runner import spare_threads
from vodplatform.core.processes.commands import Command as BaseCommand
from vodplatform.settings.variables import PROJECT_ROOT

MOST_THREADS = 64
SHUTDOWN_MILLISECONDS = 8000
# Time for which Dramatiq's master waits for a worker's boot message. The time is short, because a waiting master blocks
# forever if the worker dies while it sends the message.
BOOT_MILLISECONDS = 10


class Command(BaseCommand):
    help = "Run job workers until SIGTERM, for all queues or those of --queues."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        names = ", ".join(sorted(settings.JOB_LANES))
        parser.add_argument(
            "--queues", type=parse_queues, metavar="NAME,…", help=f"queues to run jobs from (default: all of {names})"
        )
        parser.add_argument(
            "--threads",
            type=at_least_one,
            help="jobs that each process runs at once (default: the sum of its queues' limits); a queue without a "
            "running job can always start one more",
        )
        parser.add_argument(
            "--memory", type=at_least_one, metavar="MB",
            help="memory limit for all jobs together, counted as VOD_CHILD_MEMORY_MB per job; each queue can always "
            "run one job",
        )  # fmt: skip
        parser.add_argument("--processes", type=at_least_one, default=1, help="worker processes (default 1)")

    def handle(self, *args: Any, **options: Any) -> None:
        argv = dramatiq_argv(options["processes"], options["queues"], options["threads"], options["memory"])
        # Let workers import the program from any working directory.
        path = os.pathsep.join(filter(None, (str(PROJECT_ROOT), os.environ.get("PYTHONPATH"))))
        os.execve(argv[0], argv, {**os.environ, "PYTHONPATH": path})


def dramatiq_argv(
    processes: int, queues: Collection[str] | None = None, threads: int | None = None, memory: int | None = None
) -> list[str]:
    taken = sorted(queues or settings.JOB_LANES)
    jobs = threads or min(MOST_THREADS, sum(settings.JOB_LANES[name] for name in taken))
    if memory:
        fitting = memory * 1024**2 // settings.CHILD_MEMORY_BYTES // processes
        # Even while ``jobs`` jobs run, the first job of each idle lane and one job in an additional place can start.
        # Keep memory for them.
        jobs = max(1, min(jobs, fitting - len(taken)))
    threads = jobs + spare_threads(taken)
    return [
        sys.executable, "-m", "dramatiq", "jobs_app.worker", "--processes", str(processes), "--threads", str(threads),
        "--worker-shutdown-timeout", str(SHUTDOWN_MILLISECONDS), "--worker-fork-timeout", str(BOOT_MILLISECONDS),
        "--skip-logging", "--queues", *taken,
    ]  # fmt: skip


def parse_queues(value: str) -> list[str]:
    """Return the distinct queue names of a comma-separated list. Raises ``ArgumentTypeError``."""
    names = sorted({name.strip() for name in value.split(",")} - {""})
    unknown = [name for name in names if name not in settings.JOB_LANES]
    if unknown or not names:
        raise ArgumentTypeError(f"no such queue: {', '.join(unknown) or repr(value)}")
    return names


def at_least_one(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise ArgumentTypeError("at least 1")
    return int(value)
