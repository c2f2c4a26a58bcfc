"""Gives each run and each worker of pytest-xdist its own data folder and Redis numbers, before the settings are read.

Loaded by name in pyproject.toml, since a conftest comes too late. A database of its own each has from pytest-django.
"""

import os
import tempfile
from collections.abc import Mapping

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
REDIS_NUMBERS = 2


def own_environment(worker: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a worker, or the process that starts the workers, replaces by its own.

    Never the data folder or the library of the shell: tests delete files there. Raises ValueError where REDIS_URL has
    no number.
    """
    found = {"VOD_DATA_DIR": tempfile.mkdtemp(prefix="vod-test-"), "VOD_LIBRARY_ROOTS": ""}
    if worker and (url := variables.get("REDIS_URL")):
        address, _, number = url.rpartition("/")
        found["REDIS_URL"] = f"{address}/{int(number) + REDIS_NUMBERS * int(worker.removeprefix('gw'))}"
    return found


os.environ.update(own_environment(WORKER, os.environ))
