"""Files that pages send straight to the bucket, and play from there: the program itself sees none of their bytes."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, Response, expect

from tests.browser import shelf
from tests.browser.conftest import ANSWER_SECONDS, DESK, Recording, running, sign_in
from tests.browser.uploads.test_upload_page import choose, expect_whole, row, video_of, wait_ready
from tests.browser.videos.test_watch_page import go_by_key, wait_loaded
from tests.support.clips import render_clip
from tests.support.program import Program
from tests.support.s3 import Bucket, fresh_bucket

pytestmark = pytest.mark.services
MIB = 2**20
PIECE = 16 * MIB
SIZE = 2 * PIECE + 5 * MIB


@pytest.fixture(scope="module")
def bucket(s3_server: str) -> Iterator[Bucket]:
    with fresh_bucket(s3_server) as found:
        yield found


@pytest.fixture(scope="module")
def on_s3(bucket: Bucket, recordings: list[Recording], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A program whose files are in the bucket, which lets its pages in."""
    environment = bucket.environment | {"AWS_S3_CORS": "1"}
    with running(tmp_path_factory.mktemp("on-s3") / "d", recordings[0].path.parent, **environment) as found:
        yield found


@pytest.fixture
def page(chromium: Browser, on_s3: Program) -> Iterator[Page]:
    page = chromium.new_page(viewport={"width": DESK[0], "height": DESK[1]}, base_url=on_s3.address)
    page.set_default_timeout(1000 * ANSWER_SECONDS)
    sign_in(page, on_s3)
    yield page
    page.close()


class Heard:
    """The requests of a page, as ``PUT /path``: to the program and to the bucket. parts: part numbers sent there."""

    def __init__(self, page: Page, bucket: Bucket) -> None:
        self.here: list[str] = []
        self.there: list[str] = []
        self.parts: set[int] = set()
        self._bucket = urlsplit(bucket.faults.url).netloc
        page.on("request", self._note)

    def _note(self, request: Request) -> None:
        address = urlsplit(request.url)
        there = address.netloc == self._bucket
        (self.there if there else self.here).append(f"{request.method} {address.path}")
        if there and request.method == "PUT":
            self.parts.add(int(parse_qs(address.query)["partNumber"][0]))


def test_files_go_and_play_past_the_program(page: Page, bucket: Bucket, on_s3: Program, tmp_path: Path) -> None:
    clip = render_clip(tmp_path / "old_camera.mp4", codec="mpeg4", seconds=4)
    file = shelf.padded(clip, tmp_path / "match_7.mp4", SIZE)
    page.goto("/upload")
    page.get_by_label("Tags for all uploads").fill("scrim")
    heard = Heard(page, bucket)
    bucket.faults.cut(after_bytes=PIECE + 2 * MIB, times=1)
    choose(page, file)
    expect(row(page, "match_7")).to_have_attribute("data-state", re.compile("offline|sending"))
    wait_ready(page, "match_7")
    video = video_of(page, on_s3, "match_7")
    assert (video["title"], video["tags"], video["file_size"]) == ("match_7", ["scrim"], SIZE)
    assert not [line for line in heard.here if line.startswith("PATCH") or "/tus" in line]
    sent = [line for line in heard.there if line.startswith("PUT")]
    assert len(sent) >= 4  # three pieces, one of them again
    assert shelf.original(on_s3, video) == shelf.digest(file)

    watching = Heard(page, bucket)
    page.goto(f"/watch/{video['id']}")
    # The browser has no decoder for such a picture, only for its sound, and plays what was made of it.
    expect(page.locator("[data-quality]")).to_contain_text("Auto", timeout=60_000)
    page.wait_for_function(
        "() => { const v = document.querySelector('video'); return v.videoWidth && v.readyState >= 3; }", timeout=60_000
    )
    assert [line for line in watching.there if "/hls-" in line]
    assert {line.rsplit("/", 1)[1] for line in watching.here if "/media/hls/" in line} == {"master.m3u8", "index.m3u8"}


def test_a_video_seeks_in_the_bucket(page: Page, bucket: Bucket, on_s3: Program, recordings: list[Recording]) -> None:
    page.goto("/upload")
    choose(page, recordings[0].path)
    wait_ready(page, recordings[0].path.stem)
    video = video_of(page, on_s3, recordings[0].path.stem)
    statuses: dict[str, set[int]] = {"bucket": set(), "program": set()}

    def heard(answer: Response) -> None:
        if urlsplit(answer.url).path.endswith(video["video_url"].split("?")[0]):
            statuses["program"].add(answer.status)
        elif answer.url.startswith(bucket.faults.url):
            statuses["bucket"].add(answer.status)

    page.on("response", heard)
    page.goto(f"/watch/{video['id']}")
    wait_loaded(page)
    for key, seconds in (("8", 32), ("1", 4), ("5", 20)):
        go_by_key(page, key, seconds)
    assert statuses["program"] == {302}
    assert 206 in statuses["bucket"]


def test_no_leftovers(page: Page, bucket: Bucket, on_s3: Program, recordings: list[Recording], tmp_path: Path) -> None:
    """An upload that is left, cancelled or hidden from the bucket leaves nothing there."""
    file = shelf.padded(recordings[2].path, tmp_path / "match_8.mp4", SIZE)
    page.goto("/upload")
    on_s3.wait_for_jobs()  # they read from the bucket, too
    bucket.faults.cut(after_bytes=PIECE + 2 * MIB)
    choose(page, file)
    expect(row(page, "match_8")).to_have_attribute("data-state", "offline")
    page.once("dialog", lambda dialog: dialog.accept())
    page.reload()
    bucket.heal()
    expect(row(page, "match_8")).to_have_attribute("data-state", "unfinished")
    heard = Heard(page, bucket)
    choose(page, file)
    expect_whole(page, on_s3, "match_8", file)
    # The first part was there already.
    assert heard.parts == {2, 3}

    other = shelf.padded(recordings[2].path, tmp_path / "match_9.mp4", SIZE + MIB)
    bucket.faults.cut(after_bytes=PIECE + 2 * MIB)
    choose(page, other)
    expect(row(page, "match_9")).to_have_attribute("data-state", "offline")
    bucket.heal()
    row(page, "match_9").get_by_role("button", name=re.compile("Cancel")).click()
    page.get_by_role("button", name="Cancel upload").click()
    expect(row(page, "match_9")).to_have_count(0)
    assert bucket.unfinished() == []

    # Where a network hides the bucket, the file goes through the site.
    file = shelf.padded(recordings[2].path, tmp_path / "match_10.mp4", SIZE)
    page.route(f"{bucket.faults.url}/**", lambda route: route.abort("connectionrefused"))
    page.goto("/upload")
    heard = Heard(page, bucket)
    choose(page, file)
    expect_whole(page, on_s3, "match_10", file)
    assert len([line for line in heard.there if line.startswith("PUT")]) == 3
    assert [line for line in heard.here if line.startswith("DELETE /api/v1/uploads/")]
    assert bucket.unfinished() == []
