"""Throttles: how often one may sign in and ask, who counts as one, how long to wait, and what holds without Redis."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import httpx
import hypothesis.strategies as st
import pytest
import redis
from django.conf import settings as django_settings
from hypothesis import given
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage

from media_app.videos.media_urls import stream_url
from tests.conftest import Library
from tests.contract.test_openapi import api_views
from tests.support.api import BASE, Api, refused
from tests.support.factories import make_key, make_session, make_user, make_video
from tests.support.nginx import free_port
from tests.support.private_redis import PrivateRedis
from tests.support.sockets import ask
from tests.support.together import at_once
from vodplatform.accounts.models import User
from vodplatform.asgi import application
from vodplatform.core.errors import DomainError
from vodplatform.core.web import throttles
from vodplatform.settings import base

pytestmark = pytest.mark.django_db
LIMITS = {"sign_in_name": 3, "sign_in_address": 5, "write": 3, "read": 4, "clock": 6}
ME = "/api/v1/jobs"


class Clock:
    """A clock that moves when it is told to; what `limits` takes the time from."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("limits.storage.memory.time", made)
    return made


@pytest.fixture(autouse=True)
def throttled(settings: Any) -> Iterator[None]:
    """Small limits, switched on, nothing counted yet."""
    settings.THROTTLES_ON = True
    settings.THROTTLES = dict(LIMITS)
    throttles.reset_counters()
    yield
    throttles.reset_counters()


def wait_of(response: Any) -> int:
    """The seconds that a throttled answer names, in its header and its body alike."""
    body = refused(response, 429, "throttled")
    assert response["Retry-After"] == str(body["retry_after"])
    assert body["retry_after"] >= 1
    return int(response["Retry-After"])


class TestRequests:
    def test_writes_have_a_limit_of_their_own(self, api: Api, owner: User, clock: Clock) -> None:
        path = f"{BASE}/{make_session(owner).session_id}"
        for number in range(LIMITS["write"]):
            assert api.patch(path, {"name": f"N{number}"}).status_code == 200
        wait_of(api.patch(path, {"name": "last"}))
        wait_of(api.post(BASE, {"vods": []}))
        assert api.get(path).json()["session"]["name"] == "N2"

    def test_a_user_s_tokens_and_browser_count_together(self, owner: User, clock: Clock) -> None:
        browser = Api()
        browser.client.force_login(owner)
        for client in (Api(make_key(owner)), Api(make_key(owner)), browser, browser):
            assert client.get(ME).status_code == 200
        wait_of(Api(make_key(owner)).get(ME))
        wait_of(browser.get(ME))

    def test_who_is_not_signed_in_counts_by_the_address_of_the_connection(self, clock: Clock) -> None:
        def ask(address: str, claimed: str = "") -> Any:
            client = Api()
            client.client.defaults["REMOTE_ADDR"] = address
            return client.get("/api/schema", headers={"X-Forwarded-For": claimed, "Accept": "*/*"})

        for number in range(LIMITS["read"]):
            assert ask("192.0.2.1", f"192.0.2.{number}").status_code == 200
            assert Api(make_key(make_user())).get(ME).status_code == 200
        wait_of(ask("192.0.2.1", "192.0.2.99"))
        assert ask("192.0.2.2").status_code == 200
        # A request that is refused because of its token counts too.
        assert [Api("a" * 40).get(ME).status_code for _ in range(6)] == [401] * LIMITS["read"] + [429] * 2
        assert Api(make_key(make_user())).get(ME).status_code == 200

    @pytest.mark.parametrize("name", ["global-seek", "vods/vod-1/seek", "playback"])
    def test_moving_the_clock_has_a_wider_limit(self, api: Api, owner: User, clock: Clock, name: str) -> None:
        path = f"{BASE}/{make_session(owner).session_id}/{name}"
        body = {"state": "paused"} if name == "playback" else {"timestamp": 1}
        for _ in range(LIMITS["clock"]):
            assert api.put(path, body).status_code == 200
        wait_of(api.put(path, body))
        assert api.post(BASE, {"vods": []}).status_code == 400

    def test_the_settings_let_a_scrub_through(self) -> None:
        assert base.THROTTLES["clock"] >= 10 * 60
        limits = {"sign_in_name": 10, "sign_in_address": 60, "write": 120, "read": 1200}
        assert {**base.THROTTLES, **limits} == base.THROTTLES
        assert base.THROTTLES_ON

    def test_nothing_counts_when_off(self, api: Api, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("jobs_app.api.JobViewSet.throttle_scope", None)
            assert {api.get(ME).status_code for _ in range(LIMITS["read"] * 3)} == {200}
        settings.THROTTLES_ON = False
        assert {api.get(ME).status_code for _ in range(LIMITS["read"] * 3)} == {200}


class TestRetryAfter:
    def test_after_so_many_seconds_a_user_may_ask_once_more(self, api: Api, other_api: Api, clock: Clock) -> None:
        for _ in range(LIMITS["read"]):
            assert api.get(ME).status_code == 200
        [wait] = {wait_of(api.get(ME)) for _ in range(20)}  # however often one was refused
        assert other_api.get(ME).status_code == 200
        clock.now += wait - 1
        wait_of(api.get(ME))
        clock.now += 1
        assert api.get(ME).status_code == 200

    @given(limit=st.integers(1, 50), steps=st.lists(st.tuples(st.floats(0, 70), st.integers(1, 60)), max_size=8))
    def test_it_is_the_first_second_at_which_one_is_allowed(self, limit: int, steps: list[tuple[float, int]]) -> None:
        clock = Clock()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("limits.storage.memory.time", clock)
            patch.setattr(
                "limits.storage.memory.threading.Timer",
                lambda *given: SimpleNamespace(start=lambda: None, is_alive=lambda: True),
            )
            counter = throttles.Counter(MemoryStorage())
            item = RateLimitItemPerMinute(limit)
            wait = 0
            for pause, hits in steps:
                clock.now += pause
                for _ in range(hits):
                    wait = throttles._hit(counter, item, "x")
                if wait:
                    assert 1 <= wait <= 61
                    # The ends of windows are rounded to a few ten-millionths of a second.
                    clock.now += wait - 1.00001
                    assert wait == 1 or not counter.test(item, "x")
                    clock.now += 1.00002
                    assert counter.test(item, "x")

    def test_it_is_a_second_where_requests_have_expired_meanwhile(self) -> None:
        assert throttles.seconds_to_wait(10, 60.0, (0, 0.0, 3, 80.0)) == 1


@pytest.mark.django_db(transaction=True)
async def test_ranges_are_not_limited(owner: User, library: Library, clock: Clock) -> None:
    """The byte doors stand before Django and its throttles."""
    path = library.crew / "plain.mp4"
    video = await ask(lambda: make_video(owner, location=str(path), file_size=path.stat().st_size))
    key = await ask(make_key, owner)
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://vod.example") as client:
        for headers in ({}, {"Authorization": f"Token {key}"}):
            for _ in range(LIMITS["read"] * 3):
                answer = await client.get(stream_url(video), headers={"Range": "bytes=0-3", **headers})
                assert answer.status_code == 206


def refusal(name: str, address: str = "192.0.2.1") -> int:
    """Seconds to wait before the next attempt; 0 when this one is let through."""
    try:
        throttles.check_sign_in(name, address)
    except DomainError as exc:
        assert exc.type.name == "throttled"
        return int(exc.extra["retry_after"])
    return 0


class TestSigningIn:
    @pytest.mark.parametrize("spelling", ["anna", "ANNA", " anna ", "ａｎｎａ"])
    def test_attempts_at_a_name_are_limited_wherever_they_come_from(self, clock: Clock, spelling: str) -> None:
        for number in range(LIMITS["sign_in_name"]):
            assert not refusal("anna", f"192.0.2.{number}")
        wait = refusal(spelling, "192.0.2.99")
        assert wait
        assert not refusal("ben", "192.0.2.99")
        clock.now += wait - 1
        assert refusal(spelling, "192.0.2.98")
        clock.now += 1
        assert not refusal(spelling, "192.0.2.98")

    def test_attempts_from_an_address_are_limited_whatever_the_name_and_lock_no_name(self, clock: Clock) -> None:
        for number in range(LIMITS["sign_in_address"]):
            assert not refusal(f"user-{number}")
        for _ in range(10):
            assert refusal("anna")
        assert not refusal("anna", "192.0.2.2")

    @pytest.mark.parametrize(("one", "other", "same"), [
        ("2001:db8::1", "2001:db8::ffff", True), ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True), ("fe80::1%eth0", "fe80::2", True),
        ("192.0.2.1", "192.0.2.2", False), ("", "nonsense", True),
    ])  # fmt: skip
    def test_an_ipv6_network_is_one_address(self, one: str, other: str, same: bool) -> None:
        assert (throttles.network_of(one) == throttles.network_of(other)) is same

    def test_any_text_is_a_name_and_is_not_in_the_key(self, clock: Clock) -> None:
        for name in ("", "\x00", "\ud800", "x" * 100_000):
            assert not refusal(name, "")
        assert "anna" not in throttles.digest_of("anna@example.org")


class TestWithoutRedis:
    @pytest.fixture(autouse=True)
    def gone(self, settings: Any) -> None:
        settings.THROTTLE_STORAGE, settings.REDIS_URL = "redis", f"redis://127.0.0.1:{free_port()}/0"

    def test_requests_are_answered_and_still_limited(self, api: Api, clock: Clock) -> None:
        for _ in range(LIMITS["read"]):
            assert api.get(ME).status_code == 200
        wait_of(api.get(ME))

    def test_it_is_logged_once_a_minute(self, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
        seconds = [1000.0]
        monkeypatch.setattr(throttles, "time", SimpleNamespace(monotonic=lambda: seconds[0]))
        for _ in range(10):
            throttles.count_request("read", "x")
            seconds[0] += throttles.APART_SECONDS
        assert caplog.text.count("this process only") == 1
        seconds[0] += throttles.LOG_SECONDS
        throttles.count_request("read", "x")
        assert caplog.text.count("this process only") == 2

    def test_a_redis_that_fails_is_left_alone_for_a_while(self, clock: Clock) -> None:
        counters = throttles._counters("redis", django_settings.REDIS_URL)
        throttles.count_request("read", "x")
        counters.shared = Mock(hit=Mock(side_effect=RuntimeError("asked again")))
        throttles.count_request("read", "x")
        counters.apart_until = 0.0
        with pytest.raises(RuntimeError, match="asked again"):
            throttles.count_request("read", "x")

    def test_a_redis_that_hangs_costs_little(self, settings: Any, clock: Clock) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
            begun = time.monotonic()
            for _ in range(50):
                throttles.count_request("clock", "x")
            assert time.monotonic() - begun < 3 * throttles.REDIS_SECONDS + 0.5


@pytest.fixture
def private_redis(tmp_path: Path, settings: Any) -> Iterator[PrivateRedis]:
    server = PrivateRedis(tmp_path)
    server.start()
    settings.THROTTLE_STORAGE, settings.REDIS_URL = "redis", server.url
    throttles.reset_counters()
    yield server
    server.stop()


class TestWithRedis:
    def test_processes_count_together(self, private_redis: PrivateRedis) -> None:
        for number in range(LIMITS["read"]):
            if number % 2:
                throttles.reset_counters()  # another process has connections of its own and no numbers
            assert not throttles.count_request("read", "anna")
        throttles.reset_counters()
        assert 1 <= throttles.count_request("read", "anna") <= 61
        assert not throttles.count_request("read", "ben")

    def test_threads_at_once_are_let_through_as_often_as_the_limit_says(self, private_redis: PrivateRedis) -> None:
        waits = at_once(*[lambda: throttles.count_request("clock", "x")] * 30)
        assert waits.count(0) == LIMITS["clock"]

    def test_every_key_goes_by_itself(self, private_redis: PrivateRedis) -> None:
        throttles.check_sign_in("anna", "192.0.2.1")
        throttles.count_request("read", "x")
        with redis.Redis.from_url(private_redis.url) as client:
            keys = list(client.scan_iter())
            assert keys
            assert all(0 < client.ttl(key) <= 120 for key in keys)
            assert all(key.startswith(b"vod:throttle:") and b"anna" not in key for key in keys)

    def test_gone_and_back_or_flushed_it_is_used_again(self, private_redis: PrivateRedis, monkeypatch: Any) -> None:
        seconds = [1000.0]
        monkeypatch.setattr(throttles, "time", SimpleNamespace(monotonic=lambda: seconds[0]))
        for _ in range(LIMITS["read"] + 1):
            throttles.count_request("read", "x")
        with redis.Redis.from_url(private_redis.url) as client:
            client.flushall()
            client.script_flush()
            assert not throttles.count_request("read", "x")
            private_redis.stop()
            assert not throttles.count_request("read", "x")  # this process has counted nothing yet
            private_redis.start()
            seconds[0] += throttles.APART_SECONDS
            throttles.count_request("read", "x")
            assert list(client.scan_iter())


def test_every_limit_that_a_view_names_is_in_the_settings() -> None:
    named = {
        view.initkwargs.get("throttle_scope", getattr(view.cls, "throttle_scope", None))
        for view in api_views().values()
    }
    assert "clock" in named
    assert named - {None, throttles.BY_METHOD} <= set(LIMITS)
