"""Threads that wait for disks and the bucket, apart for each place: one that is away holds up nobody else's files."""

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
# After so long a disk counts as away; a bucket has limits of its own.
DISK_SECONDS = 10.0
_pools: dict[str, ThreadPoolExecutor] = {}
_making = threading.Lock()


def place_of(path: str) -> str:
    """The place of a file that is used where it lies: each library folder may be a disk of its own."""
    for number, (root, _) in enumerate(settings.LIBRARY_ROOTS):
        if Path(path).is_relative_to(root):
            return f"library-{number}"
    return "library"


def threads_of(place: str) -> ThreadPoolExecutor:
    """The threads that wait for one place."""
    with _making:
        if place not in _pools:
            count = THREADS.get(place, THREADS_OF_A_DISK)
            _pools[place] = ThreadPoolExecutor(max_workers=count, thread_name_prefix=f"bytes-of-{place}")
        return _pools[place]


async def ask(place: str, question: Callable[[], T]) -> T:
    """What ``question`` finds out in a thread that may wait for ``place``, however long. Raises what it raises."""
    return await asyncio.get_running_loop().run_in_executor(threads_of(place), question)


async def ask_soon(place: str, question: Callable[[], T], drop: Callable[[T], None]) -> T:
    """As :func:`ask`, but a disk that says nothing for :data:`DISK_SECONDS` is ``unavailable``.

    drop: takes an answer that comes when nobody waits for it any more.
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
            raise  # the question's own
        raise DomainError("unavailable", "The disk with this file does not answer. Try again in a moment.") from exc
    finally:
        if not is_taken:
            future.add_done_callback(lambda late: _drop(late, drop))


def _drop(late: Future[T], drop: Callable[[T], None]) -> None:
    if not late.cancelled() and late.exception() is None:
        drop(late.result())
