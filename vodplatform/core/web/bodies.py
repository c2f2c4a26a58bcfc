"""A size limit for request bodies, checked before Django stores them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.conf import settings

from vodplatform.core import logs
from vodplatform.core.errors import error_body
from vodplatform.core.web.middleware import REQUEST_ID

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[..., Awaitable[None]]  # an ASGI application; parameters are untyped, as libraries type them differently

MAX_BODY_BYTES = 4 * 1024 * 1024
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


class _TooLarge(Exception):
    pass


def with_body_limit(
    app: App, limit: int = MAX_BODY_BYTES, on_refusal: Callable[[Scope], None] = lambda scope: None
) -> App:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        announced = headers.get(b"content-length", b"0")

        async def refuse() -> None:
            number = headers.get(b"x-request-id", b"").decode("latin-1")
            token = logs.request_id.set(number if REQUEST_ID.fullmatch(number) else uuid.uuid4().hex)
            try:
                on_refusal(scope)
                status, fields, body = closing_error("too_large", limit=limit)
                await send({"type": "http.response.start", "status": status, "headers": fields})
                await send({"type": "http.response.body", "body": body})
            finally:
                logs.request_id.reset(token)

        if announced.isdigit() and int(announced[:19]) > limit:
            await refuse()
            return
        received = 0
        answered = False

        async def counting_receive() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > limit:
                    raise _TooLarge
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
        except _TooLarge:
            if not answered:
                await refuse()

    return wrapped


async def _with_length(scope: Scope, receive: Receive, file: IO[bytes]) -> tuple[Scope, Receive]:
    """Read the body and add its length to the headers, because REST framework ignores bodies without a length."""
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
    return body["code"], headers, content
