"""GET /api/sessions/multi-vod/list."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from media_app.videos.models import Rendition, RenditionKind
from sessions_app.comparison.models import ComparisonSession
from tests.contract.places import browser
from tests.support.api import BASE, Api, refused
from tests.support.factories import make_session, make_share
from tests.support.pages import html_of
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db
URL = f"{BASE}/list"


def names(api: Api, query: str = "") -> list[str]:
    response = api.get(f"{URL}?{query}")
    assert response.status_code == 200, response.content
    return [row["name"] for row in response.json()["sessions"]]


def test_a_row_has_the_fields_of_the_contract(api: Api, owner: User) -> None:
    session = make_session(owner, durations=(10, 20), name="Final")
    body = api.get(URL).json()
    assert (body["ok"], body["total"]) == (True, 1)
    row = body["sessions"][0]
    assert set(row) >= {"session_id", "name", "created_at", "updated_at", "vod_count", "created_by"}
    assert (row["session_id"], row["name"], row["vod_count"]) == (session.session_id, "Final", 2)
    assert row["created_by"] == str(owner.pk)
    assert isinstance(row["created_at"], float)


def test_the_page_shows_a_picture_of_each(owner: User, other: User) -> None:
    """That of the first video that has one; for a guest at an address that ends with the share."""
    with_picture, without = make_session(owner, name="With"), make_session(owner, name="Without")
    share = make_share(with_picture, other)
    video = with_picture.vods.get(ordinal=1).video
    poster = {"kind": RenditionKind.POSTER, "folder": f"renditions/{video.pk}/", "files": {"image": "poster.jpg"}}
    row = Rendition.objects.create(video=video, mime_type="image/jpeg", size=1, **poster)
    for user, grant in ((owner, ""), (other, f"?grant=share.{share.pk}")):
        page = html_of(browser(user).get("/compare"))
        found = re.findall(r'<img src="([^"]+)"', page)
        assert len(found) == 1
        assert found[0].endswith(f"/{row.pk}/poster.jpg{grant}")
        assert str(without.pk) in page or user == other


def test_without_sessions_it_is_empty(api: Api) -> None:
    assert api.get(URL).json() == {"ok": True, "sessions": [], "total": 0}


def test_the_newest_comes_first(api: Api, owner: User) -> None:
    for day in (3, 1, 5, 2, 4):
        session = make_session(owner, name=f"day {day}")
        ComparisonSession.objects.filter(pk=session.pk).update(created_at=datetime(2026, 1, day, tzinfo=UTC))
    assert names(api) == ["day 5", "day 4", "day 3", "day 2", "day 1"]


def test_twenty_a_page_unless_another_limit_is_given(api: Api, owner: User) -> None:
    for number in range(25):
        make_session(owner, name=str(number))
    every = names(api, "limit=100")
    assert len(every) == 25
    assert names(api) == every[:20]
    assert names(api, "offset=20") == every[20:]
    assert names(api, "limit=1") == every[:1]
    assert names(api, "limit=7&offset=7") == every[7:14]


def test_a_page_past_the_end_is_empty_and_still_says_how_many(api: Api, owner: User) -> None:
    make_session(owner)
    assert api.get(f"{URL}?offset=1000").json() == {"ok": True, "sessions": [], "total": 1}


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=-1", "limit=abc", "limit=1.5", "limit=NaN", "limit=1e2", "limit=null", "offset=-1",
     "offset=abc", "offset=1.5", "offset=9999999999999999999999", "limit=%F0%9F%8E%AE", "created_by=" + "x" * 151],
)  # fmt: skip
def test_a_bad_value_is_refused(api: Api, query: str) -> None:
    refused(api.get(f"{URL}?{query}"), 400, "invalid")


def test_a_nul_is_refused(api: Api) -> None:
    refused(api.get(f"{URL}?created_by=%00"), 400, "bad_request")


def test_everybody_sees_their_own_and_admins_see_all(
    api: Api, other_api: Api, admin_api: Api, moderator_api: Api, owner: User, other: User
) -> None:
    make_session(owner, name="owner's")
    make_session(other, name="other's")
    assert names(api) == ["owner's"]
    assert names(other_api) == ["other's"]
    assert names(moderator_api) == []
    assert sorted(names(admin_api)) == ["other's", "owner's"]


class TestCreatedBy:
    def test_it_takes_the_id_and_the_name(self, admin_api: Api, owner: User, other: User) -> None:
        make_session(owner, name="owner's")
        make_session(other, name="other's")
        assert names(admin_api, f"created_by={owner.pk}") == ["owner's"]
        assert names(admin_api, "created_by=other") == ["other's"]
        assert admin_api.get(f"{URL}?created_by=other").json()["total"] == 1

    def test_it_never_shows_what_the_caller_may_not_see(self, api: Api, owner: User, other: User) -> None:
        make_session(owner)
        make_session(other)
        assert api.get(f"{URL}?created_by={other.pk}").json() == {"ok": True, "sessions": [], "total": 0}
        assert names(api, f"created_by={owner.username}") == ["A comparison"]

    @pytest.mark.parametrize("who", ["nobody", str(uuid.UUID(int=1)), "a%27 OR 1=1", "%FF"])
    def test_nobody_has_no_sessions(self, api: Api, owner: User, who: str) -> None:
        make_session(owner)
        assert names(api, f"created_by={who}") == []


def test_fifty_rows_take_as_many_queries_as_one(api: Api, owner: User) -> None:
    make_session(owner)
    names(api)
    with CaptureQueriesContext(connection) as one:
        assert len(names(api, "limit=100")) == 1
    for _ in range(49):
        make_session(owner)
    with CaptureQueriesContext(connection) as fifty:
        assert len(names(api, "limit=100")) == 50
    assert len(fifty) == len(one)


def test_the_list_needs_a_sign_in(anonymous: Api) -> None:
    refused(anonymous.get(URL), 401, "unauthenticated")
