"""The dramatiq broker: transport of wake-ups and process manager of the workers, with its middleware named one by one.

The default middleware is left out: its time limit kills after ten minutes and its retries know no row.
"""

from __future__ import annotations

import dramatiq
import redis
from django.conf import settings
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.common import dq_name
from dramatiq.middleware import AgeLimit, Middleware
from redis.backoff import NoBackoff
from redis.retry import Retry

IDLE_POLL_MILLISECONDS = 20
DELAYED_POLL_MILLISECONDS = 250
HEARTBEAT_MILLISECONDS = 10_000
WAKE_UP_AGE_MILLISECONDS = 60_000
REDIS_SECONDS = 2


class WakeBroker(RedisBroker):
    """Redis, looked at often enough for an idle queue to be quick: dramatiq's second made a wake-up take 150 ms, p50.

    Set here, because dramatiq reads its own variable for it when it is imported, before any module of ours.
    """

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> dramatiq.Consumer:
        """As dramatiq calls it; only ``timeout`` (milliseconds between looks) is ours."""
        # Nothing here delays a message: to look at that queue as often would double what an idle worker costs.
        most = DELAYED_POLL_MILLISECONDS if queue_name == dq_name(queue_name) else IDLE_POLL_MILLISECONDS
        return super().consume(queue_name, prefetch, min(timeout, most))


def make_broker() -> dramatiq.Broker:
    """The broker that the settings ask for, and dramatiq's global one from here on."""
    middleware: list[Middleware] = [AgeLimit(max_age=WAKE_UP_AGE_MILLISECONDS)]
    broker: dramatiq.Broker
    if settings.JOB_BROKER == "stub":
        broker = StubBroker(middleware=middleware)
        broker.emit_after("process_boot")
    else:
        broker = WakeBroker(  # type: ignore[no-untyped-call]
            # Whoever has just committed a job waits for this: one that hangs is given up soon, the sweep finds the row.
            connection_pool=redis.ConnectionPool.from_url(
                settings.REDIS_URL,
                socket_connect_timeout=REDIS_SECONDS,
                socket_timeout=REDIS_SECONDS,
                retry=Retry(NoBackoff(), 1),
            ),
            namespace="vod-jobs",
            middleware=middleware,
            heartbeat_timeout=HEARTBEAT_MILLISECONDS,
            maintenance_chance=1_000_000,
        )
    dramatiq.set_broker(broker)
    return broker


broker = make_broker()
