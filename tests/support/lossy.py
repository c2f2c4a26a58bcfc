"""A loopback proxy for an HTTP server that loses, cuts or repeats requests at random."""

import http.client
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import urlsplit

from tests.support.faults import reset
from tests.support.http_servers import serving

PASSED, LOST, UNANSWERED, CUT, TWICE = "passed", "lost", "unanswered", "cut", "twice"
OF_THE_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


class LossyProxy(ThreadingHTTPServer):
    """Proxy that draws the fate of each request from ``chances``, until :meth:`heal`.

    met: number of requests by fate. bodies: bodies of the POST requests that were forwarded.
    """

    daemon_threads = True

    def __init__(self, address: str, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = urlsplit(address).netloc
        self.chances = {PASSED: 4, LOST: 2, UNANSWERED: 3, CUT: 2, TWICE: 2}
        self.met: dict[str, int] = dict.fromkeys(self.chances, 0)
        self.bodies: list[bytes] = []
        self._method = ""
        self._rng = random.Random(seed)
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def only(self, fate: str, method: str = "") -> None:
        """Give this fate to all further requests, or to those with ``method``, and forward all others normally."""
        with self._lock:
            self.chances, self._method = {fate: 1}, method

    def heal(self) -> None:
        """Forward all further requests normally."""
        self.only(PASSED)

    def fate(self, method: str) -> str:
        """Draw and count the fate of the next request."""
        with self._lock:
            found = self._rng.choices(list(self.chances), list(self.chances.values()))[0]
            found = found if self._method in ("", method) else PASSED
            self.met[found] += 1
            return found


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        """Log nothing."""

    def _serve(self) -> None:
        proxy = cast(LossyProxy, self.server)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.close_connection = True
        fate = proxy.fate(self.command)
        if fate == LOST:
            return reset(self.connection)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in OF_THE_HOP}
        for _ in range(2 if fate == TWICE else 1):
            if self.command == "POST":
                proxy.bodies.append(body)
            connection = http.client.HTTPConnection(proxy.target, timeout=60)
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
        if fate == UNANSWERED:
            return reset(self.connection)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {*OF_THE_HOP, "date", "server"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if fate == CUT:
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            return reset(self.connection)
        self.wfile.write(content)
        return None

    do_GET = do_POST = do_PUT = do_DELETE = _serve


@contextmanager
def lossy(address: str, seed: int) -> Iterator[LossyProxy]:
    """Run a proxy for the server at ``http://host:port`` during the block."""
    proxy = LossyProxy(address, seed)
    with serving(proxy):
        yield proxy
