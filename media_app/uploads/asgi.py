"""Base of the upload endpoints. They are raw ASGI apps, because Django loses the data of interrupted requests."""

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
from rest_framework.exceptions import AuthenticationFailed

from media_app.uploads.writers import RENEW_SECONDS, LockLost, UploadWriter
from vodplatform.accounts.authentication import authenticate_writer
from vodplatform.accounts.models import User
from vodplatform.core import logs
from vodplatform.core.errors import DomainError, error_body
from vodplatform.core.web import throttles
from vodplatform.core.web.bodies import PROTECTIVE_HEADERS, Receive, Scope, Send
from vodplatform.core.web.bodies import headers_of as headers_of  # noqa: PLC0414 - part of this interface
from vodplatform.core.web.callers import callers, current_scope
from vodplatform.core.web.exchange import error_of, refusal_headers, request_context
from vodplatform.core.web.request_log import log_request

T = TypeVar("T")
Fields = Iterable[tuple[bytes, bytes]]

IDLE_SECONDS = 60.0
# Seconds spent reading a rejected request's body, so that the client gets the answer.
LINGER_SECONDS = 5.0
SHORT_BYTES = 256 * 1024
SHORT_SECONDS = 1.0
# Separate thread pools, so that slow storage does not delay database queries.
database_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="uploads-rows")
storage_threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="uploads-bytes")


class ClientDisconnected(Exception):
    pass


class BodyTimeout(Exception):
    """The client sent nothing for :data:`IDLE_SECONDS`."""


class LockRequested(Exception):
    """Another request needs the lock of the upload that this request writes."""


async def in_thread(function: Callable[..., T], *args: Any, pool: ThreadPoolExecutor = database_threads) -> T:
    context = contextvars.copy_context()
    scope = current_scope.get() if pool is database_threads else None
    async with callers.place(scope):
        return await asyncio.get_running_loop().run_in_executor(pool, context.run, _with_connection, function, *args)


async def run_shielded(function: Callable[..., T], *args: Any) -> T:
    return await asyncio.shield(asyncio.wrap_future(in_background(function, *args)))


def in_background(function: Callable[..., T], *args: Any) -> Future[T]:
    return storage_threads.submit(contextvars.copy_context().run, _with_connection, function, *args)


def _with_connection(function: Callable[..., T], *args: Any) -> T:
    close_old_connections()
    try:
        return function(*args)
    finally:
        close_old_connections()


class Body:
    """A request's body. announced: value of Content-Length, or None."""

    def __init__(self, headers: dict[str, str], receive: Receive) -> None:
        length = headers.get("content-length", "")
        self.announced = int(length[:19]) if length.isdecimal() and length.isascii() else None
        self.is_over = self.announced == 0
        # After an error, the server reads a short body to its end, so that the connection stays usable.
        self.is_short = "transfer-encoding" not in headers and (self.announced or 0) <= SHORT_BYTES
        # The client waits for `100 Continue`, which the first call to `receive` sends.
        self.is_held_back = "expect" in headers
        self._receive = receive

    async def next(self) -> bytes:
        """Return the body's next piece, possibly empty. Raises :class:`ClientDisconnected`, :class:`BodyTimeout`."""
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
        while not self.is_over:
            yield await self.next()

    async def drop(self, seconds: float) -> None:
        with contextlib.suppress(ClientDisconnected, BodyTimeout, TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.is_over:
                    await self.next()


class Exchange:
    """A request and its answer.

    headers: request headers by lower-case name. always: headers of every answer. route: the endpoint's name in logs and
    metrics. user: id of the authenticated user, or empty.
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
        """Send an answer. content: bytes, or a value to encode as JSON."""
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
        head = [*fields, *refusal_headers(error)]
        await self.answer(error.type.status, head, error_body(error.type.name, error.message, **error.extra))


async def serve(exchange: Exchange, work: Callable[[Exchange], Awaitable[None]]) -> None:
    with request_context(exchange.scope, exchange.headers):
        token = current_scope.set(exchange.scope)
        try:
            await work(exchange)
        except ClientDisconnected:
            return
        except Exception as exc:
            if exchange.has_answered:
                raise
            await exchange.refuse(_refusal_of(exc))
        finally:
            current_scope.reset(token)


def _refusal_of(exc: Exception) -> DomainError:
    if isinstance(exc, LockLost | LockRequested):
        return DomainError("upload_locked")
    if isinstance(exc, BodyTimeout):
        return DomainError("bad_request", f"No data arrived for {IDLE_SECONDS:g} seconds. Send the request again.")
    return error_of(exc)


async def as_writer(exchange: Exchange, function: Callable[[User], T], *, counts: bool = False) -> T:
    """Call ``function`` in a thread with the authenticated user, who must have write access.

    counts: whether the request counts for throttling. Raises ``throttled``.
    """

    def call() -> T:
        user = authenticate_writer(exchange.scope)[0]
        exchange.user = str(user.pk)
        logs.user_id.set(exchange.user)
        if counts and (wait := throttles.count_request("write", f"user-{user.pk}")):
            raise DomainError("throttled", retry_after=wait)
        return function(user)

    try:
        return await in_thread(call)
    except AuthenticationFailed:
        callers.note(exchange.scope, "")
        raise
    finally:
        logs.user_id.set(exchange.user)
        if exchange.user:
            callers.note(exchange.scope, exchange.user)


class SinkWriter:
    """Context manager that renews an upload writer's lock and makes received bytes durable, in threads."""

    def __init__(self, sink: UploadWriter) -> None:
        self._sink = sink
        self._due = asyncio.Event()
        self._rested = asyncio.Event()
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> SinkWriter:
        self._tasks = [asyncio.create_task(self._watched(loop())) for loop in (self._renew, self._flush_loop)]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, exc: Any, trace: TracebackType | None) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        if self._over.done():
            self._over.exception()

    async def run(self, reading: Coroutine[Any, Any, None]) -> None:
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
            self._flushed()
            if self._sink.is_due():
                self._due.set()

    async def _flush_loop(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            await in_thread(self._sink.flush_due, pool=storage_threads)
            self._flushed()

    def _flushed(self) -> None:
        self._rested.set()
        if self._sink.lock.is_wanted and not self._over.done():
            self._over.set_result(None)

    async def _watched(self, loop: Coroutine[Any, Any, None]) -> None:
        try:
            await loop
        except Exception as exc:
            if not self._over.done():
                self._over.set_exception(exc)
