"""The scratch folders of attempts on this host: each carries its attempt's token, and goes when that is over."""

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
    """Remove the scratch folders of attempts that are over; returns how many.

    A folder carries its attempt's token. What has been written to within a minute is left for the next time.
    """
    return remove_dead(folder for folder in base().iterdir() if is_old(folder))


def remove_dead(folders: Iterable[Path]) -> int:
    """Remove those of the folders that are of attempts that are over; returns how many."""
    tokens = {folder: token for folder in folders if (token := token_of(folder))}
    held = leases.held_tokens(tokens.values())
    gone = [folder for folder, token in tokens.items() if token not in held]
    for folder in gone:
        shutil.rmtree(folder, ignore_errors=True)
    return len(gone)


def base() -> Path:
    """Where attempts, uploads, imports and previews on this host have their scratch folders; it is made if missing."""
    folder = Path(settings.DATA_DIR) / "tmp"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def token_of(folder: Path) -> uuid.UUID | None:
    """The attempt that a scratch folder belongs to."""
    try:
        return uuid.UUID(folder.name.split("-")[1]) if folder.name.startswith("job-") else None
    except (ValueError, IndexError):
        return None


def is_old(folder: Path) -> bool:
    """Whether a folder is old enough to be judged."""
    try:
        return time.time() - folder.stat().st_mtime > SCRATCH_SECONDS
    except OSError:
        return False
