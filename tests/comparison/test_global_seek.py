"""PUT /api/sessions/multi-vod/{id}/global-seek."""

from __future__ import annotations

import pytest
from pytest_check import check

from sessions_app.comparison.models import ComparisonSession
from tests.support.api import BASE, NOT_FINITE, NOT_NUMBERS, Api, refused, session_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def url(session: ComparisonSession) -> str:
    return f"{BASE}/{session.session_id}/global-seek"


@pytest.mark.parametrize(
    ("timestamp", "times"),
    [(150.0, [150, 200, 113]), (37, [37, 87, 0]), (604_800, [600, 600, 600]), (0.1, [0.1, 50.1, 0])],
)
def test_every_vod_is_clamped_to_its_own_length(
    api: Api, url: str, session: ComparisonSession, timestamp: float, times: list[float]
) -> None:
    for answer in (api.put(url, {"timestamp": timestamp}), api.get(f"{BASE}/{session.session_id}")):
        shown = session_of(answer)
        assert (shown["global_time"], [vod["current_time"] for vod in shown["vods"]]) == (timestamp, times)


def test_a_bad_timestamp_changes_nothing(api: Api, url: str, session: ComparisonSession) -> None:
    for value in (*NOT_NUMBERS, *NOT_FINITE, "-1", "-0.001", "604800.001", "604801", "1e308", "-1e308"):
        with check(value[:20]):
            assert api.put(url, raw=f'{{"timestamp": {value}}}').status_code == 400
    for body in ({"timestamp": -1}, {}):
        answer = refused(api.put(url, body), 400, "invalid")
        assert "timestamp" in answer["error"]
        assert "timestamp" in answer["errors"]
    session.refresh_from_db()
    assert (session.revision, session.global_time) == (1, 0)


def test_a_seek_keeps_a_playing_session_playing(api: Api, url: str, session: ComparisonSession) -> None:
    session_of(api.put(f"{BASE}/{session.session_id}/playback", {"state": "playing", "rate": 2}))
    shown = session_of(api.put(url, {"timestamp": 100}))
    assert (shown["global_playback_state"], shown["rate"], shown["global_time"]) == ("playing", 2, 100)
