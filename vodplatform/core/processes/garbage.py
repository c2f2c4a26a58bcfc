"""Garbage collection of web processes.

A full collection blocks all requests for 0.1 to 0.2 s. It runs every :data:`FULL_SECONDS`. Between two full
collections, a partial one runs each time the process has grown by :data:`GROWTH_BYTES`. It checks only objects that are
newer than the last collection, which takes a few milliseconds.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from pathlib import Path

THRESHOLDS = (5_000, 10, 1_000)
FULL_SECONDS = 600.0
GROWTH_BYTES = 64 * 1024**2
LOOK_SECONDS = 0.5
FULL_GROWTH = 4  # growth, as a multiple of GROWTH_BYTES, after which a full collection also runs


def start() -> None:
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    threading.Thread(target=_collect_forever, name="garbage", daemon=True).start()


def _collect_forever() -> None:
    while True:
        gc.unfreeze()
        first = size = _collect()
        full_at = time.monotonic()
        while time.monotonic() - full_at < FULL_SECONDS and size - first < FULL_GROWTH * GROWTH_BYTES:
            time.sleep(LOOK_SECONDS)
            if _memory_bytes() - size >= GROWTH_BYTES:
                size = _collect()


def _collect() -> int:
    """Collect garbage among the unfrozen objects, then freeze the rest. Return the process's memory in bytes."""
    gc.collect()
    gc.freeze()
    return _memory_bytes()


def _memory_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
