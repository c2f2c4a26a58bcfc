"""Publishing: after commit, and never at the cost of the write that it tells of."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from sessions_app.comparison.models import ComparisonSession
from tests.support.api import BASE, Api, session_of
from tests.support.factories import make_session
from vodplatform.accounts.models import User
from vodplatform.base import publish


class DeadLayer:
    """A channel layer whose broker is gone."""

    async def group_send(self, group: str, event: dict[str, Any]) -> None:
        raise OSError("connection refused")


class RecordingLayer:
    """A channel layer that remembers what it was given."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    async def group_send(self, group: str, event: dict[str, Any]) -> None:
        self.sent.append((group, event))


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch) -> RecordingLayer:
    found = RecordingLayer()
    monkeypatch.setattr(publish, "get_channel_layer", lambda: found)
    return found


@pytest.mark.django_db(transaction=True)
def test_nothing_is_said_before_the_commit(layer: RecordingLayer) -> None:
    with transaction.atomic():
        publish.publish_on_commit("group", {"type": "x", "revision": 1})
        assert layer.sent == []
    assert layer.sent == [("group", {"type": "watch.message", "message": {"type": "x", "revision": 1}})]


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_never_said(layer: RecordingLayer) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        publish.publish_on_commit("group", {"type": "x", "revision": 1})
        raise RuntimeError
    assert layer.sent == []


@pytest.mark.django_db(transaction=True)
def test_a_dead_broker_is_counted_and_the_write_stands(
    api: Api, owner: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publish, "get_channel_layer", DeadLayer)
    session = make_session(owner)
    before = publish.failures()
    shown = session_of(api.patch(f"{BASE}/{session.session_id}", {"name": "Kept"}))
    assert shown["name"] == "Kept"
    assert api.delete(f"{BASE}/{make_session(owner).session_id}").status_code == 200
    assert publish.failures() == before + 2
    assert "publish failed" in caplog.text
    assert ComparisonSession.objects.get(pk=session.pk).name == "Kept"
