"""GET|HEAD /api/v1/media/stream/{id} through the ASGI application."""

import asyncio
import os
import time
import uuid
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from media_app.streaming.asgi import route_of
from media_app.streaming.file_response import MAX_BYTES
from media_app.videos.media_urls import stream_url
from media_app.videos.models import Video, VideoSource, VideoStatus
from tests.conftest import Library
from tests.streaming.answers import harmless, refused
from tests.streaming.made import RANGES, SIZE
from tests.support.factories import make_job, make_video
from tests.support.sockets import ask
from vodplatform.accounts.models import User
from vodplatform.asgi import application
from vodplatform.core import logs
from vodplatform.core.web import signing

pytestmark = pytest.mark.django_db(transaction=True)


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


class TestBytes:
    async def test_the_whole_file_and_a_part_of_it(self, http: httpx.AsyncClient, signed: str, content: bytes) -> None:
        """Which header asks for which part: test_ranges.py."""
        response = await http.get(signed)
        assert (response.status_code, response.content) == (200, content)
        assert response.headers["content-length"] == str(SIZE)
        assert response.headers["accept-ranges"] == "bytes"
        assert response.headers["content-type"] == "video/mp4"
        assert "content-range" not in response.headers
        assert response.headers["x-request-id"]
        harmless(response)
        for several in ("bytes=0-1,5-6", "items=0-1", "\xff"):
            response = await http.get(signed, headers=[(b"Range", several.encode("latin-1"))])
            assert (response.status_code, response.content) == (200, content)
        for header, start, stop in RANGES:
            response = await http.get(signed, headers={"Range": header})
            assert (response.status_code, response.content) == (206, content[start:stop])
            assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/{SIZE}"
            assert response.headers["content-length"] == str(stop - start)
        response = await http.get(signed, headers={"Range": f"bytes={SIZE}-"})
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


async def test_conditions_are_about_the_file(http: httpx.AsyncClient, signed: str, path: Path, content: bytes) -> None:
    """Which condition has which outcome: test_conditions.py."""
    whole = await http.get(signed)
    etag, date = whole.headers["etag"], whole.headers["last-modified"]
    for known in ({"If-None-Match": f'"other", {etag}'}, {"If-Modified-Since": date}):
        response = await http.get(signed, headers={**known, "Range": "bytes=0-1"})
        assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", etag)
    for other in ({"If-Match": '"other"'}, {"If-Unmodified-Since": formatdate(0, usegmt=True)}):
        refused(await http.get(signed, headers=other), 412, "precondition_failed")
    assert (await http.get(signed, headers={"If-Match": etag})).status_code == 200
    for validator, status in ((etag, 206), (date, 206), ('"other"', 200), (f"W/{etag}", 200)):
        response = await http.get(signed, headers={"Range": "bytes=0-9", "If-Range": validator})
        assert (response.status_code, response.content) == (status, content[:10] if status == 206 else content)
    path.write_bytes(b"new")
    assert (await http.get(signed, headers={"If-None-Match": etag})).headers["etag"] != etag


class TestKeeping:
    """What browsers may keep of private bytes."""

    async def test_signed_in_they_revalidate(self, http: httpx.AsyncClient, url: str, headers: dict[str, str]) -> None:
        response = await http.get(url, headers=headers)
        assert response.headers["cache-control"] == "private, no-cache"
        again = await http.get(url, headers={**headers, "If-None-Match": response.headers["etag"]})
        assert (again.status_code, again.headers["cache-control"]) == (304, "private, no-cache")

    async def test_a_signed_file_is_kept_while_valid(self, http: httpx.AsyncClient, url: str, video: Video) -> None:
        assert (await http.get(stream_url(video))).headers["cache-control"] == "private, max-age=3600"
        token = signing.sign("stream", str(video.pk), seconds=60)
        before = signing.expiry_of(token) - time.time()
        kept = (await http.get(f"{url}?sig={token}")).headers["cache-control"].removeprefix("private, max-age=")
        assert signing.expiry_of(token) - time.time() - 1 <= int(kept) <= before < 3600


async def test_a_signature_opens_it_while_the_video_exists(http: httpx.AsyncClient, signed: str, video: Video) -> None:
    """tests/contract/test_door_roles.py tries the signatures of other files."""
    assert (await http.get(signed)).status_code == 200
    assert (await http.get(signed, headers={"Authorization": "Token wrong"})).status_code == 200
    assert (await http.get(signed.replace("?", "/?"))).status_code == 200
    await ask(video.delete)
    refused(await http.get(signed), 404, "not_found")


class TestSignIn:
    @pytest.mark.parametrize("header", ["Token", "Token wrong", "Bearer x", "Basic eDp5"])
    async def test_one_that_does_not_hold_says_so(self, http: httpx.AsyncClient, url: str, header: str) -> None:
        type = "unauthenticated" if header.startswith("Basic") else "token_invalid"
        refused(await http.get(url, headers={"Authorization": header}), 401, type)

    @pytest.mark.parametrize("name", ["none", "7", "..", "%00", "%F0%9F%8E%AE"])
    async def test_a_bad_id_is_not_found(self, http: httpx.AsyncClient, headers: dict[str, str], name: str) -> None:
        response = await http.get(f"/api/v1/media/stream/{name}", headers=headers)
        assert response.status_code in (400, 404)
        assert response.json()["ok"] is False

    async def test_the_log_says_who_asked(
        self, http: httpx.AsyncClient, url: str, owner: User, headers: dict[str, str], caplog: pytest.LogCaptureFixture
    ) -> None:
        users = []
        caplog.handler.addFilter(lambda record: users.append((record.getMessage(), logs.user_id.get())) or True)
        for address in (url, f"/api/v1/media/stream/{uuid.uuid4()}", f"{url}?sig=x"):
            await http.get(address, headers=headers)
        assert [user for name, user in users if name == "request"] == [str(owner.pk), str(owner.pk), ""]


@pytest.mark.parametrize("status", [VideoStatus.FAILED, VideoStatus.PROCESSING])
async def test_failed_is_not_played(http: httpx.AsyncClient, owner: User, headers: dict[str, str], status: str) -> None:
    """Which of them is given at all: test_gate.py."""
    key = await ask(default_storage.save, "videos/a/stored.mp4", ContentFile(b"stored bytes"))
    job = await ask(lambda: make_job(owner, "failed", error={"type": "vod_unreadable", "message": "No."}))
    fields = {"source": VideoSource.STORED, "title": "A title", "status": status, "job": job}
    stored = await ask(lambda: make_video(owner, location=key, **fields))
    for address, given in ((stream_url(stored), {}), (f"/api/v1/media/stream/{stored.pk}", headers)):
        response = await http.get(address, headers=given)
        assert (response.status_code, response.content) == (200, b"stored bytes")
        assert response.headers["content-type"] == "application/octet-stream"
        assert response.headers["content-disposition"] == 'attachment; filename="A title.mp4"'


async def test_a_download_has_its_title_a_stream_is_inline(http: httpx.AsyncClient, signed: str, video: Video) -> None:
    await ask(lambda: Video.objects.filter(pk=video.pk).update(title="Rúnda 7\r\nX-Evil: 1"))
    response = await http.get(f"{signed}&download=1")
    assert response.headers["content-disposition"] == (
        "attachment; filename=\"R_nda 7 X-Evil_ 1.mp4\"; filename*=UTF-8''R%C3%BAnda%207%20X-Evil_%201.mp4"
    )
    assert "x-evil" not in response.headers
    for address in (signed, f"{signed}&download=0", f"{signed}&download="):
        assert "content-disposition" not in (await http.get(address)).headers


class TestFiles:
    async def test_what_is_no_file_of_a_library_folder_is_not_found(
        self, http: httpx.AsyncClient, signed: str, path: Path, library: Library, settings: Any
    ) -> None:
        roots, settings.LIBRARY_ROOTS = settings.LIBRARY_ROOTS, []
        refused(await http.get(signed), 404, "not_found")
        settings.LIBRARY_ROOTS = roots
        assert (await http.get(signed)).status_code == 200
        path.unlink()
        refused(await http.get(signed), 404, "not_found")
        path.symlink_to(library.outside / "plain.mp4")
        refused(await http.get(signed), 404, "not_found")
        path.unlink()
        path.mkdir()
        refused(await http.get(signed), 404, "not_found")
        path.rmdir()
        os.mkfifo(path)
        refused(await asyncio.wait_for(http.get(signed), 5), 404, "not_found")

    async def test_a_symlinked_folder_is_closed(self, http: httpx.AsyncClient, owner: User, library: Library) -> None:
        (library.crew / "deeper").mkdir()
        (library.crew / "deeper" / "plain.mp4").write_bytes(b"inside")
        video = await ask(lambda: make_video(owner, location=str(library.crew / "deeper" / "plain.mp4")))
        assert (await http.get(stream_url(video))).content == b"inside"
        (library.crew / "deeper" / "plain.mp4").unlink()
        (library.crew / "deeper").rmdir()
        (library.crew / "deeper").symlink_to(library.outside)
        refused(await http.get(stream_url(video)), 404, "not_found")

    async def test_names_and_types_are_harmless(self, http: httpx.AsyncClient, owner: User, library: Library) -> None:
        name = 'a"b\r\nX-Evil: 1\r\n\r\n<script>.mp4'
        (library.crew / name).write_bytes(b"bytes")
        video = await ask(lambda: make_video(owner, title=name, location=str(library.crew / name)))
        response = await http.get(stream_url(video), headers={"X-Request-ID": "a\tb"})
        assert response.status_code == 200
        assert "x-evil" not in response.headers
        assert all("\r" not in value and "\n" not in value for value in response.headers.values())
        assert response.headers["x-request-id"] != "a\tb"


class Player:
    """A raw ASGI client that can hang up in the middle. after_chunk: called with how many chunks have come."""

    def __init__(
        self, address: str, hang_up_after: int = 10**9, after_chunk: Callable[[int], None] = lambda chunks: None
    ) -> None:
        path, _, query = address.partition("?")
        self.scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": []}
        self.hang_up_after, self.after_chunk = hang_up_after, after_chunk
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
        if message.get("body"):
            self.chunks += 1
            self.received += len(message["body"])
            if self.chunks >= self.hang_up_after:
                self.hung_up.set()
            self.after_chunk(self.chunks)
        await asyncio.sleep(0.001)

    async def play(self) -> None:
        await asyncio.wait_for(application(self.scope, self.receive, self.send), 10)


def is_open(path: Path) -> bool:
    """Whether this process has a file open."""
    folder = Path("/proc/self/fd")
    return any(link.is_symlink() and str(link.readlink()) == str(path) for link in folder.iterdir())


class TestHangingUp:
    async def test_reading_stops_when_the_player_goes(self, signed: str, path: Path) -> None:
        os.truncate(path, 200 * MAX_BYTES)
        player = Player(signed, hang_up_after=3)
        await player.play()
        assert 3 <= player.chunks <= 5
        assert not is_open(path)

    async def test_without_hanging_up_it_is_read_to_its_end(self, signed: str, path: Path) -> None:
        os.truncate(path, 40 * MAX_BYTES)
        player = Player(signed)
        await player.play()
        assert player.received == 40 * MAX_BYTES
        assert not is_open(path)
        assert player.messages[-1].get("more_body", False) is False
        assert max(len(message.get("body", b"")) for message in player.messages) <= MAX_BYTES

    @pytest.mark.parametrize("change", ["shorter", "changed"])
    async def test_a_changed_file_breaks_the_connection(self, signed: str, path: Path, change: str) -> None:
        os.truncate(path, 50 * MAX_BYTES)

        def write_over(chunks: int) -> None:
            if chunks == 1 and change == "shorter":
                os.truncate(path, MAX_BYTES)
            elif chunks == 1:
                with path.open("r+b") as file:
                    file.write(b"another recording")

        player = Player(signed, after_chunk=write_over)
        with pytest.raises(OSError, match="changed"):
            await player.play()
        assert not is_open(path)
        assert player.messages[-1]["more_body"] is True
        assert player.received < 10 * MAX_BYTES

    async def test_a_file_that_is_replaced_goes_on_as_it_was(self, signed: str, path: Path) -> None:
        """Who has begun to read one recording gets all of it and nothing of the next."""
        content = os.urandom(3 * MAX_BYTES)
        path.write_bytes(content)

        def replace(chunks: int) -> None:
            if chunks == 1:
                path.with_name("next.mp4").write_bytes(b"next")
                path.with_name("next.mp4").rename(path)

        player = Player(signed, after_chunk=replace)
        await player.play()
        assert b"".join(message.get("body", b"") for message in player.messages) == content


@pytest.mark.parametrize(("path", "route"), [
    ("/api/v1/media/stream/abc", "api/v1/media/stream/<video_id>"),
    ("/api/v1/media/stream/abc/", "api/v1/media/stream/<video_id>"),
    ("/api/v1/media/hls/t/v/master.m3u8", "api/v1/media/hls/<token>/<video_id>/<name>"),
    ("/api/v1/media/hls/t/v/720/index.m3u8", "api/v1/media/hls/<token>/<video_id>/<rung>/<name>"),
    ("/api/v1/media/renditions/t/r/poster.jpg", "api/v1/media/renditions/<token>/<rendition_id>/<name>"),
    ("/api/v1/media/stream/", None), ("/api/v1/media/stream", None), ("/api/v1/media/stream/a/b", None),
    ("/x/api/v1/media/stream/a", None), ("/api/v1/media/hls/t/v", None), ("/api/v1/media/hls/t/v/a.html", None),
    ("/api/v1/media/hls/t/v/a/b/c", None), ("/api/v1/media/renditions/t/r", None), ("/api/v1/media/made/a", None),
    ("/api/v1/media/optimized/a", None), ("/", None),
])  # fmt: skip
def test_the_door_takes_only_its_own_addresses(path: str, route: str | None) -> None:
    assert route_of({"path": path}) == route
