"""GET /api/sessions/multi-vod/list."""

import re
import uuid
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sessions_app.comparison.models import ComparisonSession
from tests.contract.places import browser
from tests.support.api import BASE, Api, refused
from tests.support.factories import make_rendition, make_session, make_share
from tests.support.pages import html_of
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db
URL = f"{BASE}/list"


def names(api: Api, query: str = "") -> list[str]:
    response = api.get(f"{URL}?{query}")
    assert response.status_code == 200, response.content
    return [row["name"] for row in response.json()["sessions"]]


def test_the_page_shows_a_picture_of_each(owner: User, other: User) -> None:
    """That of the first video that has one; for a guest at an address that ends with the share."""
    with_picture, without = make_session(owner, name="With"), make_session(owner, name="Without")
    share = make_share(with_picture, other)
    video = with_picture.vods.get(ordinal=1).video
    row = make_rendition(video, "poster")
    for user, grant in ((owner, ""), (other, f"?grant=share.{share.pk}")):
        page = html_of(browser(user).get("/compare"))
        found = re.findall(r'<img src="([^"]+)"', page)
        assert len(found) == 1
        assert found[0].endswith(f"/{row.pk}/poster.jpg{grant}")
        assert str(without.pk) in page or user == other


def test_the_same_videos_are_not_compared_twice(owner: User, other: User) -> None:
    made = make_session(owner, durations=(60.0, 50.0))
    first, second = (str(vod.video_id) for vod in made.vods.all())
    third = str(make_session(owner, durations=(60.0, 50.0)).vods.get(ordinal=0).video_id)

    def started(user: User, *videos: str) -> str:
        answer = browser(user).get("/compare", {"new": "", "start": "", "video": videos})
        return str(answer.headers.get("Location", answer.status_code))

    assert started(owner, second, first) == f"/compare/{made.pk}?setup"
    for user, videos in ((other, (first, second)), (owner, (first, third)), (owner, (first,)), (owner, ("x", first))):
        assert started(user, *videos) == "200"
    made.vods.filter(ordinal=1).update(offset=3.5)
    assert started(owner, first, second) == f"/compare/{made.pk}"
    ComparisonSession.objects.update(archived_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert started(owner, first, second) == "200"


def test_the_newest_comes_first_twenty_a_page_unless_another_limit_is_given(api: Api, owner: User) -> None:
    for day in (3, 1, *range(25, 3, -1), 2):
        session = make_session(owner, name=f"day {day}")
        ComparisonSession.objects.filter(pk=session.pk).update(created_at=datetime(2026, 1, day, tzinfo=UTC))
    every = [f"day {day}" for day in range(25, 0, -1)]
    assert names(api, "limit=100") == every
    assert names(api) == every[:20]
    assert names(api, "offset=20") == every[20:]
    assert names(api, "limit=1") == every[:1]
    assert names(api, "limit=7&offset=7") == every[7:14]
    assert api.get(f"{URL}?offset=1000").json() == {"ok": True, "sessions": [], "total": 25}


def test_a_bad_value_is_refused(api: Api) -> None:
    refused(api.get(f"{URL}?created_by=%00"), 400, "bad_request")
    for query in ("limit=101", "limit=1.5", "offset=-1", "offset=9999999999999999999999", "created_by=" + "x" * 151):
        refused(api.get(f"{URL}?{query}"), 400, "invalid")


def test_who_sees_what(api: Api, other_api: Api, admin_api: Api, moderator_api: Api, owner: User, other: User) -> None:
    make_session(owner, name="owner's")
    make_session(other, name="other's")
    assert names(api) == ["owner's"]
    assert names(other_api) == ["other's"]
    assert names(moderator_api) == []
    assert sorted(names(admin_api)) == ["other's", "owner's"]
    assert names(admin_api, f"created_by={owner.pk}") == ["owner's"]
    assert names(admin_api, "created_by=other") == ["other's"]
    assert admin_api.get(f"{URL}?created_by=other").json()["total"] == 1
    assert api.get(f"{URL}?created_by={other.pk}").json() == {"ok": True, "sessions": [], "total": 0}
    assert names(api, f"created_by={owner.username}") == ["owner's"]
    for who in ("nobody", str(uuid.UUID(int=1)), "a%27 OR 1=1", "%FF"):
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
