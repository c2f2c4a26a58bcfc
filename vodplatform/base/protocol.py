"""uvicorn's HTTP/1.1 protocol, limiting heads and unsent bytes; what is no HTTP gets the one error body."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 * 1024


class HttpProtocol(HttpToolsProtocol):
    """Named by ``--http`` where the server is started; the rest is uvicorn's own.

    The parser behind it keeps a header until its end, however long it is: without a limit anybody can fill the memory.
    """

    _head = 0  # bytes of the present head, the first piece that was read not counted
    _heads = 0
    _in_head = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # Whoever sends waits as soon as the kernel takes no more: for a reader that stands still one piece is kept, not
        # one on top of 64 KiB.
        transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        heads = self._heads
        super().data_received(data)
        # The piece that a head begins in may end another request.
        if self._in_head and heads == self._heads:
            self._head += len(data)
            if self._head > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._turn_away("too_large", "The address and the headers are too large.", limit=MAX_HEAD_BYTES)

    def on_message_begin(self) -> None:
        self._heads, self._head, self._in_head = self._heads + 1, 0, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What cannot be parsed as a request, an unknown method included."""
        self._turn_away("bad_request", "The request is not valid HTTP.")

    def _turn_away(self, type: str, message: str, **extra: Any) -> None:
        # Here, because the server loads this class before the program has its settings.
        from vodplatform.base.access import note
        from vodplatform.base.bodies import refusal

        status, headers, body = refusal(type, message, **extra, request_id=uuid.uuid4().hex)
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
        self.transport.write(first + lines + b"\r\n" + body)
        self.transport.close()
        note("", "none", status, 0.0)
