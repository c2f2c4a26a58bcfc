"""Send one message to everybody who watches something, after commit; losing it must never hurt."""

from __future__ import annotations

import logging
import threading
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

logger = logging.getLogger("vodplatform.publish")
_lock = threading.Lock()
_failures = 0


def publish_on_commit(group: str, message: dict[str, Any]) -> None:
    """Publish when the present transaction commits, or at once outside of one."""
    transaction.on_commit(lambda: publish(group, message))


def publish(group: str, message: dict[str, Any]) -> None:
    """Send ``message`` (JSON types, with ``type`` and ``revision``) to a group; a failure is counted and logged.

    Consumers receive it as ``{"type": "watch.message", "message": …}`` and take a new snapshot on a gap.
    """
    _send(group, {"type": "watch.message", "message": message})


def publish_gone_on_commit(group: str) -> None:
    """Tell a group that what it watches has been deleted, when the present transaction commits."""
    transaction.on_commit(lambda: _send(group, {"type": "watch.gone"}))


def _send(group: str, event: dict[str, Any]) -> None:
    global _failures
    layer = get_channel_layer()
    try:
        async_to_sync(layer.group_send)(group, event)
    except Exception as exc:  # a dead broker must not fail the write that has already been committed
        with _lock:
            _failures += 1
        logger.warning("publish failed", extra={"data": {"group": group, "exception": repr(exc)}})


def failures() -> int:
    """How many messages this process could not send."""
    return _failures
