"""A limit on request bodies before anything keeps them: Django under ASGI spools a whole body before it looks."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from vodplatform.base.errors import error_body

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[..., Awaitable[None]]  # each server and framework spells the ASGI types in its own way

MAX_BODY_BYTES = 4 * 1024 * 1024


class _TooLarge(Exception):
    pass


def limited(app: App, limit: int = MAX_BODY_BYTES) -> App:
    """``app`` with bodies of at most ``limit`` bytes; a larger one is 413, announced or not."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced[:19]) > limit:
            await _refuse(send, limit)
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
            await app(scope, counting_receive, noting_send)
        except _TooLarge:
            if not answered:
                await _refuse(send, limit)

    return wrapped


async def _refuse(send: Send, limit: int) -> None:
    body = json.dumps(error_body("too_large", limit=limit)).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
