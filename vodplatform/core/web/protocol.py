"""uvicorn's protocols for HTTP/1.1 and WebSockets, with limits on heads, on time and on what clients leave unread.

What is no HTTP gets the one error body.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import uuid
from functools import cache
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

MAX_HEAD_BYTES = 64 * 1024
MAX_PIPELINED = 64
# Pieces of a chunked body cost the same whatever is in them: so many may be small.
MAX_SMALL_PIECES, SMALL_PIECE_BYTES = 4096, 256
# Messages and control frames that one socket may send: at once, and each second after that.
FRAMES_AT_ONCE, FRAMES_PER_SECOND = 1000, 10
FRAME_SLICE_BYTES = 4096
MAX_DESCRIPTORS = 65_536
# Of an answer that a client has to have taken each time that is looked; the doors of media have another pace.
LEAST_READ_BYTES = 8192
MEDIA = "/api/v1/media/"
SPARE_DESCRIPTORS = 128  # for the database, the broker, logs and files
CROWDED = "The server has as many connections as it can serve."


@cache
def _crowded() -> Any:
    from vodplatform.core.logs import RateLimitedLogger

    return RateLimitedLogger(logging.getLogger("vodplatform.connections"), "too many connections")


def raise_limit() -> int:
    """Let this process and its children have as many descriptors as they may, up to 65 536; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


async def turn_away(scope: Any, receive: Any, send: Any) -> None:
    """Answers 503 in the program's place."""
    from vodplatform.core.web.bodies import refusal
    from vodplatform.core.web.request_log import log_request

    status, headers, body = refusal("unavailable", CROWDED, request_id=uuid.uuid4().hex)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    log_request(scope["method"], "none", status, 0.0)


class _Misuse(Exception):
    """Raised in the parser's callbacks, where nothing else stops it in the middle of what has been read."""


class HttpProtocol(HttpToolsProtocol):
    """Named by ``--http`` where the server is started; the rest is uvicorn's own.

    The parser behind it keeps a header until its end, however long it is: without a limit anybody can fill the memory.
    A head that is not whole after 20 s, and a body of which nothing comes for 60 s, end the connection. Each connection
    may need a second descriptor for a file: past half of them requests are answered with 503, except for ``/health``;
    past all but a few a connection is ended as soon as it is made. Ended is, too, one that sends its body in thousands
    of tiny pieces, many trailers after it, or dozens of requests without waiting for an answer; and one that takes less
    than 8 KiB of its answer in 30 s. Not of a video: players stop reading what they do not need yet.
    """

    _head = 0  # bytes of the present head, the first piece that was read not counted
    _heads = 0
    _in_head = _in_body = False
    _pieces = _body_bytes = _trailer_bytes = 0
    _late: asyncio.TimerHandle | None = None
    head_seconds, body_seconds, unread_seconds = 20.0, 60.0, 30.0
    _unread: asyncio.TimerHandle | None = None
    most_connections = raise_limit()

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # Whoever sends waits as soon as the kernel takes no more: for a reader that stands still one piece is kept, not
        # one on top of 64 KiB.
        transport.set_write_buffer_limits(high=0)
        if len(self.connections) > self.most_connections - SPARE_DESCRIPTORS:
            _crowded().warning(connections=len(self.connections))
            transport.abort()
        else:
            self._wait(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        self._forget_reader()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.cycle is not None and not self.cycle.scope["path"].startswith(MEDIA):
            self._watch_reader()

    def resume_writing(self) -> None:
        self._forget_reader()
        super().resume_writing()

    def _forget_reader(self) -> None:
        if self._unread:
            self._unread.cancel()
            self._unread = None

    def _watch_reader(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self._unread = self.loop.call_later(self.unread_seconds, self._look_at_reader, unread)

    def _look_at_reader(self, before: int) -> None:
        if before - self.transport.get_write_buffer_size() < LEAST_READ_BYTES:
            self.transport.abort()
        else:
            self._watch_reader()

    def handle_websocket_upgrade(self) -> None:
        self._wait(None)
        if self._is_crowded():
            self._turn_away("unavailable", CROWDED)
        else:
            super().handle_websocket_upgrade()

    def _is_crowded(self) -> bool:
        is_crowded = len(self.connections) > self.most_connections // 2
        if is_crowded:
            _crowded().warning(connections=len(self.connections))
        return is_crowded

    def _wait(self, seconds: float | None) -> None:
        """Give what comes next so long."""
        if self._late:
            self._late.cancel()
        self._late = None if seconds is None else self.loop.call_later(seconds, self._too_late, seconds)

    def _too_late(self, seconds: float) -> None:
        if self.flow.read_paused:  # we are the one who is waited for
            self._wait(seconds)
        elif self.transport.is_closing():
            pass
        elif self._heads and not self._in_head and self.cycle is not None and self.cycle.response_started:
            self.transport.abort()
        else:
            self._turn_away("request_timeout")

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if self._is_crowded() and not cycle.scope["path"].startswith("/health"):
            app = turn_away
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        heads = self._heads
        super().data_received(data)
        if self._in_body and not self.transport.is_closing():
            self._wait(self.body_seconds)
        # The piece that a head begins in may end another request.
        if self._in_head and heads == self._heads:
            self._head += len(data)
            if self._head > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._turn_away("too_large", "The address and the headers are too large.", limit=MAX_HEAD_BYTES)

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MAX_PIPELINED:
            raise _Misuse
        self._heads, self._head, self._in_head = self._heads + 1, 0, True
        self._pieces = self._body_bytes = self._trailer_bytes = 0
        self._wait(self.head_seconds)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)
            return
        # A trailer, which nothing here reads.
        self._trailer_bytes += len(name) + len(value) + 4
        if self._trailer_bytes > MAX_HEAD_BYTES:
            raise _Misuse

    def on_headers_complete(self) -> None:
        self._in_head, self._in_body = False, True
        self._wait(self.body_seconds)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._pieces += 1
        self._body_bytes += len(body)
        if self._pieces > MAX_SMALL_PIECES and self._body_bytes < self._pieces * SMALL_PIECE_BYTES:
            raise _Misuse
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body = False
        self._wait(None)
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What cannot be parsed as a request, an unknown method included, and :class:`_Misuse`."""
        self._turn_away("bad_request", "The request is not valid HTTP.")

    def _turn_away(self, type: str, message: str = "", **extra: Any) -> None:
        # Here, because the server loads this class before the program has its settings.
        from vodplatform.core.web.bodies import refusal
        from vodplatform.core.web.request_log import log_request

        status, headers, body = refusal(type, message, **extra, request_id=uuid.uuid4().hex)
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
        self.transport.write(first + lines + b"\r\n" + body)
        self.transport.close()
        log_request("", "none", status, 0.0)


class SocketProtocol(WebSocketsSansIOProtocol):
    """Named by ``--ws``. Ends the connection of a client that reads nothing for 20 s, or sends frames without end.

    uvicorn's own closes it, and so waits for ever for what is unsent. The limits of :class:`HttpProtocol` hold, whose
    connection it was: one byte that the kernel does not take counts.
    """

    unread_seconds = 20.0
    _unread: asyncio.TimerHandle | None = None
    _frames, _counted = float(FRAMES_AT_ONCE), 0.0  # that may still come; when that was counted, on the loop's clock

    def data_received(self, data: bytes) -> None:
        # Thousands of empty frames fit into one read: the parser is given no more than can be counted in time.
        for start in range(0, len(data), FRAME_SLICE_BYTES):
            if self.transport.is_closing():
                return
            super().data_received(data[start : start + FRAME_SLICE_BYTES])

    def handle_events(self) -> None:
        now = self.loop.time()
        self._frames = min(FRAMES_AT_ONCE, self._frames + (now - self._counted) * FRAMES_PER_SECOND)
        self._frames -= len(self.conn.events)
        self._counted = now
        if self._frames < 0:
            self._end("socket.flooded", frames_per_second=FRAMES_PER_SECOND)
        else:
            super().handle_events()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(self.unread_seconds, self._give_up)

    def resume_writing(self) -> None:
        self._forget()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _forget(self) -> None:
        if self._unread:
            self._unread.cancel()
            self._unread = None

    def _give_up(self) -> None:
        self._end("socket.unread", seconds=self.unread_seconds)

    def _end(self, name: str, **data: Any) -> None:
        from vodplatform.core.logs import event

        event(name, **data)
        self.transport.abort()
