"""Scratch folders of job attempts on this host."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

from jobs_app import leases

SCRATCH_SECONDS = 60.0


def sweep() -> int:
    return remove_dead(folder for folder in scratch_root().iterdir() if is_old(folder))


def remove_dead(folders: Iterable[Path]) -> int:
    tokens = {folder: token for folder in folders if (token := token_of(folder))}
    held = leases.held_tokens(tokens.values())
    gone = [folder for folder, token in tokens.items() if token not in held]
    for folder in gone:
        shutil.rmtree(folder, ignore_errors=True)
    return len(gone)


def scratch_root() -> Path:
    folder = Path(settings.DATA_DIR) / "tmp"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def token_of(folder: Path) -> uuid.UUID | None:
    try:
        return uuid.UUID(folder.name.split("-")[1]) if folder.name.startswith("job-") else None
    except (ValueError, IndexError):
        return None


def is_old(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > SCRATCH_SECONDS
    except OSError:
        return False
