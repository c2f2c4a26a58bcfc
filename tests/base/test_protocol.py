"""The server's HTTP protocol: heads have a limit, and what is no HTTP gets the one error body."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import uvicorn

from tests.support.waiting import wait_until
from vodplatform.base.protocol import MAX_HEAD_BYTES, HttpProtocol
from vodplatform.management.commands.up import web_child

READ_AT_ONCE = 256 * 1024  # what uvloop reads in one piece
PROJECT_ROOT = Path(__file__).resolve().parents[2]


async def path_and_size(scope: Any, receive: Any, send: Any) -> None:
    """Says which path was asked for and how much came with it."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    content = json.dumps([scope["path"], size]).encode()
    headers = [(b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server on loopback, with the protocol and without the program."""
    server = uvicorn.Server(
        uvicorn.Config(path_and_size, port=0, http=HttpProtocol, loop="uvloop", lifespan="off", log_config=None)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def wire(port: int) -> Iterator[socket.socket]:
    """A connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as found:
        yield found


@pytest.fixture
def answers(wire: socket.socket) -> Iterator[BinaryIO]:
    """What comes back over the connection."""
    with wire.makefile("rb") as stream:
        yield stream


def answer(answers: BinaryIO) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON of the next answer."""
    status = int(answers.readline().split()[1])
    lines = iter(lambda: answers.readline().strip().decode(), "")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return status, headers, json.loads(answers.read(int(headers["content-length"])))


def head(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: vod.example", *lines, "", ""]).encode()


@pytest.mark.parametrize(
    "sent",
    [
        b"BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", b"get / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"\x16\x03\x01\x00\x00",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_http_gets_the_one_error_body(wire: socket.socket, answers: BinaryIO, sent: bytes) -> None:
    wire.sendall(sent)
    status, headers, body = answer(answers)
    assert (status, headers["content-type"], body["type"]) == (400, "application/json", "bad_request")
    assert body["request_id"] == headers["x-request-id"]
    assert answers.read() == b""


@pytest.mark.parametrize("beginning", [b"GET /", b"GET / HTTP/1.1\r\nA: ", b"GET / HTTP/1.1\r\nA"])
def test_a_head_without_end_is_refused_before_it_fills_the_memory(wire: socket.socket, beginning: bytes) -> None:
    sent = 0
    wire.sendall(beginning)
    # The server stops reading; what is on the way when it does, the kernel may still take.
    with pytest.raises(OSError):
        while sent < 64 * 1024 * 1024:
            sent += wire.send(b"a" * 16384)
    assert sent < 16 * 1024 * 1024


def test_many_headers_count_together(wire: socket.socket, answers: BinaryIO) -> None:
    wire.sendall(b"GET / HTTP/1.1\r\n")
    line = b"A: b\r\n"
    wire.sendall(line * (2 * MAX_HEAD_BYTES // len(line)))
    # It may be refused by now: then sending fails, and the answer, which came before the reset, is there to be read.
    with contextlib.suppress(ConnectionError):
        wire.sendall(line * (READ_AT_ONCE // len(line)))
    status, _, body = answer(answers)
    assert (status, body["type"], body["limit"]) == (413, "too_large", MAX_HEAD_BYTES)


def test_a_head_within_the_limit_is_served(wire: socket.socket, answers: BinaryIO) -> None:
    for number in range(3):
        whole = head(f"/{number}", "A: " + "a" * (MAX_HEAD_BYTES - 1000))
        for start in range(0, len(whole), 1000):
            wire.sendall(whole[start : start + 1000])
        assert answer(answers)[2] == [f"/{number}", 0]


def test_a_body_does_not_count(wire: socket.socket, answers: BinaryIO) -> None:
    size = 4 * (MAX_HEAD_BYTES + READ_AT_ONCE)
    wire.sendall(head("/a", f"Content-Length: {size}"))
    wire.sendall(b"x" * size + head("/b"))
    assert [answer(answers)[2], answer(answers)[2]] == [["/a", size], ["/b", 0]]


def test_requests_sent_ahead_of_their_answers_do_not_count_together(wire: socket.socket, answers: BinaryIO) -> None:
    count = 3 * MAX_HEAD_BYTES // len(head("/"))
    sender = threading.Thread(target=lambda: wire.sendall(head("/") * count))
    sender.start()
    for _ in range(count):
        assert answer(answers)[2] == ["/", 0]
    sender.join(10)


def test_the_program_is_served_with_it() -> None:
    name = f"{HttpProtocol.__module__}:{HttpProtocol.__name__}"
    argv = web_child("127.0.0.1", 0).argv
    assert argv[argv.index("--http") + 1] == name
    assert f"--http {name} " in (PROJECT_ROOT / "deploy/vodplatform-web.service").read_text()
