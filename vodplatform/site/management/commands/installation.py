from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from vodplatform.core.files import installation
from vodplatform.core.files.storage import StoreFull, StoreUnavailable
from vodplatform.core.models import Installation
from vodplatform.core.processes.commands import Command as BaseCommand


class Command(BaseCommand):
    help = "Show the installation of this database and file storage. Exits with 1 if they do not match; see --adopt."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--adopt", action="store_true",
            help="make this database, file storage and SECRET_KEY one new installation; hosts that use only the "
                "database or only the file storage will then refuse to start",
        )  # fmt: skip

        parser.add_argument(
            "--backed-up", action="store_true",
            help="record that another tool has just made a backup, so that vod_backup_age_seconds restarts at 0",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["adopt"]:
                installation.adopt()
            installation.register_process()
        except (installation.WrongInstallation, StoreFull, StoreUnavailable) as exc:
            raise CommandError(str(exc)) from exc
        if options["backed_up"]:
            installation.note_backup()
        row = Installation.objects.get()
        self.stdout.write(f"installation {row.pk}, files in {row.store}, created {row.created_at:%Y-%m-%d %H:%M} UTC")
