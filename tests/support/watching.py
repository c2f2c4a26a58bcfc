"""WebSocket clients of a running program."""

import json
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.support.program import Program

# Timeout in seconds. The sockets' periodic checks have a longer interval, so only broadcasts arrive in time.
QUICK_SECONDS = 20.0


def watch(program: Program, path: str) -> ClientConnection:
    """Open a WebSocket as the place's account."""
    address = program.address.replace("http://", "ws://")
    return connect(f"{address}/{path}", additional_headers={"Authorization": f"Token {program.place.key}"})


def next_message(client: ClientConnection, seconds: float = QUICK_SECONDS) -> dict[str, Any]:
    """Return the next message. Raises TimeoutError."""
    message: dict[str, Any] = json.loads(client.recv(timeout=seconds))
    return message
