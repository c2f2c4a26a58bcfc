"""The Dramatiq broker. Its messages only wake workers, which then claim jobs from the database.

Dramatiq's default middleware is omitted: it would kill jobs after ten minutes.
"""

from __future__ import annotations

import time
from typing import Any

import dramatiq
import redis
from django.conf import settings
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import AgeLimit, Middleware
from redis.backoff import NoBackoff
from redis.retry import Retry

from vodplatform.core.redis_pool import connection_pool

HEARTBEAT_MILLISECONDS = 10_000
WAKE_UP_AGE_MILLISECONDS = 60_000
REDIS_SECONDS = 2
FULL_SECONDS = 0.02
ASK_SECONDS = 5.0
NAMESPACE = "vod-jobs"


class NotifyingRedisBroker(RedisBroker):
    """A Redis broker that notifies consumers of new messages; Dramatiq's own broker polls.

    Consumers also poll every few seconds, to find messages whose worker died.
    """

    def declare_queue(self, queue_name: str) -> None:
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    @property
    def consumer_class(self) -> type[WakeConsumer]:
        return WakeConsumer

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        sent = super().enqueue(message, delay=delay)
        self.client.publish(channel_of(sent.queue_name), "")
        return sent


class WakeConsumer(_RedisConsumer):
    def __init__(self, broker: NotifyingRedisBroker, queue_name: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue_name, prefetch, 0)  # type: ignore[no-untyped-call]
        self._wait_seconds = timeout / 1000
        self._ask_at = 0.0
        self._pubsub = broker.client.pubsub(ignore_subscribe_messages=True)
        self._pubsub.subscribe(channel_of(queue_name))

    def __next__(self) -> dramatiq.MessageProxy | None:
        if self.message_cache or time.monotonic() >= self._ask_at:
            message: dramatiq.MessageProxy | None = super().__next__()  # type: ignore[no-untyped-call]
            if message is not None:
                return message
            if self.outstanding_message_count >= self.prefetch:
                time.sleep(FULL_SECONDS)
                return None
            self._ask_at = time.monotonic() + ASK_SECONDS
        try:
            if self._pubsub.get_message(timeout=self._wait_seconds) is not None:
                self._ask_at = 0.0
        except redis.ConnectionError as exc:
            raise ConnectionClosed(exc) from exc
        return None

    def close(self) -> None:
        self._pubsub.close()


def channel_of(queue_name: str) -> str:
    return f"{NAMESPACE}:{queue_name}:told"


def make_broker() -> dramatiq.Broker:
    middleware: list[Middleware] = [AgeLimit(max_age=WAKE_UP_AGE_MILLISECONDS)]
    broker: dramatiq.Broker
    if settings.JOB_BROKER == "stub":
        broker = StubBroker(middleware=middleware)
        broker.emit_after("process_boot")
    else:
        broker = NotifyingRedisBroker(  # type: ignore[no-untyped-call]
            # The timeouts are short, because web requests wait while they send a message.
            connection_pool=connection_pool(
                settings.REDIS_URL,
                socket_connect_timeout=REDIS_SECONDS,
                socket_timeout=REDIS_SECONDS,
                retry=Retry(NoBackoff(), 1),
            ),
            namespace=NAMESPACE,
            middleware=middleware,
            heartbeat_timeout=HEARTBEAT_MILLISECONDS,
            maintenance_chance=1_000_000,
        )
    dramatiq.set_broker(broker)
    return broker


broker = make_broker()
