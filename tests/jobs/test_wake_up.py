"""What dramatiq does with our broker: looks often enough for an idle queue to be quick."""

from __future__ import annotations

from collections.abc import Iterator

import dramatiq
import pytest
from django.test import override_settings

from jobs_app.broker import make_broker

pytestmark = pytest.mark.pure

DRAMATIQ_ASKS = 1000  # milliseconds between looks at an idle queue, by its default


@pytest.fixture
def redis_broker() -> Iterator[dramatiq.Broker]:
    """The broker of a program with Redis; nothing connects."""
    known = dramatiq.get_broker()
    with override_settings(JOB_BROKER="redis", REDIS_URL="redis://127.0.0.1:1/0"):
        yield make_broker()
    dramatiq.set_broker(known)


def test_an_idle_queue_is_looked_at_every_twenty_milliseconds(redis_broker: dramatiq.Broker) -> None:
    consumer = redis_broker.consume("wake", prefetch=8, timeout=DRAMATIQ_ASKS)
    assert consumer.timeout == 20


def test_the_queue_of_delayed_messages_which_stays_empty_is_looked_at_less_often(redis_broker: dramatiq.Broker) -> None:
    consumer = redis_broker.consume("wake.DQ", prefetch=8, timeout=DRAMATIQ_ASKS)
    assert consumer.timeout == 250
