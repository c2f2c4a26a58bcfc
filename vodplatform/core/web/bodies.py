"""Limits on the sizes of request bodies, checked before Django stores them."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.conf import settings

from vodplatform.core import logs
from vodplatform.core.errors import RETRY_SECONDS, error_body
from vodplatform.core.web.middleware import REQUEST_ID
from vodplatform.core.web.throttles import network_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[..., Awaitable[None]]  # an ASGI application; libraries type its parameters differently

MAX_BODY_BYTES = 4 * 1024 * 1024
NETWORK_BODIES_BYTES = 32 * 1024 * 1024  # bodies of the unanswered requests of one network
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


class _Refused(Exception):
    """A body that is not read to its end. ``args`` are the arguments of :func:`closing_error`."""

    def __init__(self, type: str, message: str = "", **extra: Any) -> None:
        super().__init__(type, message)
        self.extra = extra


class Bodies:
    """Sizes of the bodies of a process's unanswered requests.

    Their limits keep clients from filling the temporary folder with bodies that they never complete.
    """

    def __init__(self) -> None:
        self._bytes: Counter[str] = Counter()

    def add(self, network: str, size: int) -> None:
        """Raise ``_Refused`` if the bodies of ``network``, or of all clients, become too large."""
        if self._bytes[network] + size > NETWORK_BODIES_BYTES:
            raise _Refused("throttled", "Too many requests with a body are unfinished.", retry_after=RETRY_SECONDS)
        if self._bytes.total() + size > ALL_BODIES_BYTES:
            raise _Refused("unavailable", retry_after=RETRY_SECONDS)
        self._bytes[network] += size

    def remove(self, network: str, size: int) -> None:
        self._bytes[network] -= size
        if not self._bytes[network]:
            del self._bytes[network]


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
        network = network_of((scope.get("client") or [""])[0])

        async def refuse(refused: _Refused) -> None:
            number = headers.get(b"x-request-id", b"").decode("latin-1")
            token = logs.request_id.set(number if REQUEST_ID.fullmatch(number) else uuid.uuid4().hex)
            try:
                status, fields, body = closing_error(*refused.args, **refused.extra)
                on_refusal(scope, status)
                await send({"type": "http.response.start", "status": status, "headers": fields})
                await send({"type": "http.response.body", "body": body})
            finally:
                logs.request_id.reset(token)

        if announced.isdigit() and int(announced[:19]) > limit:
            await refuse(_Refused("too_large", limit=limit))
            return
        received = 0
        answered = False

        async def counting_receive() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                size = len(message.get("body", b""))
                if received + size > limit:
                    raise _Refused("too_large", limit=limit)
                bodies.add(network, size)
                received += size
            return message

        async def noting_send(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            if b"content-length" in headers:
                await app(scope, counting_receive, noting_send)
            else:
                with SpooledTemporaryFile(settings.FILE_UPLOAD_MAX_MEMORY_SIZE) as file:
                    await app(*await _with_length(scope, counting_receive, file), noting_send)
        except _Refused as refused:
            if not answered:
                await refuse(refused)
        finally:
            bodies.remove(network, received)

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
