"""GET /api/sessions/multi-vod/{id}/offset-history, and that no row of it can be changed."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from sessions_app.comparison.models import ComparisonSession, OffsetChange
from tests.support.api import BASE, Api, refused
from tests.support.factories import make_session
from vodplatform.accounts.models import User
from vodplatform.base.records.append_only import APPEND_ONLY, unprotected_tables

pytestmark = [pytest.mark.both, pytest.mark.django_db]


@pytest.fixture
def session(owner: User) -> ComparisonSession:
    return make_session(owner)


@pytest.fixture
def url(session: ComparisonSession) -> str:
    return f"{BASE}/{session.session_id}/offset-history"


def fill(session: ComparisonSession, owner: User, count: int) -> None:
    first, second, _ = session.vods.all()
    OffsetChange.objects.bulk_create(
        OffsetChange(
            session=session, vod=second if number % 2 else first, old_offset=number - 1, new_offset=number,
            source="manual", changed_by=str(owner.pk), changed_by_name=owner.username,
        )
        for number in range(1, count + 1)
    )  # fmt: skip


def test_a_row_says_what_when_why_and_who(api: Api, owner: User, session: ComparisonSession, url: str) -> None:
    began = time.time()
    base = f"{BASE}/{session.session_id}/offsets"
    api.put(base, {"offsets": {"vod-2": -50}, "source": "timer_ocr", "confidence": 0.88})
    api.put(base, {"offsets": {"vod-2": -49.5}, "source": "manual"})
    body = api.get(url).json()
    assert (body["ok"], body["total"]) == (True, 2)
    manual, found = body["history"]
    assert began - 5 < found["timestamp"] <= manual["timestamp"] < time.time() + 5
    assert (found["vod_id"], found["vod_name"]) == ("vod-2", "Player 2")
    assert (found["old_offset"], found["new_offset"]) == (0, -50)
    assert (found["source"], found["confidence"]) == ("timer_ocr", 0.88)
    assert found["changed_by"] == str(owner.pk)
    assert (manual["old_offset"], manual["new_offset"]) == (-50, -49.5)
    assert (manual["source"], manual["confidence"]) == ("manual", None)


def test_an_answer_has_an_end_and_says_how_many_there_are(
    api: Api, owner: User, session: ComparisonSession, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(session, owner, 7)
    monkeypatch.setattr("sessions_app.comparison.api.MAX_CHANGES", 5)
    body = api.get(url).json()
    assert ([row["new_offset"] for row in body["history"]], body["total"]) == ([7, 6, 5, 4, 3], 7)
    assert [row["new_offset"] for row in api.get(f"{url}?offset=5").json()["history"]] == [2, 1]


def test_newest_first_by_page_and_by_vod(api: Api, owner: User, session: ComparisonSession, url: str) -> None:
    fill(make_session(owner), owner, 3)
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


def test_a_bad_query_is_refused(api: Api, url: str) -> None:
    refused(api.get(f"{url}?vod_id=vod-9"), 400, "unknown_vod")
    refused(api.get(f"{url}?vod_id=a%00b"), 400, "bad_request")
    for query in (
        "limit=0", "limit=101", "limit=-1", "limit=abc", "limit=1.5", "limit=NaN", "offset=-1", "offset=x",
        "offset=99999999999999999999", "limit=true",
    ):  # fmt: skip
        refused(api.get(f"{url}?{query}"), 400, "invalid")


def test_fifty_rows_take_as_many_queries_as_one(api: Api, owner: User, session: ComparisonSession, url: str) -> None:
    fill(session, owner, 1)
    api.get(url)
    with CaptureQueriesContext(connection) as one:
        assert len(api.get(url).json()["history"]) == 1
    fill(session, owner, 49)
    with CaptureQueriesContext(connection) as fifty:
        assert len(api.get(url).json()["history"]) == 50
    assert len(fifty) == len(one)


def test_rows_cannot_be_updated_and_go_with_their_session(api: Api, owner: User, session: ComparisonSession) -> None:
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
