"""PUT /api/sessions/multi-vod/{id}/vods/{vodId}/seek, in both modes."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from pytest_check import check

from sessions_app.comparison.models import ComparisonSession, ComparisonVod
from tests.support.api import BASE, NOT_FINITE, NOT_NUMBERS, Api, refused, session_of
from tests.support.factories import make_session
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db


def seek(api: Api, session: ComparisonSession, vod_id: str, value: float | str) -> object:
    return api.put(f"{BASE}/{session.session_id}/vods/{vod_id}/seek", raw=f'{{"timestamp": {value}}}')


def times(shown: dict) -> list[float]:
    return [vod["current_time"] for vod in shown["vods"]]


class TestInGlobalMode:
    @pytest.mark.parametrize(
        ("vod_id", "timestamp", "shown_at", "global_time"),
        [
            ("vod-1", 150, 150, 150),
            ("vod-2", 200, 200, 150),
            ("vod-3", 113, 113, 150),
            ("vod-2", 10, 10, 0),  # its moment lies before the clock's zero
            ("vod-3", 700, 600, 637),  # beyond its end
            ("vod-3", 0, 0, 37),
        ],
    )
    def test_the_clock_goes_along(
        self, api: Api, session: ComparisonSession, vod_id: str, timestamp: float, shown_at: float, global_time: float
    ) -> None:
        shown = session_of(seek(api, session, vod_id, timestamp))
        assert shown["global_time"] == global_time
        assert {vod["vod_id"]: vod["current_time"] for vod in shown["vods"]}[vod_id] == shown_at

    def test_the_others_stay_until_the_next_global_seek(self, api: Api, session: ComparisonSession) -> None:
        session_of(api.put(f"{BASE}/{session.session_id}/global-seek", {"timestamp": 150}))
        assert times(session_of(seek(api, session, "vod-2", 20))) == [150, 20, 113]
        assert times(session_of(api.get(f"{BASE}/{session.session_id}"))) == [150, 20, 113]
        shown = session_of(api.put(f"{BASE}/{session.session_id}/global-seek", {"timestamp": 150}))
        assert times(shown) == [150, 200, 113]


def test_in_independent_mode_the_clock_stays(api: Api, session: ComparisonSession) -> None:
    ComparisonSession.objects.update(sync_mode="independent")
    session_of(api.put(f"{BASE}/{session.session_id}/global-seek", {"timestamp": 150}))
    for vod_id, timestamp, expected in (("vod-2", 20, [150, 20, 113]), ("vod-1", 700, [600, 20, 113])):
        shown = session_of(seek(api, session, vod_id, timestamp))
        assert (shown["global_time"], times(shown)) == (150, expected)


def test_a_bad_timestamp_or_an_unknown_vod_changes_nothing(api: Api, session: ComparisonSession, owner: User) -> None:
    for value in (*NOT_NUMBERS, *NOT_FINITE, "-1", "604801", "1e308"):
        with check(value[:20]):
            assert seek(api, session, "vod-1", value).status_code == 400
    make_session(owner).vods.filter(vod_id="vod-1").update(vod_id="elsewhere")
    for vod_id in ("vod-4", "VOD-1", "%20vod-1", "%F0%9F%8E%AE", "x" * 300, "elsewhere"):
        assert refused(seek(api, session, vod_id, 1), 404, "vod_not_found")["vod_id"] == unquote(vod_id)[:100]
    session.refresh_from_db()
    assert session.revision == 1


def test_an_id_with_blanks_and_signs_can_be_sought(api: Api, session: ComparisonSession) -> None:
    ComparisonVod.objects.filter(vod_id="vod-1").update(vod_id="Spieler ü?#%1")
    shown = session_of(seek(api, session, "Spieler%20%C3%BC%3F%23%251", 9))
    assert shown["vods"][0]["current_time"] == 9
