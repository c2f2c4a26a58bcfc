"""Bytes of files to ASGI, a little at a time: memory has a bound, whoever hangs up ends it; knows no addresses."""

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

# One piece for a reader: few calls as long as the bytes flow, little memory when many stand and wait.
MAX_BYTES = 256 * 1024
MIN_BYTES = 8 * 1024
ALL_WAITING_BYTES = 1024**2
_waiting = 0


def piece_bytes() -> int:
    """How much a reader may be given at once: the more of them hold up what they were given, the less."""
    return max(MIN_BYTES, min(MAX_BYTES, ALL_WAITING_BYTES // (_waiting + 1)))


async def send_file(file: OpenFile, part: ByteRange, receive: Receive, send: Send) -> None:
    """Send a part of an open file after its head. Raises OSError, which breaks the connection, when it has changed."""
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
    """Send a part of an object of the store after its head. Raises OSError when there is less of it than that."""
    async with _listening(receive) as hung_up:
        left = part.length
        while left > 0 and not hung_up.done():
            await _drained(send)
            if hung_up.done():
                return
            chunk = await reader.next_chunk()
            if not chunk or len(chunk) > left:
                raise OSError("the object has another length than it had")
            left -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})
        if part.length == 0:
            await send({"type": "http.response.body", "body": b""})


class ObjectReader:
    """Reads a part of an object of the store in threads, one chunk ahead of nobody.

    How large its chunks are is settled when it begins: by how many wait at that moment.
    """

    def __init__(self, stored: StoredObject, part: ByteRange) -> None:
        self._chunks: Iterator[bytes] = store.read(stored.key, part.start, part.stop, piece=piece_bytes())
        self._lock = threading.Lock()
        self._first: bytes | None = None

    async def begin(self) -> None:
        """Read the first chunk, so that a store that is away is found out before the head is sent."""
        self._first = await self.next_chunk()

    async def next_chunk(self) -> bytes:
        """The next bytes; none at the end. Raises what the store raises."""
        if self._first is not None:
            chunk, self._first = self._first, None
            return chunk
        return await io_pools.ask(io_pools.BUCKET, self._next)

    async def end(self) -> None:
        """Let go of the connection."""
        await io_pools.ask(io_pools.BUCKET, self._close)

    def _next(self) -> bytes:
        with self._lock:
            return next(self._chunks, b"")

    def _close(self) -> None:
        with self._lock:
            self._chunks.close()  # type: ignore[attr-defined]


async def _drained(send: Send) -> None:
    """Wait until the piece before has gone, so that nobody who stands still holds two."""
    global _waiting
    _waiting += 1
    try:
        await send({"type": "http.response.body", "body": b"", "more_body": True})
    finally:
        _waiting -= 1


@contextlib.asynccontextmanager
async def _listening(receive: Receive) -> AsyncIterator[asyncio.Future[None]]:
    """Yields what is done once the reader has hung up."""
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
    """At most ``length`` bytes: at once what is in memory, else what the disk brings, waited for in a thread.

    Raises OSError when the file is not what it was: bytes of two files must not end up in one, so the connection
    breaks rather than being padded.
    """
    chunk = _read_at_once(file.descriptor, length, position) if file.tells else b""
    if chunk:
        # A file system that says what would have to be waited for is of this machine: it has the times in memory.
        _check(file, chunk)
        return chunk
    return await io_pools.ask(file.place, lambda: _read_slowly(file, length, position))


def _read_slowly(file: OpenFile, length: int, position: int) -> bytes:
    chunk = os.pread(file.descriptor, length, position)
    _check(file, chunk)
    return chunk


def _read_at_once(descriptor: int, length: int, position: int) -> bytes:
    """What is in memory of the bytes there, from the first on; nothing where one would have to wait."""
    buffer = bytearray(length)
    try:
        found = os.preadv(descriptor, [buffer], position, os.RWF_NOWAIT)
    except OSError:
        return b""
    return bytes(memoryview(buffer)[:found])


def _check(file: OpenFile, chunk: bytes) -> None:
    if not chunk or file.has_changed():
        raise OSError("the file was changed or became shorter while it was read")
