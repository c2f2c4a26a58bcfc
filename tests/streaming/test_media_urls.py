"""The addresses of media: signed, for one thing each, as long as one may want to watch it."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from media_app.streaming import x_accel
from media_app.videos import media_urls
from media_app.videos.models import Video
from tests.conftest import Library
from tests.support.factories import make_rendition, make_video
from vodplatform.accounts.models import User
from vodplatform.core.web import signing

pytestmark = pytest.mark.django_db


@pytest.fixture
def video(owner: User) -> Video:
    return make_video(owner, duration=5400.0)


class TestMediaOf:
    def test_nothing_is_there_until_it_is_made(self, video: Video) -> None:
        assert media_urls.media_of(video) == {
            "thumbnail_url": None, "poster_url": None, "sprite_vtt_url": None, "peaks_url": None, "hls_url": None,
            "renditions": [],
        }  # fmt: skip

    def test_what_is_made_has_addresses(self, video: Video) -> None:
        made = {kind: make_rendition(video, kind) for kind in ("poster", "sprite", "peaks", "proxy", "silent")}
        rungs = [make_rendition(video, "hls", "720"), make_rendition(video, "hls", "480", width=854, height=480)]
        found = media_urls.media_of(video)
        for name, kind, file in (
            ("poster_url", "poster", "poster.jpg"), ("sprite_vtt_url", "sprite", "sprite.vtt"),
            ("peaks_url", "peaks", "peaks.json"),
        ):  # fmt: skip
            prefix, token, pk, last = found[name].rsplit("/", 3)
            assert (prefix + "/", pk, last) == (media_urls.RENDITION_PREFIX, str(made[kind].pk), file)
            assert signing.verify(token, media_urls.RENDITION, pk) > time.time()
        prefix, token, pk, last = found["hls_url"].rsplit("/", 3)
        assert (prefix + "/", pk, last) == (media_urls.HLS_PREFIX, str(video.pk), "master.m3u8")
        assert signing.verify(token, media_urls.HLS, pk) > time.time()
        listed = {(item["kind"], item["name"]): item for item in found["renditions"]}
        assert set(listed) == {("hls", "720"), ("hls", "480"), ("proxy", ""), ("silent", "")}
        assert set(listed["hls", "480"]) == {"kind", "name", "width", "height", "bit_rate", "url"}
        assert listed["hls", "480"]["url"].endswith(f"/{video.pk}/480/index.m3u8")
        assert listed["proxy", ""]["url"].endswith(f"/{made['proxy'].pk}/proxy.mp4")
        assert len(rungs) == 2

    def test_a_picture_that_somebody_gave_stands_before_the_poster(self, video: Video) -> None:
        make_rendition(video, "poster")
        found = media_urls.media_of(video)
        assert found["thumbnail_url"] == found["poster_url"] != ""
        given = make_rendition(video, "thumbnail")
        found = media_urls.media_of(video)
        assert found["thumbnail_url"].endswith(f"/{given.pk}/{given.files['image']}")
        assert found["poster_url"].endswith("/poster.jpg")

    def test_a_deleted_video_has_none(self, video: Video) -> None:
        make_rendition(video, "poster")
        video.deleted_at = video.created_at
        found = media_urls.media_of(video)
        assert (found["thumbnail_url"], found["poster_url"], found["renditions"]) == (None, None, [])


def test_it_lasts_as_long_as_the_video_and_ends_or_is_as_chosen(owner: User, video: Video, settings: Any) -> None:
    settings.SIGNED_URL_SECONDS = 7200
    token = media_urls.stream_url(video).partition("?sig=")[2]
    assert 7200 + 5400 <= signing.expiry_of(token) - time.time() < 7200 + 5400 + signing.ROUND_SECONDS + 5
    assert media_urls.lifetime(make_video(owner, duration=10**6)) == media_urls.LONGEST_SECONDS
    for address in (media_urls.stream_url(video, 60), media_urls.hls_url(video, 60)):
        token = address.partition("?sig=")[2] or address.removeprefix(media_urls.HLS_PREFIX).partition("/")[0]
        assert signing.expiry_of(token) - time.time() < 60 + signing.ROUND_SECONDS + 5


class TestForNginx:
    def test_an_address_is_percent_encoded(self, library: Library, settings: Any) -> None:
        settings.X_ACCEL_PREFIX = "/_media/"
        path = library.crew / "a b%\n?#ü.mp4"
        path.write_bytes(b"")
        assert x_accel.internal_address(path) == f"/_media{quote(str(library.crew))}/a%20b%25%0A%3F%23%C3%BC.mp4"

    def test_a_moved_media_folder_keeps_its_name(self, tmp_path: Path, settings: Any) -> None:
        """MEDIA_ROOT may be a link to another disk; nginx knows the name that the operator knows."""
        (tmp_path / "disk").mkdir()
        (tmp_path / "disk" / "a.mp4").write_bytes(b"")
        (tmp_path / "media").symlink_to(tmp_path / "disk")
        settings.X_ACCEL_PREFIX, settings.MEDIA_ROOT = "/_media/", tmp_path / "media"
        assert x_accel.internal_address(tmp_path / "media" / "a.mp4") == f"/_media{tmp_path}/media/a.mp4"

    def test_a_folder_that_nginx_is_not_told_of_has_no_address(self, library: Library, settings: Any) -> None:
        settings.X_ACCEL_PREFIX = "/_media/"
        for path in (
            library.outside / "plain.mp4", Path("/etc/passwd"), library.crew / ".." / "outside" / "plain.mp4",
            library.crew.with_name("crew-2") / "plain.mp4",
        ):  # fmt: skip
            with pytest.raises(FileNotFoundError):
                x_accel.internal_address(path)
