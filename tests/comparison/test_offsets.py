"""PUT /api/sessions/multi-vod/{id}/offsets: all or none, each change in the history, nothing lost between writers."""

import time
from itertools import pairwise
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from sessions_app.comparison.models import ComparisonSession, OffsetChange
from sessions_app.comparison.socket_messages import clock_message, session_message
from tests.support.api import BASE, Api, refused, session_of, vod_of
from tests.support.factories import make_key, make_session
from tests.support.together import at_once
from vodplatform.accounts.models import User
from vodplatform.core.records.append_only import APPEND_ONLY, unprotected_tables

pytestmark = pytest.mark.django_db
WRITERS = 20


@pytest.fixture
def session(owner: User) -> ComparisonSession:
    return make_session(owner, durations=(600, 500, 400))


def write(api: Api, session: ComparisonSession, **body: Any) -> Any:
    return api.put(f"{BASE}/{session.session_id}/offsets", body)


def unchanged(session: ComparisonSession) -> bool:
    session.refresh_from_db()
    offsets = set(session.vods.values_list("offset", "drift_ppm", "offset_source", "offset_confidence"))
    return session.revision == 1 and offsets == {(0.0, 0.0, "manual", 1.0)} and not OffsetChange.objects.exists()


def test_the_example_of_the_contract(api: Api, session: ComparisonSession) -> None:
    session_of(api.put(f"{BASE}/{session.session_id}/global-seek", {"timestamp": 150}))
    offsets = {"vod-1": 0.0, "vod-2": -50.0, "vod-3": 37.0}
    shown = session_of(write(api, session, offsets=offsets, source="timer_ocr", confidence=0.88))
    assert {vod["vod_id"]: vod["offset"] for vod in shown["vods"]} == offsets
    assert {(vod["offset_source"], vod["offset_confidence"]) for vod in shown["vods"]} == {("timer_ocr", 0.88)}
    assert shown["global_time"] == 150
    kept = session_of(api.get(f"{BASE}/{session.session_id}"))
    for answer in (shown, kept):
        assert [vod["current_time"] for vod in answer["vods"]] == [150, 200, 113]


def test_the_history_gets_a_row_for_each_vod_that_changed(api: Api, owner: User, session: ComparisonSession) -> None:
    began = time.time()
    expected = {
        "vod_id": "vod-2", "vod_name": "Player 2", "old_offset": 0, "new_offset": -50, "source": "audio",
        "confidence": 0.5, "changed_by": str(owner.pk), "changed_by_name": "owner",
    }  # fmt: skip
    for _ in range(2):
        write(api, session, offsets={"vod-1": 0, "vod-2": -50, "vod-3": 0.0}, source="audio", confidence=0.5)
        [row] = api.get(f"{BASE}/{session.session_id}/offset-history").json()["history"]
        assert {name: row[name] for name in expected} == expected
        assert began - 5 < row["timestamp"] < time.time() + 5
    # Confirming it by hand changes its source alone.
    vod = vod_of(session_of(write(api, session, offsets={"vod-2": -50}, source="manual")), "vod-2")
    assert (vod["offset_source"], vod["offset_confidence"]) == ("manual", 1.0)
    assert OffsetChange.objects.count() == 1
    shown = session_of(write(api, session, offsets={"vod-2": -49.5, "vod-3": 1}, source="manual"))
    assert [vod["offset"] for vod in shown["vods"]] == [0, -49.5, 1]
    assert [[row["new_offset"] for row in vod["offset_history"]] for vod in shown["vods"]] == [[], [-49.5, -50], [1]]
    assert [row["confidence"] for row in vod_of(shown, "vod-2")["offset_history"]] == [None, 0.5]


def test_an_offset_may_be_as_long_as_the_longest_vod_and_no_longer(api: Api, session: ComparisonSession) -> None:
    for offset in (600.001, -600.001, 604_800):
        answer = write(api, session, offsets={"vod-1": 1, "vod-2": offset}, source="manual")
        body = refused(answer, 400, "offset_out_of_range")
        assert (body["vod_id"], body["limit"]) == ("vod-2", 600)
    assert unchanged(session)
    for offset in (600, -600, 599.999, 0.0001, -0.0):
        shown = session_of(write(api, session, offsets={"vod-3": offset}, source="manual"))
        assert vod_of(shown, "vod-3")["offset"] == pytest.approx(offset)


def test_an_unknown_vod_spoils_the_good_one_with_it(api: Api, session: ComparisonSession) -> None:
    for offsets in ({"vod-1": 5, "vod-9": 1}, {"vod-9": 1, "vod-1": 5}):
        assert refused(write(api, session, offsets=offsets, source="manual"), 400, "unknown_vod")["vod_id"] == "vod-9"
    for offsets in ({}, {"": 1}, {"vod-2 ": 1}, {"x" * 5000: 1}, {"ü🎮": 1}):
        refused(write(api, session, offsets=offsets, source="manual"), 400, "unknown_vod")
    for field in ("drifts", "anchors"):
        refused(write(api, session, offsets={"vod-2": 1}, source="manual", **{field: {"vod-9": 1}}), 400, "unknown_vod")
    refused(write(api, session, drifts={}, source="manual"), 400, "unknown_vod")
    refused(write(api, session, source="manual"), 400, "invalid")
    assert unchanged(session)


def test_a_confidence_is_required_unless_the_offset_is_by_hand(api: Api, session: ComparisonSession) -> None:
    for source in ("timer_ocr", "audio"):
        refused(write(api, session, offsets={"vod-2": 1}, source=source), 400, "invalid")
        refused(write(api, session, offsets={"vod-2": 1}, source=source, confidence=None), 400, "invalid")
    assert unchanged(session)
    for confidence in (0, 0.5, 1):
        shown = session_of(write(api, session, offsets={"vod-2": 1}, source="audio", confidence=confidence))
        assert vod_of(shown, "vod-2")["offset_confidence"] == confidence
    shown = session_of(write(api, session, offsets={"vod-2": 2}, source="manual", confidence=0.3))
    assert vod_of(shown, "vod-2")["offset_confidence"] == 1.0
    assert OffsetChange.objects.latest("pk").confidence is None


@pytest.mark.both
@pytest.mark.django_db(transaction=True)
def test_twenty_writers_at_once_lose_nothing(owner: User) -> None:
    session = make_session(owner, durations=(600, 600))
    key = make_key(owner)
    offsets = [float(number) for number in range(1, WRITERS + 1)]
    writers = (lambda at=at: write(Api(key), session, offsets={"vod-2": at}, source="manual") for at in offsets)
    answers = at_once(*writers)
    shown = {offset: session_of(answer) for offset, answer in zip(offsets, answers, strict=True)}
    rows = list(OffsetChange.objects.order_by("id"))
    assert {row.new_offset for row in rows} == set(shown)
    assert [row.old_offset for row in rows] == [0.0, *(row.new_offset for row in rows[:-1])]
    session.refresh_from_db()
    assert session.revision == 1 + WRITERS
    assert session.vods.get(vod_id="vod-2").offset == rows[-1].new_offset
    # Every writer was shown the state that its own change made.
    for offset, answer in shown.items():
        assert vod_of(answer, "vod-2")["offset"] == offset


class TestDrift:
    def test_the_formula_of_the_contract(self, api: Api, session: ComparisonSession) -> None:
        body = {"offsets": {"vod-2": 37.0}, "drifts": {"vod-2": 80.0}, "anchors": {"vod-2": 100.0}}
        session_of(write(api, session, **body, source="audio", confidence=0.97))
        shown = session_of(api.put(f"{BASE}/{session.session_id}/global-seek", {"timestamp": 400}))
        vod = vod_of(shown, "vod-2")
        assert (vod["offset"], vod["drift_ppm"], vod["drift_anchor"]) == (37.0, 80.0, 100.0)
        assert vod["current_time"] == pytest.approx(400 - 37 + 80e-6 * (400 - 100), abs=1e-9)
        for other in (vod_of(shown, "vod-1"), vod_of(shown, "vod-3")):
            assert (other["drift_ppm"], other["drift_anchor"], other["current_time"]) == (0, 0, 400)

    def test_offset_and_drift_are_set_apart(self, api: Api, session: ComparisonSession) -> None:
        write(api, session, offsets={"vod-2": -50}, source="manual")
        vod = vod_of(session_of(write(api, session, drifts={"vod-2": -25.5}, source="manual")), "vod-2")
        assert (vod["offset"], vod["drift_ppm"], vod["drift_anchor"]) == (-50, -25.5, 0)
        write(api, session, drifts={"vod-2": 80}, anchors={"vod-2": 7}, source="manual")
        vod = vod_of(session_of(write(api, session, offsets={"vod-2": 1}, source="manual")), "vod-2")
        assert (vod["offset"], vod["drift_ppm"], vod["drift_anchor"]) == (1, 80, 7)

    def test_the_history_tells_of_it(self, api: Api, session: ComparisonSession) -> None:
        for drift in (80, 80, 0):
            write(api, session, drifts={"vod-2": drift}, anchors={"vod-2": drift / 10}, source="manual")
        history = api.get(f"{BASE}/{session.session_id}/offset-history").json()["history"]
        assert [(row["old_drift_ppm"], row["new_drift_ppm"]) for row in history] == [(80, 0), (0, 80)]
        assert [row["new_drift_anchor"] for row in history] == [0, 8]
        assert {(row["old_offset"], row["new_offset"]) for row in history} == {(0, 0)}

    def test_while_playing_it_runs_at_its_own_speed(self, owner: User, api: Api, session: ComparisonSession) -> None:
        write(api, session, drifts={"vod-1": -1000, "vod-2": 1000}, source="manual")
        api.put(f"{BASE}/{session.session_id}/playback", {"state": "playing", "rate": 2, "at": 0})
        session.refresh_from_db()
        message = session_message(session, owner.username, now=session.anchored_at)
        later = clock_message(message, 100)
        assert later["global_time"] == 200
        assert [vod["current_time"] for vod in later["session"]["vods"]] == pytest.approx([199.8, 200.2, 200])
        assert clock_message(message, 1000)["global_time"] == pytest.approx(600 / 0.999)


def fill(session: ComparisonSession, owner: User, count: int) -> None:
    first, second, _ = session.vods.all()
    OffsetChange.objects.bulk_create(
        OffsetChange(
            session=session, vod=second if number % 2 else first, old_offset=number - 1, new_offset=number,
            source="manual", changed_by=str(owner.pk), changed_by_name=owner.username,
        )
        for number in range(1, count + 1)
    )  # fmt: skip


class TestHistory:
    """GET /api/sessions/multi-vod/{id}/offset-history, and that no row of it can be changed."""

    pytestmark = pytest.mark.both

    @pytest.fixture
    def url(self, session: ComparisonSession) -> str:
        return f"{BASE}/{session.session_id}/offset-history"

    def test_newest_first_by_page_and_by_vod_up_to_an_end(
        self, api: Api, owner: User, session: ComparisonSession, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill(make_session(owner), owner, 3)
        refused(api.get(f"{url}?vod_id=vod-9"), 400, "unknown_vod")
        assert api.get(url).json() == {"ok": True, "history": [], "total": 0}
        fill(session, owner, 130)
        body = api.get(url).json()
        assert [row["new_offset"] for row in body["history"]] == list(range(130, 0, -1))
        assert body["total"] == 130
        assert all(a["timestamp"] >= b["timestamp"] for a, b in pairwise(body["history"]))
        for query, expected in (
            ("limit=10&offset=20", range(110, 100, -1)), ("limit=10&offset=125", range(5, 0, -1)), ("offset=130", []),
            ("offset=128", [2, 1]), ("vod_id=vod-2&offset=62", [5, 3, 1]), ("vod_id=vod-3", []),
        ):  # fmt: skip
            body = api.get(f"{url}?{query}").json()
            assert [row["new_offset"] for row in body["history"]] == list(expected)
            assert body["total"] == {"v": 65, "l": 130, "o": 130}[query[0]] * (query != "vod_id=vod-3")
        monkeypatch.setattr("sessions_app.comparison.api.MAX_CHANGES", 5)
        body = api.get(url).json()
        assert ([row["new_offset"] for row in body["history"]], body["total"]) == ([130, 129, 128, 127, 126], 130)
        assert [row["new_offset"] for row in api.get(f"{url}?offset=125").json()["history"]] == [5, 4, 3, 2, 1]

    def test_queries_do_not_grow_with_rows(self, api: Api, owner: User, session: ComparisonSession, url: str) -> None:
        fill(session, owner, 1)
        api.get(url)
        with CaptureQueriesContext(connection) as one:
            assert len(api.get(url).json()["history"]) == 1
        fill(session, owner, 49)
        with CaptureQueriesContext(connection) as fifty:
            assert len(api.get(url).json()["history"]) == 50
        assert len(fifty) == len(one)

    def test_rows_are_fixed_and_go_with_their_session(self, api: Api, owner: User, session: ComparisonSession) -> None:
        fill(session, owner, 1)
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            OffsetChange.objects.update(new_offset=9)
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE comparison_offset_change SET confidence = NULL")
        assert OffsetChange.objects.get().new_offset == 1
        assert "comparison_offset_change" in APPEND_ONLY
        assert unprotected_tables() == []
        api.delete(f"{BASE}/{session.session_id}")
        assert not OffsetChange.objects.exists()
