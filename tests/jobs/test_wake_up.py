"""What dramatiq does with our broker: a message wakes who waits for it, and what nobody was told of is found later."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dramatiq
import pytest
from django.test import override_settings
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import ConnectionClosed

from jobs_app import broker
from jobs_app.broker import NotifyingRedisBroker, make_broker
from tests.support.private_redis import PrivateRedis

pytestmark = pytest.mark.private_redis

LONG, SOON = 60_000, 100  # milliseconds until it asks although it was told nothing
MESSAGE = dramatiq.Message(queue_name="align", actor_name="align_vods", args=(), kwargs={}, options={})
SECONDS = 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PrivateRedis]:
    running = PrivateRedis(tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def wakes(server: PrivateRedis) -> Iterator[NotifyingRedisBroker]:
    """The broker of a program with Redis."""
    known = dramatiq.get_broker()
    with override_settings(JOB_BROKER="redis", REDIS_URL=server.url):
        made = make_broker()
    assert isinstance(made, NotifyingRedisBroker)
    yield made
    made.client.close()
    dramatiq.set_broker(known)


def taken(consumer: dramatiq.Consumer) -> dramatiq.MessageProxy:
    """The next message; fails when none comes in time."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(lambda: next(message for message in consumer if message is not None)).result(SECONDS)


@pytest.mark.parametrize("is_before", [False, True])
def test_waiting_hears_a_message(wakes: NotifyingRedisBroker, monkeypatch: pytest.MonkeyPatch, is_before: bool) -> None:
    """A message that came before the wait is there too."""
    monkeypatch.setattr(broker, "ASK_SECONDS", LONG)
    consumer = wakes.consume("align", timeout=SOON)
    if is_before:
        wakes.enqueue(MESSAGE)
    else:
        assert next(consumer) is None  # it has asked, and waits from now on
        wakes.enqueue(MESSAGE)
    assert taken(consumer).message_id == MESSAGE.message_id


def test_a_message_that_nobody_was_told_of_is_found(wakes: NotifyingRedisBroker) -> None:
    consumer = wakes.consume("align", timeout=SOON)
    assert next(consumer) is None
    RedisBroker.enqueue(wakes, MESSAGE)
    assert taken(consumer)


def test_who_has_taken_as_many_as_it_may_goes_on_when_one_is_done(wakes: NotifyingRedisBroker) -> None:
    consumer = wakes.consume("align", prefetch=1, timeout=LONG)
    for _ in range(2):
        wakes.enqueue(MESSAGE)
    first = taken(consumer)
    with ThreadPoolExecutor(1) as threads:
        assert [threads.submit(next, consumer).result(SECONDS) for _ in range(3)] == [None] * 3
    consumer.ack(first)
    assert taken(consumer)


def test_a_redis_that_is_gone_is_a_lost_connection(wakes: NotifyingRedisBroker, server: PrivateRedis) -> None:
    consumer = wakes.consume("align", timeout=LONG)
    with ThreadPoolExecutor(1) as threads:
        message = threads.submit(taken, consumer)
        server.stop()
        with pytest.raises(ConnectionClosed):
            message.result(SECONDS)
