"""The server's HTTP protocol: heads have a limit, and what is no HTTP gets the one error body."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest
import uvicorn

from tests.support.http_servers import serving_app
from tests.support.program import PROJECT_ROOT
from tests.support.waiting import wait_until
from vodplatform.core.web import protocol
from vodplatform.core.web.protocol import MAX_HEAD_BYTES, MAX_PIPELINED, HttpProtocol, SocketProtocol
from vodplatform.core.web.server import make_server
from vodplatform.site.management.commands.up import web_child

READ_AT_ONCE = 256 * 1024  # what uvloop reads in one piece


async def path_and_size(scope: Any, receive: Any, send: Any) -> None:
    """Says which path was asked for and how much came with it; ``/slow`` after a second."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    if scope["path"] == "/slow":
        await asyncio.sleep(1)
    content = json.dumps([scope["path"], size]).encode()
    headers = [(b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving_app(path_and_size, http=HttpProtocol) as (found, _):
        yield found


@pytest.fixture
def wire(port: int) -> Iterator[socket.socket]:
    with connect(port) as found:
        yield found


@pytest.fixture
def answers(wire: socket.socket) -> Iterator[BinaryIO]:
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


UPGRADE = (
    "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)  # fmt: skip


@pytest.mark.parametrize("sent", [
    b"BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", b"get / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"\x16\x03\x01\x00\x00",
    b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n",
])  # fmt: skip
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
    with contextlib.suppress(ConnectionError):
        wire.sendall(line * (READ_AT_ONCE // len(line)))
    status, _, body = answer(answers)
    assert (status, body["type"], body["limit"]) == (413, "too_large", MAX_HEAD_BYTES)


def test_a_head_within_the_limit_is_served_and_a_body_does_not_count(wire: socket.socket, answers: BinaryIO) -> None:
    for number in range(3):
        whole = head(f"/{number}", "A: " + "a" * (MAX_HEAD_BYTES - 1000))
        for start in range(0, len(whole), 1000):
            wire.sendall(whole[start : start + 1000])
        assert answer(answers)[2] == [f"/{number}", 0]
    size = 4 * (MAX_HEAD_BYTES + READ_AT_ONCE)
    wire.sendall(head("/a", f"Content-Length: {size}"))
    wire.sendall(b"x" * size + head("/b"))
    assert [answer(answers)[2], answer(answers)[2]] == [["/a", size], ["/b", 0]]


def test_requests_sent_ahead_of_their_answers_do_not_count_together(wire: socket.socket, answers: BinaryIO) -> None:
    for _ in range(3 * MAX_HEAD_BYTES // len(head("/")) // MAX_PIPELINED + 1):
        wire.sendall(head("/") * MAX_PIPELINED)
        for _ in range(MAX_PIPELINED):
            assert answer(answers)[2] == ["/", 0]


def test_requests_sent_without_end_and_without_waiting_end_the_connection(wire: socket.socket) -> None:
    with pytest.raises(OSError):
        while True:
            wire.sendall(head("/slow") * 1000)


CHUNKED = b"POST / HTTP/1.1\r\nHost: vod.example\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(("piece", "count", "status"), [(b"x", 5000, 400), (b"x", 4000, 200), (b"x" * 300, 5000, 200)])
def test_tiny_pieces_are_refused(wire: socket.socket, answers: BinaryIO, piece: bytes, count: int, status: int) -> None:
    with contextlib.suppress(OSError):  # a refused one is not read to its end
        wire.sendall(CHUNKED + b"%x\r\n%b\r\n" % (len(piece), piece) * count + b"0\r\n\r\n")
    assert answer(answers)[0] == status


def test_trailers_are_not_kept_and_have_a_limit(wire: socket.socket, answers: BinaryIO) -> None:
    wire.sendall(CHUNKED + b"1\r\nx\r\n0\r\n" + b"a: b\r\n" * 100 + b"\r\n")
    assert answer(answers)[2] == ["/", 1]
    wire.sendall(CHUNKED + b"1\r\nx\r\n0\r\n")
    with pytest.raises(OSError):
        while True:
            wire.sendall(b"a:\r\n" * 50_000)


class TestTime:
    @pytest.fixture
    def port(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
        monkeypatch.setattr(HttpProtocol, "head_seconds", 0.5)
        monkeypatch.setattr(HttpProtocol, "body_seconds", 0.5)
        with serving_app(path_and_size, http=HttpProtocol) as (found, _):
            yield found

    @pytest.mark.parametrize("sent", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"])
    def test_what_does_not_come_is_not_waited_for(self, wire: socket.socket, answers: BinaryIO, sent: bytes) -> None:
        wire.sendall(sent)
        status, _, body = answer(answers)
        assert (status, body["type"]) == (408, "request_timeout")
        assert answers.read() == b""

    def test_a_head_that_comes_a_sign_at_a_time_is_not_waited_for(self, wire: socket.socket) -> None:
        wire.sendall(b"GET / HTTP/1.1\r\nA: ")
        with pytest.raises(OSError):
            while True:
                wire.sendall(b"a")
                time.sleep(0.1)

    def test_a_slow_body_and_a_slow_answer_are_waited_for(self, wire: socket.socket, answers: BinaryIO) -> None:
        wire.sendall(head("/slow", "Content-Length: 8"))
        for _ in range(8):
            time.sleep(0.1)
            wire.sendall(b"a")
        assert answer(answers)[2] == ["/slow", 8]


class TestCrowds:
    @pytest.fixture
    def port(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
        monkeypatch.setattr(protocol, "SPARE_DESCRIPTORS", 0)
        monkeypatch.setattr(HttpProtocol, "most_connections", 6)
        with serving_app(path_and_size, http=HttpProtocol) as (found, _):
            yield found

    def test_past_half_of_the_descriptors_health_alone_is_served_and_no_socket_is_opened(self, port: int) -> None:
        with contextlib.ExitStack() as stack:
            wires = [stack.enter_context(connect(port)) for _ in range(4)]
            told = []
            for asked in (head("/a"), head("/ws", *UPGRADE), head("/health")):
                wire = wires.pop()
                wire.sendall(asked)
                with wire.makefile("rb") as stream:
                    told.append(answer(stream))
                wire.close()
                wires.append(stack.enter_context(connect(port)))
        assert [(status, body["type"]) for status, _, body in told[:2]] == [(503, "unavailable")] * 2
        assert told[2][::2] == (200, ["/health", 0])

    def test_past_all_of_them_a_connection_is_ended_at_once(self, port: int) -> None:
        with contextlib.ExitStack() as stack:
            wires = [stack.enter_context(connect(port)) for _ in range(7)]
            assert wires[-1].recv(1) == b""
        with connect(port) as wire, wire.makefile("rb") as stream:
            wire.sendall(head("/again"))
            assert answer(stream)[2] == ["/again", 0]


@contextlib.contextmanager
def talking(app: Any, **options: Any) -> Iterator[tuple[socket.socket, uvicorn.Server]]:
    """A connection to a server of the test's own, and that server."""
    with serving_app(app, **options) as (port, server), connect(port) as wire:
        yield wire, server


class HastySocket(SocketProtocol):
    unread_seconds = 0.3


class Hasty(HttpProtocol):
    unread_seconds = 0.3


def test_a_socket_that_never_reads_is_ended() -> None:
    ended = threading.Event()

    async def talk(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            await send({"type": "websocket.accept"})
            while True:
                await send({"type": "websocket.send", "text": "a" * 65_536})
        finally:
            ended.set()

    with talking(talk, http=HttpProtocol, ws=HastySocket, ws_ping_interval=None) as (wire, server):
        wire.sendall(head("/ws", *UPGRADE))
        assert ended.wait(20)
        wait_until(lambda: not server.server_state.connections, 20, "the connection to be gone")


@pytest.mark.parametrize(("path", "is_ended"), [("/api/v1/videos", True), ("/api/v1/media/stream/x", False)])
def test_a_client_that_takes_nothing_of_its_answer_is_ended_unless_it_plays(path: str, is_ended: bool) -> None:
    async def tell(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(400):
            await send({"type": "http.response.body", "body": b"a" * 65_536, "more_body": True})

    with talking(tell, http=Hasty) as (wire, server):
        wire.sendall(head(path))
        wait_until(lambda: server.server_state.connections, 10)
        if is_ended:
            wait_until(lambda: not server.server_state.connections, 20, "the connection to be gone")
        else:
            time.sleep(1.2)  # four times as long as the other one has
            assert server.server_state.connections


def test_a_client_that_reads_slowly_gets_all_of_its_answer() -> None:
    async def tell(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"8000000")]})
        await send({"type": "http.response.body", "body": b"a" * 8_000_000})

    with talking(tell, http=Hasty) as (wire, _):
        wire.sendall(head("/api/v1/videos"))
        got = 0
        while got < 8_000_000:
            piece = wire.recv(200_000)
            assert piece
            got += len(piece)
            time.sleep(0.03)


EMPTY = b"\x00\x80\x00\x00\x00\x00"  # a piece of a message, without end and without content
PING = b"\x89\x80\x00\x00\x00\x00"
TEXT = b"\x81\x81\x00\x00\x00\x00a"


@pytest.mark.parametrize(
    ("frames", "is_ended"),
    [(b"\x01\x80\x00\x00\x00\x00" + EMPTY * 2000, True), (PING * 2000, True), (TEXT * 2000, True), (TEXT * 60, False)],
)
def test_a_socket_that_sends_frames_without_end_is_ended(frames: bytes, is_ended: bool) -> None:
    heard = []

    async def listen(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            heard.append(message)

    with talking(listen, http=HttpProtocol, ws=SocketProtocol, ws_ping_interval=None) as (wire, server):
        wire.sendall(head("/ws", *UPGRADE))
        assert b" 101 " in wire.recv(4096)
        with contextlib.suppress(OSError):
            wire.sendall(frames)
        if is_ended:
            wait_until(lambda: not server.server_state.connections, 20, "the connection to be gone")
            assert len(heard) <= protocol.FRAMES_AT_ONCE
        else:
            wait_until(lambda: len(heard) == 60, 20, "all that was sent")


def test_the_program_is_served_with_it() -> None:
    config = make_server("127.0.0.1", 0).config
    assert (config.http, config.ws) == (HttpProtocol, SocketProtocol)
    assert config.ws_max_size <= 4096  # JSON of more would keep the event loop busy
    assert "web" in web_child("127.0.0.1", 0).argv
    assert "manage.py web --port %i" in (PROJECT_ROOT / "deploy/vodplatform-web@.service").read_text()
