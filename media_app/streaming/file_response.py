"""Sending of file bytes over ASGI in small pieces, with bounded memory."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from typing import Any

from media_app.storage import files as store
from media_app.streaming import io_pools
from media_app.streaming.ranges import ByteRange
from media_app.streaming.resolve import OpenFile, StoredObject

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_BYTES = 256 * 1024
MIN_BYTES = 8 * 1024
ALL_WAITING_BYTES = 1024**2
_waiting = 0


def piece_bytes() -> int:
    return max(MIN_BYTES, min(MAX_BYTES, ALL_WAITING_BYTES // (_waiting + 1)))


async def send_file(file: OpenFile, part: ByteRange, receive: Receive, send: Send) -> None:
    """Send a part of an open file. Raise OSError if the file has changed."""
    async with _listening(receive) as hung_up:
        position = part.start
        while position < part.stop and not hung_up.done():
            await _drained(send)
            if hung_up.done():
                return
            chunk = await _read(file, min(piece_bytes(), part.stop - position), position)
            position += len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": position < part.stop})
        if part.length == 0:
            await send({"type": "http.response.body", "body": b""})


async def send_object(reader: ObjectReader, part: ByteRange, receive: Receive, send: Send) -> None:
    """Send a part of a stored object. Raise OSError if its length has changed."""
    async with _listening(receive) as hung_up:
        left = part.length
        while left > 0 and not hung_up.done():
            await _drained(send)
            if hung_up.done():
                return
            chunk = await reader.next_chunk()
            if not chunk or len(chunk) > left:
                raise OSError("the length of the stored file has changed")
            left -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})
        if part.length == 0:
            await send({"type": "http.response.body", "body": b""})


class ObjectReader:
    def __init__(self, stored: StoredObject, part: ByteRange) -> None:
        self._chunks: Iterator[bytes] = store.read_chunks(stored.key, part.start, part.stop, piece=piece_bytes())
        self._lock = threading.Lock()
        self._first: bytes | None = None

    async def begin(self) -> None:
        """Read the first piece before the response headers are sent, so that an error can still be reported."""
        self._first = await self.next_chunk()

    async def next_chunk(self) -> bytes:
        if self._first is not None:
            chunk, self._first = self._first, None
            return chunk
        return await io_pools.run_in_pool(io_pools.BUCKET, self._next)

    async def end(self) -> None:
        await io_pools.run_in_pool(io_pools.BUCKET, self._close)

    def _next(self) -> bytes:
        with self._lock:
            return next(self._chunks, b"")

    def _close(self) -> None:
        with self._lock:
            self._chunks.close()  # type: ignore[attr-defined]


async def _drained(send: Send) -> None:
    """Wait until the previous piece is sent, so that a stalled client holds only one piece in memory."""
    global _waiting
    _waiting += 1
    try:
        await send({"type": "http.response.body", "body": b"", "more_body": True})
    finally:
        _waiting -= 1


@contextlib.asynccontextmanager
async def _listening(receive: Receive) -> AsyncIterator[asyncio.Future[None]]:
    hung_up = asyncio.ensure_future(_wait_for_disconnect(receive))
    try:
        yield hung_up
    finally:
        hung_up.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await hung_up


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read(file: OpenFile, length: int, position: int) -> bytes:
    """Read at most ``length`` bytes. Raise OSError if the file has changed.

    If the system has not cached the bytes, they are read in a thread.
    """
    chunk = _read_cached(file.descriptor, length, position) if file.can_read_nonblocking else b""
    if chunk:
        # No thread is needed: ``can_read_nonblocking`` means a local file system, so fstat does not block.
        _check(file, chunk)
        return chunk
    return await io_pools.run_in_pool(file.place, lambda: _read_slowly(file, length, position))


def _read_slowly(file: OpenFile, length: int, position: int) -> bytes:
    chunk = os.pread(file.descriptor, length, position)
    _check(file, chunk)
    return chunk


def _read_cached(descriptor: int, length: int, position: int) -> bytes:
    buffer = bytearray(length)
    try:
        found = os.preadv(descriptor, [buffer], position, os.RWF_NOWAIT)
    except OSError:
        return b""
    return bytes(memoryview(buffer)[:found])


def _check(file: OpenFile, chunk: bytes) -> None:
    if not chunk or file.has_changed():
        raise OSError("the file was changed or truncated while it was read")
