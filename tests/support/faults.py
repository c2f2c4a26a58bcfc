"""A proxy on loopback that passes bytes on until it is told to fail: to answer 503, to hang, to cut, to refuse.

It stands before any TCP service (S3, Redis, PostgreSQL); answering 503 is for HTTP alone.
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
    """Passes connections on to ``target`` (``host:port``) and counts what goes through.

    A fault holds for connections that are open, too, from their next bytes on, until :meth:`heal`; with ``times``
    it strikes that often and then heals by itself. ``requests`` are the lines of the HTTP requests that came, as
    ``PUT /bucket/key``, those that a fault struck among them; ``sent`` and ``received`` are bytes to and from the
    target.
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
        # Bound and never listening: once the proxy ends its port refuses, and nobody else is given it meanwhile.
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
        """Answer each request with 503 SlowDown, as S3 does when it is too much for it."""
        self._turn(ANSWER_503, times)

    def hang(self, times: int | None = None) -> None:
        """Take what comes and say nothing."""
        self._turn(HANG, times)

    def cut(self, after_bytes: int = 0, times: int | None = None) -> None:
        """Break connections off once so many bytes more, of both directions together, have passed."""
        self._turn(CUT, times, after_bytes)

    def heal(self) -> None:
        """Pass everything on again; what hangs is broken off."""
        self._turn(PASS, None)

    def refuse(self) -> None:
        """End it, and every connection through it; its port refuses until :meth:`close`."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        # Wakes the thread that accepts; closing alone would not.
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def close(self) -> None:
        """End it, and let go of its port."""
        self.refuse()
        self._holding.close()

    def _turn(self, mode: str, times: int | None, budget: int = 0) -> None:
        with self._changed:
            self._mode, self._left, self._budget = mode, times, budget
            self._changed.notify_all()

    def _strikes(self, amount: int) -> str:
        """What is to be done with ``amount`` bytes that have just come."""
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
                        # Half closed: the other direction may still have something to say.
                        selector.unregister(end)
                        with suppress(OSError):
                            key.data.shutdown(socket.SHUT_WR)
                        continue
                    if end is client:
                        self.requests += [line.decode("latin-1") for line in REQUEST_LINE.findall(chunk)]
                    if not self._let_through(client, server, end is client, chunk):
                        return

    def _let_through(self, client: socket.socket, server: socket.socket, is_up: bool, chunk: bytes) -> bool:
        """Pass a chunk on, or strike; False when the connection is over."""
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
        """Stay until the fault is over or the proxy ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._mode != HANG)


def _drain(end: socket.socket) -> None:
    """Read what still comes, for a while: closing over unread bytes would destroy the answer on its way."""
    end.settimeout(DRAIN_SECONDS)
    with suppress(OSError):
        while end.recv(READ_BYTES):
            pass


def reset(end: socket.socket) -> None:
    """Break a connection off as a dying host does: with a reset, not with an end."""
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.close()


@contextmanager
def faulty(url: str) -> Iterator[FaultyProxy]:
    """A proxy before the service at ``http://host:port`` or ``host:port``, gone after the block."""
    proxy = FaultyProxy(urlsplit(url).netloc or url)
    try:
        yield proxy
    finally:
        proxy.close()
