"""ws/sessions/{id}/: who may watch, what arrives first, and what arrives then."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from django.test import Client

from sessions_app.comparison import consumers
from sessions_app.comparison.models import ComparisonSession
from sessions_app.comparison.socket_messages import clock_message
from tests.support.api import BASE, Api
from tests.support.factories import PASSWORD, make_alignment, make_key, make_session, rewind_anchor
from tests.support.sockets import Socket, ask, connected, first_close, next_close, next_message, socket
from vodplatform.accounts import realtime
from vodplatform.accounts.models import User
from vodplatform.accounts.realtime import WatchConsumer
from vodplatform.core.web import publish

pytestmark = [pytest.mark.both, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def path(session: ComparisonSession) -> str:
    return f"/ws/sessions/{session.session_id}/"


async def message_of(communicator: Socket, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The next message that fits; what comes before it is let go."""
    while True:
        message = await next_message(communicator)
        if fits(message):
            return message


class TestHowMany:
    async def test_an_account_has_so_many_at_once(self, path: str, key: str, other_api: Api, settings: Any) -> None:
        settings.SOCKETS_AT_ONCE = 2
        async with connected(path, key=key) as first:
            await next_message(first)
            async with connected(path, key=key) as second:
                await next_message(second)
                async with connected(path, key=key) as third:
                    assert (await third.receive_output(5))["code"] == realtime.TRY_AGAIN
            async with connected(path, key=key) as another:
                assert (await next_message(another))["type"] == "session"
        assert not realtime.open_sockets

    async def test_so_many_are_opened_in_a_minute(self, path: str, key: str, settings: Any) -> None:
        settings.THROTTLES_ON, settings.THROTTLE_STORAGE = True, "memory"
        settings.THROTTLES = {**settings.THROTTLES, "socket": 2}
        for expected in ("session", "session", ""):
            async with connected(path, key=key) as one:
                if expected:
                    assert (await next_message(one))["type"] == expected
                else:
                    assert (await one.receive_output(5))["code"] == realtime.TRY_AGAIN

    async def test_a_place_is_given_back_by_whom_it_was_taken(self) -> None:
        one = realtime.WatchConsumer()
        one.watcher = "a network"
        assert one._reserve_slot()
        one.watcher = "an account"  # who has signed in meanwhile
        one._leave_place()
        assert not realtime.open_sockets

    async def test_a_refused_one_takes_no_place(self, path: str, other: User) -> None:
        async with connected(path, key=await ask(make_key, other)) as communicator:
            assert (await communicator.receive_output(5))["code"] == realtime.NOT_FOUND
        assert not realtime.open_sockets


class TestSigningIn:
    async def test_the_address_needs_no_trailing_slash_and_a_token_no_origin(self, path: str, key: str) -> None:
        headers = {"origin": "https://evil.example", "host": "a"}
        async with connected(path.rstrip("/"), key=key, headers=headers) as communicator:
            assert (await next_message(communicator))["type"] == "session"

    async def test_switched_off_it_is_4404(self, path: str, key: str, settings: Any) -> None:
        settings.MULTI_VOD_ENABLED = False
        assert await first_close(socket(path, key=key)) == 4404


class TestSessionCookie:
    @pytest.fixture
    def cookie(self, owner: User) -> str:
        client = Client()
        assert client.login(username=owner.username, password=PASSWORD)
        return f"sessionid={client.cookies['sessionid'].value}"

    async def test_it_does_not_from_another_sites_page(self, path: str, cookie: str) -> None:
        headers = {"cookie": cookie, "origin": "https://vod.example:8000", "host": "vod.example:8000"}
        async with connected(path, headers=headers) as communicator:
            assert (await next_message(communicator))["type"] == "session"
        assert await first_close(socket(path, headers={"cookie": cookie, "host": "vod.example:8000"})) == 4401
        for origin in (
            "", "null", "https://evil.example", "https://vod.example", "https://vod.example:8000.evil.example",
            "https://evil.example/vod.example:8000", "http://[", "vod.example:8000",
        ):  # fmt: skip
            assert await first_close(socket(path, headers=headers | {"origin": origin})) == 4401, origin
        for wrong in ("sessionid=none", "sessionid=", "garbage", "a=b; \xff=c", "sessionid=%00"):
            assert await first_close(socket(path, headers=headers | {"cookie": wrong})) == 4401, wrong


class TestWatching:
    async def test_snapshot_first(self, api: Api, url: str, path: str, key: str, session: ComparisonSession) -> None:
        async with connected(path, key=key) as communicator:
            message = await next_message(communicator)
        assert set(message) >= {"type", "revision", "by", "at", "session"}
        assert (message["type"], message["revision"], message["by"]) == ("session", 1, "owner")
        assert isinstance(message["at"], float)
        assert message["session"]["session_id"] == session.session_id
        shown = await ask(lambda: api.get(url).json()["session"])
        for part in (message["session"], shown):
            for vod in part["vods"]:
                vod.pop("stream_url")
        assert message["session"] == shown

    async def test_changes(self, url: str, path: str, key: str, session: ComparisonSession, admin_person: User) -> None:
        admin_key = await ask(make_key, admin_person)
        alignment = await ask(make_alignment, session)
        changes: list[tuple[str, str, Any]] = [
            ("PATCH", url, {"name": "New"}),
            ("PUT", f"{url}/global-seek", {"timestamp": 150}),
            ("PUT", f"{url}/vods/vod-2/seek", {"timestamp": 20}),
            ("PUT", f"{url}/offsets", {"offsets": {"vod-3": 1}, "source": "manual"}),
            ("POST", f"{url}/alignments/{alignment.job_id}/apply", {}),
            ("PUT", f"{url}/playback", {"state": "playing"}),
            ("PUT", f"{url}/playback", {"state": "paused"}),
        ]
        async with connected(path, key=key) as first, connected(path, key=admin_key) as second:
            for communicator in (first, second):
                assert (await next_message(communicator))["revision"] == 1
            for number, (method, where, body) in enumerate(changes, 2):
                response = await ask(lambda m=method, u=where, b=body: Api(admin_key).send(m, u, b))
                assert response.status_code == 200
                for communicator in (first, second):
                    message = await next_message(communicator, "session")
                    assert (message["revision"], message["by"]) == (number, "admin")
                    assert message["session"] == response.json()["session"]

    async def test_a_deleted_session_closes_its_viewers(self, api: Api, url: str, path: str, key: str) -> None:
        async with connected(path, key=key) as communicator:
            await next_message(communicator)
            await ask(api.delete, url)
            assert await next_close(communicator) == realtime.NOT_FOUND

    async def test_other_or_failed_changes_not_sent(self, api: Api, url: str, path: str, key: str, owner: User) -> None:
        elsewhere = await ask(make_session, owner)
        async with connected(path, key=key) as communicator:
            await next_message(communicator)
            bad = {"offsets": {"vod-1": 1, "vod-9": 1}, "source": "manual"}
            await ask(api.put, f"{url}/offsets", bad)
            await ask(api.patch, f"{BASE}/{elsewhere.pk}", {"name": "Elsewhere"})
            await ask(api.patch, url, {"name": "Good"})
            message = await next_message(communicator)
            assert (message["revision"], message["session"]["name"]) == (2, "Good")


class TestLookingAgain:
    """Twice a minute, in these tests at once: is the viewer still signed in, and was anything missed?"""

    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(realtime, "RECHECK_SECONDS", 0.1)

    async def test_who_may_no_longer_watch_is_disconnected(self, path: str, key: str, other: User) -> None:
        async with connected(path, key=key) as communicator:
            await next_message(communicator)
            await ask(lambda: ComparisonSession.objects.update(owner=other))
            assert await next_close(communicator) == realtime.NOT_FOUND

    async def test_dead_broker(self, api: Api, url: str, path: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
        async with connected(path, key=key) as communicator:
            await next_message(communicator)
            monkeypatch.setattr(publish, "_send", lambda group, event: None)
            await ask(api.patch, url, {"name": "Unheard"})
            message = await next_message(communicator)
            assert (message["type"], message["revision"], message["session"]["name"]) == ("session", 2, "Unheard")


class TestClock:
    """``clock`` messages, twice a second while it plays."""

    @asynccontextmanager
    async def playing(self, path: str, key: str, api: Api, url: str, **body: Any) -> AsyncIterator[Socket]:
        async with connected(path, key=key) as communicator:
            await next_message(communicator)
            response = await ask(api.put, f"{url}/playback", {"state": "playing", **body})
            assert response.status_code == 200
            yield communicator

    async def test_it_ticks_twice_a_second_while_playing(self, api: Api, url: str, path: str, key: str) -> None:
        async with self.playing(path, key, api, url, at=100, rate=2) as communicator:
            clocks = [await next_message(communicator, "clock") for _ in range(4)]
        for clock in clocks:
            assert set(clock) >= {"revision", "by", "at", "session", "global_time", "rate", "playing", "server_time"}
            assert (clock["rate"], clock["playing"], clock["revision"], clock["by"]) == (2, True, 2, "owner")
            assert clock["session"]["global_time"] == clock["global_time"]
            times = [vod["current_time"] for vod in clock["session"]["vods"]]
            assert times == pytest.approx([clock["global_time"] + ahead for ahead in (0, 50, -37)])
        steps = [b["server_time"] - a["server_time"] for a, b in pairwise(clocks)]
        assert sorted(steps)[1] == pytest.approx(0.5, abs=0.25)
        moved = clocks[-1]["global_time"] - clocks[0]["global_time"]
        assert moved == pytest.approx(2 * (clocks[-1]["server_time"] - clocks[0]["server_time"]), abs=0.01)
        assert 100 <= clocks[0]["global_time"] < 104

    async def test_viewers_of_one_process_are_sent_one_message_without_what_the_page_keeps(
        self, api: Api, url: str, path: str, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made: list[float] = []

        def counted(message: dict[str, Any], elapsed: float) -> dict[str, Any]:
            made.append(elapsed)
            return clock_message(message, elapsed)

        monkeypatch.setattr(consumers, "clock_message", counted)
        monkeypatch.setattr(consumers, "SHARED_SECONDS", 0.2)
        await ask(api.patch, url, {"ui_state": {"text": "x" * 60_000}})
        async with contextlib.AsyncExitStack() as stack:
            viewers = [await stack.enter_async_context(connected(path, key=key)) for _ in range(5)]
            assert (await ask(api.put, f"{url}/playback", {"state": "playing"})).status_code == 200
            heard = []
            for viewer in viewers:
                clocks = [await next_message(viewer, "clock") for _ in range(5)]
                heard.append({clock["server_time"] for clock in clocks})
        # The first is of a moment of each viewer's own, and one may begin a tick later.
        assert len(set.intersection(*heard)) >= 3
        assert len(made) < sum(map(len, heard)) / 2
        assert "ui_state" not in clocks[0]["session"]
        assert "events" not in clocks[0]["session"]["vods"][0]

    async def test_a_message_for_many_is_encoded_once(self) -> None:
        message = {"type": "x", "number": 1}
        first, second = await WatchConsumer.encode_json(message), await WatchConsumer.encode_json(message)
        other = await WatchConsumer.encode_json(dict(message))
        assert first is second
        assert other is not first
        assert json.loads(other) == json.loads(first) == message

    async def test_viewers_who_see_the_same_share_what_is_sent(self) -> None:
        message: dict[str, Any] = {"type": "events", "revision": 2, "named": {"e1": ["mira", "jon"]}, "changed": []}
        seen = {}
        for name in ("mira", "anna", "ben"):
            viewer = consumers.SessionConsumer()
            viewer.name = name
            seen[name] = viewer._own_mentions_only(message)
        assert seen["anna"] is seen["ben"]
        assert (seen["anna"]["named"], seen["mira"]["named"]) == ({}, {"e1": ["mira"]})

    async def test_a_long_message_of_a_client_is_not_parsed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(json, "loads", lambda text: pytest.fail("parsed"))
        await consumers.SessionConsumer().receive(json.dumps({"type": "following", "following": [True] * 100}))

    async def test_the_clock_has_every_vod_of_its_own(self, api: Api, url: str, path: str, key: str) -> None:
        await ask(api.patch, url, {"sync_mode": "independent"})
        async with connected(path, key=key) as communicator:
            await next_message(communicator)
            await ask(api.put, f"{url}/vods/vod-2/playback", {"state": "playing", "rate": 2, "at": 9})
            clock = await message_of(communicator, lambda m: m["type"] == "clock" and m["vods"][1]["time"] > 9.5)
        assert [(vod["playing"], vod["rate"]) for vod in clock["vods"]] == [(False, 1), (True, 2), (False, 1)]
        assert (clock["playing"], clock["global_time"]) == (False, 0)
        # A VOD at its beginning plays from there.
        await ask(api.put, f"{url}/vods/vod-3/seek", {"timestamp": 0})
        async with self.playing(path, key, api, url) as communicator:
            await message_of(
                communicator, lambda m: m["type"] == "clock" and m["session"]["vods"][2]["current_time"] > 0.3
            )

    async def test_it_stops_when_paused_and_reaches_joiners(self, api: Api, url: str, path: str, key: str) -> None:
        async with self.playing(path, key, api, url) as communicator:
            await next_message(communicator, "clock")
            await ask(api.put, f"{url}/playback", {"state": "paused"})
            await message_of(communicator, lambda m: m["type"] == "session" and m["revision"] == 3)
            assert await communicator.receive_nothing(0.8)
        await ask(api.put, f"{url}/playback", {"state": "playing", "at": 5})
        async with connected(path, key=key) as late:
            first = await next_message(late)
            assert (first["type"], first["session"]["global_playback_state"]) == ("session", "playing")
            assert (await next_message(late))["type"] == "clock"

    @pytest.mark.parametrize("is_killed", [False, True])
    async def test_it_pauses_without_viewers(
        self, api: Api, url: str, path: str, key: str, session: ComparisonSession,
        monkeypatch: pytest.MonkeyPatch, is_killed: bool,
    ) -> None:  # fmt: skip
        monkeypatch.setattr(consumers, "LEFT_SECONDS", 600.0 if is_killed else 0.1)
        async with self.playing(path, key, api, url, at=100) as communicator, connected(path, key=key):
            left = await message_of(communicator, lambda m: m["type"] == "clock" and m["global_time"] > 101)
        if is_killed:
            await ask(rewind_anchor, session, 11)
        else:
            await asyncio.gather(*consumers._leaving)
        async with connected(path, key=key) as back:
            message = await next_message(back)
            assert message["revision"] == 3
            assert message["session"]["global_playback_state"] == "paused"
            assert 0 <= message["session"]["global_time"] - left["global_time"] < 1
            assert await back.receive_nothing(0.8)

    async def test_who_may_only_watch_does_not_stop_what_the_api_plays(
        self, api: Api, url: str, path: str, other: User, session: ComparisonSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(consumers, "LEFT_SECONDS", 0.0)
        await ask(api.post, f"{url}/shares", {"username": other.username, "role": "viewer"})
        await ask(api.put, f"{url}/playback", {"state": "playing", "at": 100})
        async with connected(path, key=await ask(make_key, other)) as watcher:
            await next_message(watcher, "clock")
        await asyncio.gather(*consumers._leaving)
        await ask(session.refresh_from_db)
        assert (session.playback_state, session.watched_at) == ("playing", None)

    async def test_one_query_renews_the_record_of_all_sessions(
        self, api: Api, url: str, path: str, key: str, owner: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        renewed: list[set[str]] = []
        record = consumers.record_viewers
        monkeypatch.setattr(consumers, "record_viewers", lambda due: (record(due), renewed.append(set(due))))
        monkeypatch.setattr(consumers, "COLLECT_SECONDS", 2.0)  # longer than the time between two renewals of a session
        second = await ask(make_session, owner)
        other = f"/ws/sessions/{second.pk}/", key, api, f"{BASE}/{second.pk}"
        async with self.playing(path, key, api, url, at=100), self.playing(*other, at=100) as communicator:
            await ask(lambda: ComparisonSession.objects.update(watched_at=None))
            while not {second.pk, url.rsplit("/", 1)[1]} <= set().union(*renewed):
                await next_message(communicator, "clock")
        assert len(max(renewed, key=len)) == 2
        assert not await ask(ComparisonSession.objects.filter(watched_at=None).exists)

    async def test_it_plays_on_for_who_stays(
        self, api: Api, url: str, path: str, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(consumers, "LEFT_SECONDS", 1.5)
        async with self.playing(path, key, api, url, at=100) as communicator:
            async with connected(path, key=key) as other:
                await next_message(other)
            await asyncio.gather(*consumers._leaving)
            await message_of(communicator, lambda m: m["type"] == "clock" and m["global_time"] > 103)

    async def test_the_position_is_saved(
        self, api: Api, url: str, path: str, key: str, session: ComparisonSession, settings: Any
    ) -> None:
        settings.MULTI_VOD_AUTO_SAVE_INTERVAL_SECONDS = 0.1

        def saved() -> float:
            session.refresh_from_db()
            return session.global_time

        async with self.playing(path, key, api, url, at=100) as communicator:
            async with asyncio.timeout(10):
                while await ask(saved) <= 100:
                    await next_message(communicator)
            shown = await ask(lambda: api.get(url).json()["session"])
        assert shown["vods"][0]["current_time"] == pytest.approx(shown["global_time"])
        assert shown["revision"] == 2


async def test_clock_rests_at_the_end(api: Api, url: str, path: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessions_app.comparison.consumers.REST_SECONDS", 0.0)
    async with connected(path, key=key) as communicator:
        await next_message(communicator)
        await ask(api.put, f"{url}/playback", {"state": "playing", "at": 10_000})
        clock = await next_message(communicator, "clock")
        assert (clock["playing"], clock["global_time"]) == (True, 10_000)
        assert await communicator.receive_nothing(1.3)
        # A change wakes it.
        await ask(api.put, f"{url}/global-seek", {"timestamp": 1})
        assert (await next_message(communicator, "clock"))["global_time"] < 10
