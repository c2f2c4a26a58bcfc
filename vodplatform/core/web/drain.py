"""The delayed shutdown of a web process; see docs/design/0023-several-hosts.md."""

from __future__ import annotations

import threading

_begun = threading.Event()


def begin_shutdown() -> None:
    _begun.set()


def is_shutting_down() -> bool:
    return _begun.is_set()
