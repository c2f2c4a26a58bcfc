"""Limits on the sizes of request bodies, checked before Django stores them."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.conf import settings

from vodplatform.core import logs
from vodplatform.core.errors import RETRY_SECONDS, DomainError, error_body
from vodplatform.core.web.callers import callers
from vodplatform.core.web.middleware import REQUEST_ID

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[..., Awaitable[None]]  # an ASGI application; libraries type its parameters differently

MAX_BODY_BYTES = 4 * 1024 * 1024
BODY_SECONDS = 120.0  # maximum seconds for a body to arrive
CALLER_BODIES_BYTES = 32 * 1024 * 1024  # maximum bytes of the bodies of a caller's unanswered requests
SMALL_BODY_BYTES = 64 * 1024
# A caller whose bodies have reached CALLER_BODIES_BYTES may still send small bodies, such as sign-ins, of at most this
# many bytes in total.
SMALL_BODIES_BYTES = 8 * 1024 * 1024
ALL_BODIES_BYTES = 512 * 1024 * 1024
PIECE_BYTES = 64 * 1024
PROTECTIVE_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]


def headers_of(scope: Scope) -> dict[str, str]:
    """Return header values by lower-case name. Repeated headers' values are joined by commas (RFC 9110)."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


class Bodies:
    """Sizes of the bodies of a process's unanswered requests.

    Their limits keep clients from filling the temporary folder with bodies that they never complete.
    """

    def __init__(self) -> None:
        self._bytes: Counter[str] = Counter()

    def add(self, caller: str, size: int, *, is_small: bool) -> None:
        """Raise ``throttled`` or ``unavailable`` if the bodies of ``caller``, or of all clients, become too large."""
        limit = CALLER_BODIES_BYTES + (SMALL_BODIES_BYTES if is_small else 0)
        if self._bytes[caller] + size > limit:
            sentence = "Your requests in progress are too large in total. Wait until some have finished."
            raise DomainError("throttled", sentence, retry_after=RETRY_SECONDS)
        if self._bytes.total() + size > ALL_BODIES_BYTES:
            raise DomainError("unavailable", retry_after=RETRY_SECONDS)
        self._bytes[caller] += size

    def remove(self, caller: str, size: int) -> None:
        self._bytes[caller] -= size
        if not self._bytes[caller]:
            del self._bytes[caller]


class _Reader:
    """Reads the body of one request. Raises ``too_large``, ``throttled``, ``unavailable`` or ``request_timeout``."""

    def __init__(self, bodies: Bodies, scope: Scope, receive: Receive, limit: int) -> None:
        self._bodies, self._receive, self._limit = bodies, receive, limit
        self._caller = callers.caller_of(scope)
        self._deadline: float | None = asyncio.get_running_loop().time() + BODY_SECONDS
        self._bytes = 0

    async def __call__(self) -> Message:
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError as exc:
            raise DomainError("request_timeout") from exc
        if message["type"] == "http.request":
            if not message.get("more_body", False):
                self._deadline = None
            size = len(message.get("body", b""))
            if self._bytes + size > self._limit:
                raise DomainError("too_large", limit=self._limit)
            self._bodies.add(self._caller, size, is_small=self._bytes + size <= SMALL_BODY_BYTES)
            self._bytes += size
        return message

    def release(self) -> None:
        self._bodies.remove(self._caller, self._bytes)


def with_body_limit(
    app: App, limit: int = MAX_BODY_BYTES, on_refusal: Callable[[Scope, int], None] = lambda scope, status: None
) -> App:
    """Return ``app`` with limits on the size of each body and of all bodies together.

    ``on_refusal`` is called with the scope and the status of each refused request.
    """
    bodies = Bodies()

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        announced = headers.get(b"content-length", b"0")

        async def refuse(refused: DomainError) -> None:
            number = headers.get(b"x-request-id", b"").decode("latin-1")
            token = logs.request_id.set(number if REQUEST_ID.fullmatch(number) else uuid.uuid4().hex)
            try:
                status, fields, body = closing_error(refused.type.name, refused.message, **refused.extra)
                on_refusal(scope, status)
                await send({"type": "http.response.start", "status": status, "headers": fields})
                await send({"type": "http.response.body", "body": body})
            finally:
                logs.request_id.reset(token)

        if announced.isdigit() and int(announced[:19]) > limit:
            await refuse(DomainError("too_large", limit=limit))
            return
        answered = False

        async def noting_send(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        reader = _Reader(bodies, scope, receive, limit)
        try:
            if b"content-length" in headers:
                await app(scope, reader, noting_send)
            else:
                with SpooledTemporaryFile(settings.FILE_UPLOAD_MAX_MEMORY_SIZE) as file:
                    await app(*await _with_length(scope, reader, file), noting_send)
        except DomainError as refused:
            if not answered:
                await refuse(refused)
        finally:
            reader.release()

    return wrapped


async def _with_length(scope: Scope, receive: Receive, file: IO[bytes]) -> tuple[Scope, Receive]:
    """Read the body and add its length to the headers: REST framework ignores bodies without a length."""
    message = await receive()
    while message.get("more_body"):
        file.write(message.get("body", b""))
        message = await receive()
    is_whole = message["type"] == "http.request"
    file.write(message.get("body", b""))
    left = file.tell()
    if left and is_whole:
        scope = {**scope, "headers": [*scope["headers"], (b"content-length", str(left).encode())]}
    file.seek(0)
    is_read = False

    async def again() -> Message:
        nonlocal left, is_read
        if not is_whole:
            return message
        if is_read:
            return await receive()
        body = file.read(PIECE_BYTES)
        left -= len(body)
        is_read = not left
        return {"type": "http.request", "body": body, "more_body": not is_read}

    return scope, again


def closing_error(type: str, message: str = "", /, **extra: Any) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    body = error_body(type, message, **extra)
    content = json.dumps(body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
        (b"x-request-id", body["request_id"].encode()),
        *PROTECTIVE_HEADERS,
    ]
    if "retry_after" in body:
        headers.append((b"retry-after", str(body["retry_after"]).encode()))
    return body["code"], headers, content
