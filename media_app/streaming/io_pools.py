"""Thread pools for blocking reads, one per disk, so that a stalled disk does not block other disks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from django.conf import settings

from vodplatform.core.errors import DomainError

T = TypeVar("T")
BUCKET = "bucket"
MEDIA = "media"
THREADS = {BUCKET: 16}
THREADS_OF_A_DISK = 8
DISK_SECONDS = 10.0  # seconds without an answer after which a disk is unavailable
_pools: dict[str, ThreadPoolExecutor] = {}
_making = threading.Lock()


def place_of(path: str) -> str:
    """Return the name of the thread pool for a file used in place. Each library folder has a pool."""
    for number, (root, _) in enumerate(settings.LIBRARY_ROOTS):
        if Path(path).is_relative_to(root):
            return f"library-{number}"
    return "library"


def threads_of(place: str) -> ThreadPoolExecutor:
    with _making:
        if place not in _pools:
            count = THREADS.get(place, THREADS_OF_A_DISK)
            _pools[place] = ThreadPoolExecutor(max_workers=count, thread_name_prefix=f"bytes-of-{place}")
        return _pools[place]


async def run_in_pool(place: str, question: Callable[[], T]) -> T:
    """Run a blocking read in the thread pool ``place``, without a time limit."""
    return await asyncio.get_running_loop().run_in_executor(threads_of(place), question)


async def run_in_pool_with_timeout(place: str, question: Callable[[], T], drop: Callable[[T], None]) -> T:
    """Run a blocking read in the thread pool ``place``. Raise ``unavailable`` after :data:`DISK_SECONDS`.

    The pool :data:`BUCKET` has no time limit. drop: function that releases a result that arrives after this call has
    ended.
    """
    future = threads_of(place).submit(question)
    is_taken = False
    try:
        async with asyncio.timeout(None if place == BUCKET else DISK_SECONDS) as limit:
            answer = await asyncio.wrap_future(future)
            is_taken = True
            return answer
    except TimeoutError as exc:
        if not limit.expired():
            raise
        raise DomainError(
            "unavailable", "The disk that holds this file is not responding. Try again in a moment."
        ) from exc
    finally:
        if not is_taken:
            future.add_done_callback(lambda late: _drop(late, drop))


def _drop(late: Future[T], drop: Callable[[T], None]) -> None:
    if not late.cancelled() and late.exception() is None:
        drop(late.result())
