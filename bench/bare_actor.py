"""What P10 is measured against: an actor of bare dramatiq, with its defaults, that only says when it was started."""

import os
import time

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker

URL = os.environ["BENCH_REDIS_URL"]
STARTED = "bench-bare-started"
broker = RedisBroker(url=URL, namespace="bench-bare")
dramatiq.set_broker(broker)
answers = redis.Redis.from_url(URL)


@dramatiq.actor(queue_name="bare")
def note_start() -> None:
    """The first line of work, and nothing else."""
    answers.rpush(STARTED, repr(time.monotonic()))
