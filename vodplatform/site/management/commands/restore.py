from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from vodplatform.core.files import installation
from vodplatform.core.files.storage import StoreUnavailable
from vodplatform.core.processes.commands import Command as BaseCommand
from vodplatform.site.backup import ArchiveError, read_archive
from vodplatform.site.management.commands.up import lock_data_dir


class Command(BaseCommand):
    help = "Restore the backup FILE into an empty database and storage. Fails if the database has rows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--adopt", action="store_true",
            help="take over the file storage of another installation, which contains the files that the backup refers "
                 "to",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        lock = lock_data_dir(settings.DATA_DIR)
        try:
            call_command("migrate", interactive=False, verbosity=0)
            if not options["adopt"]:
                installation.register_process()
            counts = read_archive(options["file"])
            if options["adopt"]:
                installation.adopt()
        except (ArchiveError, installation.WrongInstallation, StoreUnavailable) as exc:
            raise CommandError(str(exc)) from exc
        finally:
            lock.close()
        self.stdout.write(f"{sum(counts.values())} rows restored; check with `manage.py doctor`.")
