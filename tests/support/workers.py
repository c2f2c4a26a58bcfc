"""Gives each worker of pytest-xdist a data folder and Redis numbers of its own, before anything reads the settings.

Loaded by name in pyproject.toml, since a conftest comes too late. A database of its own each has from pytest-django.
"""

from __future__ import annotations

import os
import tempfile

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
# One for the worker itself, one for the programs that its tests start.
REDIS_NUMBERS = 2


def worker_environment(worker: str) -> dict[str, str]:
    """The variables that say where a worker's things are. Raises ValueError where REDIS_URL has no number."""
    found = {"VOD_DATA_DIR": tempfile.mkdtemp(prefix="vod-test-")}
    if worker and (url := os.environ.get("REDIS_URL")):
        address, _, number = url.rpartition("/")
        found["REDIS_URL"] = f"{address}/{int(number) + REDIS_NUMBERS * int(worker.removeprefix('gw'))}"
    return found


# The process that starts the workers hands its own folder down to them.
if WORKER or "VOD_DATA_DIR" not in os.environ:
    os.environ.update(worker_environment(WORKER))
