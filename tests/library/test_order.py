"""``order`` of GET /api/v1/library."""

import re

import pytest
from django.test import Client

from tests.support.api import Api
from tests.support.factories import make_video
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.both, pytest.mark.django_db]
URL = "/api/v1/library"


@pytest.fixture(autouse=True)
def _videos(owner: User) -> None:
    for title, duration, size in (("bravo", 10.0, 700), ("Alpha", 30.0, 900), ("charlie", 20.0, 700)):
        make_video(owner, title=title, duration=duration, file_size=size)


@pytest.mark.parametrize(("order", "expected"), [
    ("", ["charlie", "Alpha", "bravo"]), ("newest", ["charlie", "Alpha", "bravo"]),
    ("title", ["Alpha", "bravo", "charlie"]), ("longest", ["Alpha", "charlie", "bravo"]),
    ("largest", ["Alpha", "charlie", "bravo"]),
])  # fmt: skip
def test_videos_stand_as_asked_and_equal_ones_newest_first(api: Api, order: str, expected: list[str]) -> None:
    body = api.get(f"{URL}?order={order}").json()
    assert [video["title"] for video in body["videos"]] == expected


def test_pages_go_on_in_the_same_order(api: Api) -> None:
    pages = [api.get(f"{URL}?order=title&limit=1&page={page}").json()["videos"] for page in (1, 2, 3, 4)]
    assert [[video["title"] for video in videos] for videos in pages] == [["Alpha"], ["bravo"], ["charlie"], []]


@pytest.mark.parametrize("order", ["", "title", "largest"])
def test_the_page_shows_which_order_is_chosen(owner: User, order: str) -> None:
    browser = Client()
    browser.force_login(owner)
    page = browser.get(f"/library?order={order}").content.decode()
    assert re.findall(r'<option value="(\w*)" selected>(?:Newest first|Name|L\w+ first)', page) == [order]
