"""Catalogue videos at the byte doors: open to everybody while shown, to moderators while hidden, deleted to nobody."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.db.models.functions import Now

from media_app.videos import media_urls
from media_app.videos.models import Video, VideoScope, VideoStatus
from sessions_app.comparison.proxies import proxy_urls
from sessions_app.comparison.serializers import SessionSerializer, SessionSnapshot
from tests.streaming.answers import refused
from tests.streaming.made import of_kind
from tests.support.factories import make_job, make_key, make_session
from tests.support.sockets import ask
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)
Addresses = Callable[[], Any]


async def to(video: Video, **fields: Any) -> Video:
    """Change its row; returns it as it is then."""

    def write() -> Video:
        Video.objects.filter(pk=video.pk).update(**fields)
        return Video.objects.get(pk=video.pk)

    return await ask(write)


async def every_address(video: Video) -> list[str]:
    """Every kind of signed address there is, as made for the video as it stands."""

    def make() -> list[str]:
        row, poster = of_kind(video, "hls"), of_kind(video, "poster")
        row.video = poster.video = video
        folder = media_urls.hls_url(video).removesuffix(media_urls.MASTER)
        return [
            media_urls.stream_url(video), media_urls.hls_url(video),
            f"{folder}source/index.m3u8", f"{folder}source/media.mp4",
            media_urls.rendition_url(row), media_urls.rendition_url(poster),
        ]  # fmt: skip

    return await ask(make)


async def statuses(http: httpx.AsyncClient, found: list[str]) -> set[int]:
    return {(await http.get(address)).status_code for address in found}


async def key_of(user: User) -> dict[str, str]:
    return {"Authorization": f"Token {await ask(make_key, user)}"}


class TestSigned:
    async def test_a_deleted_one_opens_to_nobody_until_it_is_restored(
        self, http: httpx.AsyncClient, video: Video, moderator: User, admin_person: User, owner: User
    ) -> None:
        found = await every_address(video)
        assert await statuses(http, found) == {200}
        deleted = await to(video, deleted_at=Now())
        assert await statuses(http, found) == {404}
        assert await statuses(http, await every_address(deleted)) == {404}
        for user in (moderator, admin_person, owner):
            headers = await key_of(user)
            for address in (f"{media_urls.STREAM_PREFIX}{video.pk}", f"/api/v1/media/optimized/{video.pk}"):
                refused(await http.get(address, headers=headers), 404, "not_found")
        await to(video, deleted_at=None)
        assert await statuses(http, found) == {200}

    @pytest.mark.parametrize("fields", [{"is_hidden": True}, {"status": VideoStatus.PROCESSING}])
    async def test_what_was_made_for_everybody_ends_when_it_is_hidden(
        self, http: httpx.AsyncClient, video: Video, fields: dict[str, Any]
    ) -> None:
        """While another file takes its place, too, only moderators see it."""
        found = await every_address(video)
        job = await ask(lambda: make_job(video.owner, "processing"))
        hidden = await to(video, **fields, job=job)
        assert await statuses(http, found) == {404}
        for_moderators = await every_address(hidden)
        assert not set(found) & set(for_moderators)
        assert await statuses(http, for_moderators) == {200}
        # Shown again, both open it: nobody is thrown out in the middle.
        await to(video, is_hidden=False, status=VideoStatus.READY)
        assert await statuses(http, [*found, *for_moderators]) == {200}

    async def test_a_private_one_is_as_hidden_as_ever(self, http: httpx.AsyncClient, clip: Video) -> None:
        """The column means nothing there."""
        found = await every_address(clip)
        assert found == await every_address(await to(clip, is_hidden=True))
        assert await statuses(http, found) == {200}

    async def test_a_session_opens_nothing_hidden(self, http: httpx.AsyncClient, video: Video, other: User) -> None:
        """Whoever made a session of it, while it was shown, is no moderator."""

        def shown() -> list[str]:
            session = make_session(other, videos=[video])
            copies = proxy_urls(session, other)[0]
            shown = SessionSerializer.show(SessionSnapshot.of(session))["vods"][0]
            return [shown["stream_url"], copies["stream_url"], copies["proxy_url"]]

        assert await statuses(http, await ask(shown)) == {200}
        await to(video, is_hidden=True)
        assert await statuses(http, await ask(shown)) == {404}


class TestOpen:
    @pytest.fixture
    def address(self, video: Video) -> str:
        return f"{media_urls.STREAM_PREFIX}{video.pk}"

    async def test_anybody_may_watch_what_is_shown(self, http: httpx.AsyncClient, address: str, other: User) -> None:
        for headers in ({}, await key_of(other)):
            response = await http.get(address, headers={**headers, "Range": "bytes=0-9"})
            assert (response.status_code, len(response.content)) == (206, 10)
            assert response.headers["cache-control"] == "private, no-cache"

    async def test_private_catalogue(self, http: httpx.AsyncClient, address: str, other: User, settings: Any) -> None:
        """Where the catalogue is not public, one has to sign in."""
        settings.PUBLIC_CATALOG = False
        refused(await http.get(address), 401, "unauthenticated")
        assert (await http.get(address, headers=await key_of(other))).status_code == 200

    @pytest.mark.parametrize(
        "fields",
        [{"is_hidden": True}, {"deleted_at": Now()}, {"status": VideoStatus.FAILED}, {"place": VideoScope.LIBRARY}],
    )
    async def test_nobody_learns_of_what_is_not_shown(
        self, http: httpx.AsyncClient, address: str, video: Video, other: User, fields: dict[str, Any]
    ) -> None:
        await to(video, **fields)
        refused(await http.get(address), 401, "unauthenticated")
        refused(await http.get(address, headers={"Authorization": "Token wrong"}), 401, "token_invalid")
        refused(await http.get(address, headers=await key_of(other)), 404, "not_found")

    async def test_a_hidden_one_is_its_moderators(
        self, http: httpx.AsyncClient, address: str, video: Video, moderator: User, owner: User
    ) -> None:
        await to(video, is_hidden=True)
        assert (await http.get(address, headers=await key_of(moderator))).status_code == 200
        refused(await http.get(address, headers=await key_of(owner)), 404, "not_found")

    async def test_device_choice_gives_it_too(
        self, http: httpx.AsyncClient, address: str, video: Video, other: User, moderator: User
    ) -> None:
        wanted = f"/api/v1/media/optimized/{video.pk}"
        body = (await http.get(wanted, headers=await key_of(other))).json()
        assert (await http.get(body["streaming_url"])).status_code == 200
        body = (await http.get(wanted)).json()
        assert (await http.get(body["streaming_url"])).status_code == 200
        await to(video, is_hidden=True)
        assert (await http.get(body["streaming_url"])).status_code == 404
        refused(await http.get(wanted, headers=await key_of(other)), 404, "not_found")
        refused(await http.get(wanted), 401, "unauthenticated")
        body = (await http.get(wanted, headers=await key_of(moderator))).json()
        assert (await http.get(body["streaming_url"])).status_code == 200
