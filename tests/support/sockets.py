"""WebSockets through the whole ASGI application, and the ORM from async tests."""

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
    """Run what talks to the database in a thread of its own, and leave no connection behind."""

    def call() -> T:
        try:
            return function(*args)
        finally:
            connections.close_all()

    return await sync_to_async(call, thread_sensitive=False)()


class Socket(ApplicationCommunicator):
    """One WebSocket's client; channels has the same, but importing it needs a server that is not installed."""

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
        """Whether the server accepted."""
        await self.send_input({"type": "websocket.connect"})
        event = await self.receive_output(ANSWER_SECONDS)
        return event["type"] == "websocket.accept"  # type: ignore[no-any-return]

    async def say(self, text: str | None = None, data: bytes | None = None) -> None:
        """Send something to the server."""
        await self.send_input({"type": "websocket.receive", "text": text, "bytes": data})

    async def leave(self) -> None:
        """Hang up, and wait until the server has noticed."""
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(ANSWER_SECONDS)


def socket(path: str, *, key: str = "", headers: dict[str, str] | None = None) -> Socket:
    """A client that has not connected yet."""
    given = {"host": "vod.example", **(headers or {})}
    if key:
        given["authorization"] = f"Token {key}"
    return Socket(path, given)


@asynccontextmanager
async def connected(path: str, **options: Any) -> AsyncIterator[Socket]:
    """A client that has been let in; gone after the block."""
    communicator = socket(path, **options)
    assert await communicator.connect()
    try:
        yield communicator
    finally:
        await communicator.leave()


async def first_close(communicator: Socket) -> int:
    """The code with which a connection is closed after it was accepted, without a word before."""
    assert await communicator.connect()
    event = await communicator.receive_output(ANSWER_SECONDS)
    assert event["type"] == "websocket.close", event
    await communicator.leave()
    return event["code"]  # type: ignore[no-any-return]


async def next_message(communicator: Socket, kind: str = "") -> dict[str, Any]:
    """The next JSON message; with `kind` the next of that type, since others may come between at any time."""
    while True:
        event = await communicator.receive_output(ANSWER_SECONDS)
        assert event["type"] == "websocket.send", event
        message: dict[str, Any] = json.loads(event["text"])
        if not kind or message["type"] == kind:
            return message


async def next_close(communicator: Socket) -> int:
    """The code with which a connection is closed, whatever is said before."""
    while (event := await communicator.receive_output(ANSWER_SECONDS))["type"] == "websocket.send":
        pass
    return event["code"]  # type: ignore[no-any-return]
