from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from media_app.storage import files as store
from vodplatform.core.files.installation import note_backup
from vodplatform.core.processes.commands import Command as BaseCommand
from vodplatform.site.backup import ArchiveError, write_archive


class Command(BaseCommand):
    help = "Write a snapshot of the database and the stored files to FILE. The program can keep running."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            counts = write_archive(options["file"])
        except ArchiveError as exc:
            raise CommandError(str(exc)) from exc
        note_backup()
        self.stdout.write(f"Wrote {sum(counts.values())} rows to {options['file']}.")
        if not store.is_local():
            self.stdout.write("Files on S3 are not in the backup: keep the bucket, or copy it with S3 tools.")
