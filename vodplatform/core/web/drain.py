"""The delayed shutdown of a web process behind a load balancer.

Once it has answered that it is not ready, no new requests meet a closed port.
"""

from __future__ import annotations

import threading

_begun = threading.Event()


def begin() -> None:
    _begun.set()


def has_begun() -> bool:
    return _begun.is_set()
