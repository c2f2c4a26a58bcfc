"""GET|HEAD /api/v1/media/stream/{id} through the ASGI application."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from media_app.catalog.models import Video, VideoSource
from media_app.delivery import door
from media_app.delivery.urls import stream_url
from tests.conftest import Library
from tests.support.factories import PASSWORD, make_key, make_user, make_video
from tests.support.sockets import ask
from vodplatform.accounts.models import User
from vodplatform.asgi import application
from vodplatform.base import signing
from vodplatform.base.errors import ERROR_TYPES

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = 700_000


@pytest.fixture
def path(library: Library) -> Path:
    path = library.crew / "bytes.mp4"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
def content(path: Path) -> bytes:
    return path.read_bytes()


@pytest.fixture
def video(owner: User, path: Path) -> Video:
    return make_video(owner, location=str(path), file_size=SIZE)


@pytest.fixture
def url(video: Video) -> str:
    return f"/api/v1/media/stream/{video.pk}"


@pytest.fixture
def signed(video: Video) -> str:
    return stream_url(video)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://vod.example") as client:
        yield client


def refused(response: httpx.Response, status: int, type: str) -> None:
    assert response.status_code == status, response.text
    body = response.json()
    assert (body["ok"], body["code"], body["type"]) == (False, status, type)
    assert ERROR_TYPES[type].status == status
    assert body["request_id"] == response.headers["x-request-id"]


class TestBytes:
    async def test_the_whole_file(self, http: httpx.AsyncClient, signed: str, content: bytes) -> None:
        response = await http.get(signed)
        assert (response.status_code, response.content) == (200, content)
        assert response.headers["content-length"] == str(SIZE)
        assert response.headers["accept-ranges"] == "bytes"
        assert response.headers["content-type"] == "video/mp4"
        assert "content-range" not in response.headers
        assert response.headers["x-request-id"]

    @pytest.mark.parametrize(
        ("header", "start", "stop"),
        [
            ("bytes=0-0", 0, 1), ("bytes=0-499", 0, 500), ("bytes=-500", SIZE - 500, SIZE), ("bytes=500-", 500, SIZE),
            ("bytes=262143-262145", 262_143, 262_146), (f"bytes=0-{SIZE * 9}", 0, SIZE), ("bytes=0-", 0, SIZE),
            (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        ],
    )  # fmt: skip
    async def test_a_range(
        self, http: httpx.AsyncClient, signed: str, content: bytes, header: str, start: int, stop: int
    ) -> None:
        response = await http.get(signed, headers={"Range": header})
        assert (response.status_code, response.content) == (206, content[start:stop])
        assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/{SIZE}"
        assert response.headers["content-length"] == str(stop - start)

    @pytest.mark.parametrize("header", ["bytes=0-1,5-6", "bytes=5-2", "bytes=x-y", "items=0-1", "bytes=", "\xff"])
    async def test_several_ranges_and_nonsense_are_the_whole_file(
        self, http: httpx.AsyncClient, signed: str, content: bytes, header: str
    ) -> None:
        response = await http.get(signed, headers=[(b"Range", header.encode("latin-1"))])
        assert (response.status_code, response.content) == (200, content)

    @pytest.mark.parametrize("header", [f"bytes={SIZE}-", "bytes=99999999-", "bytes=-0"])
    async def test_a_range_outside_is_416(self, http: httpx.AsyncClient, signed: str, header: str) -> None:
        response = await http.get(signed, headers={"Range": header})
        refused(response, 416, "range_not_satisfiable")
        assert response.headers["content-range"] == f"bytes */{SIZE}"

    async def test_head_says_the_same_without_the_bytes(self, http: httpx.AsyncClient, signed: str) -> None:
        for headers, status in (({}, 200), ({"Range": "bytes=0-9"}, 206)):
            got, head = await http.get(signed, headers=headers), await http.head(signed, headers=headers)
            assert (head.status_code, head.content) == (status, b"")
            assert {**head.headers, "x-request-id": ""} == {**got.headers, "x-request-id": ""}

    async def test_an_empty_file(self, http: httpx.AsyncClient, signed: str, path: Path) -> None:
        path.write_bytes(b"")
        response = await http.get(signed)
        assert (response.status_code, response.content) == (200, b"")

    async def test_a_stored_file(self, http: httpx.AsyncClient, owner: User) -> None:
        key = await ask(default_storage.save, "videos/stored.mp4", ContentFile(b"stored bytes"))
        video = await ask(lambda: make_video(owner, source=VideoSource.STORED, location=key))
        assert (await http.get(stream_url(video))).content == b"stored bytes"

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    async def test_other_methods_are_refused(self, http: httpx.AsyncClient, signed: str, method: str) -> None:
        response = await http.request(method, signed)
        refused(response, 405, "method_not_allowed")
        assert response.headers["allow"] == "GET, HEAD"

    async def test_a_trailing_slash_changes_nothing(
        self, http: httpx.AsyncClient, url: str, signed: str, content: bytes
    ) -> None:
        query = signed.partition("?")[2]
        assert (await http.get(f"{url}/?{query}")).content == content


class TestCaching:
    async def test_what_is_known_is_not_sent_again(self, http: httpx.AsyncClient, signed: str) -> None:
        etag = (await http.get(signed)).headers["etag"]
        for header in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            response = await http.get(signed, headers={"If-None-Match": header, "Range": "bytes=0-1"})
            assert (response.status_code, response.content) == (304, b"")
            assert response.headers["etag"] == etag
        assert (await http.get(signed, headers={"If-None-Match": '"other"'})).status_code == 200

    async def test_a_changed_file_has_another_etag(self, http: httpx.AsyncClient, signed: str, path: Path) -> None:
        before = (await http.get(signed)).headers["etag"]
        path.write_bytes(b"new")
        assert (await http.get(signed)).headers["etag"] != before

    async def test_if_range_gives_the_part_only_of_the_same_file(
        self, http: httpx.AsyncClient, signed: str, content: bytes
    ) -> None:
        whole = await http.get(signed)
        for known in (whole.headers["etag"], whole.headers["last-modified"]):
            response = await http.get(signed, headers={"Range": "bytes=0-9", "If-Range": known})
            assert (response.status_code, response.content) == (206, content[:10])
        stale = formatdate(0, usegmt=True)
        for unknown in ('"other"', f"W/{whole.headers['etag']}", stale, "nonsense"):
            response = await http.get(signed, headers={"Range": "bytes=0-9", "If-Range": unknown})
            assert (response.status_code, response.content) == (200, content)

    async def test_an_if_range_of_another_file_saves_from_416(
        self, http: httpx.AsyncClient, signed: str, content: bytes
    ) -> None:
        response = await http.get(signed, headers={"Range": f"bytes={SIZE}-", "If-Range": '"other"'})
        assert (response.status_code, response.content) == (200, content)


class TestSignature:
    async def test_it_stands_in_for_the_sign_in(self, http: httpx.AsyncClient, signed: str) -> None:
        assert (await http.get(signed)).status_code == 200
        assert (await http.get(signed, headers={"Authorization": "Token wrong"})).status_code == 200

    async def test_an_expired_one_is_gone(self, http: httpx.AsyncClient, url: str, video: Video) -> None:
        token = signing.sign("stream", str(video.pk), seconds=60, now=time.time() - 100_000)
        refused(await http.get(f"{url}?sig={token}"), 410, "gone")

    async def test_another_files_is_not_found(self, http: httpx.AsyncClient, url: str, owner: User) -> None:
        other = await ask(make_video, owner)
        refused(await http.get(f"{url}?{stream_url(other).partition('?')[2]}"), 404, "not_found")

    async def test_another_purposes_is_not_found(self, http: httpx.AsyncClient, url: str, video: Video) -> None:
        refused(await http.get(f"{url}?sig={signing.sign('made', str(video.pk))}"), 404, "not_found")

    @pytest.mark.parametrize("sig", ["x", "%00", "%FF", "7.x", "f" * 6000 + ".x", "a.b.c", "%F0%9F%8E%AE"])
    async def test_a_wrong_one_is_not_found_even_for_the_owner(
        self, http: httpx.AsyncClient, url: str, owner: User, sig: str
    ) -> None:
        headers = {"Authorization": f"Token {await ask(make_key, owner)}"}
        refused(await http.get(f"{url}?sig={sig}", headers=headers), 404, "not_found")

    async def test_a_changed_one_is_not_found(self, http: httpx.AsyncClient, signed: str) -> None:
        last = "A" if signed[-1] != "A" else "B"
        refused(await http.get(signed[:-1] + last), 404, "not_found")

    async def test_a_deleted_videos_is_not_found(self, http: httpx.AsyncClient, signed: str, video: Video) -> None:
        await ask(video.delete)
        refused(await http.get(signed), 404, "not_found")


class TestSignIn:
    async def test_without_one_it_is_401(self, http: httpx.AsyncClient, url: str) -> None:
        response = await http.get(url)
        refused(response, 401, "unauthenticated")
        assert response.headers["www-authenticate"]
        for header in ("Token", "Token wrong", "Bearer x", "Basic eDp5"):
            refused(await http.get(url, headers={"Authorization": header}), 401, "unauthenticated")

    async def test_the_owner_and_admins_may_read_by_token(
        self, http: httpx.AsyncClient, url: str, owner: User, admin_person: User
    ) -> None:
        for user in (owner, admin_person):
            headers = {"Authorization": f"Token {await ask(make_key, user)}"}
            assert (await http.get(url, headers=headers)).status_code == 200

    async def test_by_session_cookie(self, http: httpx.AsyncClient, url: str, owner: User) -> None:
        def sign_in() -> str:
            client = Client()
            assert client.login(username=owner.username, password=PASSWORD)
            return client.cookies["sessionid"].value

        assert (await http.get(url, headers={"Cookie": f"sessionid={await ask(sign_in)}"})).status_code == 200

    async def test_somebody_elses_is_not_found_as_an_unknown_one(
        self, http: httpx.AsyncClient, url: str, moderator: User
    ) -> None:
        for user in (await ask(make_user), moderator):
            headers = {"Authorization": f"Token {await ask(make_key, user)}"}
            refused(await http.get(url, headers=headers), 404, "not_found")
            refused(await http.get(f"/api/v1/media/stream/{uuid.uuid4()}", headers=headers), 404, "not_found")

    @pytest.mark.parametrize("name", ["none", "7", "..", "%00", "%F0%9F%8E%AE"])
    async def test_what_is_no_id_is_not_found(self, http: httpx.AsyncClient, owner: User, name: str) -> None:
        headers = {"Authorization": f"Token {await ask(make_key, owner)}"}
        response = await http.get(f"/api/v1/media/stream/{name}", headers=headers)
        assert response.status_code in (400, 404)
        assert response.json()["ok"] is False

    @pytest.mark.parametrize("scopes", [[], ["none"]])
    async def test_a_token_that_may_not_read_is_refused(
        self, http: httpx.AsyncClient, url: str, owner: User, scopes: list[str]
    ) -> None:
        headers = {"Authorization": f"Token {await ask(lambda: make_key(owner, scopes=scopes))}"}
        assert (await http.get(url, headers=headers)).status_code in (401, 403)


class TestFiles:
    async def test_a_file_that_is_gone_is_not_found(self, http: httpx.AsyncClient, signed: str, path: Path) -> None:
        path.unlink()
        refused(await http.get(signed), 404, "not_found")

    async def test_a_symlink_out_of_the_folder_is_not_followed(
        self, http: httpx.AsyncClient, signed: str, path: Path, library: Library
    ) -> None:
        path.unlink()
        path.symlink_to(library.outside / "plain.mp4")
        refused(await http.get(signed), 404, "not_found")

    async def test_a_folder_replaced_by_a_symlink_is_not_followed(
        self, http: httpx.AsyncClient, owner: User, library: Library
    ) -> None:
        (library.crew / "deeper").mkdir()
        (library.crew / "deeper" / "plain.mp4").write_bytes(b"inside")
        video = await ask(lambda: make_video(owner, location=str(library.crew / "deeper" / "plain.mp4")))
        assert (await http.get(stream_url(video))).content == b"inside"
        (library.crew / "deeper" / "plain.mp4").unlink()
        (library.crew / "deeper").rmdir()
        (library.crew / "deeper").symlink_to(library.outside)
        refused(await http.get(stream_url(video)), 404, "not_found")

    async def test_a_folder_or_a_pipe_in_its_place_is_not_found(
        self, http: httpx.AsyncClient, signed: str, path: Path
    ) -> None:
        path.unlink()
        path.mkdir()
        refused(await http.get(signed), 404, "not_found")
        path.rmdir()
        os.mkfifo(path)
        refused(await asyncio.wait_for(http.get(signed), 5), 404, "not_found")

    async def test_a_folder_that_is_no_library_any_more_is_closed(
        self, http: httpx.AsyncClient, signed: str, settings: Any
    ) -> None:
        settings.LIBRARY_ROOTS = []
        refused(await http.get(signed), 404, "not_found")

    async def test_names_and_types_put_nothing_into_the_headers(
        self, http: httpx.AsyncClient, owner: User, library: Library
    ) -> None:
        name = 'a"b\r\nX-Evil: 1\r\n\r\n<script>.mp4'
        (library.crew / name).write_bytes(b"bytes")
        video = await ask(lambda: make_video(owner, title=name, location=str(library.crew / name)))
        response = await http.get(stream_url(video), headers={"X-Request-ID": "a\tb"})
        assert response.status_code == 200
        assert "x-evil" not in response.headers
        assert all("\r" not in value and "\n" not in value for value in response.headers.values())
        assert response.headers["x-request-id"] != "a\tb"

    async def test_it_can_never_act_as_a_page(self, http: httpx.AsyncClient, signed: str) -> None:
        headers = (await http.get(signed)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert "no-referrer" in headers["referrer-policy"] or "same-origin" in headers["referrer-policy"]


class Player:
    """A raw ASGI client that can hang up in the middle."""

    def __init__(self, address: str, hang_up_after: int) -> None:
        path, _, query = address.partition("?")
        self.scope = {
            "type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": [],
        }  # fmt: skip
        self.hang_up_after = hang_up_after
        self.chunks = 0
        self.received = 0
        self.messages: list[dict[str, Any]] = []
        self.hung_up = asyncio.Event()
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        if message["type"] == "http.response.body":
            self.chunks += 1
            self.received += len(message["body"])
            if self.chunks >= self.hang_up_after:
                self.hung_up.set()
        await asyncio.sleep(0.001)

    async def play(self) -> None:
        await asyncio.wait_for(application(self.scope, self.receive, self.send), 10)


def is_open(path: Path) -> bool:
    """Whether this process has a file open."""
    folder = Path("/proc/self/fd")
    return any(link.is_symlink() and str(link.readlink()) == str(path) for link in folder.iterdir())


class TestHangingUp:
    async def test_reading_stops_when_the_player_goes(self, signed: str, path: Path) -> None:
        os.truncate(path, 200 * door.READ_BYTES)
        player = Player(signed, hang_up_after=3)
        await player.play()
        assert 3 <= player.chunks <= 5
        assert not is_open(path)

    async def test_without_hanging_up_it_is_read_to_its_end(self, signed: str, path: Path, content: bytes) -> None:
        player = Player(signed, hang_up_after=10**9)
        await player.play()
        assert player.received == len(content)
        assert not is_open(path)
        assert player.messages[-1].get("more_body", False) is False

    async def test_a_file_that_becomes_shorter_breaks_the_connection(self, signed: str, path: Path) -> None:
        os.truncate(path, 50 * door.READ_BYTES)
        player = Player(signed, hang_up_after=10**9)
        send = player.send

        async def cut(message: dict[str, Any]) -> None:
            if player.chunks == 1:
                os.truncate(path, door.READ_BYTES)
            await send(message)

        player.send = cut  # type: ignore[method-assign]
        with pytest.raises(OSError, match="shorter"):
            await player.play()
        assert not is_open(path)
        assert player.messages[-1]["more_body"] is True

    async def test_memory_stays_small(self, signed: str, path: Path) -> None:
        os.truncate(path, 40 * door.READ_BYTES)
        player = Player(signed, hang_up_after=10**9)
        await player.play()
        assert max(len(message.get("body", b"")) for message in player.messages) <= door.READ_BYTES


def test_the_door_takes_only_its_own_addresses() -> None:
    assert door.matches("/api/v1/media/stream/abc")
    assert door.matches("/api/v1/media/stream/abc/")
    for path in (
        "/api/v1/media/stream/",
        "/api/v1/media/stream",
        "/api/v1/media/stream/a/b",
        "/x/api/v1/media/stream/a",
    ):
        assert not door.matches(path)
