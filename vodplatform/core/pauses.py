"""Pauses in long requests, so that short requests of the same process are answered quickly.

Python runs one thread at a time, and a thread that computes gives up its turn only for a moment.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import connection
from django.db.models.query import ModelIterable

T = TypeVar("T")

SHORT_SECONDS = 0.03  # seconds of CPU time after which a request counts as long
# While short requests run, a long request computes for at least WORK_SECONDS of CPU time, then pauses PAUSE_SHARE times
# as long, for at most MAX_PAUSE_SECONDS.
WORK_SECONDS = 0.001
PAUSE_SHARE = 3
MAX_PAUSE_SECONDS = 0.02
QUERY_SECONDS = 0.01  # seconds after which a query counts as waiting, for a lock or for the database
# Threads that run a short request, with the time from which the thread only waits (of time.monotonic).
_short: dict[int, float] = {}


class _Own(threading.local):
    is_in_request = False
    began = 0.0  # CPU seconds of the thread when its request began
    paused = 0.0  # CPU seconds of the thread at its last pause


_own = _Own()


@contextmanager
def running_request() -> Iterator[None]:
    thread = threading.get_ident()
    _own.began = _own.paused = time.thread_time()
    _own.is_in_request = True
    _short[thread] = math.inf
    try:
        with connection.execute_wrapper(_pause_before_query):
            yield
    finally:
        _short.pop(thread, None)
        _own.is_in_request = False


@contextmanager
def waiting(after: float = 0.0) -> Iterator[None]:
    """After ``after`` seconds in the block, let no other request pause for this one, because it only waits."""
    thread = threading.get_ident()
    if thread not in _short:
        yield
        return
    _short[thread] = time.monotonic() + after
    try:
        yield
    finally:
        if thread in _short:
            _short[thread] = math.inf


def pause_for_others() -> None:
    """Sleep for a moment if this request is long and short requests run; not in a transaction, which holds locks."""
    thread = threading.get_ident()
    if thread in _short:
        if time.thread_time() - _own.began < SHORT_SECONDS:
            return
        del _short[thread]
    if not _own.is_in_request or not _short or connection.in_atomic_block:
        return
    worked = time.thread_time() - _own.paused
    now = time.monotonic()
    if worked < WORK_SECONDS or all(until <= now for until in list(_short.values())):
        return
    time.sleep(min(PAUSE_SHARE * worked, MAX_PAUSE_SECONDS))
    _own.paused = time.thread_time()


@contextmanager
def pausing() -> Iterator[None]:
    """Pause also inside a library: at each call of a function, which becomes about a third slower."""
    before = sys.getprofile()
    if _own.is_in_request:
        sys.setprofile(lambda *_: pause_for_others())
    try:
        yield
    finally:
        sys.setprofile(before)


def _pause_before_query(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    pause_for_others()
    with waiting(QUERY_SECONDS):
        return execute(sql, params, many, context)


class PausedList(list[T]):
    """A list of rows that are slow to show, with pauses for other requests."""

    def __iter__(self) -> Iterator[T]:
        return with_pauses(super().__iter__())


class PausedIterable(ModelIterable):  # type: ignore[type-arg]  # cannot be subscripted at run time
    """An iterable of rows that are slow to decode, with pauses for other requests."""

    def __iter__(self) -> Iterator[Any]:
        return with_pauses(super().__iter__())


def with_pauses(items: Iterable[T]) -> Iterator[T]:
    for item in items:
        pause_for_others()
        yield item
