"""The server of a web process: uvicorn, which tells systemd how it is and load balancers that it is about to end."""

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
LARGEST_FRAME_BYTES = 65_536
# Requests that are still answered after the port is closed have so long.
LAST_REQUESTS_SECONDS = 2


class Server(uvicorn.Server):
    """``drain_seconds``: for so long it goes on serving after its first SIGTERM."""

    def __init__(self, config: uvicorn.Config, drain_seconds: float = 0.0) -> None:
        super().__init__(config)
        self.drain_seconds = drain_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and tell systemd so."""
        await super().startup(sockets)
        if self.started:
            tell_systemd("READY=1")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End; at the first SIGTERM only after ``drain_seconds``, at the second at once."""
        if sig == signal.SIGTERM and self.drain_seconds and not drain.has_begun():
            drain.begin()
            timer = threading.Timer(self.drain_seconds, os.kill, (os.getpid(), signal.SIGTERM))
            timer.daemon = True
            timer.start()
            return
        tell_systemd("STOPPING=1")
        super().handle_exit(sig, frame)
        # uvicorn would end this process by the signal at last, before the requests that it has cancelled have kept what
        # had come of an upload and let go what they hold.
        self._captured_signals.clear()


def make_server(host: str, port: int, trusted_proxies: str = "", drain_seconds: float = 0.0) -> Server:
    """The server of the program at an address.

    trusted_proxies: addresses and networks whose ``X-Forwarded-For`` is believed, ``*`` for all, as uvicorn takes them.
    """
    return Server(
        uvicorn.Config(
            APPLICATION, host=host, port=port, loop="uvloop", http=HttpProtocol, ws=SocketProtocol,
            ws_max_size=LARGEST_FRAME_BYTES,
            ws_per_message_deflate=False,  # each socket would pack the same message again
            lifespan="off", timeout_graceful_shutdown=LAST_REQUESTS_SECONDS, log_config=None, access_log=False,
            server_header=False, proxy_headers=bool(trusted_proxies), forwarded_allow_ips=trusted_proxies or None,
            # Asked at each tick of a second, whatever the clock says: one that is set back must not look like a hang.
            callback_notify=_still_alive, timeout_notify=float("-inf"),  # type: ignore[arg-type] # it is compared
        ),
        drain_seconds,
    )  # fmt: skip


async def _still_alive() -> None:
    """Called by the event loop: one that hangs says nothing."""
    if "WATCHDOG_USEC" in os.environ:
        tell_systemd("WATCHDOG=1")


def tell_systemd(state: str) -> None:
    """Send a state (sd_notify(3)) to systemd, where it has started this process and asked for it."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    # Where nobody listens any more, systemd notices by its own time limits.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)
