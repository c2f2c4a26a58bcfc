"""WebSockets on a running program."""

import json
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.support.program import Program

QUICK_SECONDS = 20.0  # less than the time after which a socket would look for itself


def watch(program: Program, path: str) -> ClientConnection:
    """A socket on what the account may see."""
    address = program.address.replace("http://", "ws://")
    return connect(f"{address}/{path}", additional_headers={"Authorization": f"Token {program.place.key}"})


def next_message(client: ClientConnection, seconds: float = QUICK_SECONDS) -> dict[str, Any]:
    """The next message. Raises TimeoutError."""
    message: dict[str, Any] = json.loads(client.recv(timeout=seconds))
    return message
