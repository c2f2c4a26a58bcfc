"""Garbage collection of web processes.

A full collection blocks all requests for about 0.1 s, and Python's default settings run several of them during one
expensive request. Here, full collections run once in :data:`FULL_SECONDS`.
"""

from __future__ import annotations

import gc
import threading
import time

# Numbers of new objects, of collections of the youngest objects, and of collections of the middle generation, after
# which the next generation is collected.
THRESHOLDS = (5_000, 10, 1_000)
FULL_SECONDS = 600.0


def start() -> None:
    """Exempt all loaded modules from garbage collection, and collect other garbage rarely."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    threading.Thread(target=_collect_forever, name="garbage", daemon=True).start()


def _collect_forever() -> None:
    while True:
        time.sleep(FULL_SECONDS)
        gc.collect()
