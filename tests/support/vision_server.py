"""Fake server of OpenAI's chat completions API, as vLLM and Ollama have it, that simulates faults on request.

Each request gets the next reply of ``server.plan``, or ``server.usual`` if the plan is empty.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.http_servers import serving

MODEL = "smolvlm2"
HANG_SECONDS = 30.0
GOOD = '{"score": 0.8, "description": "A player scores."}'
HTML = "<!DOCTYPE html><html><head><style>body {margin: 0}</style></head><body>score: 1</body></html>"


@dataclass
class Asked:
    """A received request. path: with its query string. headers: names in lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def pictures(self) -> list[str]:
        """Data URIs of the request's pictures."""
        parts = self.body["messages"][-1]["content"]
        return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: VisionServer

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = json.loads(self.rfile.read(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server.guard:
            self.server.asked.append(Asked(self.path, headers, body))
            answer = self.server.plan.pop(0) if self.server.plan else self.server.usual
        answer(self)

    def reply(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing: tests read the requests from ``asked``."""


Reply = Callable[[Handler], None]


def says(content: Any, finish_reason: str | None = "stop", **message: Any) -> Reply:
    """Reply with ``content`` as the model's answer."""
    choice = {
        "index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish_reason,
    }  # fmt: skip
    body = {"id": "chatcmpl-1", "object": "chat.completion", "model": MODEL, "choices": [choice], "usage": {}}
    return lambda handler: handler.reply(200, json.dumps(body).encode())


def fails(status: int, message: str = "It is broken.", **headers: str) -> Reply:
    """Reply with an error in vLLM's format."""
    body = {"object": "error", "message": message, "type": "BadRequestError", "code": status}
    return lambda handler: handler.reply(status, json.dumps(body).encode(), **headers)


def sends(body: bytes, kind: str = "application/json", status: int = 200) -> Reply:
    """Reply with any bytes, such as HTML, invalid JSON or a huge body."""
    return lambda handler: handler.reply(status, body, kind)


def good(handler: Handler) -> None:
    """Reply with a valid answer."""
    says(GOOD)(handler)


def with_one_picture(handler: Handler) -> None:
    """Reject requests with several pictures, as vLLM without ``--limit-mm-per-prompt`` does."""
    if len(handler.server.asked[-1].pictures) > 1:
        fails(400, "At most 1 image(s) may be provided in one prompt.")(handler)
    else:
        good(handler)


def with_new_tokens(handler: Handler) -> None:
    """Reject ``max_tokens``, as OpenAI's newer models do."""
    if "max_tokens" in handler.server.asked[-1].body:
        fails(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")(handler)
    else:
        good(handler)


def resets(handler: Handler) -> None:
    """Reset the connection."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.close_connection = True


def hangs(handler: Handler) -> None:
    """Send nothing until the server ends."""
    handler.server.is_over.wait(HANG_SECONDS)
    handler.close_connection = True


def drips(handler: Handler) -> None:
    """Send an endless answer, one character at a time."""
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.is_over.wait(0.02):
        handler.wfile.write(b" ")
    handler.close_connection = True


def breaks_off(handler: Handler) -> None:
    """Send only part of the announced answer."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"mess')
    handler.close_connection = True


class VisionServer(ThreadingHTTPServer):
    """The server. url: base URL, ending in ``/v1``. asked: all requests, in order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.plan: list[Reply] = []
        self.usual: Reply = good
        self.asked: list[Asked] = []
        self.guard = threading.Lock()
        self.is_over = threading.Event()

    def config(self, **changes: Any) -> dict[str, Any]:
        """Return the value of a task's ``vision`` for this server."""
        usual = {"url": self.url, "model": MODEL, "key": "", "seconds": 60.0, "calls": 40, "allow_private": True}
        return {**usual, **changes}

    def handle_error(self, *_: Any) -> None:
        """Print no traceback: in these tests, clients often disconnect during an answer."""


@contextmanager
def running_vision_server() -> Iterator[VisionServer]:
    """Run a server during the block."""
    server = VisionServer()
    with serving(server):
        try:
            yield server
        finally:
            server.is_over.set()
