"""The delayed shutdown of a web process.

Before the port closes, the load balancer learns that the process is not ready, and sends no more requests.
"""

from __future__ import annotations

import threading

_begun = threading.Event()


def begin_shutdown() -> None:
    _begun.set()


def is_shutting_down() -> bool:
    return _begun.is_set()
