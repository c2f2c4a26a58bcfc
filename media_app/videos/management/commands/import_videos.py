"""Import every video below a folder into an account's library."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from media_app.storage import files as store
from media_app.videos import importing
from media_app.videos.models import Video
from vodplatform.accounts.models import Role, User
from vodplatform.core.errors import DomainError
from vodplatform.core.processes.commands import Command as BaseCommand

IMPORTED, THERE, FAILED = "imported", "there", "failed"
INTERRUPTED_EXIT = 130


class Command(BaseCommand):
    help = (
        "Import every video below DIR into a library: by reference (DIR must then be in a library folder that the "
        "owner may use), or as copies with --copy. Videos imported before are skipped. Exit code 1 if some fail."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("folder", metavar="DIR", type=Path)
        parser.add_argument(
            "--owner", metavar="NAME", help="username of the library's owner; optional if there is exactly one admin"
        )
        parser.add_argument("--copy", action="store_true", help="copy the files, so that DIR is no longer needed")
        parser.add_argument(
            "--no-limits", action="store_true", help="ignore the limits of the owner's plan when copying"
        )
        parser.add_argument(
            "--json", action="store_true", help="write one JSON object per file, and one with the totals"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(options["folder"]).resolve()
        if not folder.is_dir():
            raise CommandError(f"The folder {options['folder']} does not exist.")
        owner = find_owner(options["owner"])
        if not options["copy"] and not importing.may_reference(owner, folder):
            raise CommandError(
                f"{folder} is not in a library folder that {owner.username} may use: "
                "add it to VOD_LIBRARY_ROOTS, or copy the files with --copy."
            )
        self.counts: Counter[str] = Counter()
        self.as_json = bool(options["json"])
        not_read: list[OSError] = []
        paths = list(importing.video_files(folder, not_read.append))
        for problem in not_read:
            self._tell(Path(str(problem.filename)), FAILED, error=_in_words(problem))
        try:
            self._import(owner, paths, copies=options["copy"], has_limits=not options["no_limits"])
        except KeyboardInterrupt:
            self._sum_up()
            sys.exit(INTERRUPTED_EXIT)
        self._sum_up()
        if self.counts[FAILED]:
            sys.exit(1)

    def _import(self, owner: User, paths: list[Path], *, copies: bool, has_limits: bool) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("Importing", total=len(paths))
            for number, path in enumerate(paths):
                progress.update(task, description=path.name[:40], completed=number)
                try:
                    if copies:
                        on_progress = _share(progress, task, path)
                        video = importing.import_copy(owner, path, has_limits=has_limits, on_progress=on_progress)
                    else:
                        video = importing.import_reference(owner, path)
                    self._tell(path, IMPORTED if video else THERE, video=video)
                except (store.StoreFull, store.StoreUnavailable) as exc:
                    self._tell(path, FAILED, error=_in_words(exc))
                    raise CommandError(f"{exc.message} Run the command again to continue.") from exc
                except (DomainError, OSError) as exc:
                    self._tell(path, FAILED, error=_in_words(exc))
            progress.update(task, completed=len(paths))

    def _tell(
        self, path: Path, status: str, *, video: Video | None = None, error: tuple[str, str] | None = None
    ) -> None:
        self.counts[status] += 1
        if self.as_json:
            line: dict[str, Any] = {"path": str(path), "status": status}
            if video:
                line["video_id"] = str(video.pk)
                line["job_id"] = str(video.job_id) if video.job_id else None
            if error:
                line["error"] = {"type": error[0], "message": error[1]}
            self.stdout.write(json.dumps(line))
        elif error:
            self.stdout.write(f"{path}: {error[1]}")

    def _sum_up(self) -> None:
        counts = {status: self.counts[status] for status in (IMPORTED, THERE, FAILED)}
        if self.as_json:
            self.stdout.write(json.dumps(counts))
        else:
            self.stdout.write("{imported} imported, {there} already in the library, {failed} failed".format(**counts))


def find_owner(name: str | None) -> User:
    if name:
        owner = User.objects.filter(username=name).first()
        if owner is None:
            raise CommandError(f"There is no account {name}.")
        return owner
    admins = list(User.objects.filter(role=Role.ADMIN, is_active=True)[:2])
    if len(admins) != 1:
        raise CommandError("There is not exactly one admin. Specify the library's owner with --owner NAME.")
    return admins[0]


def _share(progress: Progress, task: TaskID, path: Path) -> importing.OnProgress:
    size = max(1, path.stat().st_size)
    return lambda done: progress.update(task, description=f"{path.name[:32]} {100 * done // size} %")


def _in_words(exc: Exception) -> tuple[str, str]:
    if isinstance(exc, DomainError):
        return exc.type.name, exc.message
    reason = exc.strerror if isinstance(exc, OSError) else None
    return "vod_unreadable", f"The file cannot be read: {reason or exc}."
