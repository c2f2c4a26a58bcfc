"""The uvicorn server of a web process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from types import FrameType

import uvicorn

from vodplatform.core.web import drain
from vodplatform.core.web.protocol import HttpProtocol, SocketProtocol

APPLICATION = "vodplatform.asgi:application"
LARGEST_FRAME_BYTES = 4096  # maximum bytes of a WebSocket message; clients send only short ones
LAST_REQUESTS_SECONDS = 2  # seconds for running requests to finish after the port is closed


class Server(uvicorn.Server):
    """A server that continues to serve for ``drain_seconds`` after the first SIGTERM."""

    def __init__(self, config: uvicorn.Config, drain_seconds: float = 0.0) -> None:
        super().__init__(config)
        self.drain_seconds = drain_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            notify_systemd("READY=1")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGTERM and self.drain_seconds and not drain.is_shutting_down():
            drain.begin_shutdown()
            timer = threading.Timer(self.drain_seconds, os.kill, (os.getpid(), signal.SIGTERM))
            timer.daemon = True
            timer.start()
            return
        notify_systemd("STOPPING=1")
        super().handle_exit(sig, frame)
        # After its shutdown, uvicorn would raise the captured signals again and so end the process. Forget the signals,
        # because the process must still save the uploads that the shutdown interrupted.
        self._captured_signals.clear()


def make_server(host: str, port: int, trusted_proxies: str = "", drain_seconds: float = 0.0) -> Server:
    """Return the program's web server.

    ``trusted_proxies`` are the addresses whose ``X-Forwarded-For`` is believed; ``*`` means all.
    """
    return Server(
        uvicorn.Config(
            APPLICATION, host=host, port=port, loop="uvloop", http=HttpProtocol, ws=SocketProtocol,
            ws_max_size=LARGEST_FRAME_BYTES,
            # Do not compress: each socket would compress the same message again.
            ws_per_message_deflate=False,
            lifespan="off", timeout_graceful_shutdown=LAST_REQUESTS_SECONDS, log_config=None, access_log=False,
            server_header=False, proxy_headers=bool(trusted_proxies), forwarded_allow_ips=trusted_proxies or None,
            # Notify systemd's watchdog every second, even if the clock is set back.
            callback_notify=_still_alive, timeout_notify=float("-inf"),  # type: ignore[arg-type] # it is compared
        ),
        drain_seconds,
    )  # fmt: skip


async def _still_alive() -> None:
    if "WATCHDOG_USEC" in os.environ:
        notify_systemd("WATCHDOG=1")


def notify_systemd(state: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)
