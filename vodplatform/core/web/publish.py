"""Realtime messages to watchers, sent after commit. Messages may get lost.

With Redis, one thread per process sends them in order, so that requests do not wait.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import Iterable
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.db import transaction

from vodplatform.core import logs, metrics

failed = logs.RateLimitedLogger(logging.getLogger("vodplatform.publish"), "publish failed")
MAX_PENDING = 10_000
SEND_SECONDS = 5.0
LAST_WORD_SECONDS = 2.0
_lock = threading.Lock()
_failures = 0


def publish_on_commit(groups: str | Iterable[str], message: dict[str, Any]) -> None:
    names = (groups,) if isinstance(groups, str) else tuple(groups)
    transaction.on_commit(lambda: publish(names, message), robust=True)


def publish(groups: Iterable[str], message: dict[str, Any]) -> None:
    """Send ``message`` to groups of sockets; failures are only counted and logged.

    ``message`` consists of JSON types and has ``type`` and ``revision``.
    """
    for group in groups:
        _send(group, {"type": "watch.message", "message": message})


def publish_gone_on_commit(group: str) -> None:
    transaction.on_commit(lambda: _send(group, {"type": "watch.gone"}), robust=True)


def publish_recheck_on_commit(group: str, of: str) -> None:
    """Once the transaction commits, tell the sockets of ``group`` to check whether their viewers still have access.

    of: account id or grant (:mod:`media_app.streaming.grants`). Sockets of other accounts and grants do not check.
    """
    transaction.on_commit(lambda: _send(group, {"type": "watch.recheck", "of": of}), robust=True)


def _send(group: str, event: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if isinstance(layer, RedisPubSubChannelLayer):
        sender().send(group, event)
        return
    try:
        async_to_sync(layer.group_send)(group, event)
    except Exception as exc:  # a broker error must not fail a write that is already committed
        _count_failure(group, exc)


def _count_failure(group: str, exc: BaseException) -> None:
    global _failures
    with _lock:
        _failures += 1
    metrics.PUBLISH_FAILURES.inc()
    failed.warning(group=group, exception=repr(exc))


def failures() -> int:
    return _failures


class Sender:
    def __init__(self) -> None:
        self.pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._queue: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self._pending = 0
        self._idle = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="publish", daemon=True)
        self._thread.start()
        atexit.register(self.flush)

    def is_running(self) -> bool:
        """Return whether the sending thread runs in this process. A forked process lacks the thread."""
        return self.pid == os.getpid() and self._thread.is_alive()

    def send(self, group: str, event: dict[str, Any]) -> None:
        with self._idle:
            if self._pending >= MAX_PENDING:
                is_full = True
            else:
                is_full = False
                self._pending += 1
        if is_full:
            _count_failure(group, OverflowError("too many messages are waiting to be sent"))
            return
        self._loop.call_soon_threadsafe(self._queue.put_nowait, (group, event))

    def flush(self, seconds: float = LAST_WORD_SECONDS) -> bool:
        with self._idle:
            return self._idle.wait_for(lambda: self._pending == 0, seconds)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._work())

    async def _work(self) -> None:
        while True:
            group, event = await self._queue.get()
            try:
                await self._deliver(group, event)
            except Exception as exc:
                _count_failure(group, exc)
            with self._idle:
                self._pending -= 1
                self._idle.notify_all()

    async def _deliver(self, group: str, event: dict[str, Any]) -> None:
        layer = get_channel_layer()
        try:
            await asyncio.wait_for(layer.group_send(group, event), SEND_SECONDS)
        except TimeoutError:
            raise
        except Exception:  # the broker has closed the connection; the second try reconnects
            await asyncio.wait_for(layer.group_send(group, event), SEND_SECONDS)


_sender: Sender | None = None


def flush() -> None:
    if _sender is not None and _sender.is_running():
        _sender.flush()


def sender() -> Sender:
    global _sender
    with _lock:
        if _sender is None or not _sender.is_running():
            _sender = Sender()
        return _sender
