"""Free space on the disk with the data folder.

On a nearly full disk, a reserve file is deleted, because SQLite needs free space even to delete rows.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from pathlib import Path

from django.conf import settings

from vodplatform.core import logs

NAME = "reserve"
RESERVED_BYTES = 8 * 1024**2
# Free bytes below which the reserve file is deleted.
LAST_BYTES = 1024**2
logger = logging.getLogger("vodplatform.disk")
little_left = logs.RateLimitedLogger(logger, "disk nearly full")


def free_bytes() -> int:
    return shutil.disk_usage(settings.DATA_DIR).free


def has_room() -> bool:
    free = free_bytes()
    if free < settings.DISK_RESERVE_BYTES:
        little_left.warning(free=free, reserve=settings.DISK_RESERVE_BYTES)
        return False
    return True


def manage_reserve_file() -> None:
    path, free = Path(settings.DATA_DIR) / NAME, free_bytes()
    if free < LAST_BYTES:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            logger.critical("disk full", extra={"data": {"free": free, "given_up": RESERVED_BYTES}})
    elif free > max(settings.DISK_RESERVE_BYTES, 2 * RESERVED_BYTES) and not path.exists():
        _take(path)


def _take(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, RESERVED_BYTES)
    except OSError:
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
