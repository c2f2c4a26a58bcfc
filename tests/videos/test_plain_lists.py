"""The first page of videos in the HTML of /library and /catalogue, and the pages without JavaScript."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from media_app.videos.models import VideoScope
from media_app.videos.pages import PAGE_LENGTH
from tests.contract.places import browser
from tests.support.factories import make_user, make_video
from tests.support.pages import html_of
from vodplatform.accounts.models import Role, User

pytestmark = [pytest.mark.both, pytest.mark.django_db]


def answer_of(page: str) -> Any:
    found = re.search(r'<script id="answer" type="application/json">(.*?)</script>', page)
    assert found
    return json.loads(found[1])


def titles(client: Client, path: str) -> list[str]:
    return [video["title"] for video in answer_of(html_of(client.get(path)))["videos"]]


def unsigned(answer: Any) -> Any:
    return json.loads(re.sub(r"sig=[^\"&]*", "sig=", json.dumps(answer)))


@pytest.mark.parametrize(("page", "api", "place"), [
    ("/library", "/api/v1/library", VideoScope.LIBRARY), ("/catalogue", "/api/v1/videos", VideoScope.CATALOGUE),
])  # fmt: skip
def test_the_page_has_the_response_of_the_api(owner: User, page: str, api: str, place: str) -> None:
    for number in range(3):
        make_video(owner, place=place, title=f"</script>{number}", tags=["final"])
    client = browser(owner)
    answer = answer_of(html_of(client.get(page)))
    assert len(answer["videos"]) == 3
    assert unsigned(answer) == unsigned(
        client.get(f"{api}?limit={PAGE_LENGTH}", headers={"Accept": "application/json"}).json()
    )


def test_the_library_page_lists_by_its_filters(owner: User, other: User) -> None:
    make_video(owner, title="Round 7", tags=["ranked"], duration=5)
    make_video(owner, title="Final", duration=50)
    make_video(owner, title="Old", deleted_at="2026-01-01T00:00:00Z")
    make_video(other, title="Not yours")
    client = browser(owner)
    for query, listed in (
        ("", ["Final", "Round 7"]), ("tag=ranked", ["Round 7"]), ("search=fin&status=", ["Final"]),
        ("order=title", ["Final", "Round 7"]), ("order=longest", ["Final", "Round 7"]), ("status=bin", ["Old"]),
        ("bin=true&limit=1", ["Final", "Round 7"]), ("status=failed", []),
    ):  # fmt: skip
        assert titles(client, f"/library?{query}") == listed, query
    assert answer_of(html_of(client.get("/library?order=best"))) is None
    assert answer_of(html_of(client.get("/library?page=x"))) is None


def test_the_catalogue_page_shows_hidden_videos_to_moderators_only(owner: User) -> None:
    make_video(owner, place=VideoScope.CATALOGUE, title="Shown")
    make_video(owner, place=VideoScope.CATALOGUE, title="Hidden", is_hidden=True)
    moderator = browser(make_user("mira", role=Role.MODERATOR))
    assert titles(moderator, "/catalogue?status=hidden") == ["Hidden"]
    for client in (browser(make_user("mia")), browser(None)):
        assert titles(client, "/catalogue?status=hidden") == ["Shown"]
    for query in ("tag=none", "featured=false", "status=deleted"):
        assert titles(moderator, f"/catalogue?{query}") == titles(moderator, "/catalogue"), query


def test_searches_of_the_page_count_as_reads_of_the_api(owner: User, settings: Any) -> None:
    make_video(owner, title="Final")
    settings.THROTTLES_ON, settings.THROTTLES = True, {**settings.THROTTLES, "read": 2}
    client = browser(owner)
    found = [answer_of(html_of(client.get("/library?search=fin"))) is not None for _ in range(3)]
    assert found == [True, True, False]
    assert client.get("/api/v1/library", headers={"Accept": "application/json"}).status_code == 429
    assert titles(client, "/library") == ["Final"]


def without_scripts(page: str) -> str:
    return "".join(re.findall(r"<noscript>(.*?)</noscript>", page, re.DOTALL))


def test_a_browser_without_javascript_reads_the_library_page_by_page(owner: User) -> None:
    for number in range(PAGE_LENGTH + 1):
        make_video(owner, title=f"Round {number:02}")
    client = browser(owner)
    assert re.search(r'name="search"\s+form="filters"', html_of(client.get("/library")))
    first = without_scripts(html_of(client.get("/library?order=title")))
    assert (first.count("/watch/"), "Previous page" in first) == (PAGE_LENGTH, False)
    found = re.search(r'href="(\?[^"]*)" rel="next"', first)
    assert found
    last = without_scripts(html_of(client.get("/library" + found[1].replace("&amp;", "&"))))
    assert (last.count("/watch/"), f"Round {PAGE_LENGTH}" in last, "Next page" in last) == (1, True, False)


def test_a_browser_without_javascript_plays_a_video(owner: User) -> None:
    video = make_video(owner)
    page = without_scripts(html_of(browser(owner).get(f"/watch/{video.pk}")))
    assert f'src="/api/v1/media/stream/{video.pk}?sig=' in page
