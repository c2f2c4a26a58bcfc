"""Playing and seeking of all VODs and of one, and how time passes in a playing session."""

import time
from typing import Any
from urllib.parse import unquote

import pytest
from pytest_check import check

from sessions_app.comparison.models import ComparisonSession, ComparisonVod
from sessions_app.comparison.services import record_viewer, save_playing_position
from tests.support.api import BASE, NOT_FINITE, NOT_NUMBERS, Api, refused, session_of
from tests.support.factories import make_session, rewind_anchor
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db
_began = 0.0


@pytest.fixture(autouse=True)
def _note_the_time(session: ComparisonSession) -> None:
    global _began
    _began = time.monotonic()


def play(api: Api, session: ComparisonSession, **body: Any) -> dict[str, Any]:
    return session_of(api.put(f"{BASE}/{session.session_id}/playback", body))


def read(api: Api, session: ComparisonSession) -> dict[str, Any]:
    return session_of(api.get(f"{BASE}/{session.session_id}"))


def about(value: float, rate: float = 1.0) -> Any:
    """``value``, or as much later as the test has taken until now."""
    slack = (time.monotonic() - _began) * rate
    return pytest.approx(value + slack / 2, abs=slack / 2 + 0.002)


def test_the_state_is_shown_on_the_session_and_its_vods_and_outlasts_a_seek(
    api: Api, session: ComparisonSession
) -> None:
    api.put(f"{BASE}/{session.session_id}/global-seek", {"timestamp": 42})
    for state, body, at in (("playing", {}, 42), ("playing", {"at": 150}, 150), ("paused", {"at": 160}, 160)):
        shown = play(api, session, state=state, **body)
        assert (shown["global_playback_state"], shown["global_time"]) == (state, at)
        assert {vod["playback_state"] for vod in shown["vods"]} == {state}
        assert [vod["current_time"] for vod in shown["vods"]] == [at, at + 50, at - 37]
    play(api, session, state="playing", rate=2)
    shown = session_of(api.put(f"{BASE}/{session.session_id}/global-seek", {"timestamp": 100}))
    assert (shown["global_playback_state"], shown["rate"], shown["global_time"]) == ("playing", 2, 100)


def test_a_read_shows_the_current_time_and_a_pause_holds_it(api: Api, session: ComparisonSession) -> None:
    play(api, session, state="playing", at=90)
    rewind_anchor(session, 20)
    # A change starts from the present.
    assert session_of(api.patch(f"{BASE}/{session.session_id}", {"name": "Renamed"}))["global_time"] == about(110)
    rewind_anchor(session, 10)
    shown = read(api, session)
    assert [vod["current_time"] for vod in shown["vods"]] == [about(120), about(170), about(83)]
    assert shown["vods"][1]["current_time"] == pytest.approx(shown["global_time"] + 50)
    assert shown["vods"][2]["current_time"] == pytest.approx(shown["global_time"] - 37)
    paused = play(api, session, state="paused")
    assert paused["global_time"] == about(120)
    rewind_anchor(session, 1000)
    assert read(api, session)["global_time"] == paused["global_time"]


@pytest.mark.parametrize("rate", [0.1, 4])
def test_the_rate_holds_until_another_is_given(api: Api, session: ComparisonSession, rate: float) -> None:
    assert play(api, session, state="playing", rate=rate, at=100)["rate"] == rate
    rewind_anchor(session, 40)
    assert read(api, session)["global_time"] == about(100 + 40 * rate, rate)
    assert play(api, session, state="paused")["rate"] == rate
    assert play(api, session, state="playing")["rate"] == rate
    assert play(api, session, state="playing", rate=1)["rate"] == 1


class TestOneVod:
    """PUT …/vods/{vod_id}/playback: its own clock, where the VODs are moved one by one."""

    @pytest.fixture(autouse=True)
    def _independent(self, session: ComparisonSession) -> None:
        ComparisonSession.objects.update(sync_mode="independent")

    def play_one(self, api: Api, session: ComparisonSession, vod_id: str = "vod-2", **body: Any) -> dict[str, Any]:
        return session_of(api.put(f"{BASE}/{session.session_id}/vods/{vod_id}/playback", body))

    def test_it_plays_by_itself_at_its_own_speed(self, api: Api, session: ComparisonSession) -> None:
        shown = self.play_one(api, session, state="playing", rate=2, at=30)
        assert [vod["playback_state"] for vod in shown["vods"]] == ["paused", "playing", "paused"]
        assert [vod["rate"] for vod in shown["vods"]] == [1, 2, 1]
        assert (shown["global_playback_state"], shown["rate"]) == ("paused", 1)
        rewind_anchor(session, 10)
        shown = read(api, session)
        assert shown["global_time"] == 0
        assert [vod["current_time"] for vod in shown["vods"]] == [0, about(50, rate=2), 0]

    def test_it_stands_while_the_others_play_and_stops_at_its_end(self, api: Api, session: ComparisonSession) -> None:
        play(api, session, state="playing", at=100)
        self.play_one(api, session, state="paused")
        rewind_anchor(session, 20)
        shown = read(api, session)
        assert shown["global_time"] == about(120)
        assert shown["vods"][0]["current_time"] == about(120)
        assert shown["vods"][1]["current_time"] == about(150)
        self.play_one(api, session, state="playing", at=599, rate=2)
        rewind_anchor(session, 20)
        assert read(api, session)["vods"][1]["current_time"] == 600
        shown = play(api, session, state="playing")
        assert {(vod["playback_state"], vod["rate"]) for vod in shown["vods"]} == {("playing", 1)}

    def test_back_on_one_clock_it_stands_where_the_clock_has_it(self, api: Api, session: ComparisonSession) -> None:
        api.put(f"{BASE}/{session.session_id}/global-seek", {"timestamp": 150})
        self.play_one(api, session, state="playing", at=400)
        shown = session_of(api.patch(f"{BASE}/{session.session_id}", {"sync_mode": "global"}))
        assert (shown["sync_mode"], shown["global_time"]) == ("global", 150)
        assert [vod["current_time"] for vod in shown["vods"]] == [150, 200, 113]
        assert {vod["playback_state"] for vod in shown["vods"]} == {"paused"}
        refused(api.put(f"{BASE}/{session.pk}/vods/vod-2/playback", {"state": "playing"}), 409, "global_mode")
        refused(api.put(f"{BASE}/{session.pk}/vods/vod-9/playback", {"state": "playing"}), 404, "vod_not_found")

    def test_its_position_is_saved_on_its_own(self, api: Api, session: ComparisonSession, settings: Any) -> None:
        settings.MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS = 5.0
        self.play_one(api, session, state="playing", at=30)
        rewind_anchor(session, 20)
        save_playing_position(session.session_id)
        assert ComparisonVod.objects.get(vod_id="vod-2").position == about(50)
        assert read(api, session)["vods"][1]["current_time"] == about(50)


@pytest.mark.parametrize("mode", ["global", "independent"])
def test_the_clock_pauses_where_its_last_viewer_left_it(api: Api, session: ComparisonSession, mode: str) -> None:
    api.patch(f"{BASE}/{session.session_id}", {"sync_mode": mode})
    if mode == "global":
        play(api, session, state="playing", at=100)
    else:
        api.put(f"{BASE}/{session.session_id}/vods/vod-1/playback", {"state": "playing", "at": 100})
    rewind_anchor(session, 3)
    record_viewer(session.session_id)
    assert read(api, session)["vods"][0]["playback_state"] == "playing"
    rewind_anchor(session, 11)
    for shown in (read(api, session), session_of(api.patch(f"{BASE}/{session.session_id}", {"name": "Renamed"}))):
        assert shown["vods"][0]["current_time"] == about(103)
        assert {vod["playback_state"] for vod in shown["vods"]} == {shown["global_playback_state"]} == {"paused"}
    play(api, session, state="playing")
    rewind_anchor(session, 20)
    assert read(api, session)["vods"][0]["current_time"] == about(123)


def test_saving_the_position_changes_nothing_visible(api: Api, session: ComparisonSession, settings: Any) -> None:
    settings.MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS = 5.0
    play(api, session, state="playing", at=100)
    before = read(api, session)
    rewind_anchor(session, 20)
    save_playing_position(session.session_id)
    session.refresh_from_db()
    assert session.global_time == about(120)
    after = read(api, session)
    assert (after["revision"], after["updated_at"]) == (before["revision"], before["updated_at"])
    assert after["global_time"] == about(120)
    assert after["vods"][0]["current_time"] == pytest.approx(after["global_time"])
    assert after["vods"][1]["current_time"] == pytest.approx(after["global_time"] + 50)


def test_only_a_playing_session_saves_now_and_then(api: Api, session: ComparisonSession, settings: Any) -> None:
    rewind_anchor(session, 100)
    before = ComparisonVod.objects.filter(session=session).values_list("position", flat=True)[0]
    save_playing_position(session.session_id)
    save_playing_position("comp-none")
    session.refresh_from_db()
    assert session.global_time == 0
    assert ComparisonVod.objects.filter(session=session).values_list("position", flat=True)[0] == before
    settings.MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS = 1000.0
    play(api, session, state="playing", at=100)
    rewind_anchor(session, 20)
    save_playing_position(session.session_id)
    session.refresh_from_db()
    assert session.global_time == 100


def seek(api: Api, session: ComparisonSession, vod_id: str, value: float | str) -> object:
    return api.put(f"{BASE}/{session.session_id}/vods/{vod_id}/seek", raw=f'{{"timestamp": {value}}}')


def times(shown: dict) -> list[float]:
    return [vod["current_time"] for vod in shown["vods"]]


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [(150.0, [150, 200, 113]), (37, [37, 87, 0]), (604_800, [600, 600, 600]), (0.1, [0.1, 50.1, 0])],
)
def test_every_vod_is_clamped_to_its_own_length(api: Api, url: str, timestamp: float, expected: list[float]) -> None:
    for answer in (api.put(f"{url}/global-seek", {"timestamp": timestamp}), api.get(url)):
        shown = session_of(answer)
        assert (shown["global_time"], times(shown)) == (timestamp, expected)


def test_the_clock_begins_where_the_first_vod_does(api: Api, url: str, session: ComparisonSession) -> None:
    shown = session_of(api.get(url))
    assert shown["timeline"] == {"start": -50, "end": 637}
    shown = session_of(api.put(f"{url}/global-seek", {"timestamp": -50}))
    assert (shown["global_time"], times(shown)) == (-50, [0, 0, 0])
    refused(api.put(f"{url}/playback", {"state": "playing", "at": -50.001}), 400, "invalid")
    assert session_of(api.put(f"{url}/playback", {"state": "paused", "at": -20.5}))["global_time"] == -20.5
    shown = session_of(seek(api, session, "vod-2", 12.5))
    assert (shown["global_time"], times(shown)) == (-37.5, [0, 12.5, 0])
    # Without the VOD that begins early it goes to the beginning of the others, and negative times are refused.
    shown = session_of(api.put(f"{url}/offsets", {"offsets": {"vod-2": 5.0}, "source": "manual"}))
    assert (shown["timeline"]["start"], shown["global_time"]) == (0, 0)
    refused(api.put(f"{url}/global-seek", {"timestamp": -0.001}), 400, "invalid")
    shown = session_of(api.put(f"{url}/offsets", {"offsets": {"vod-2": -600.0}, "source": "manual"}))
    assert shown["timeline"] == {"start": -600, "end": 637}


@pytest.mark.parametrize("path", ["global-seek", "vods/vod-1/seek"])
def test_a_bad_timestamp_changes_nothing(api: Api, url: str, session: ComparisonSession, path: str) -> None:
    # The second VOD begins at -50 s of the shared clock.
    early = "-50.001" if path == "global-seek" else "-0.001"
    for value in (*NOT_NUMBERS, *NOT_FINITE, "-51", early, "604800.001", "604801", "1e308", "-1e308"):
        with check(value[:20]):
            assert api.put(f"{url}/{path}", raw=f'{{"timestamp": {value}}}').status_code == 400
    for body in ({"timestamp": -51}, {}):
        answer = refused(api.put(f"{url}/{path}", body), 400, "invalid")
        assert "timestamp" in answer["error"]
        assert "timestamp" in answer["errors"]
    session.refresh_from_db()
    assert (session.revision, session.global_time) == (1, 0)


def test_in_global_mode_others_stay_until_the_next_seek(api: Api, url: str, session: ComparisonSession) -> None:
    session_of(api.put(f"{url}/global-seek", {"timestamp": 150}))
    shown = session_of(seek(api, session, "vod-2", 80))
    assert (shown["global_time"], times(shown)) == (30, [150, 80, 113])
    assert times(session_of(api.get(url))) == [150, 80, 113]
    assert times(session_of(api.put(f"{url}/global-seek", {"timestamp": 150}))) == [150, 200, 113]


def test_in_independent_mode_the_clock_stays(api: Api, session: ComparisonSession) -> None:
    ComparisonSession.objects.update(sync_mode="independent")
    session_of(api.put(f"{BASE}/{session.session_id}/global-seek", {"timestamp": 150}))
    for vod_id, timestamp, expected in (("vod-2", 20, [150, 20, 113]), ("vod-1", 700, [600, 20, 113])):
        shown = session_of(seek(api, session, vod_id, timestamp))
        assert (shown["global_time"], times(shown)) == (150, expected)


def test_a_vod_is_sought_by_its_own_id_alone(api: Api, session: ComparisonSession, owner: User) -> None:
    make_session(owner).vods.filter(vod_id="vod-1").update(vod_id="elsewhere")
    for vod_id in ("vod-4", "VOD-1", "%20vod-1", "%F0%9F%8E%AE", "x" * 300, "elsewhere"):
        assert refused(seek(api, session, vod_id, 1), 404, "vod_not_found")["vod_id"] == unquote(vod_id)[:100]
    session.refresh_from_db()
    assert session.revision == 1
    ComparisonVod.objects.filter(vod_id="vod-1").update(vod_id="Spieler ü?#%1")
    shown = session_of(seek(api, session, "Spieler%20%C3%BC%3F%23%251", 9))
    assert shown["vods"][0]["current_time"] == 9
