"""The dramatiq broker: transport of wake-ups and process manager of the workers, with its middleware named one by one.

The default middleware is left out: its time limit kills after ten minutes and its retries know no row.
"""

from __future__ import annotations

import os

import dramatiq
import redis
from django.conf import settings
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AgeLimit, Middleware

# Read by dramatiq's worker when it is imported: a worker takes no message that it cannot run now.
os.environ.setdefault("dramatiq_queue_prefetch", "1")

HEARTBEAT_MILLISECONDS = 10_000
WAKE_UP_AGE_MILLISECONDS = 60_000


def make_broker() -> dramatiq.Broker:
    """The broker that the settings ask for, and dramatiq's global one from here on."""
    middleware: list[Middleware] = [AgeLimit(max_age=WAKE_UP_AGE_MILLISECONDS)]
    broker: dramatiq.Broker
    if settings.JOB_BROKER == "stub":
        broker = StubBroker(middleware=middleware)
        broker.emit_after("process_boot")
    else:
        broker = RedisBroker(
            connection_pool=redis.ConnectionPool.from_url(settings.REDIS_URL, socket_connect_timeout=2),
            namespace="vod-jobs",
            middleware=middleware,
            heartbeat_timeout=HEARTBEAT_MILLISECONDS,
            maintenance_chance=1_000_000,
        )
    dramatiq.set_broker(broker)
    return broker


broker = make_broker()
