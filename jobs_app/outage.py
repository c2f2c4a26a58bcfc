"""While the file storage does not answer this process takes no jobs, which would only find that out one by one."""

from __future__ import annotations

import logging
import threading
import time

from vodplatform.core.web.health import ask_storage

logger = logging.getLogger("vodplatform.jobs")
ASK_SECONDS = 10.0


class Outage:
    """Whether the storage is away, as far as this process has noticed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ask_at: float | None = None  # when it is asked next; None while it is well

    def notice(self) -> None:
        """A job has found it away."""
        with self._lock:
            if self._ask_at is None:
                logger.warning("storage away")
                self._ask_at = time.monotonic()  # perhaps it is about one file only

    def forget(self) -> None:
        """Take it for well, as at the start."""
        with self._lock:
            self._ask_at = None

    def is_over(self) -> bool:
        """Whether jobs may be taken; asks the storage now and then while it is away."""
        with self._lock:
            if self._ask_at is None:
                return True
            if time.monotonic() < self._ask_at:
                return False
            self._ask_at = time.monotonic() + ASK_SECONDS  # nobody else asks meanwhile
        try:
            ask_storage()
        except Exception:  # whatever the driver of a storage raises
            return False
        self.forget()
        logger.warning("storage back")
        return True


outage = Outage()
