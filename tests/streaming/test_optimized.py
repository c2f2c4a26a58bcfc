"""GET /api/v1/media/optimized/{id}: where a device plays a video from."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from media_app.videos import media_urls
from media_app.videos.models import Video, VideoSource
from tests.streaming.test_cdn import pem_of, verify
from tests.support import s3
from tests.support.api import Api, refused
from tests.support.factories import make_rendition, make_video
from vodplatform.accounts.models import User
from vodplatform.core.web import signing

pytestmark = pytest.mark.django_db


@pytest.fixture
def video(owner: User) -> Video:
    """A stored video that any browser plays."""
    tracks = [{"codec": "aac", "sample_rate": 48_000, "channels": 2}]
    return make_video(owner, source=VideoSource.STORED, location="videos/a/b.mp4", audio_tracks=tracks)


def path(video: Video, query: str = "") -> str:
    return f"/api/v1/media/optimized/{video.pk}{query}"


def ask(api: Api, video: Video, query: str = "") -> dict[str, Any]:
    response = api.get(path(video, query))
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    assert set(body) == {
        "streaming_url", "delivery_type", "supports_range", "global_delivery", "expires_at", "renditions",
    }  # fmt: skip
    assert body["supports_range"] is True
    return body


def seconds_left(body: dict[str, Any]) -> float:
    return (datetime.fromisoformat(body["expires_at"]) - datetime.now(UTC)).total_seconds()


class TestLocal:
    def test_a_desktop_plays_the_file_itself(self, api: Api, video: Video) -> None:
        body = ask(api, video)
        assert (body["delivery_type"], body["global_delivery"]) == ("local_signed", False)
        address, _, token = body["streaming_url"].partition("?sig=")
        assert address == f"{media_urls.STREAM_PREFIX}{video.pk}"
        ends = signing.verify(token, media_urls.STREAM, str(video.pk))
        assert datetime.fromisoformat(body["expires_at"]).timestamp() == ends
        assert body["renditions"] == []

    @pytest.mark.parametrize("value", ["false", "0", "False"])
    def test_without_a_signature_the_sign_in_opens_it(self, api: Api, video: Video, value: str) -> None:
        body = ask(api, video, f"?prefer_signed={value}")
        assert (body["delivery_type"], body["streaming_url"]) == ("local", f"{media_urls.STREAM_PREFIX}{video.pk}")
        assert body["expires_at"] is None

    @pytest.mark.parametrize(("query", "seconds"), [("", 7200), ("?expires_in=60", 60), ("?expires_in=86400", 86_400)])
    def test_it_opens_as_long_as_was_asked(self, api: Api, video: Video, query: str, seconds: int) -> None:
        assert seconds - 5 < seconds_left(ask(api, video, query)) <= seconds + signing.ROUND_SECONDS


class TestDevices:
    def test_who_is_on_the_move_gets_the_ladder(self, api: Api, video: Video) -> None:
        """Which form which device is given: test_choice.py."""
        make_rendition(video, "hls", "source")
        for device, kind in (("tablet", "hls"), ("tv", "local_signed"), ("", "local_signed")):
            assert ask(api, video, f"?device_type={device}")["delivery_type"] == kind

    @pytest.mark.parametrize("fields", [
        {"codec": "hevc"}, {"mime_type": "video/x-matroska"},
        {"audio_tracks": [{"codec": "aac"}, {"codec": "ac3"}]},
    ])  # fmt: skip
    def test_unplayable_ones_are_a_ladder_or_a_proxy(self, api: Api, video: Video, fields: dict[str, Any]) -> None:
        Video.objects.filter(pk=video.pk).update(**fields)
        assert ask(api, video)["delivery_type"] == "local_signed"
        proxy = make_rendition(video, "proxy")
        body = ask(api, video, "?prefer_signed=false")
        assert (body["delivery_type"], body["expires_at"] is None) == ("local_signed", False)
        assert body["streaming_url"].endswith(f"/{proxy.pk}/proxy.mp4")
        make_rendition(video, "hls", "720")
        assert ask(api, video, "?device_type=tv")["delivery_type"] == "hls"

    def test_a_ladder_says_when_it_ends_and_what_is_in_it(self, api: Api, video: Video) -> None:
        make_rendition(video, "hls", "720")
        make_rendition(video, "poster")
        body = ask(api, video, "?device_type=mobile&expires_in=3600&prefer_signed=false")
        token = body["streaming_url"].removeprefix(media_urls.HLS_PREFIX).partition("/")[0]
        ends = signing.verify(token, media_urls.HLS, str(video.pk))
        assert datetime.fromisoformat(body["expires_at"]).timestamp() == ends
        assert 3590 < seconds_left(body) <= 3600 + signing.ROUND_SECONDS
        (rung,) = body["renditions"]
        assert (rung["kind"], rung["name"], rung["height"]) == ("hls", "720", 720)
        assert rung["url"].startswith(media_urls.HLS_PREFIX)


class TestElsewhere:
    @pytest.fixture(autouse=True)
    def bucket(self, s3_storage: s3.Bucket) -> s3.Bucket:
        return s3_storage

    def test_on_s3_it_is_read_there(self, api: Api, video: Video, bucket: s3.Bucket) -> None:
        bucket.client().put_object(Bucket=bucket.name, Key=video.location, Body=b"bytes")
        body = ask(api, video, "?expires_in=600")
        assert (body["delivery_type"], body["global_delivery"]) == ("s3_signed", False)
        assert 590 <= int(parse_qs(urlsplit(body["streaming_url"]).query)["X-Amz-Expires"][0]) <= 600
        assert s3.get(body["streaming_url"], {"Range": "bytes=1-2"})[::2] == (206, b"yt")
        assert abs(seconds_left(body) - 600) < 5
        assert ask(api, video, "?prefer_signed=false")["delivery_type"] == "local"
        assert ask(api, make_video(video.owner))["delivery_type"] == "local_signed"  # a referenced file

    def test_behind_a_cdn_it_is_read_there(self, api: Api, video: Video, settings: Any) -> None:
        key = generate_private_key(65_537, 2048)
        settings.CDN = {"base_url": "https://cdn.example.org", "key_pair_id": "K1", "private_key": pem_of(key)}
        body = ask(api, video)
        assert (body["delivery_type"], body["global_delivery"]) == ("cdn_signed", True)
        verify(body["streaming_url"], key)
        make_rendition(video, "hls", "source")
        body = ask(api, video, "?device_type=mobile")
        assert (body["delivery_type"], body["global_delivery"]) == ("hls", True)

    def test_a_proxy_is_read_there_too(self, api: Api, video: Video) -> None:
        Video.objects.filter(pk=video.pk).update(codec="hevc")
        proxy = make_rendition(video, "proxy")
        body = ask(api, video)
        assert body["delivery_type"] == "s3_signed"
        assert f"{proxy.folder}proxy.mp4" in body["streaming_url"]


@pytest.mark.parametrize("query", [
    "?device_type=watch", "?device_type=MOBILE", "?prefer_signed=maybe", "?expires_in=59", "?expires_in=86401",
    "?expires_in=x", "?expires_in=-1", "?expires_in=1e3", "?expires_in=NaN",
])  # fmt: skip
def test_a_bad_value_is_400(api: Api, video: Video, query: str) -> None:
    refused(api.get(path(video, query)), 400, "invalid")


def test_it_asks_as_little_for_many_renditions(api: Api, video: Video, django_assert_max_num_queries: Any) -> None:
    for number in range(6):
        make_rendition(video, "hls", str(100 + number))
    with django_assert_max_num_queries(6):
        assert len(ask(api, video, "?device_type=mobile")["renditions"]) == 6
