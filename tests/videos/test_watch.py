"""GET /watch/{id}: who gets the page of which video, and with which tools."""

import json
import re
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from media_app.videos.models import Video, VideoScope, VideoStatus
from tests.contract.places import browser
from tests.support.factories import make_analysis, make_session, make_user, make_video
from tests.support.pages import html_of
from vodplatform.accounts.models import Role, User

pytestmark = pytest.mark.django_db
PUBLIC = {"place": VideoScope.CATALOGUE, "title": "The final"}


def facts(client: Client, video: Video) -> dict[str, Any]:
    response = client.get(f"/watch/{video.pk}")
    assert response.status_code == 200
    found = re.search(r'<script id="facts" type="application/json">(.*?)</script>', html_of(response))
    assert found
    told: dict[str, Any] = json.loads(found[1])
    return told


def asked_to_sign_in(client: Client, video_id: object) -> None:
    response = client.get(f"/watch/{video_id}")
    assert (response.status_code, response["Location"]) == (302, f"/login?next=/watch/{video_id}")


def test_who_moderates_may_publish_a_private_video(owner: User) -> None:
    moderator = make_user("mira", role=Role.MODERATOR)
    private, public = make_video(moderator), make_video(moderator, **PUBLIC)
    assert facts(browser(owner), make_video(owner))["may_publish"] is False
    assert [facts(browser(moderator), video)["may_publish"] for video in (private, public)] == [True, False]


def test_a_private_video_is_its_owners(owner: User) -> None:
    video = make_video(owner)
    told = facts(browser(owner), video)
    assert (told["place"], told["is_signed_in"], told["may_change"], told["may_edit"]) == ("library", True, True, False)
    assert facts(browser(make_user("chief", role=Role.ADMIN)), video)["may_change"] is True


def test_anybody_gets_what_the_catalogue_shows(owner: User) -> None:
    video = make_video(owner, **PUBLIC, category="Finals", view_count=3)
    page = html_of(browser(None).get(f"/watch/{video.pk}"))
    for words in ("The final", "3 views", "/catalogue?category=Finals"):
        assert words in page
    told = facts(browser(None), video)
    assert (told["place"], told["is_signed_in"], told["may_change"], told["may_edit"]) == (
        "catalogue", False, False, False,
    )  # fmt: skip
    assert f"/catalogue/{video.pk}/edit" not in page


@pytest.mark.parametrize(
    ("role", "may_edit"), [(Role.MODERATOR, True), (Role.ADMIN, True), pytest.param(None, False, id="its owner")]
)
def test_moderators_alone_are_led_to_where_it_is_edited(owner: User, role: Role | None, may_edit: bool) -> None:
    video = make_video(owner, **PUBLIC)
    client = browser(make_user("mira", role=role) if role else owner)
    told = facts(client, video)
    assert (told["may_change"], told["may_edit"]) == (False, may_edit)
    assert (f'href="/catalogue/{video.pk}/edit"' in html_of(client.get(f"/watch/{video.pk}"))) is may_edit


@pytest.mark.parametrize("fields", [{"is_hidden": True}, {"deleted_at": Now()}, {"status": VideoStatus.PROCESSING}])
def test_what_the_catalogue_does_not_show_requires_sign_in_and_is_404(owner: User, fields: dict[str, Any]) -> None:
    video = make_video(owner, **PUBLIC, **fields)
    asked_to_sign_in(browser(None), video.pk)
    assert browser(make_user("bert")).get(f"/watch/{video.pk}").status_code == 404
    assert browser(owner).get(f"/watch/{video.pk}").status_code == 404


def test_without_a_public_catalogue_one_has_to_sign_in(owner: User, settings: Any) -> None:
    settings.PUBLIC_CATALOG = False
    video = make_video(owner, **PUBLIC)
    asked_to_sign_in(browser(None), video.pk)
    assert facts(browser(make_user("bert")), video)["place"] == "catalogue"


def test_the_navigation_marks_the_shelf_that_the_video_stands_on(owner: User) -> None:
    def marked(client: Client, video: Video) -> list[str]:
        page = html_of(client.get(f"/watch/{video.pk}"))
        return re.findall(r'<a href="([^"]+)" aria-current="page">', page)

    assert set(marked(browser(owner), make_video(owner))) == {"/library"}
    listed = make_video(owner, **PUBLIC)
    assert set(marked(browser(owner), listed)) == {"/catalogue"}
    assert set(marked(browser(None), listed)) == {"/catalogue"}


def test_what_uses_it_is_linked_as_far_as_the_viewer_may_see_it(owner: User, other: User) -> None:
    video = make_video(owner, **PUBLIC)
    mine = make_session(owner, videos=[video, make_video(owner)], name="Mine")
    theirs = make_session(other, videos=[video, make_video(other)], name="Theirs")
    analysis = make_analysis(owner, video=video)
    page = html_of(browser(owner).get(f"/watch/{video.pk}"))
    assert f'href="/compare/{mine.pk}"' in page
    assert f'href="/analysis/{analysis.pk}"' in page
    assert str(theirs.pk) not in page
    assert "Used in" not in html_of(browser(make_user()).get(f"/watch/{video.pk}"))
