"""A loopback proxy for any TCP service (S3, Redis, PostgreSQL) that simulates faults on request.

It can hang, cut or refuse connections and, for HTTP, answer 503.
"""

import re
import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

READ_BYTES = 65_536
DRAIN_SECONDS = 1.0
UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n%s"
)
SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
REQUEST_LINE = re.compile(rb"(?:^|\n)([A-Z]+ [^ \r\n]+) HTTP/1\.1\r\n")
PASS, ANSWER_503, HANG, CUT = "pass", "503", "hang", "cut"


class FaultyProxy:
    """Proxy that forwards connections to ``target`` (``host:port``).

    A fault also affects open connections, from their next bytes on. It lasts until :meth:`heal`, or until it has
    occurred ``times`` times.

    - requests: all HTTP requests received, such as ``PUT /bucket/key``, including those that a fault affected.
    - sent, received: number of bytes forwarded to and from the target.
    - struck: number of times that a fault occurred.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self.target = (host, int(port))
        self.requests: list[str] = []
        self.sent = 0
        self.received = 0
        self.struck = 0
        self._mode = PASS
        self._left: int | None = None
        self._budget = 0
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._is_closed = False
        # This socket never listens. It reserves the port, so that connections are refused after the proxy has ended.
        self._holding = socket.socket()
        self._holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._holding.bind(("127.0.0.1", 0))
        self.port: int = self._holding.getsockname()[1]
        self._listening = socket.create_server(("127.0.0.1", self.port), reuse_port=True)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer_503(self, times: int | None = None) -> None:
        """Answer each request with 503 SlowDown, as an overloaded S3 does."""
        self._turn(ANSWER_503, times)

    def hang(self, times: int | None = None) -> None:
        """Accept data, but neither forward nor answer it."""
        self._turn(HANG, times)

    def cut(self, after_bytes: int = 0, times: int | None = None) -> None:
        """Reset connections once ``after_bytes`` more bytes have been forwarded, counting both directions."""
        self._turn(CUT, times, after_bytes)

    def heal(self) -> None:
        """End the fault. Connections that hang are reset."""
        self._turn(PASS, None)

    def refuse(self) -> None:
        """End the proxy and its connections. Until :meth:`close`, its port refuses connections."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        # Wake the thread that waits in ``accept``: closing the socket alone would not.
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def close(self) -> None:
        """End the proxy and release its port."""
        self.refuse()
        self._holding.close()

    def _turn(self, mode: str, times: int | None, budget: int = 0) -> None:
        with self._changed:
            self._mode, self._left, self._budget = mode, times, budget
            self._changed.notify_all()

    def _strikes(self, amount: int) -> str:
        """Return the mode for ``amount`` bytes that have just arrived, and count the fault, if any."""
        with self._changed:
            if self._mode == CUT and self._budget >= amount:
                self._budget -= amount
                return PASS
            mode = self._mode
            if mode != PASS:
                self.struck += 1
                if self._left is not None:
                    self._left -= 1
                    if self._left <= 0:
                        self._mode = PASS
            return mode

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self.target, timeout=10) as server:
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._pass_on(client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while selector.get_map() and not self._is_closed:
                for key, _ in selector.select(0.5):
                    end = key.fileobj
                    assert isinstance(end, socket.socket)
                    chunk = end.recv(READ_BYTES)
                    if not chunk:
                        # Close only this direction: the other one may still send data.
                        selector.unregister(end)
                        with suppress(OSError):
                            key.data.shutdown(socket.SHUT_WR)
                        continue
                    if end is client:
                        self.requests += [line.decode("latin-1") for line in REQUEST_LINE.findall(chunk)]
                    if not self._let_through(client, server, end is client, chunk):
                        return

    def _let_through(self, client: socket.socket, server: socket.socket, is_up: bool, chunk: bytes) -> bool:
        """Forward a chunk, or simulate the fault. Return False if the connection has ended."""
        mode = self._strikes(len(chunk))
        if mode == PASS:
            (server if is_up else client).sendall(chunk)
            if is_up:
                self.sent += len(chunk)
            else:
                self.received += len(chunk)
            return True
        if mode == HANG:
            self._hang()
        elif mode == ANSWER_503 and is_up:
            client.sendall(UNAVAILABLE % (len(SLOW_DOWN), SLOW_DOWN))
            client.shutdown(socket.SHUT_WR)
            _drain(client)
            return False
        reset(client)
        reset(server)
        return False

    def _hang(self) -> None:
        """Wait until the fault is over or the proxy ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._mode != HANG)


def _drain(end: socket.socket) -> None:
    """Read remaining bytes for up to :data:`DRAIN_SECONDS`: closing with unread bytes would discard the sent answer."""
    end.settimeout(DRAIN_SECONDS)
    with suppress(OSError):
        while end.recv(READ_BYTES):
            pass


def reset(end: socket.socket) -> None:
    """Close a connection with a TCP reset, as a crashing host does."""
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.close()


@contextmanager
def faulty(url: str) -> Iterator[FaultyProxy]:
    """Run a proxy for the service at ``http://host:port`` or ``host:port`` during the block."""
    proxy = FaultyProxy(urlsplit(url).netloc or url)
    try:
        yield proxy
    finally:
        proxy.close()
