"""Detection of storage outages, during which no jobs are claimed."""

from __future__ import annotations

import logging
import threading
import time

from vodplatform.core.web.health import ask_storage

logger = logging.getLogger("vodplatform.jobs")
ASK_SECONDS = 10.0


class Outage:
    """The storage's availability as far as this process knows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ask_at: float | None = None  # time of the next check of the storage; None while the storage works

    def mark_unavailable(self) -> None:
        with self._lock:
            if self._ask_at is None:
                logger.warning("storage unavailable")
                self._ask_at = time.monotonic()

    def forget(self) -> None:
        with self._lock:
            self._ask_at = None

    def is_over(self) -> bool:
        """Return whether jobs may be claimed. Check an unavailable storage at most every ``ASK_SECONDS``."""
        with self._lock:
            if self._ask_at is None:
                return True
            if time.monotonic() < self._ask_at:
                return False
            self._ask_at = time.monotonic() + ASK_SECONDS
        try:
            ask_storage()
        except Exception:
            return False
        self.forget()
        logger.warning("storage available again")
        return True


outage = Outage()
