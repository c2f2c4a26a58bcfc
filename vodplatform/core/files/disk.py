"""Room on the disk with the data folder: work stops while there is room left, and there is always some to tidy up.

Where the disk is full nobody could sign in any more, or delete what fills it: SQLite needs room to write even a row
less. So a file is kept that is given up then; what jobs and uploads leave free is for everything else.
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
# With so little left the file is given up.
LAST_BYTES = 1024**2
logger = logging.getLogger("vodplatform.disk")
little_left = logs.RateLimitedLogger(logger, "little room on the disk")


def free_bytes() -> int:
    """What is left on the disk with the data folder."""
    return shutil.disk_usage(settings.DATA_DIR).free


def has_room() -> bool:
    """Whether there is more than what is left free (``VOD_DISK_RESERVE_MB``): new work may begin."""
    free = free_bytes()
    if free < settings.DISK_RESERVE_BYTES:
        little_left.warning(free=free, reserve=settings.DISK_RESERVE_BYTES)
        return False
    return True


def manage_reserve_file() -> None:
    """Called every few seconds: gives the kept file up where the disk is full, and takes it back when it is not."""
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
    except OSError:  # taken by others at this moment, or a file system that cannot
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
