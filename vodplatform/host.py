"""What each host cleans up of its own: folders of attempts, forms and previews that somebody here did not live to end.

Every process that serves or works does it for the data folder it has, since no other host sees that.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection

from jobs_app import upkeep
from media_app.uploads import sweep

logger = logging.getLogger("vodplatform.host")
SCRATCH_SECONDS = 86_400
EVERY_SECONDS = 3600.0


def clean() -> int:
    """Remove scratch folders that nobody uses any more; returns how many."""
    removed = upkeep.sweep_scratch() + remove_older(settings.DATA_DIR / "tmp", SCRATCH_SECONDS)
    sweep.sweep_scratch()
    return removed


def remove_older(parent: Path, seconds: float) -> int:
    """Remove the folders in ``parent`` that nobody has written to for so long; returns how many.

    Those of attempts stay: files below them may be written to while the folder itself looks old, and whether the
    attempt lives is known to :func:`jobs_app.upkeep.sweep_scratch`.
    """
    if not parent.is_dir():
        return 0
    others = [folder for folder in parent.iterdir() if folder.is_dir() and upkeep.token_of(folder) is None]
    old = [folder for folder in others if time.time() - folder.stat().st_mtime > seconds]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    return len(old)


def keep_clean() -> None:
    """Clean now and each hour, in a thread that ends with the process."""
    threading.Thread(target=_run, name="host", daemon=True).start()


def _run() -> None:
    pause = threading.Event()
    while True:
        try:
            clean()
        except (DatabaseError, OSError) as exc:
            logger.warning("host not cleaned", extra={"data": {"exception": repr(exc)}})
        finally:
            connection.close()
        pause.wait(EVERY_SECONDS)
