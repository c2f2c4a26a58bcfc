"""The byte doors where the files are on S3: sent on to a signed address there, or through us for who cannot follow."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from media_app.streaming import file_response, resolve
from media_app.videos import media_urls
from media_app.videos.models import Video
from tests.conftest import Library
from tests.streaming.answers import harmless, refused
from tests.streaming.made import Made, of_kind, stored_video
from tests.streaming.test_cdn import pem_of, verify
from tests.streaming.test_stream import Player
from tests.support import s3
from tests.support.factories import make_video
from tests.support.sockets import ask
from vodplatform.accounts.models import User
from vodplatform.core.web import signing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bucket(s3_storage: s3.Bucket) -> s3.Bucket:
    return s3_storage


@pytest.fixture
def clip(bucket: s3.Bucket, owner: User, made: Made, tmp_path: Path) -> Video:
    return stored_video(owner, made, tmp_path)


async def follow(address: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    return await asyncio.to_thread(s3.get, address, headers)


class TestSentOn:
    async def test_who_may_read_it_is_sent_to_the_bucket(
        self, http: httpx.AsyncClient, clip: Video, headers: dict[str, str], content: bytes
    ) -> None:
        for address, given in ((media_urls.stream_url(clip), {}), (f"{media_urls.STREAM_PREFIX}{clip.pk}", headers)):
            response = await http.get(address, headers=given)
            assert (response.status_code, response.content) == (302, b"")
            assert response.headers["cache-control"] == "private, no-store"
            harmless(response)
            status, found, body = await follow(response.headers["location"])
            assert (status, body, found["content-type"]) == (200, content, "video/mp4")
            status, found, body = await follow(response.headers["location"], Range="bytes=-500")
            assert (status, body) == (206, content[-500:])

    async def test_the_way_on_ends_with_the_signature(self, http: httpx.AsyncClient, clip: Video) -> None:
        for seconds in (60, 3600):
            address = media_urls.stream_url(clip, seconds)
            ends = signing.expiry_of(address.partition("?sig=")[2])
            found = parse_qs(urlsplit((await http.get(address)).headers["location"]).query)
            assert abs(int(found["X-Amz-Expires"][0]) - (ends - time.time())) < 5
            assert found["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
            assert found["X-Amz-SignedHeaders"] == ["host"]
        late = resolve.redirect_url("videos/a.mp4", "video/mp4", time.time() - 5)
        assert parse_qs(urlsplit(late).query)["X-Amz-Expires"] == ["60"]  # a minute at least

    async def test_who_has_signed_in_may_watch_it_to_the_end(
        self, http: httpx.AsyncClient, clip: Video, headers: dict[str, str], settings: Any
    ) -> None:
        settings.SIGNED_URL_SECONDS = 600
        await ask(lambda: Video.objects.filter(pk=clip.pk).update(duration=5000.0))
        location = (await http.get(f"{media_urls.STREAM_PREFIX}{clip.pk}", headers=headers)).headers["location"]
        assert abs(int(parse_qs(urlsplit(location).query)["X-Amz-Expires"][0]) - 5600) < 5

    async def test_a_download_has_its_name_there(self, http: httpx.AsyncClient, clip: Video, content: bytes) -> None:
        response = await http.get(media_urls.stream_url(clip) + "&download=1")
        _, found, body = await follow(response.headers["location"])
        assert (body, found["content-disposition"]) == (content, 'attachment; filename="A stored clip.mp4"')

    async def test_playlists_here_name_media_there(self, http: httpx.AsyncClient, clip: Video, made: Made) -> None:
        base = str(http.base_url) + media_urls.hls_url(clip)
        playlist = urljoin(base, (await http.get(base)).text.splitlines()[-1])
        text, stored = (await http.get(playlist)).text, (made.folder / "hls-source" / "index.m3u8").read_text()
        [address] = set(re.findall(r"(?m)^http.*$", text))
        assert text.replace(address, "media.mp4") == stored
        _, found, body = await follow(address, Range="bytes=0-99")
        assert body == (made.folder / "hls-source" / "media.mp4").read_bytes()[:100]
        assert found["content-type"] == "video/mp4"
        signed_for = int(parse_qs(urlsplit(address).query)["X-Amz-Expires"][0])
        assert media_urls.lifetime(clip) - 60 <= signed_for <= media_urls.lifetime(clip) + 300
        assert (await http.get(urljoin(playlist, "media.mp4"))).status_code == 302
        assert (await http.get(f"{playlist}?proxy=1")).text == stored.replace("media.mp4", "media.mp4?proxy=1")
        response = await http.get(urljoin(playlist, "media.mp4?proxy=1"), headers={"Range": "bytes=10-19"})
        assert response.content == (made.folder / "hls-source" / "media.mp4").read_bytes()[10:20]

    async def test_what_pages_draw_comes_from_here(self, http: httpx.AsyncClient, clip: Video, made: Made) -> None:
        for kind, name in (("poster", "poster.jpg"), ("sprite", "sprite.vtt"), ("peaks", "peaks.json")):
            response = await http.get(media_urls.rendition_url(await ask(of_kind, clip, kind)))
            assert (response.status_code, response.content) == (200, (made.folder / kind / name).read_bytes())
            harmless(response)
        assert (await http.get(media_urls.rendition_url(await ask(of_kind, clip, "proxy")))).status_code == 302


async def test_a_cdn_is_used_before_the_bucket(http: httpx.AsyncClient, clip: Video, settings: Any) -> None:
    key = generate_private_key(65_537, 2048)
    settings.CDN = {"base_url": "https://cdn.example.org", "key_pair_id": "K1", "private_key": pem_of(key)}
    row = await ask(of_kind, clip, "hls")
    for address, stored in (
        (media_urls.stream_url(clip), clip.location),
        (f"{media_urls.hls_url(clip).removesuffix('master.m3u8')}source/media.mp4", f"{row.folder}media.mp4"),
    ):
        location = (await http.get(address)).headers["location"]
        assert location.startswith(f"https://cdn.example.org/{stored}?Expires=")
        verify(location, key)
    assert "X-Amz-Signature" in (await http.get(media_urls.stream_url(clip) + "&download=1")).headers["location"]


class TestThroughUs:
    async def test_the_program_can_send_the_bytes(self, http: httpx.AsyncClient, clip: Video, content: bytes) -> None:
        address = media_urls.stream_url(clip) + "&proxy=1"
        response = await http.get(address)
        assert (response.status_code, response.content) == (200, content)
        assert response.headers["content-type"] == "video/mp4"
        assert response.headers["accept-ranges"] == "bytes"
        harmless(response)
        etag = response.headers["etag"]
        assert (await http.get(address, headers={"If-None-Match": etag})).status_code == 304
        for header, start, stop in (
            ("bytes=0-0", 0, 1), ("bytes=5-9", 5, 10), ("bytes=-500", -500, None), ("bytes=500-", 500, None),
        ):  # fmt: skip
            response = await http.get(address, headers={"Range": header})
            assert (response.status_code, response.content) == (206, content[start:stop])
        response = await http.get(address, headers={"Range": f"bytes={len(content)}-"})
        refused(response, 416, "range_not_satisfiable")
        assert response.headers["content-range"] == f"bytes */{len(content)}"

    async def test_head_is_local(self, http: httpx.AsyncClient, clip: Video, content: bytes, bucket: s3.Bucket) -> None:
        """What is signed for the bucket is signed for GET."""
        received = bucket.faults.received
        response = await http.head(media_urls.stream_url(clip))
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["content-length"] == str(len(content))
        assert bucket.faults.received - received < 5_000

    async def test_whatever_way_it_comes_it_is_the_same_file(self, http: httpx.AsyncClient, clip: Video) -> None:
        """A player that asks HEAD first and is then sent on compares what both say."""
        head = await http.head(media_urls.stream_url(clip))
        got = await http.get(media_urls.stream_url(clip) + "&proxy=1")
        _, there, _ = await follow((await http.get(media_urls.stream_url(clip))).headers["location"])
        for name in ("etag", "last-modified", "content-length"):
            assert head.headers[name] == got.headers[name] == there[name]
        condition = {"Range": "bytes=0-9", "If-Range": there["etag"]}
        assert (await http.get(media_urls.stream_url(clip) + "&proxy=1", headers=condition)).status_code == 206

    async def test_reading_stops_when_the_player_goes(self, clip: Video, bucket: s3.Bucket, tmp_path: Path) -> None:
        (tmp_path / "large").write_bytes(bytes(60_000_000))
        await asyncio.to_thread(bucket.client().upload_file, str(tmp_path / "large"), bucket.name, clip.location)
        received = bucket.faults.received
        player = Player(media_urls.stream_url(clip) + "&proxy=1", hang_up_after=3)
        await player.play()
        assert 3 <= player.chunks <= 5
        assert max(len(message.get("body", b"")) for message in player.messages) <= file_response.MAX_BYTES
        assert bucket.faults.received - received < 30_000_000


class TestFaults:
    @pytest.fixture(autouse=True)
    def _quick(self, bucket: s3.Bucket, settings: Any) -> None:
        storage = s3.storage_of(
            bucket.environment, connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1}
        )
        settings.STORAGES = {**settings.STORAGES, "default": storage}

    @pytest.mark.parametrize("fault", ["answer_503", "hang", "cut"])
    async def test_an_outage_is_503(self, http: httpx.AsyncClient, clip: Video, bucket: s3.Bucket, fault: str) -> None:
        poster = media_urls.rendition_url(await ask(of_kind, clip, "poster"))
        getattr(bucket.faults, fault)()
        for address in (
            media_urls.stream_url(clip) + "&proxy=1", poster,
            f"{media_urls.hls_url(clip).removesuffix('master.m3u8')}source/index.m3u8",
        ):  # fmt: skip
            response = await http.get(address)
            refused(response, 503, "unavailable")
            assert int(response.headers["retry-after"]) >= 1
        bucket.heal()
        assert (await http.get(poster)).status_code == 200

    async def test_one_that_hangs_holds_up_nobody_else(
        self, http: httpx.AsyncClient, clip: Video, bucket: s3.Bucket, owner: User, library: Library, settings: Any
    ) -> None:
        """A page full of posters from a bucket that says nothing, and meanwhile somebody plays a file of this disk."""
        storage = s3.storage_of(bucket.environment, read_timeout=60, retries={"total_max_attempts": 1})
        settings.STORAGES = {**settings.STORAGES, "default": storage}
        poster = media_urls.rendition_url(await ask(of_kind, clip, "poster"))
        local = await ask(lambda: make_video(owner, location=str(library.crew / "plain.mp4")))
        bucket.faults.hang()
        waiting = [asyncio.ensure_future(http.get(poster)) for _ in range(60)]
        async with asyncio.timeout(20):
            for _ in range(5):
                await asyncio.sleep(0)
            assert (await http.get(media_urls.stream_url(local))).status_code == 200
            assert (await http.get(media_urls.stream_url(clip))).status_code == 302
            assert (await http.get(media_urls.hls_url(clip))).status_code == 200
        assert not any(future.done() for future in waiting)
        bucket.heal()
        assert {(await future).status_code for future in waiting} <= {200, 503}

    async def test_a_broken_read_breaks_the_connection(self, clip: Video, bucket: s3.Bucket, tmp_path: Path) -> None:
        (tmp_path / "large").write_bytes(bytes(20_000_000))
        await asyncio.to_thread(bucket.client().upload_file, str(tmp_path / "large"), bucket.name, clip.location)
        bucket.faults.cut(after_bytes=8_000_000)
        player = Player(media_urls.stream_url(clip) + "&proxy=1")
        with pytest.raises(Exception, match="storage does not answer"):
            await player.play()
        assert 0 < player.received < 20_000_000
        assert player.messages[-1]["more_body"] is True

    async def test_a_lost_file_is_not_found(self, http: httpx.AsyncClient, clip: Video, bucket: s3.Bucket) -> None:
        poster = media_urls.rendition_url(await ask(of_kind, clip, "poster"))
        keys = bucket.keys()
        for key in keys:
            bucket.delete(key)
        refused(await http.get(poster), 404, "not_found")
        refused(await http.get(media_urls.stream_url(clip) + "&proxy=1"), 404, "not_found")

    async def test_a_file_that_goes_between_the_look_and_the_first_byte_is_not_found(
        self, http: httpx.AsyncClient, clip: Video, bucket: s3.Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        look = resolve.store.stat

        def too_late(key: str) -> Any:
            facts = look(key)
            bucket.delete(key)
            return facts

        monkeypatch.setattr(resolve.store, "stat", too_late)
        refused(await http.get(media_urls.stream_url(clip) + "&proxy=1"), 404, "not_found")
