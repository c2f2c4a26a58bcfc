"""…/shares: who else may see a comparison, what each may do, and what ends with it."""

import asyncio
import uuid
from contextlib import AsyncExitStack
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.conf import settings
from django.test import override_settings

from sessions_app.comparison import services
from sessions_app.comparison.events import services as events
from sessions_app.comparison.models import ComparisonSession, ComparisonVod, EventOrigin, SessionShare
from sessions_app.comparison.sharing import services as sharing
from tests.comparison.conftest import watching
from tests.support.api import BASE, Api, refused
from tests.support.factories import make_alignment, make_key, make_session, make_share, make_user
from tests.support.sockets import Socket, ask, connected, next_close, next_message, socket
from tests.support.together import at_once
from vodplatform.accounts import realtime
from vodplatform.accounts.models import User
from vodplatform.asgi import application
from vodplatform.core.errors import DomainError
from vodplatform.core.web import presence

pytestmark = pytest.mark.django_db
committed = [pytest.mark.both, pytest.mark.django_db(transaction=True)]


def share(api: Api, url: str, username: str = "other", role: str = "viewer", **more: Any) -> dict[str, Any]:
    response = api.post(f"{url}/shares", {"username": username, "role": role, **more})
    assert response.status_code == 201, response.content
    return response.json()["share"]


class TestInviting:
    def test_a_share_has_the_fields_of_the_contract_and_is_listed(self, api: Api, url: str, other: User) -> None:
        made = share(api, url, can_comment=True)
        assert (made["username"], made["role"], made["can_comment"]) == ("other", "viewer", True)
        assert made["created_at"] > 1e9
        assert api.get(f"{url}/shares").json() == {"ok": True, "shares": [made]}

    def test_changes_are_limited(self, api: Api, url: str, other: User, throttled: None) -> None:
        """All WebSockets of the account check their rights after each."""
        with override_settings(THROTTLES={**settings.THROTTLES, "share_changed": 1}):
            one = f"{url}/shares/{share(api, url)['share_id']}"
            assert api.patch(one, {"role": "editor"}).status_code == 200
            assert refused(api.patch(one, {"role": "viewer"}), 429, "throttled")["retry_after"] > 0

    def test_one_account_is_invited_to_so_many_in_an_hour(
        self, api: Api, url: str, owner: User, other: User, throttled: None
    ) -> None:
        with override_settings(THROTTLES={**settings.THROTTLES, "share_made": 1}):
            share(api, url)
            share(api, url, role="editor")  # a change counts elsewhere
            body = {"username": "other", "role": "viewer"}
            second = f"{BASE}/{make_session(owner).pk}"
            assert refused(api.post(f"{second}/shares", body), 429, "throttled")["retry_after"] > 0
            make_user("third")
            share(api, second, "third")

    def test_an_invited_account_leaves(self, api: Api, url: str, other: User, other_api: Api) -> None:
        share(api, url)
        assert other_api.post(f"{url}/leave").json() == {"ok": True}
        refused(other_api.post(f"{url}/leave"), 404, "session_not_found")
        assert not SessionShare.objects.exists()
        refused(api.post(f"{url}/leave"), 403, "forbidden")

    def test_invited_again_and_too_many(self, api: Api, url: str, other: User, monkeypatch: pytest.MonkeyPatch) -> None:
        assert share(api, url, role="editor")["can_comment"] is True
        first, second = share(api, url), share(api, url, role="editor")
        assert (second["share_id"], second["role"]) == (first["share_id"], "editor")
        assert SessionShare.objects.count() == 1
        monkeypatch.setattr(sharing, "MAX_SHARES", 1)
        make_user("third")
        body = {"username": "third", "role": "viewer"}
        assert refused(api.post(f"{url}/shares", body), 409, "too_many_shares")["limit"] == 1

    def test_what_is_changed_and_withdrawn(self, api: Api, url: str, other: User, owner: User) -> None:
        one = f"{url}/shares/{share(api, url)['share_id']}"
        assert api.patch(one, {"can_comment": True}).json()["share"]["can_comment"] is True
        assert api.patch(one, {"role": "editor"}).json()["share"]["role"] == "editor"
        assert api.delete(one).json() == {"ok": True}
        refused(api.delete(one), 404, "share_not_found")
        refused(api.patch(one, {"role": "viewer"}), 404, "share_not_found")
        elsewhere = share(api, f"{BASE}/{make_session(owner).pk}")
        refused(api.delete(f"{url}/shares/{elsewhere['share_id']}"), 404, "share_not_found")
        one = f"{url}/shares/{share(api, url)['share_id']}"
        api.post(f"{url}/archive")
        refused(api.patch(one, {"role": "editor"}), 409, "archived")
        assert api.delete(one).status_code == 200

    def test_an_account_that_cannot_be_invited_is_unknown(self, api: Api, url: str, other: User) -> None:
        make_user("gone", is_active=False)
        for name in ("nobody", "Other", "owner", "gone"):
            refused(api.post(f"{url}/shares", {"username": name, "role": "viewer"}), 400, "unknown_user")
        assert not SessionShare.objects.exists()


class TestRights:
    def test_it_is_in_the_list_with_what_one_may(self, api: Api, other_api: Api, url: str, owner: User) -> None:
        share(api, url, role="editor")
        make_session(owner)
        body = other_api.get(f"{BASE}/list").json()
        [row] = body["sessions"]
        assert (row["role"], row["owner"], row["created_by"]) == ("editor", "owner", str(owner.pk))
        assert (row["session_id"], row["name"], row["vod_count"]) == (url.rsplit("/", 1)[1], "A comparison", 3)
        assert body["total"] == 1
        assert {row["role"] for row in api.get(f"{BASE}/list").json()["sessions"]} == {"owner"}

    def test_an_author_changes_their_own_comment_and_no_other(self, api: Api, other_api: Api, url: str) -> None:
        share(api, url, can_comment=True)
        comment = {"global_time": 1, "kind": "comment", "body": "x"}
        own, theirs = (by.post(f"{url}/events", comment).json()["event"]["event_id"] for by in (other_api, api))
        assert other_api.patch(f"{url}/events/{own}", {"body": "y"}).status_code == 200
        refused(other_api.patch(f"{url}/events/{own}", {"kind": "kill"}), 403, "forbidden")
        refused(other_api.post(f"{url}/events", {**comment, "kind": "kill"}), 403, "forbidden")
        refused(other_api.patch(f"{url}/events/{theirs}", {"body": "y"}), 403, "forbidden")
        refused(other_api.delete(f"{url}/events/{theirs}"), 403, "forbidden")
        assert api.patch(f"{url}/events/{own}", {"resolved": True}).status_code == 200
        said = [by.post(f"{url}/events/{theirs}/replies", {"body": "so"}).json() for by in (other_api, api)]
        mine, others = (body["event"]["replies"][-1]["reply_id"] for body in said)
        refused(other_api.delete(f"{url}/events/{theirs}/replies/{others}"), 403, "forbidden")
        assert other_api.delete(f"{url}/events/{theirs}/replies/{mine}").status_code == 200
        assert other_api.delete(f"{url}/events/{own}").status_code == 200

    def test_without_comment_rights_even_ones_own_comment_stays(self, api: Api, other_api: Api, url: str) -> None:
        one = f"{url}/shares/{share(api, url, can_comment=True)['share_id']}"
        event = other_api.post(f"{url}/events", {"global_time": 1, "kind": "comment"}).json()["event"]["event_id"]
        api.patch(one, {"can_comment": False})
        refused(other_api.delete(f"{url}/events/{event}"), 403, "forbidden")
        refused(other_api.post(f"{url}/events", {"global_time": 1, "kind": "comment"}), 403, "forbidden")

    def test_what_was_begun_before_the_withdrawal_is_not_written(
        self, api: Api, url: str, session: ComparisonSession, other: User
    ) -> None:
        """Between the look at the caller's rights and the session's lock."""
        share(api, url, role="editor")
        SessionShare.objects.all().delete()
        with pytest.raises(DomainError, match="not found"):
            services.seek_all(session, other, 5.0)
        with pytest.raises(DomainError, match="not found"):
            events.create_events(session, other, [{"kind": "kill", "global_time": 1.0}], EventOrigin.IMPORT)
        share(api, url)
        with pytest.raises(DomainError, match="not change"):
            services.seek_all(session, other, 5.0)
        with pytest.raises(DomainError, match="not change"):
            events.reply(session, other, uuid.uuid4(), "x")

    def test_guest_writes_are_capped(self, api: Api, other_api: Api, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(events, "MAX_EVENTS_OF_COMMENTER", 1)
        monkeypatch.setattr(events, "MAX_THREAD", 20)
        share(api, url, can_comment=True)
        comment = {"global_time": 1, "kind": "comment"}
        event = other_api.post(f"{url}/events", comment).json()["event"]["event_id"]
        refused(other_api.post(f"{url}/events", comment), 409, "too_many_events")
        assert api.post(f"{url}/events", comment).status_code == 201
        assert other_api.post(f"{url}/events/{event}/replies", {"body": "123456"}).status_code == 201
        refused(other_api.post(f"{url}/events/{event}/replies", {"body": "12345"}), 409, "too_many_events")
        assert api.post(f"{url}/events/{event}/replies", {"body": "12345"}).status_code == 201

    def test_viewers_see_no_evidence(self, api: Api, other_api: Api, url: str, session: ComparisonSession) -> None:
        """Its addresses do not end with the share."""
        alignment = make_alignment(session)
        made = share(api, url)
        address = f"{url}/alignments/{alignment.job_id}"
        assert "/media/made/" in api.get(address).content.decode()
        assert "/media/made/" not in other_api.get(address).content.decode()
        api.patch(f"{url}/shares/{made['share_id']}", {"role": "editor"})
        assert "/media/made/" in other_api.get(address).content.decode()

    def test_where_the_owner_keeps_the_files_is_not_told(self, api: Api, other_api: Api, url: str) -> None:
        ComparisonVod.objects.update(path="/srv/recordings/of the owner.mp4")
        assert api.get(url).json()["session"]["vods"][0]["path"]
        share(api, url, role="editor")
        for answer in (other_api.get(url), other_api.put(f"{url}/global-seek", {"timestamp": 1})):
            assert {vod["path"] for vod in answer.json()["session"]["vods"]} == {None}

    def test_only_what_the_share_is_for_is_opened_by_it(self, api: Api, url: str, owner: User, other: User) -> None:
        key = share(api, url)["share_id"]
        shown = {vod.video_id for vod in ComparisonSession.objects.get(pk=url.rsplit("/", 1)[1]).vods.all()}
        assert all(sharing.is_share_open(key, video_id) for video_id in shown)
        assert not sharing.is_share_open(key, make_session(owner).vods.first().video_id)  # type: ignore[union-attr]
        for wrong in ("", "x", str(uuid.uuid4())):
            assert not sharing.is_share_open(wrong, next(iter(shown)))
        User.objects.filter(pk=other.pk).update(is_active=False)
        assert not sharing.is_share_open(key, next(iter(shown)))


class TestWatching:
    pytestmark = committed

    async def test_withdrawal_closes_the_sockets_of_one_account_and_costs_the_others_nothing(
        self, api: Api, url: str, session: ComparisonSession, other: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        checked: list[str] = []
        check = realtime.WatchConsumer._recheck

        async def recheck(self: realtime.WatchConsumer) -> bool:
            checked.append(self.watcher)
            return await check(self)

        monkeypatch.setattr(realtime.WatchConsumer, "_recheck", recheck)
        made = await ask(share, api, url)
        path = f"/ws/sessions/{session.pk}/"
        async with (
            connected(path, key=await ask(make_key, other)) as guest,
            connected(path, key=await ask(make_key, session.owner)) as host,
        ):
            shown = await next_message(guest, "session")
            assert all("&grant=share." in vod["stream_url"] for vod in shown["session"]["vods"])
            shown = await next_message(host, "session")
            assert not any("grant" in vod["stream_url"] for vod in shown["session"]["vods"])
            await ask(api.delete, f"{url}/shares/{made['share_id']}")
            assert await next_close(guest) == realtime.NOT_FOUND
            await ask(api.put, f"{url}/global-seek", {"timestamp": 4})
            assert (await next_message(host, "session"))["session"]["global_time"] == 4
            assert checked == [str(other.pk)]

    async def test_nothing_is_sent_until_it_is_certain_who_may_watch(
        self, api: Api, url: str, session: ComparisonSession, other: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A busy database delays the check: what happens meanwhile is sent after it, and the socket does not wait."""
        made = await ask(share, api, url)
        check, may_go_on = realtime.WatchConsumer._recheck, asyncio.Event()

        async def recheck(self: realtime.WatchConsumer) -> bool:
            await may_go_on.wait()
            return await check(self)

        monkeypatch.setattr(realtime.WatchConsumer, "_recheck", recheck)
        async with watching(session, other) as guest:
            await ask(api.patch, f"{url}/shares/{made['share_id']}", {"can_comment": False})
            await ask(api.put, f"{url}/global-seek", {"timestamp": 4})
            while not await guest.receive_nothing(0.3):
                assert (await next_message(guest))["type"] == "presence"  # sent before the change
            may_go_on.set()
            assert (await next_message(guest, "session"))["session"]["global_time"] == 4
        may_go_on.clear()
        monkeypatch.setattr(realtime, "URGENT_SECONDS", 0.2)
        async with watching(session, other) as guest:
            await ask(api.delete, f"{url}/shares/{made['share_id']}")
            await ask(api.put, f"{url}/global-seek", {"timestamp": 5})
            assert await next_close(guest) == realtime.TRY_AGAIN

    async def test_changes_and_clock_come_with_addresses_that_end(
        self, api: Api, url: str, session: ComparisonSession, other: User
    ) -> None:
        await ask(share, api, url)
        async with watching(session, other) as guest:
            await ask(api.put, f"{url}/playback", {"state": "playing"})
            for kind in ("session", "clock"):
                message = await next_message(guest)
                assert message["type"] == kind
                for vod in message["session"]["vods"]:
                    assert "&grant=share." in vod["stream_url"]
                    assert vod["path"] is None

    async def test_who_may_more_is_told(self, api: Api, url: str, session: ComparisonSession, other: User) -> None:
        made = await ask(share, api, url)
        async with watching(session, other) as guest:
            await ask(api.patch, f"{url}/shares/{made['share_id']}", {"role": "editor"})
            assert await next_message(guest) == {"type": "access", "role": "editor", "can_comment": True}


class TestPresence:
    pytestmark = committed

    async def people(self, communicator: Socket) -> dict[str, tuple[str, bool]]:
        """Of the next message that tells of them: by name, role and whether they follow."""
        message = await next_message(communicator, "presence")
        return {one["name"]: (one["role"], one["following"]) for one in message["people"]}

    async def test_presence_is_broadcast(self, api: Api, url: str, session: ComparisonSession, other: User) -> None:
        await ask(share, api, url)
        both = {"owner": ("owner", True), "other": ("viewer", True)}
        async with watching(session, session.owner) as host:
            async with watching(session, other) as guest:
                assert await self.people(guest) == both
                assert await self.people(host) == both
                following = '{"type": "following", "following": 1}'
                for nonsense in ("{", "[]", "7", following, '{"type": "session"}', "[" * 50_000):
                    await guest.say(nonsense)
                await guest.say('{"type": "following", "following": false}')
                assert await self.people(host) == {**both, "other": ("viewer", False)}
            assert await self.people(host) == {"owner": ("owner", True)}
        assert not presence._rooms

    @pytest.mark.exhaustive
    async def test_thirty_viewers_are_told_of_each_other(self, api: Api, url: str, session: ComparisonSession) -> None:
        def invite() -> list[str]:
            guests = [make_user(f"guest-{number:02}") for number in range(29)]
            for guest in guests:
                make_share(session, guest)
            return [make_key(user) for user in (session.owner, *guests)]

        path = f"/ws/sessions/{session.pk}/"
        async with AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(connected(path, key=key)) for key in await ask(invite)]
            for one in sockets:
                while len(await self.people(one)) < len(sockets):
                    pass
            await ask(api.put, f"{url}/global-seek", {"timestamp": 12.5})
            for one in sockets:
                assert (await next_message(one, "session"))["session"]["global_time"] == 12.5

    async def test_one_cut_off_in_mid_message_has_gone(self, api: Api, url: str, session: ComparisonSession) -> None:
        """The server sends, and the client is not there any more."""
        key = await ask(make_key, session.owner)
        watcher = socket(f"/ws/sessions/{session.pk}/", key=key)
        cut, said = asyncio.Event(), asyncio.Queue[dict[str, str]]()
        said.put_nowait({"type": "websocket.connect"})

        async def send(message: Any) -> None:
            if message["type"] == "websocket.send" and cut.is_set():
                raise ConnectionResetError
            if message["type"] == "websocket.send":
                cut.set()

        running = asyncio.create_task(application(watcher.scope, said.get, send))
        await asyncio.wait_for(cut.wait(), 10)
        while str(session.pk) not in presence._rooms:
            await asyncio.sleep(0.01)
        await ask(api.put, f"{url}/global-seek", {"timestamp": 4})
        await asyncio.wait_for(running, 10)
        assert str(session.pk) not in presence._rooms

    async def test_who_has_two_pages_open_is_one(self, session: ComparisonSession) -> None:
        async with watching(session, session.owner) as first, watching(session, session.owner) as second:
            for one in (first, second):
                assert await one.receive_nothing(0.6)

    async def test_silent_processes_drop_out(self, session: ComparisonSession, monkeypatch: pytest.MonkeyPatch) -> None:
        said = {"process": "another", "people": [{"name": "far", "role": "viewer", "following": True}], "asks": True}
        layer = get_channel_layer()
        group = f"comparison.{session.pk}"
        async with watching(session, session.owner) as host:
            await layer.group_send(group, {"type": "watch.presence", "message": said})
            assert set(await self.people(host)) == {"owner", "far"}
            monkeypatch.setattr(presence, "FORGET_SECONDS", -1.0)
            nobody = {**said, "process": "third", "people": []}
            await layer.group_send(group, {"type": "watch.presence", "message": nobody})
            assert set(await self.people(host)) == {"owner"}


@pytest.mark.both
@pytest.mark.django_db(transaction=True)
def test_two_invitations_of_one_account_at_once_are_one(api: Api, url: str, other: User) -> None:
    answers = at_once(*[lambda: api.post(f"{url}/shares", {"username": "other", "role": "viewer"})] * 2)
    assert [answer.status_code for answer in answers] == [201, 201]
    assert SessionShare.objects.count() == 1
