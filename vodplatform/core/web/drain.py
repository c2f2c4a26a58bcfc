"""The end of a web process behind a load balancer: first it says that it is not ready, a while later it ends.

Without that, requests that the load balancer has just sent would meet a closed port.
"""

from __future__ import annotations

import threading

_begun = threading.Event()


def begin() -> None:
    """This process is to end."""
    _begun.set()


def has_begun() -> bool:
    """Whether this process has been told to end."""
    return _begun.is_set()
