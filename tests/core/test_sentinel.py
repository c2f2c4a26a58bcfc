"""Where ``REDIS_URL`` names sentinels, everything goes on at the replica once they have made it the master."""

import asyncio
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dramatiq
import pytest
import redis
from channels.layers import get_channel_layer
from django.test import override_settings
from redis.sentinel import MasterNotFoundError

from jobs_app.broker import make_broker
from tests.support.nginx import free_port
from tests.support.services import redis_answers
from tests.support.waiting import wait_until
from vodplatform.core.redis_pool import SharedSentinel, connect, describe_error
from vodplatform.core.web import throttles
from vodplatform.settings.environment import Environment, SettingsError, channel_prefix, parse_sentinel_url
from vodplatform.site.management.commands.up import redis_server

SERVICE, PASSWORD = "vod", "pass:word"


class Servers:
    """A master, its replica and a sentinel that makes the other one the master half a second after it was lost."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = (free_port(), free_port())
        self.sentinel = free_port()
        self.url = f"redis+sentinel://:pass%3Aword@127.0.0.1:{free_port()},127.0.0.1:{self.sentinel}/{SERVICE}/3"
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        master, replica = self.ports
        secured = f'requirepass "{PASSWORD}"\nsave ""\nrepl-diskless-sync-delay 0\n'
        self._start(master, f'{secured}masterauth "{PASSWORD}"\n')
        self._start(replica, f'{secured}masterauth "{PASSWORD}"\nreplicaof 127.0.0.1 {master}\n')
        self._start(
            self.sentinel,
            f'requirepass "{PASSWORD}"\n'
            f"sentinel monitor {SERVICE} 127.0.0.1 {master} 1\nsentinel auth-pass {SERVICE} {PASSWORD}\n"
            f"sentinel down-after-milliseconds {SERVICE} 500\nsentinel failover-timeout {SERVICE} 2000\n",
            "--sentinel",
        )
        asked = redis.Redis(port=self.sentinel, password=PASSWORD)
        wait_until(lambda: len(asked.execute_command("SENTINEL", "replicas", SERVICE)) == 1)
        client = redis.Redis(port=replica, password=PASSWORD)
        wait_until(lambda: client.info("replication")["master_link_status"] == "up")

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()

    def _start(self, port: int, lines: str, *words: str) -> None:
        folder = self.folder / str(port)
        folder.mkdir()
        (folder / "redis.conf").write_text(f"port {port}\nbind 127.0.0.1\ndir {folder}\n{lines}")
        argv = [redis_server(), str(folder / "redis.conf"), *words]
        self.processes[port] = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        wait_until(lambda: redis_answers(f"redis://:{quote(PASSWORD)}@127.0.0.1:{port}"))


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    made = Servers(tmp_path)
    with ExitStack() as stack:
        stack.callback(made.stop)
        made.start()
        yield made


@pytest.mark.services
def test_all_that_uses_redis_goes_on_at_the_new_master(servers: Servers, settings: Any) -> None:
    settings.THROTTLE_STORAGE = "redis"
    config = {"hosts": [servers.url], "prefix": "vod-test"}
    layers = {"default": {"BACKEND": "vodplatform.core.web.layers.ShortChannelLayer", "CONFIG": config}}
    before = dramatiq.get_broker()
    throttles.reset_counters()
    try:
        with override_settings(JOB_BROKER="redis", REDIS_URL=servers.url, CHANNEL_LAYERS=layers):
            broker = make_broker()
            broker.declare_queue("render")
            limit = throttles.RateLimitItemPerMinute(2)
            counters = throttles._counters("redis", servers.url)

            def all_work() -> bool:
                try:
                    broker.enqueue(dramatiq.Message("render", "work", (), {}, {}))
                    assert counters.shared is not None
                    counters.shared.hit(limit, "somebody")
                    with connect(servers.url, 2.0) as client:
                        client.ping()
                    asyncio.run(_speak())
                except redis.RedisError:
                    return False
                return True

            assert all_work()
            keys = redis.Redis(port=servers.ports[0], password=PASSWORD, db=3).scan_iter()
            assert {key.split(b":")[0] for key in keys} >= {b"vod-jobs", b"vod"}
            servers.processes.pop(servers.ports[0]).kill()
            assert not all_work()
            wait_until(all_work)
            consumer = broker.consume("render", timeout=100)
            wait_until(lambda: next(consumer) is not None)
            consumer.close()
    finally:
        dramatiq.set_broker(before)
        throttles.reset_counters()


async def _speak() -> None:
    """Hear in a group what is sent to it."""
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add("people", channel)
    await layer.group_send("people", {"type": "word"})
    assert await asyncio.wait_for(layer.receive(channel), 5) == {"type": "word"}
    await layer.flush()


@pytest.mark.parametrize(("url", "found"), [
    ("redis://a:1/0", None),
    (
        "redis+sentinel://[::1]:1/my%20vod",
        {"sentinels": [("::1", 1)], "master_name": "my vod", "sentinel_kwargs": {}, "db": 0},
    ),
    ("redis+sentinel://a:1/vod", {"sentinels": [("a", 1)], "master_name": "vod", "sentinel_kwargs": {}, "db": 0}),
    (
        "rediss+sentinel://me:p%40ss@a:1,b.example:26379/vod/2",
        {
            "sentinels": [("a", 1), ("b.example", 26379)], "master_name": "vod", "db": 2, "ssl": True,
            "username": "me", "password": "p@ss",
            "sentinel_kwargs": {"username": "me", "password": "p@ss", "ssl": True},
        },
    ),
])  # fmt: skip
def test_addresses_of_sentinels_are_read(url: str, found: dict[str, Any] | None) -> None:
    assert parse_sentinel_url(url) == found


def test_one_redis_has_one_prefix_of_messages_however_it_is_written(tmp_path: Path) -> None:
    urls = ["redis+sentinel://a:1/vod", "redis+sentinel://:a[b]@a:1/vod/0", "redis://a:1/0", "redis://a:1"]
    assert len({channel_prefix("key", url, "rows") for url in urls}) == 1
    assert channel_prefix("key", "redis+sentinel://a:1/vod/1", "rows") == channel_prefix("key", "redis://a:1/1", "rows")
    for url in ("redis+sentinel://a/vod", "redis+sentinel://a:1", "redis+sentinel://a:1,/vod"):
        with pytest.raises(SettingsError, match=r"redis\+sentinel://host:port"):
            Environment({"REDIS_URL": url}).redis_url(tmp_path)


@pytest.mark.services
def test_sentinels_that_say_nothing_are_passed_over_soon_and_remembered(servers: Servers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = servers.url.replace("@", f"@127.0.0.1:{silent.getsockname()[1]},")
        for _ in range(3):
            with connect(url, 1.0) as client:
                client.ping()
        silent.setblocking(False)
        silent.accept()
        with pytest.raises(BlockingIOError):
            silent.accept()
    servers.stop()
    with pytest.raises(MasterNotFoundError) as caught, connect(url, 1.0) as client:
        client.ping()
    assert describe_error(caught.value) == "no sentinel reports a master"


class Told:
    """A sentinel that answers once two have asked it, or is away."""

    def __init__(self, name: str, both: threading.Barrier | None) -> None:
        self.name, self.both = name, both

    def sentinel_masters(self) -> dict[str, Any]:
        if self.both is None:
            raise redis.ConnectionError(self.name)
        self.both.wait(10)
        state = {"is_master": True, "is_sdown": False, "is_odown": False, "num-other-sentinels": 2}
        return {"vod": state | {"ip": self.name, "port": 1}}


def test_no_sentinel_is_lost_where_two_threads_find_another_away() -> None:
    shared, both = SharedSentinel([]), threading.Barrier(2)
    shared.sentinels = [Told("a", None), Told("b", both), Told("c", both)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(shared.discover_master, ["vod"] * 2))
    assert found == [("b", 1)] * 2
    assert [one.name for one in shared.sentinels] == ["b", "a", "c"]
