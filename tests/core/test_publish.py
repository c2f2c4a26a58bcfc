"""Publishing: after commit, and never at the cost of the write that it tells of."""

import asyncio
import threading
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.db import transaction

from sessions_app.comparison.models import ComparisonSession
from tests.support.api import BASE, Api, session_of
from tests.support.factories import make_session
from vodplatform.accounts.models import User
from vodplatform.core.web import publish


@pytest.fixture
def group_send(monkeypatch: pytest.MonkeyPatch) -> AsyncMock:
    """What a channel layer is given."""
    found = AsyncMock()
    monkeypatch.setattr(publish, "get_channel_layer", lambda: Mock(group_send=found))
    return found


@pytest.mark.django_db(transaction=True)
def test_nothing_is_said_before_the_commit_and_never_what_is_rolled_back(group_send: AsyncMock) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        publish.publish_on_commit("group", {"type": "x", "revision": 0})
        raise RuntimeError
    with transaction.atomic():
        publish.publish_on_commit("group", {"type": "x", "revision": 1})
        group_send.assert_not_called()
    group_send.assert_called_once_with("group", {"type": "watch.message", "message": {"type": "x", "revision": 1}})


@pytest.mark.django_db(transaction=True)
def test_a_dead_broker_is_counted_and_the_write_stands(
    api: Api, owner: User, group_send: AsyncMock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    group_send.side_effect = OSError("connection refused")
    monkeypatch.setattr(publish.failed, "_next", 0.0)
    session = make_session(owner)
    before = publish.failures()
    shown = session_of(api.patch(f"{BASE}/{session.session_id}", {"name": "Kept"}))
    assert shown["name"] == "Kept"
    assert api.delete(f"{BASE}/{make_session(owner).session_id}").status_code == 200
    assert publish.failures() == before + 2
    assert caplog.text.count("publish failed") == 1  # the second is counted in the next line, seconds later
    assert ComparisonSession.objects.get(pk=session.pk).name == "Kept"


class SlowLayer(RedisPubSubChannelLayer):
    """A Redis layer whose broker takes its time, fails or hangs as the test says; remembers what arrived."""

    def __init__(self) -> None:
        self.arrived: list[str] = []
        self.faults = 0
        self.gate = threading.Event()
        self.gate.set()

    async def group_send(self, group: str, event: dict[str, Any]) -> None:
        while not self.gate.is_set():
            await asyncio.sleep(0.01)
        if self.faults:
            self.faults -= 1
            raise ConnectionResetError("closed by the broker")
        self.arrived.append(group)


class TestSender:
    @pytest.fixture
    def slow(self, monkeypatch: pytest.MonkeyPatch) -> SlowLayer:
        layer = SlowLayer()
        monkeypatch.setattr(publish, "get_channel_layer", lambda: layer)
        return layer

    def test_all_arrive_in_the_order_in_which_they_were_sent(self, slow: SlowLayer) -> None:
        for number in range(500):
            publish.publish((f"g{number}",), {"type": "x", "revision": number})
        assert publish.sender().flush(20)
        assert slow.arrived == [f"g{number}" for number in range(500)]

    def test_who_writes_does_not_wait_for_a_broker_that_hangs(self, slow: SlowLayer) -> None:
        slow.gate.clear()
        try:
            publish.publish(("late",), {"type": "x", "revision": 1})
            assert not publish.sender().flush(0.05)
            assert slow.arrived == []
        finally:
            slow.gate.set()
        assert publish.sender().flush(20)
        assert slow.arrived == ["late"]

    @pytest.mark.parametrize(("faults", "arrived", "failed"), [(1, ["a", "b"], 0), (2, ["b"], 1)])
    def test_a_closed_line_is_opened_again(self, slow: SlowLayer, faults: int, arrived: list[str], failed: int) -> None:
        slow.faults, before = faults, publish.failures()
        publish.publish(("a", "b"), {"type": "x", "revision": 1})
        assert publish.sender().flush(20)
        assert (slow.arrived, publish.failures()) == (arrived, before + failed)

    def test_so_many_wait_at_most(self, slow: SlowLayer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(publish, "MAX_PENDING", 3)
        slow.gate.clear()
        before = publish.failures()
        try:
            publish.publish([f"g{number}" for number in range(5)], {"type": "x", "revision": 1})
            assert publish.failures() == before + 2
        finally:
            slow.gate.set()
        assert publish.sender().flush(20)
        assert slow.arrived == ["g0", "g1", "g2"]
