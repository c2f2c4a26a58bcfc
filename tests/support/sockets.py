"""WebSocket clients of the complete ASGI application, and database calls in async tests."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.db import connections

from vodplatform.asgi import application

T = TypeVar("T")
ANSWER_SECONDS = 10


async def ask(function: Callable[..., T], *args: Any) -> T:
    """Run a function that uses the database in its own thread, and close the thread's connections."""

    def call() -> T:
        try:
            return function(*args)
        finally:
            connections.close_all()

    return await sync_to_async(call, thread_sensitive=False)()


class Socket(ApplicationCommunicator):
    """WebSocket client. The one of channels cannot be used: importing it requires a server that is not installed."""

    def __init__(self, path: str, headers: dict[str, str]) -> None:
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        super().__init__(
            application,
            {
                "type": "websocket", "path": path.partition("?")[0], "query_string": path.partition("?")[2].encode(),
                "headers": pairs, "subprotocols": [],
            },
        )  # fmt: skip

    async def connect(self) -> bool:
        """Connect; return whether the server accepted."""
        await self.send_input({"type": "websocket.connect"})
        event = await self.receive_output(ANSWER_SECONDS)
        return event["type"] == "websocket.accept"  # type: ignore[no-any-return]

    async def say(self, text: str | None = None, data: bytes | None = None) -> None:
        """Send a message to the server."""
        await self.send_input({"type": "websocket.receive", "text": text, "bytes": data})

    async def leave(self) -> None:
        """Disconnect, and wait until the server has noticed."""
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(ANSWER_SECONDS)


def socket(path: str, *, key: str = "", headers: dict[str, str] | None = None) -> Socket:
    """Return a client that is not connected yet."""
    given = {"host": "vod.example", **(headers or {})}
    if key:
        given["authorization"] = f"Token {key}"
    return Socket(path, given)


@asynccontextmanager
async def connected(path: str, **options: Any) -> AsyncIterator[Socket]:
    """Yield a connected client; disconnect it after the block."""
    communicator = socket(path, **options)
    assert await communicator.connect()
    try:
        yield communicator
    finally:
        await communicator.leave()


async def first_close(communicator: Socket) -> int:
    """Connect; check that the server accepts and then closes without a message; return its close code."""
    assert await communicator.connect()
    event = await communicator.receive_output(ANSWER_SECONDS)
    assert event["type"] == "websocket.close", event
    await communicator.leave()
    return event["code"]  # type: ignore[no-any-return]


async def next_message(communicator: Socket, kind: str = "") -> dict[str, Any]:
    """Return the next JSON message, or with `kind` the next message of this type, skipping others."""
    while True:
        event = await communicator.receive_output(ANSWER_SECONDS)
        assert event["type"] == "websocket.send", event
        message: dict[str, Any] = json.loads(event["text"])
        if not kind or message["type"] == kind:
            return message


async def next_close(communicator: Socket) -> int:
    """Skip messages until the server closes the connection; return its close code."""
    while (event := await communicator.receive_output(ANSWER_SECONDS))["type"] == "websocket.send":
        pass
    return event["code"]  # type: ignore[no-any-return]
