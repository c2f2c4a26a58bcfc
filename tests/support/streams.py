"""Requests to the complete ASGI application, whose bodies a test sends in pieces and can interrupt at any point."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vodplatform.asgi import application
from vodplatform.core.errors import ERROR_TYPES

ANSWER_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. headers: the values by name in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)

    def refused(self, status: int, type: str) -> dict[str, Any]:
        """Assert that the answer is this error; return its body."""
        assert (self.status, self.content[:1]) == (status, b"{"), (self.status, self.content)
        body: dict[str, Any] = self.json()
        assert (body["ok"], body["code"], body["type"]) == (False, status, type), body
        assert ERROR_TYPES[type].status == status
        assert body["request_id"] == self.headers["x-request-id"]
        assert self.headers["content-type"] == "application/json"
        return body


class Request:
    """A running request. :meth:`give` sends its body, :meth:`answer` returns its answer.

    length: value of Content-Length; by default, the body is sent with chunked transfer encoding.
    """

    def __init__(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, *, key: str = "",
        length: int | None = None,
    ) -> None:  # fmt: skip
        given = {"host": "vod.example", **(headers or {})}
        if key:
            given["authorization"] = f"Token {key}"
        if length is not None:
            given["content-length"] = str(length)
        elif "content-length" not in {name.lower() for name in given}:
            given["transfer-encoding"] = "chunked"
        self._pieces: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._messages: list[dict[str, Any]] = []
        self.taken = asyncio.Event()
        self.is_waited_for = asyncio.Event()
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path.partition("?")[0], "raw_path": path.encode(), "root_path": "",
            "query_string": path.partition("?")[2].encode(), "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 80),
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given.items()],
        }  # fmt: skip
        self.task = asyncio.create_task(application(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if self._pieces.empty():
            self.is_waited_for.set()
        message = await self._pieces.get()
        self.is_waited_for.clear()
        return message

    async def _send(self, message: dict[str, Any]) -> None:
        self._messages.append(message)

    async def give(self, data: bytes, *, last: bool = False) -> None:
        """Send a piece of the body; unless it is the last, wait until the application waits for more or has ended."""
        self._pieces.put_nowait({"type": "http.request", "body": data, "more_body": not last})
        if not last:
            await self.until_taken()

    async def until_taken(self) -> None:
        """Wait until the application has read all sent pieces, or has ended."""
        while not self.task.done() and not (self._pieces.empty() and self.is_waited_for.is_set()):
            await asyncio.sleep(0.005)

    def hang_up(self) -> None:
        """Disconnect."""
        self._pieces.put_nowait({"type": "http.disconnect"})

    async def gone(self) -> None:
        """Disconnect, and wait until the application has ended the request."""
        self.hang_up()
        await asyncio.wait_for(self.task, ANSWER_SECONDS)

    @property
    def has_answered(self) -> bool:
        return bool(self._messages)

    async def answer(self) -> Answer:
        """Wait for the complete answer; return it."""
        await asyncio.wait_for(self.task, ANSWER_SECONDS)
        assert self._messages, "there is no answer"
        start, *rest = self._messages
        found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]}
        return Answer(start["status"], found, b"".join(message.get("body", b"") for message in rest))


async def ask(
    method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"", *, key: str = ""
) -> Answer:
    """Send a request with its body in one piece; return the answer."""
    request = Request(method, path, headers, key=key, length=len(body))
    await request.give(body, last=True)
    return await request.answer()
