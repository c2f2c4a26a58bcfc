"""Who watches a catalogue video is noted beside the answer: each viewer once, when it begins, by user or address."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import pytest
from django.db import OperationalError
from django.test import Client

from media_app.streaming import view_recorder
from media_app.videos import media_urls
from media_app.videos.models import Video, VideoScope, VideoView
from tests.streaming.made import Made, stored_video
from tests.support import s3
from tests.support.factories import PASSWORD, make_key
from tests.support.sockets import ask
from tests.support.waiting import wait_until
from vodplatform.accounts.models import User
from vodplatform.asgi import application
from vodplatform.core.web import signing

pytestmark = [pytest.mark.both, pytest.mark.django_db(transaction=True)]
ADDRESS = "203.0.113.9"


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_recorder, "_remembered", set())


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """The whole application, asked from an address of the net."""
    async with client_from(ADDRESS) as client:
        yield client


def client_from(address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application, raise_app_exceptions=True, client=(address, 4000))
    return httpx.AsyncClient(transport=transport, base_url="http://vod.example")


async def viewers() -> list[str]:
    """Who has been noted, once all is written."""
    wait_until(lambda: view_recorder._waiting == 0)
    return await ask(lambda: sorted(VideoView.objects.values_list("viewer", flat=True)))


@pytest.fixture
def plain(video: Video) -> str:
    """The address that stands open while the video is shown."""
    return f"{media_urls.STREAM_PREFIX}{video.pk}"


class TestWhatCounts:
    @pytest.mark.parametrize("header", ["", "bytes=0-", "bytes=0-99", "bytes=0-1,5-6", "nonsense"])
    async def test_the_first_byte_counts_and_no_seeking(self, http: httpx.AsyncClient, plain: str, header: str) -> None:
        for seeking in ("bytes=1-", "bytes=-1", "bytes=500-600", "bytes=99999999-", "bytes=-0"):
            assert (await http.get(plain, headers={"Range": seeking})).status_code in (206, 416)
        assert await viewers() == []
        response = await http.get(plain, headers={"Range": header} if header else {})
        assert response.status_code in (200, 206)
        assert len(await viewers()) == 1

    async def test_nor_what_sends_no_bytes(self, http: httpx.AsyncClient, plain: str, video: Video) -> None:
        etag = (await http.head(plain)).headers["etag"]
        for method, address, headers in (
            ("HEAD", media_urls.stream_url(video), {}), ("GET", plain, {"If-None-Match": etag}),
            ("GET", plain, {"If-Match": '"x"'}), ("POST", plain, {}), ("HEAD", media_urls.hls_url(video), {}),
            ("GET", f"{plain}?sig=x", {}),
        ):  # fmt: skip
            assert (await http.request(method, address, headers=headers)).status_code in (200, 304, 404, 405, 412)
        assert await viewers() == []

    async def test_of_a_ladder_its_master_alone(self, http: httpx.AsyncClient, video: Video) -> None:
        folder = media_urls.hls_url(video).removesuffix(media_urls.MASTER)
        for name in ("source/index.m3u8", "source/media.mp4"):
            assert (await http.get(folder + name)).status_code == 200
        assert await viewers() == []
        assert (await http.get(folder + media_urls.MASTER)).status_code == 200
        assert len(await viewers()) == 1

    async def test_private_videos_are_not_counted(self, http: httpx.AsyncClient, clip: Video) -> None:
        for address in (media_urls.stream_url(clip), media_urls.hls_url(clip)):
            assert (await http.get(address)).status_code == 200
        assert await viewers() == []

    async def test_where_nginx_sends_the_bytes(self, http: httpx.AsyncClient, plain: str, settings: Any) -> None:
        settings.X_ACCEL_PREFIX = "/_media/"
        response = await http.get(plain)
        assert (response.status_code, "x-accel-redirect" in response.headers) == (200, True)
        assert len(await viewers()) == 1

    async def test_where_one_is_sent_on_to_the_bucket(
        self, http: httpx.AsyncClient, s3_storage: s3.Bucket, owner: User, made: Made, tmp_path: Path
    ) -> None:
        video = await ask(lambda: stored_video(owner, made, tmp_path, place=VideoScope.CATALOGUE))
        assert (await http.get(media_urls.stream_url(video), headers={"Range": "bytes=7-"})).status_code == 302
        assert await viewers() == []
        assert (await http.get(media_urls.stream_url(video))).status_code == 302
        assert len(await viewers()) == 1


class TestWho:
    async def test_a_user_by_any_address(self, http: httpx.AsyncClient, plain: str, video: Video, other: User) -> None:
        """A page's player sends its cookie along with the signature."""

        def sign_in() -> str:
            client = Client()
            assert client.login(username=other.username, password=PASSWORD)
            return client.cookies["sessionid"].value

        token = {"Authorization": f"Token {await ask(make_key, other)}"}
        cookie = {"Cookie": f"sessionid={await ask(sign_in)}"}
        for headers in (token, cookie):
            for address in (plain, media_urls.stream_url(video), media_urls.hls_url(video)):
                assert (await http.get(address, headers=headers)).status_code == 200
        assert await viewers() == [str(other.pk)]

    async def test_guests_by_an_address_stand_in(self, http: httpx.AsyncClient, plain: str, video: Video) -> None:
        for address in (plain, media_urls.stream_url(video), media_urls.hls_url(video)):
            await http.get(address, headers={"Authorization": "Token wrong"} if "sig" in address else {})
        (viewer,) = await viewers()
        assert viewer == signing.daily_pseudonym(ADDRESS)
        assert ADDRESS not in viewer

    async def test_each_address_is_a_viewer_and_a_network_of_ipv6_is_one(self, plain: str) -> None:
        for address in ("203.0.113.9", "203.0.113.10", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"):
            async with client_from(address) as client:
                assert (await client.get(plain)).status_code == 200
        assert len(await viewers()) == 4


class TestBeside:
    async def test_no_answer_waits(self, http: httpx.AsyncClient, plain: str, monkeypatch: pytest.MonkeyPatch) -> None:
        gate = threading.Event()
        real = view_recorder.note_view

        def slow(*arguments: Any) -> None:
            assert gate.wait(20)
            real(*arguments)

        monkeypatch.setattr(view_recorder, "note_view", slow)
        try:
            response = await asyncio.wait_for(http.get(plain), 10)
            assert response.status_code == 200
            assert await ask(VideoView.objects.count) == 0
        finally:
            gate.set()
        assert len(await viewers()) == 1

    async def test_without_database(self, http: httpx.AsyncClient, plain: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A database that is away costs a view and no answer."""
        with monkeypatch.context() as patch:
            patch.setattr(view_recorder, "note_view", Mock(side_effect=OperationalError("the database is away")))
            assert (await http.get(plain)).status_code == 200
            assert await viewers() == []
        assert (await http.get(plain)).status_code == 200
        assert len(await viewers()) == 1

    async def test_loops_count_once(self, http: httpx.AsyncClient, plain: str, monkeypatch: pytest.MonkeyPatch) -> None:
        noted = []
        monkeypatch.setattr(view_recorder, "note_view", lambda *arguments: noted.append(arguments))
        for _ in range(5):
            assert (await http.get(plain)).status_code == 200
        await viewers()
        assert len(noted) == 1
        monkeypatch.setattr(view_recorder, "_hour", 0)  # an hour later
        await http.get(plain)
        await viewers()
        assert len(noted) == 2

    async def test_a_flood_waits_in_no_endless_queue(self, plain: str, monkeypatch: pytest.MonkeyPatch) -> None:
        gate, noted = threading.Event(), []

        def slow(*arguments: Any) -> None:
            assert gate.wait(20)
            noted.append(arguments)

        monkeypatch.setattr(view_recorder, "note_view", slow)
        monkeypatch.setattr(view_recorder, "MAX_WAITING", 3)
        try:
            for number in range(8):
                async with client_from(f"203.0.113.{number}") as client:
                    assert (await client.get(plain)).status_code == 200
        finally:
            gate.set()
        await viewers()
        assert len(noted) == 3
