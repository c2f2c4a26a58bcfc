"""A server on loopback that speaks OpenAI's chat completions, as vLLM and Ollama do, with faults put in by request.

Each request takes the next of ``server.plan``; when there is none left, ``server.usual`` answers.
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
    """One request. path: with its query. headers: names in lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def pictures(self) -> list[str]:
        """The data URIs of the pictures it brought."""
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
        """Tests read what was asked from ``asked``."""


Reply = Callable[[Handler], None]


def says(content: Any, finish_reason: str | None = "stop", **message: Any) -> Reply:
    """The model says ``content``."""
    choice = {
        "index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish_reason,
    }  # fmt: skip
    body = {"id": "chatcmpl-1", "object": "chat.completion", "model": MODEL, "choices": [choice], "usage": {}}
    return lambda handler: handler.reply(200, json.dumps(body).encode())


def fails(status: int, message: str = "It is broken.", **headers: str) -> Reply:
    """An error as vLLM words it."""
    body = {"object": "error", "message": message, "type": "BadRequestError", "code": status}
    return lambda handler: handler.reply(status, json.dumps(body).encode(), **headers)


def sends(body: bytes, kind: str = "application/json", status: int = 200) -> Reply:
    """Any bytes as the answer: HTML, broken JSON, something huge."""
    return lambda handler: handler.reply(status, body, kind)


def good(handler: Handler) -> None:
    """What a model says on a good day."""
    says(GOOD)(handler)


def with_one_picture(handler: Handler) -> None:
    """vLLM as it is started without ``--limit-mm-per-prompt``."""
    if len(handler.server.asked[-1].pictures) > 1:
        fails(400, "At most 1 image(s) may be provided in one prompt.")(handler)
    else:
        good(handler)


def with_new_tokens(handler: Handler) -> None:
    """OpenAI's newer models."""
    if "max_tokens" in handler.server.asked[-1].body:
        fails(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")(handler)
    else:
        good(handler)


def resets(handler: Handler) -> None:
    """The connection is broken off with a reset."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.close_connection = True


def hangs(handler: Handler) -> None:
    """Nothing is said until the server ends."""
    handler.server.is_over.wait(HANG_SECONDS)
    handler.close_connection = True


def drips(handler: Handler) -> None:
    """An answer that comes a letter at a time and would take an hour."""
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.is_over.wait(0.02):
        handler.wfile.write(b" ")
    handler.close_connection = True


def breaks_off(handler: Handler) -> None:
    """Half of an answer that was announced as whole."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"mess')
    handler.close_connection = True


class VisionServer(ThreadingHTTPServer):
    """url: ends in ``/v1``. asked: every request, in order."""

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
        """What a task's ``vision`` is for this server."""
        usual = {"url": self.url, "model": MODEL, "key": "", "seconds": 60.0, "calls": 40, "allow_private": True}
        return {**usual, **changes}

    def handle_error(self, *_: Any) -> None:
        """Who is asked hangs up in the middle: here that is usual."""


@contextmanager
def running_vision_server() -> Iterator[VisionServer]:
    """A server that is gone after the block."""
    server = VisionServer()
    with serving(server):
        try:
            yield server
        finally:
            server.is_over.set()
