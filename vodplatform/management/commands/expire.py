"""Remove what has had its time: browser sessions, preview pictures, folders that a killed process left."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command

from vodplatform.base.commands import Command as BaseCommand

PREVIEW_SECONDS = 3600
SCRATCH_SECONDS = 86_400


class Command(BaseCommand):
    help = "Remove expired browser sessions, old previews and left-over scratch folders."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("clearsessions")
        removed = remove_older(settings.MEDIA_ROOT / "previews", PREVIEW_SECONDS)
        removed += remove_older(settings.DATA_DIR / "tmp", SCRATCH_SECONDS)
        self.stdout.write(f"{removed} old folders removed")


def remove_older(parent: Path, seconds: float) -> int:
    """Remove the folders in ``parent`` that nobody has written to for so long; returns how many."""
    if not parent.is_dir():
        return 0
    old = [folder for folder in parent.iterdir() if folder.is_dir() and time.time() - folder.stat().st_mtime > seconds]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    return len(old)
