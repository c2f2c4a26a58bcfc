"""Addresses that end with a grant: opened while it holds, and no byte more when it ends."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from media_app.streaming import file_response, grants
from media_app.videos.media_urls import granted_stream_url, rendition_url, stream_url
from media_app.videos.models import RenditionKind, Video
from tests.conftest import Library
from tests.streaming.answers import refused
from tests.support import nginx
from tests.support.factories import make_video
from tests.support.sockets import ask
from tests.support.waiting import wait_until
from vodplatform.accounts.models import User
from vodplatform.asgi import application

pytestmark = pytest.mark.django_db(transaction=True)
MIB = 1024**2
KIND = "friend"


@pytest.fixture
def friends(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, set[UUID]]]:
    """Grants of a kind of the test's own: the videos that each opens."""
    opened: dict[str, set[UUID]] = {}
    monkeypatch.setattr(grants, "CHECK_SECONDS", 0.05)
    grants.register(KIND, lambda key, video_id: video_id in opened.get(key, ()))
    yield opened
    del grants._checks[KIND]


@pytest.fixture
def video(owner: User, library: Library) -> Video:
    path = library.crew / "large.mp4"
    path.write_bytes(os.urandom(MIB))
    return make_video(owner, location=str(path))


def address(video: Video, key: str = "anna") -> str:
    return granted_stream_url(video.pk, video.duration, f"{KIND}.{key}")


async def test_it_opens_while_the_grant_holds_and_only_what_it_is_for(
    http: httpx.AsyncClient, friends: dict[str, set[UUID]], video: Video, owner: User
) -> None:
    refused(await http.get(address(video)), 404, "not_found")
    friends["anna"] = {video.pk}
    answer = await http.get(address(video))
    assert (answer.status_code, answer.content) == (200, Path(video.location).read_bytes())
    assert answer.headers["cache-control"] == "private, no-cache"
    refused(await http.get(address(video, "ben")), 404, "not_found")
    other = await ask(lambda: make_video(owner, location=video.location + ".other"))
    refused(await http.get(address(other)), 404, "not_found")
    del friends["anna"]
    refused(await http.get(address(video)), 404, "not_found")


async def test_a_grant_cannot_be_forged(http: httpx.AsyncClient, friends: dict[str, set[UUID]], video: Video) -> None:
    """Neither the grant nor its absence can be written by hand."""
    friends["anna"] = friends["ben"] = {video.pk}
    granted, plain = address(video), stream_url(video)
    for forged in (
        granted.replace("anna", "ben"), granted.partition("&")[0], f"{plain}&grant={KIND}.anna",
        granted.replace(KIND, "foe"),
    ):  # fmt: skip
        refused(await http.get(forged), 404, "not_found")
    assert (await http.get(plain)).status_code == 200


async def test_a_grant_of_a_kind_that_nobody_knows_opens_nothing(http: httpx.AsyncClient, video: Video) -> None:
    refused(await http.get(granted_stream_url(video.pk, 9.0, "nobody.anna")), 404, "not_found")


async def test_its_renditions_end_too(http: httpx.AsyncClient, friends: dict[str, set[UUID]], clip: Video) -> None:
    friends["anna"] = {clip.pk}
    proxy = await ask(lambda: clip.renditions.select_related("video").get(kind=RenditionKind.PROXY))
    granted = rendition_url(proxy, grant=f"{KIND}.anna")
    answer = await http.get(granted)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-cache")
    refused(await http.get(granted.partition("?")[0]), 404, "not_found")
    friends.clear()
    refused(await http.get(granted), 404, "not_found")


@contextmanager
def reading(friends: dict[str, set[UUID]], video: Video) -> Iterator[socket.socket]:
    """One who was let in and has begun to read a gigabyte."""
    os.truncate(video.location, 1024 * MIB)
    friends["anna"] = {video.pk}
    with nginx.served(application) as port, socket.create_connection(("127.0.0.1", port), timeout=20) as reader:
        reader.sendall(f"GET {address(video)} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert reader.recv(12) == b"HTTP/1.1 200"
        yield reader


def test_bytes_that_are_under_way_end_with_it(friends: dict[str, set[UUID]], video: Video) -> None:
    with reading(friends, video) as reader:
        friends.clear()
        # The connection ends long before the file does.
        taken = 0
        try:
            while piece := reader.recv(MIB):
                taken += len(piece)
                if taken > 900 * MIB:
                    break
        except ConnectionResetError:
            pass
    assert taken < 900 * MIB


def test_one_who_stands_still_is_cut_off_too(friends: dict[str, set[UUID]], video: Video) -> None:
    with reading(friends, video):
        wait_until(lambda: file_response._waiting == 1)
        friends.clear()
        wait_until(lambda: file_response._waiting == 0)


async def test_no_redirect(http: httpx.AsyncClient, friends: dict[str, set[UUID]], video: Video, settings: Any) -> None:
    """nginx and a bucket would go on sending."""
    settings.X_ACCEL_PREFIX = "/_media/"
    friends["anna"] = {video.pk}
    assert "x-accel-redirect" in (await http.get(stream_url(video))).headers
    answer = await http.get(address(video))
    assert "x-accel-redirect" not in answer.headers
    assert answer.content == Path(video.location).read_bytes()
