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


def test_an_admins_change_is_under_the_admins_name(
    api: Api, admin_api: Api, admin_person: User, session: ComparisonSession, url: str
) -> None:
    admin_api.put(f"{BASE}/{session.session_id}/offsets", {"offsets": {"vod-2": 1}, "source": "manual"})
    assert api.get(url).json()["history"][0]["changed_by"] == str(admin_person.pk)


def test_the_most_recent_comes_first_and_all_rows_without_a_limit(
    api: Api, owner: User, session: ComparisonSession, url: str
) -> None:
    fill(session, owner, 130)
    body = api.get(url).json()
    assert [row["new_offset"] for row in body["history"]] == list(range(130, 0, -1))
    assert body["total"] == 130
    assert all(a["timestamp"] >= b["timestamp"] for a, b in pairwise(body["history"]))


def test_fifty_rows_take_as_many_queries_as_one(api: Api, owner: User, session: ComparisonSession, url: str) -> None:
    fill(session, owner, 1)
    api.get(url)
    with CaptureQueriesContext(connection) as one:
        assert len(api.get(url).json()["history"]) == 1
    fill(session, owner, 49)
    with CaptureQueriesContext(connection) as fifty:
        assert len(api.get(url).json()["history"]) == 50
    assert len(fifty) == len(one)


def test_it_can_be_read_by_pages(api: Api, owner: User, session: ComparisonSession, url: str) -> None:
    fill(session, owner, 25)
    pages = [api.get(f"{url}?limit=10&offset={offset}").json() for offset in (0, 10, 20, 30)]
    assert [len(page["history"]) for page in pages] == [10, 10, 5, 0]
    assert [row["new_offset"] for page in pages for row in page["history"]] == list(range(25, 0, -1))
    assert {page["total"] for page in pages} == {25}


def test_an_offset_without_a_limit_skips_rows(api: Api, owner: User, session: ComparisonSession, url: str) -> None:
    fill(session, owner, 5)
    assert [row["new_offset"] for row in api.get(f"{url}?offset=3").json()["history"]] == [2, 1]


def test_it_can_be_narrowed_to_one_vod(api: Api, owner: User, session: ComparisonSession, url: str) -> None:
    fill(session, owner, 6)
    body = api.get(f"{url}?vod_id=vod-2").json()
    assert [row["new_offset"] for row in body["history"]] == [5, 3, 1]
    assert body["total"] == 3
    assert api.get(f"{url}?vod_id=vod-3").json() == {"ok": True, "history": [], "total": 0}


def test_an_unknown_vod_is_refused(api: Api, url: str) -> None:
    refused(api.get(f"{url}?vod_id=vod-9"), 400, "unknown_vod")


def test_a_new_session_has_an_empty_history(api: Api, url: str) -> None:
    assert api.get(url).json() == {"ok": True, "history": [], "total": 0}


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=-1", "limit=abc", "limit=1.5", "limit=NaN", "offset=-1", "offset=x",
     "offset=99999999999999999999", "limit=true"],
)  # fmt: skip
def test_a_bad_page_is_refused(api: Api, url: str, query: str) -> None:
    refused(api.get(f"{url}?{query}"), 400, "invalid")


def test_a_nul_in_the_query_is_refused(api: Api, url: str) -> None:
    refused(api.get(f"{url}?vod_id=a%00b"), 400, "bad_request")


def test_the_history_holds_only_its_own_session(api: Api, owner: User, session: ComparisonSession, url: str) -> None:
    fill(make_session(owner), owner, 3)
    assert api.get(url).json()["total"] == 0


def test_another_users_history_is_not_found(other_api: Api, url: str) -> None:
    refused(other_api.get(url), 404, "session_not_found")


class TestRowsAreNeverChanged:
    def test_the_database_refuses_an_update(self, owner: User, session: ComparisonSession) -> None:
        fill(session, owner, 1)
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            OffsetChange.objects.update(new_offset=9)
        assert OffsetChange.objects.get().new_offset == 1

    def test_it_refuses_plain_sql_too(self, owner: User, session: ComparisonSession) -> None:
        fill(session, owner, 1)
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE comparison_offset_change SET confidence = NULL")

    def test_every_table_that_must_not_change_has_its_trigger(self) -> None:
        assert "comparison_offset_change" in APPEND_ONLY
        assert unprotected_tables() == []

    def test_they_go_with_their_session(self, api: Api, owner: User, session: ComparisonSession) -> None:
        fill(session, owner, 2)
        api.delete(f"{BASE}/{session.session_id}")
        assert not OffsetChange.objects.exists()
