"""uvicorn's HTTP and WebSocket protocols, with limits for clients."""

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
# In a body of more than MAX_SMALL_PIECES pieces, the average piece must have at least SMALL_PIECE_BYTES.
MAX_SMALL_PIECES, SMALL_PIECE_BYTES = 4096, 256
# maximum number of messages and control frames from a WebSocket client: in one burst, and per second afterwards
FRAMES_AT_ONCE, FRAMES_PER_SECOND = 100, 2
FRAME_SLICE_BYTES = 4096
MAX_DESCRIPTORS = 65_536
LEAST_READ_BYTES = 8192
MEDIA = "/api/v1/media/"
SPARE_DESCRIPTORS = 128
CROWDED = "The server has too many open connections. Try again in a moment."


@cache
def _crowded() -> Any:
    from vodplatform.core.logs import RateLimitedLogger

    return RateLimitedLogger(logging.getLogger("vodplatform.connections"), "too many connections")


def raise_limit() -> int:
    """Raise this process's limit of open files, to at most 65 536; return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


async def answer_unavailable(scope: Any, receive: Any, send: Any) -> None:
    from vodplatform.core.web.bodies import closing_error
    from vodplatform.core.web.request_log import log_request

    status, headers, body = closing_error("unavailable", CROWDED, request_id=uuid.uuid4().hex)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    log_request(scope["method"], "none", status, 0.0)


class _Misuse(Exception):
    pass


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol. It ends connections of abusive clients.

    - A request's headers may have at most 64 KiB and take at most 20 s.
    - A body may pause for at most 60 s. Tiny pieces, trailers and pipelined requests are limited.
    - A client must read at least 8 KiB of an answer every 30 s. Media answers are exempt.
    """

    _head = 0  # bytes of the current request's headers, without the piece in which they began
    _heads = 0
    _in_head = _in_body = False
    _pieces = _body_bytes = _trailer_bytes = 0
    _late: asyncio.TimerHandle | None = None
    head_seconds, body_seconds, unread_seconds = 20.0, 60.0, 30.0
    _unread: asyncio.TimerHandle | None = None
    most_connections = raise_limit()

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # Pause sending once the kernel's buffer is full: a stalled client then holds only one piece in memory.
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
        if self._late:
            self._late.cancel()
        self._late = None if seconds is None else self.loop.call_later(seconds, self._on_timeout, seconds)

    def _on_timeout(self, seconds: float) -> None:
        if self.flow.read_paused:
            self._wait(seconds)
        elif self.transport.is_closing():
            pass
        elif self._heads and not self._in_head and self.cycle is not None and self.cycle.response_started:
            self.transport.abort()
        else:
            self._turn_away("request_timeout")

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if self._is_crowded() and not cycle.scope["path"].startswith("/health"):
            app = answer_unavailable
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        heads = self._heads
        super().data_received(data)
        if self._in_body and not self.transport.is_closing():
            self._wait(self.body_seconds)
        # Do not count the piece in which headers begin: its first bytes may belong to the previous request.
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
        self._turn_away("bad_request", "The request is not valid HTTP.")

    def _turn_away(self, type: str, message: str = "", **extra: Any) -> None:
        # Import late, because the server loads this module before Django's settings.
        from vodplatform.core.web.bodies import closing_error
        from vodplatform.core.web.request_log import log_request

        status, headers, body = closing_error(type, message, **extra, request_id=uuid.uuid4().hex)
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
        self.transport.write(first + lines + b"\r\n" + body)
        self.transport.close()
        log_request("", "none", status, 0.0)


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol. It ends connections that read nothing for 20 s or send too many frames."""

    unread_seconds = 20.0
    _unread: asyncio.TimerHandle | None = None
    # how many frames the client may still send, and when this number was computed (event loop time)
    _frames, _counted = float(FRAMES_AT_ONCE), 0.0

    def data_received(self, data: bytes) -> None:
        # One read may contain thousands of empty frames. Parse small slices, so that the frame limit acts in time.
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
