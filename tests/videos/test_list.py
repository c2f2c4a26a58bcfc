"""GET /api/v1/library."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs_app.models import JobStatus
from media_app.videos.models import Video, VideoSource, VideoStatus
from tests.contract.places import browser
from tests.support.api import Api, refused
from tests.support.factories import make_job, make_key, make_rendition, make_user, make_video
from vodplatform.accounts.models import Role, User

pytestmark = [pytest.mark.both, pytest.mark.django_db]
URL = "/api/v1/library"


def titles(api: Api, query: str = "") -> list[str]:
    response = api.get(f"{URL}?{query}")
    assert response.status_code == 200, response.content
    return [video["title"] for video in response.json()["videos"]]


def test_what_is_known_of_a_video_is_shown(api: Api, owner: User) -> None:
    """Which fields there are: tests/contract/test_examples.py."""
    video = make_video(owner, title="Round 7", duration=12.6, tags=["ranked"])
    body = api.get(URL).json()
    assert body["pagination"] == {"page": 1, "limit": 20, "total": 1, "totalPages": 1}
    row = body["videos"][0]
    assert (row["id"], row["title"], row["tags"], row["status"]) == (str(video.pk), "Round 7", ["ranked"], "ready")
    assert (row["duration"], row["duration_exact"], row["version"], row["vector_clock"]) == (13, 12.6, 1, {})
    assert row["last_modified_by"] == str(owner.pk)
    assert row["video_url"].startswith(f"/api/v1/media/stream/{video.pk}?sig=")
    assert (row["poster_url"], row["renditions"], row["error"]) == (None, [], None)


def test_the_tags_used_most_are_counted_by_the_database(owner: User, other: User) -> None:
    for tags in (["b", "a"], ["a", 'Ä "quoted"'], [], ["c"]):
        make_video(owner, tags=tags)
    make_video(other, tags=["b", "b"])
    videos = Video.objects.private().filter(owner=owner)
    with CaptureQueriesContext(connection) as seen:
        assert list(videos.most_used_tags(3).items()) == [("a", 2), ("b", 1), ("c", 1)]
    assert (len(seen), "LIMIT 3" in seen[0]["sql"]) == (1, True)
    assert videos.most_used_tags(9)['Ä "quoted"'] == 1
    assert videos.filter(title="none").most_used_tags(3) == {}


def test_what_was_made_of_it_has_signed_addresses(api: Api, owner: User) -> None:
    video = make_video(owner)
    for kind in ("poster", "sprite", "peaks", "hls"):
        make_rendition(video, kind, "720" if kind == "hls" else "")
    row = api.get(URL).json()["videos"][0]
    assert row["thumbnail_path"].endswith("/poster.jpg")
    assert row["thumbnail_url"] == row["poster_url"]
    assert all(row[name] for name in ("poster_url", "sprite_vtt_url", "peaks_url", "hls_url"))
    assert [(rung["kind"], rung["name"], rung["height"]) for rung in row["renditions"]] == [("hls", "720", 720)]


def test_it_is_the_callers_own_alone(api: Api, admin_api: Api, owner: User) -> None:
    moderator = make_user(role=Role.MODERATOR)
    make_video(owner, title="mine")
    make_video(moderator, title="hers")
    assert (titles(api), titles(Api(make_key(moderator))), titles(admin_api)) == (["mine"], ["hers"], [])


def test_pages(api: Api, owner: User) -> None:
    for number in range(25):
        make_video(owner, title=str(number))
    every = titles(api, "limit=100")
    assert every == [str(number) for number in reversed(range(25))]
    assert titles(api) == every[:20]
    assert titles(api, "page=2") == every[20:]
    assert titles(api, "page=3&limit=7") == every[14:21]
    assert titles(api, "page=99") == []
    assert api.get(f"{URL}?page=99").json()["pagination"] == {"page": 99, "limit": 20, "total": 25, "totalPages": 2}


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page=-1", "limit=101", "limit=0", "limit=x", "status=gone", "order=-title"]
)
def test_a_bad_value_is_400(api: Api, query: str) -> None:
    refused(api.get(f"{URL}?{query}"), 400, "invalid")


def test_by_tag(api: Api, owner: User) -> None:
    make_video(owner, title="one", tags=["día", "a"])
    make_video(owner, title="two", tags=["día 2", "b"])
    assert titles(api, "tag=día") == ["one"]
    assert titles(api, "tag=d") == []


def test_by_status_which_is_what_its_job_says(api: Api, owner: User) -> None:
    for status, title in [("processing", "going"), ("failed", "broken"), ("cancelled", "stopped")]:
        job = make_job(owner, status, error={"type": "vod_unreadable", "message": "No video."})
        make_video(owner, title=title, status=VideoStatus.PROCESSING, source=VideoSource.STORED, job=job)
    make_video(owner, title="orphan", status=VideoStatus.PROCESSING, source=VideoSource.STORED)
    make_video(owner, title="whole")
    assert titles(api, "status=processing") == ["going"]
    assert titles(api, "status=ready") == ["whole"]
    assert set(titles(api, "status=failed")) == {"broken", "stopped", "orphan"}
    errors = {video["title"]: video["error"] for video in api.get(f"{URL}?status=failed").json()["videos"]}
    assert errors["broken"] == {"type": "vod_unreadable", "message": "No video."}
    assert errors["orphan"]["type"] == "server_error"


def test_fifty_take_as_many_queries_as_one(api: Api, owner: User) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert api.get(f"{URL}?limit=100").status_code == 200
        return len(queries)

    def make_full(number: int) -> None:
        for _ in range(number):
            make_rendition(make_video(owner, job=make_job(owner, JobStatus.COMPLETED)), "poster")

    make_full(2)
    count()  # the first also notes when the token was used
    few = count()
    make_full(48)
    assert count() == few


class TestOrder:
    @pytest.fixture(autouse=True)
    def _videos(self, owner: User) -> None:
        for title, duration, size in (("bravo", 10.0, 700), ("Alpha", 30.0, 900), ("charlie", 20.0, 700)):
            make_video(owner, title=title, duration=duration, file_size=size)

    @pytest.mark.parametrize(("order", "expected"), [
        ("", ["charlie", "Alpha", "bravo"]), ("newest", ["charlie", "Alpha", "bravo"]),
        ("title", ["Alpha", "bravo", "charlie"]), ("longest", ["Alpha", "charlie", "bravo"]),
        ("largest", ["Alpha", "charlie", "bravo"]),
    ])  # fmt: skip
    def test_videos_stand_as_asked_and_equal_ones_newest_first(self, api: Api, order: str, expected: list[str]) -> None:
        assert titles(api, f"order={order}") == expected

    def test_pages_go_on_in_the_same_order(self, api: Api) -> None:
        pages = [titles(api, f"order=title&limit=1&page={page}") for page in (1, 2, 3, 4)]
        assert pages == [["Alpha"], ["bravo"], ["charlie"], []]

    @pytest.mark.parametrize("order", ["", "title", "largest"])
    def test_the_page_shows_which_order_is_chosen(self, owner: User, order: str) -> None:
        page = browser(owner).get(f"/library?order={order}").content.decode()
        assert re.findall(r'<option value="(\w*)" selected>(?:Newest first|Name|L\w+ first)', page) == [order]
