"""The delayed shutdown of a web process behind a load balancer.

Once it has answered that it is not ready, no new requests meet a closed port.
"""

from __future__ import annotations

import threading

_begun = threading.Event()


def begin_shutdown() -> None:
    _begun.set()


def is_shutting_down() -> bool:
    return _begun.is_set()
