"""The end of a web process behind a load balancer: first it says that it is not ready, a while later it ends.

Without that, requests that the load balancer has just sent would meet a closed port.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
from types import FrameType

_begun = threading.Event()


def has_begun() -> bool:
    """Whether this process has been told to end."""
    return _begun.is_set()


@functools.cache
def put_off_end(seconds: float) -> None:
    """Let SIGTERM end this process only ``seconds`` later, as it would have now. Once; in the main thread alone.

    A second SIGTERM ends it at once.
    """
    end = signal.getsignal(signal.SIGTERM)

    def begin(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, end)
        _begun.set()
        timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM))
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, begin)
