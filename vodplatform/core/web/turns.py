"""Locks for requests that take much memory or processor time."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from types import TracebackType
from typing import Any
from weakref import WeakValueDictionary

from vodplatform.core.errors import DomainError
from vodplatform.core.pauses import waiting
from vodplatform.core.records.database import release_connection

RETRY_SECONDS = 2


class Turn:
    """A lock held by a request until :meth:`end` or until the object is garbage collected."""

    def __init__(self, lock: threading.Lock, seconds: float = 2.0) -> None:
        self._lock: threading.Lock | None = None
        release_connection()
        with waiting():
            is_held = lock.acquire(timeout=seconds)
        if not is_held:
            raise DomainError("unavailable", "The server is busy with other requests.", retry_after=RETRY_SECONDS)
        self._lock = lock

    def end(self, *_: Any) -> None:
        lock, self._lock = self._lock, None
        if lock:
            lock.release()

    __del__ = end

    def __enter__(self) -> Turn:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.end()


class Locks:
    """Locks by key. A lock exists only while it is in use."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Hashable, threading.Lock] = WeakValueDictionary()
        self._guard = threading.Lock()

    def of(self, key: Hashable) -> threading.Lock:
        """Return the lock of ``key``. The caller must keep a reference to the lock while holding it."""
        with self._guard:
            lock = self._locks.get(key)
            if lock is None:
                lock = self._locks[key] = threading.Lock()
            return lock
