"""What the doors of uploads share, raw ASGI before Django: who asks, what comes, the one answer; no protocol at all.

Behind Django's handlers a request that is cut loses everything it carried. Here the loop reads and writes pieces of at
most a few hundred KiB; what waits for the database, the disk or S3 does so in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

from django.db import close_old_connections

from media_app.uploads.writers import RENEW_SECONDS, LockLost, Sink
from vodplatform.accounts.authentication import writer_of
from vodplatform.accounts.models import User
from vodplatform.core import logs
from vodplatform.core.errors import DomainError, error_body
from vodplatform.core.web import throttles
from vodplatform.core.web.bodies import PROTECTIVE_HEADERS, Receive, Scope, Send
from vodplatform.core.web.bodies import headers_of as headers_of  # noqa: PLC0414 - part of this interface
from vodplatform.core.web.exchange import refusal_headers, refusal_of, request_context
from vodplatform.core.web.request_log import log_request

T = TypeVar("T")
Fields = Iterable[tuple[bytes, bytes]]

IDLE_SECONDS = 60.0
# How long what is not wanted any more is read on: who sends all of it before listening would not hear the answer.
LINGER_SECONDS = 5.0
SHORT_BYTES = 256 * 1024
SHORT_SECONDS = 1.0
# Storages and disks that let one wait do so away from those who only ask the database.
database_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="uploads-rows")
storage_threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="uploads-bytes")


class ClientDisconnected(Exception):
    """The caller has gone before the end of the body."""


class BodyTimeout(Exception):
    """Nothing came for :data:`IDLE_SECONDS`."""


class LockRequested(Exception):
    """Somebody else asked for the upload's lock."""


async def in_thread(function: Callable[..., T], *args: Any, pool: ThreadPoolExecutor = database_threads) -> T:
    """Run what blocks in a thread, in this context; its database connection is given back."""
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(pool, context.run, _with_connection, function, *args)


async def run_shielded(function: Callable[..., T], *args: Any) -> T:
    """Run what has to be done even when nobody is left to wait for it: as :func:`in_background`, and wait."""
    return await asyncio.shield(asyncio.wrap_future(in_background(function, *args)))


def in_background(function: Callable[..., T], *args: Any) -> Future[T]:
    """Run what blocks in a thread of the storage's; the end of the process waits for it."""
    return storage_threads.submit(contextvars.copy_context().run, _with_connection, function, *args)


def _with_connection(function: Callable[..., T], *args: Any) -> T:
    close_old_connections()
    try:
        return function(*args)
    finally:
        close_old_connections()


class Body:
    """What comes of a request's body.

    announced: bytes by Content-Length; None where it does not say. is_over: nothing more comes.
    """

    def __init__(self, headers: dict[str, str], receive: Receive) -> None:
        length = headers.get("content-length", "")
        self.announced = int(length[:19]) if length.isdecimal() and length.isascii() else None
        self.is_over = self.announced == 0
        # Short ones are read to their end, so that the connection can be used again.
        self.is_short = "transfer-encoding" not in headers and (self.announced or 0) <= SHORT_BYTES
        # Who expects to be told to go on is told so by the first call of `receive`.
        self.is_held_back = "expect" in headers
        self._receive = receive

    async def next(self) -> bytes:
        """The next piece, perhaps empty. Raises :class:`ClientDisconnected`, :class:`BodyTimeout`."""
        self.is_held_back = False
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                message = await self._receive()
        except TimeoutError as exc:
            raise BodyTimeout from exc
        if message["type"] == "http.disconnect":
            self.is_over = True
            raise ClientDisconnected
        self.is_over = not message.get("more_body", False)
        return message.get("body", b"")  # type: ignore[no-any-return]

    async def pieces(self) -> AsyncIterator[bytes]:
        """Every piece that is left."""
        while not self.is_over:
            yield await self.next()

    async def drop(self, seconds: float) -> None:
        """Read on for a while without keeping anything."""
        with contextlib.suppress(ClientDisconnected, BodyTimeout, TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.is_over:
                    await self.next()


class Exchange:
    """One request and its answer. headers: by names in small letters. always: headers of whatever is answered.

    route: as logs and metrics name the address. user: the id of who sent it, once that is known.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, route: str, always: Fields = ()) -> None:
        self.scope = scope
        self.route = route
        self.headers = headers_of(scope)
        self.body = Body(self.headers, receive)
        self.always = list(always)
        self.user = ""
        self.has_answered = False
        self._send = send
        self._began = time.perf_counter()

    async def answer(self, status: int, fields: Fields = (), content: Any = None) -> None:
        """Send the answer, ``content`` as JSON, which bytes are already; the rest of the body is left behind."""
        body = self.body
        if not body.is_over and not body.is_held_back and body.is_short:
            await body.drop(SHORT_SECONDS)
        text = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
        head = [*fields, *self.always, (b"cache-control", b"no-store"), *PROTECTIVE_HEADERS]
        head.append((b"x-request-id", logs.request_id.get().encode()))
        if text:
            head.append((b"content-type", b"application/json"))
        if status != 204:
            head.append((b"content-length", str(len(text)).encode()))
        if not body.is_over:
            head.append((b"connection", b"close"))
        self.has_answered = True
        log_request(self.scope["method"], self.route, status, time.perf_counter() - self._began)
        await self._send({"type": "http.response.start", "status": status, "headers": head})
        lingers = not body.is_over and not body.is_held_back
        await self._send({"type": "http.response.body", "body": text, "more_body": lingers})
        if lingers:
            await body.drop(LINGER_SECONDS)
            await self._send({"type": "http.response.body", "body": b""})

    async def refuse(self, error: DomainError, fields: Fields = ()) -> None:
        """Send an error in the one body."""
        head = [*fields, *refusal_headers(error)]
        await self.answer(error.type.status, head, error_body(error.type.name, error.message, **error.extra))


async def serve(exchange: Exchange, work: Callable[[Exchange], Awaitable[None]]) -> None:
    """Answer one request by ``work``; what that raises becomes the one error body. The logs have the request's id."""
    with request_context(exchange.scope, exchange.headers):
        try:
            await work(exchange)
        except ClientDisconnected:
            return
        except Exception as exc:
            if exchange.has_answered:
                raise
            await exchange.refuse(_refusal_of(exc))


def _refusal_of(exc: Exception) -> DomainError:
    if isinstance(exc, LockLost | LockRequested):
        return DomainError("upload_locked")
    if isinstance(exc, BodyTimeout):
        return DomainError("bad_request", f"Nothing came for {IDLE_SECONDS:g} seconds.")
    return refusal_of(exc)


async def as_writer(exchange: Exchange, function: Callable[[User], T], *, counts: bool = False) -> T:
    """What ``function`` makes of the caller, who has signed in and may write; both in one thread.

    counts: as one of the changes that a user may make a minute. Raises what :func:`writer_of` and ``function`` raise,
    ``throttled``.
    """

    def call() -> T:
        user = writer_of(exchange.scope)[0]
        exchange.user = str(user.pk)
        logs.user_id.set(exchange.user)
        if counts and (wait := throttles.hit("write", f"user-{user.pk}")):
            raise DomainError("throttled", retry_after=wait)
        return function(user)

    try:
        return await in_thread(call)
    finally:
        logs.user_id.set(exchange.user)


class SinkWriter:
    """Keeps a sink's lock, and makes durable what is written through here, in threads, as long as it is entered."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._due = asyncio.Event()
        self._rested = asyncio.Event()
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> SinkWriter:
        self._tasks = [asyncio.create_task(self._watched(loop())) for loop in (self._renew, self._tend)]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, exc: Any, trace: TracebackType | None) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        if self._over.done():
            self._over.exception()

    async def run(self, reading: Coroutine[Any, Any, None]) -> None:
        """Let ``reading`` write until it is done. Raises its errors, the sink's, and :class:`LockRequested`."""
        reader = asyncio.ensure_future(reading)
        try:
            await asyncio.wait({reader, self._over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped = not reader.done()
            if stopped:
                reader.cancel()
                await asyncio.wait({reader})
        if not stopped:
            reader.result()
            return
        if not reader.cancelled():
            reader.exception()
        self._over.result()
        raise LockRequested

    async def write(self, data: bytes) -> None:
        """Write to the sink, once what was written before has left room and the lock is fresh."""
        while self._sink.must_wait():
            self._due.set()
            self._rested.clear()
            await self._rested.wait()
        self._sink.write(data)
        if self._sink.is_due():
            self._due.set()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await in_thread(self._sink.lock.renew)
            self._has_tended()
            if self._sink.is_due():
                self._due.set()

    async def _tend(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            await in_thread(self._sink.flush_due, pool=storage_threads)
            self._has_tended()

    def _has_tended(self) -> None:
        self._rested.set()
        if self._sink.lock.is_wanted and not self._over.done():
            self._over.set_result(None)

    async def _watched(self, loop: Coroutine[Any, Any, None]) -> None:
        """What breaks one of the two ends the reading."""
        try:
            await loop
        except Exception as exc:
            if not self._over.done():
                self._over.set_exception(exc)
