"""Garbage collection of web processes.

A full collection blocks all requests for about 0.1 s. It runs every :data:`FULL_SECONDS`, and earlier if the
process has grown by :data:`GROWTH_BYTES`.
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


def start() -> None:
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    threading.Thread(target=_collect_forever, name="garbage", daemon=True).start()


def _collect_forever() -> None:
    while True:
        gc.collect()
        collected_at, size = time.monotonic(), _memory_bytes()
        time.sleep(LOOK_SECONDS)
        while time.monotonic() - collected_at < FULL_SECONDS and _memory_bytes() - size < GROWTH_BYTES:
            time.sleep(LOOK_SECONDS)


def _memory_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
