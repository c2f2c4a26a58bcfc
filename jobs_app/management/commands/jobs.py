"""Command that lists, watches and changes jobs."""

from __future__ import annotations

import json
import threading
from argparse import ArgumentParser
from collections.abc import Callable
from typing import IO, Any, cast

from django.core.management.base import CommandError
from rich.console import Console
from rich.live import Live
from rich.table import Table

from jobs_app import services
from jobs_app.kinds import registry
from jobs_app.models import Job, JobStatus
from jobs_app.serializers import JobSerializer
from vodplatform.core.errors import DomainError
from vodplatform.core.processes.commands import Command as BaseCommand

WATCH_SECONDS = 0.5


def delete(job: Job) -> Job:
    services.delete(job)
    return job


CHANGES: dict[str, Callable[[Job], Job]] = {
    "cancel": services.cancel,
    "pause": services.pause,
    "resume": services.resume,
    "retry": services.retry,
    "first": services.put_first,
    "delete": delete,
}


class Command(BaseCommand):
    help = "List jobs, newest first, or change one with --cancel, --pause, --resume, --retry, --first or --delete."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--status", choices=JobStatus.values)
        parser.add_argument("--kind")
        parser.add_argument("--owner", metavar="NAME")
        parser.add_argument("--limit", type=int, default=20)
        parser.add_argument("--json", action="store_true", help="print each job as one line of JSON, as in the API")
        parser.add_argument("--watch", action="store_true", help="keep updating the list until you press Ctrl-C")
        parser.add_argument("--kinds", action="store_true", help="list the kinds of jobs and their queues")
        for name in CHANGES:
            parser.add_argument(f"--{name}", metavar="ID")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["limit"] < 1:
            raise CommandError("--limit must be at least 1.")
        if options["kinds"]:
            for kind in registry().values():
                pausable = ", pausable" if kind.pausable else ""
                self.stdout.write(f"{kind.name:24} queue {kind.lane}, {kind.max_attempts} attempts{pausable}")
            return
        for name, change in CHANGES.items():
            if options[name]:
                self._show([self._change(options[name], change)], options["json"])
                return
        if options["watch"]:
            self._watch(options)
        else:
            self._show(self._jobs(options), options["json"])

    def _jobs(self, options: dict[str, Any]) -> list[Job]:
        jobs = Job.objects.select_related("owner")
        for option, field in (("status", "status"), ("kind", "kind"), ("owner", "owner__username")):
            if options[option]:
                jobs = jobs.filter(**{field: options[option]})
        return list(jobs[: options["limit"]])

    def _change(self, number: str, change: Callable[[Job], Job]) -> Job:
        try:
            return change(Job.objects.select_related("owner").get(pk=number))
        except (Job.DoesNotExist, ValueError) as exc:
            raise CommandError(f"There is no job {number!r}.") from exc
        except DomainError as exc:
            raise CommandError(exc.message) from exc

    def _show(self, jobs: list[Job], as_json: bool) -> None:
        for job in jobs:
            if as_json:
                self.stdout.write(json.dumps(JobSerializer.show(job)))
            else:
                percent = f"{job.progress:3.0f} %"
                self.stdout.write(f"{job.pk}  {job.kind:20} {job.status:10} {percent}  {job.owner}  {job.message}")

    def _watch(self, options: dict[str, Any]) -> None:
        pause = threading.Event()
        with Live(self._table(options), console=Console(file=cast(IO[str], self.stdout)), auto_refresh=False) as live:
            try:
                while not pause.wait(WATCH_SECONDS):
                    live.update(self._table(options), refresh=True)
            except KeyboardInterrupt:
                return

    def _table(self, options: dict[str, Any]) -> Table:
        table = Table("job", "kind", "status", "%", "owner", "message", box=None)
        for job in self._jobs(options):
            percent = f"{job.progress:.0f}"
            table.add_row(str(job.pk), job.kind, job.status, percent, job.owner.username, job.message)
        return table
