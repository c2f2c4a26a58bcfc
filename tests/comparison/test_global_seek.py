"""PUT /api/sessions/multi-vod/{id}/global-seek."""

from __future__ import annotations

import pytest

from sessions_app.comparison.models import ComparisonSession
from tests.support.api import BAD_BODIES, BASE, NOT_FINITE, NOT_NUMBERS, Api, refused, session_of
from tests.support.factories import make_session
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(owner: User) -> ComparisonSession:
    return make_session(owner, durations=(600, 600, 600), offsets=(0, -50, 37))


@pytest.fixture
def url(session: ComparisonSession) -> str:
    return f"{BASE}/{session.session_id}/global-seek"


def test_the_example_of_the_contract(api: Api, url: str, session: ComparisonSession) -> None:
    shown = session_of(api.put(url, {"timestamp": 150.0}))
    assert shown["global_time"] == 150.0
    assert [vod["current_time"] for vod in shown["vods"]] == [150.0, 200.0, 113.0]
    kept = session_of(api.get(f"{BASE}/{session.session_id}"))
    assert (kept["global_time"], [vod["current_time"] for vod in kept["vods"]]) == (150.0, [150.0, 200.0, 113.0])


@pytest.mark.parametrize(
    ("timestamp", "times"),
    [(0, [0, 50, 0]), (37, [37, 87, 0]), (600, [600, 600, 563]), (604_800, [600, 600, 600]), (0.1, [0.1, 50.1, 0])],
)
def test_every_vod_is_clamped_to_its_own_length(api: Api, url: str, timestamp: float, times: list[float]) -> None:
    shown = session_of(api.put(url, {"timestamp": timestamp}))
    assert shown["global_time"] == timestamp
    assert [vod["current_time"] for vod in shown["vods"]] == times


@pytest.mark.parametrize(
    "value", [*NOT_NUMBERS, *NOT_FINITE, "-1", "-0.001", "604800.001", "604801", "1e308", "-1e308"]
)
def test_a_bad_timestamp_changes_nothing(api: Api, url: str, session: ComparisonSession, value: str) -> None:
    assert api.put(url, raw=f'{{"timestamp": {value}}}').status_code == 400
    session.refresh_from_db()
    assert (session.revision, session.global_time) == (1, 0)


def test_the_sentence_names_the_field(api: Api, url: str) -> None:
    body = refused(api.put(url, {"timestamp": -1}), 400, "invalid")
    assert "timestamp" in body["error"]
    assert "timestamp" in body["errors"]


def test_a_missing_timestamp_is_refused(api: Api, url: str) -> None:
    refused(api.put(url, {}), 400, "invalid")


@pytest.mark.parametrize("name", list(BAD_BODIES))
def test_a_malformed_body_is_refused(api: Api, url: str, name: str) -> None:
    assert api.put(url, raw=BAD_BODIES[name]).status_code == 400


def test_an_empty_body_is_refused(api: Api, url: str) -> None:
    assert api.put(url, raw=b"").status_code == 400


def test_a_seek_keeps_a_playing_session_playing(api: Api, url: str, session: ComparisonSession) -> None:
    session_of(api.put(f"{BASE}/{session.session_id}/playback", {"state": "playing", "rate": 2}))
    shown = session_of(api.put(url, {"timestamp": 100}))
    assert (shown["global_playback_state"], shown["rate"], shown["global_time"]) == ("playing", 2, 100)


def test_another_users_session_is_not_found(other_api: Api, url: str) -> None:
    refused(other_api.put(url, {"timestamp": 1}), 404, "session_not_found")
