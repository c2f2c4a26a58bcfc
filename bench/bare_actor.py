"""A minimal Dramatiq actor that records when it starts: the baseline of measurement P10."""

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
    answers.rpush(STARTED, repr(time.monotonic()))
