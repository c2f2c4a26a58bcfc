"""Jobs from the command line: list them, cancel, retry; the kinds this program knows."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from jobs_app import services
from jobs_app.kinds import registry
from jobs_app.models import Job, JobStatus
from vodplatform.base.commands import Command as BaseCommand
from vodplatform.base.errors import DomainError


class Command(BaseCommand):
    help = "List jobs, newest first; --cancel and --retry change one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--status", choices=JobStatus.values)
        parser.add_argument("--limit", type=int, default=20)
        parser.add_argument("--kinds", action="store_true", help="list the kinds of jobs and their lanes")
        parser.add_argument("--cancel", metavar="ID")
        parser.add_argument("--retry", metavar="ID")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["kinds"]:
            for kind in registry().values():
                self.stdout.write(f"{kind.name:24} lane {kind.lane}, {kind.max_attempts} attempts")
            return
        for name, change in (("cancel", services.cancel), ("retry", services.retry)):
            if options[name]:
                self.stdout.write(self._line(self._change(options[name], change)))
                return
        jobs = Job.objects.select_related("owner")
        if options["status"]:
            jobs = jobs.filter(status=options["status"])
        for job in jobs[: options["limit"]]:
            self.stdout.write(self._line(job))

    def _change(self, number: str, change: Any) -> Job:
        try:
            return change(Job.objects.get(pk=number))  # type: ignore[no-any-return]
        except (Job.DoesNotExist, ValueError) as exc:
            raise CommandError(f"There is no job {number!r}.") from exc
        except DomainError as exc:
            raise CommandError(exc.message) from exc

    @staticmethod
    def _line(job: Job) -> str:
        return f"{job.pk}  {job.kind:20} {job.status:10} {job.progress:3.0f} %  {job.owner}  {job.message}"
