"""Pytest plugin that gives each process of a run its own data folder and Redis databases.

It must run before the settings are read. A conftest would be loaded too late, so pyproject.toml names this module.
pytest-django gives each process its own SQL database.
"""

import os
import tempfile
from collections.abc import Mapping

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
REDIS_NUMBERS = 2


def own_environment(worker: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables for a worker, or for the process that starts the workers.

    They replace the data folder and the library of the shell, because tests delete files. Raises ValueError if
    REDIS_URL has no database number.
    """
    found = {"VOD_DATA_DIR": tempfile.mkdtemp(prefix="vod-test-"), "VOD_LIBRARY_ROOTS": ""}
    if worker and (url := variables.get("REDIS_URL")):
        address, _, number = url.rpartition("/")
        found["REDIS_URL"] = f"{address}/{int(number) + REDIS_NUMBERS * int(worker.removeprefix('gw'))}"
    return found


os.environ.update(own_environment(WORKER, os.environ))
