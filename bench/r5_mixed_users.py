"""Measurement R5: 50 users for ten minutes, then 1 000 idle WebSockets.

nginx distributes the requests to two web hosts (``tests/cluster``).
"""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import ssl
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from websockets.asyncio.client import ClientConnection, connect

from bench.measure import percentile
from bench.p1_timer_alignment import format_met
from bench.report import Table
from tests.support.program import BASE
from tests.support.waiting import wait_until

PEOPLE, MINUTES, PAUSE_SECONDS = 50, 10, 2.0
SOCKETS, AT_ONCE = 1_000, 20
SIZE, COMPARISONS = 500_000, 10
# Average number of each kind of step among a hundred steps of a user. An upload takes three requests and a job.
SHARES = {"library": 30, "jobs": 20, "comparison": 20, "front page": 14, "seek": 15, "upload": 1}


def measure(seed: int) -> list[Table]:
    import os

    import django

    with tempfile.TemporaryDirectory(prefix="bench-r5-") as folder:
        os.environ |= {"VOD_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "vodplatform.settings.test"}
        django.setup()
        from tests.cluster.topology import running_cluster
        from tests.support.senders import long_video

        content = long_video(Path(folder, "match.mp4"), SIZE).read_bytes()
        # All sockets belong to one account, so raise the limit of sockets per account.
        with running_cluster(VOD_SOCKETS_AT_ONCE=str(SOCKETS)) as cluster:
            people = People(cluster.address, str(cluster.certificate), cluster.place.key, content, seed)
            people.sessions = comparisons(cluster.sender(), content)
            web = [psutil.Process(cluster.hosts[name].pid).children()[0] for name in ("web-1", "web-2")]
            people.work(lambda: [one.memory_info().rss / 2**20 for one in web])
            before = [one.memory_info().rss for one in web]
            used = asyncio.run(idle(cluster, web))
            grown = sum(one.memory_info().rss for one in web) - sum(before)
        return [people.table(), _sockets(used, grown)]


def comparisons(sender: Any, content: bytes) -> list[str]:
    videos = []
    for number in range(2):
        answer = sender.ask("POST", "/api/v1/library", files={"file": (f"{number}.mp4", content)})
        assert answer.status_code in (201, 202), answer.text
        made = answer.json()
        videos.append(made.get("video", made)["id"])

    def are_ready() -> bool:
        return all(sender.ask("GET", f"/api/v1/library/{one}").json()["status"] == "ready" for one in videos)

    wait_until(are_ready, 120)
    vods = [{"vod_id": f"v{number}", "name": f"{number}", "video_id": one} for number, one in enumerate(videos)]
    made = [sender.ask("POST", BASE, json={"vods": vods}) for _ in range(COMPARISONS)]
    return [f"{BASE}/{answer.json()['session']['session_id']}" for answer in made]


@dataclass(slots=True)
class People:
    """Simulated users, who pause after each step (a request, or an upload)."""

    address: str
    certificate: str
    key: str
    content: bytes
    seed: int
    sessions: list[str] = field(default_factory=list)
    took: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    wrong: Counter[str] = field(default_factory=Counter)
    memory: list[list[float]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def work(self, memory: Callable[[], list[float]]) -> None:
        began = time.monotonic()
        threads = [threading.Thread(target=self._live, args=(number, began)) for number in range(PEOPLE)]
        for one in threads:
            one.start()
        while any(one.is_alive() for one in threads):
            self.memory.append(memory())
            time.sleep(60)
        for one in threads:
            one.join()

    def table(self) -> Table:
        table = Table(f"{PEOPLE} people for {MINUTES} minutes over two web hosts",
                      ("what", "steps", "p50", "p95", "p95 of the first / last two minutes", "met"))  # fmt: skip
        end = MINUTES * 60
        for name, steps in sorted(self.took.items()):
            every = [seconds for _, seconds in steps]
            first = percentile([seconds for at, seconds in steps if at < 120], 0.95)
            last = percentile([seconds for at, seconds in steps if at > end - 120], 0.95)
            table.add(name, len(every), _ms(percentile(every, 0.5)), _ms(percentile(every, 0.95)),
                      f"{_ms(first)} / {_ms(last)}", format_met(last <= 1.3 * first))  # fmt: skip
        failed = ", ".join(f"{count} × {what}" for what, count in self.wrong.items()) or "none"
        table.add("errors", failed, "", "", "", format_met(not self.wrong))
        early, late = self.memory[min(2, len(self.memory) - 1)], self.memory[-1]
        shown = ", ".join(f"{a:.0f} → {b:.0f}" for a, b in zip(early, late, strict=True))
        table.add("memory of each web process after two minutes and at the end, MiB", shown, "", "", "",
                  format_met(sum(late) <= 1.1 * sum(early)))  # fmt: skip
        return table

    def _live(self, number: int, began: float) -> None:
        rng = random.Random(self.seed * 1000 + number)
        place = urlsplit(self.address)
        trusted = ssl.create_default_context(cafile=self.certificate)
        client = http.client.HTTPSConnection(str(place.hostname), place.port, timeout=60, context=trusted)
        session = self.sessions[number % len(self.sessions)]
        time.sleep(rng.uniform(0, PAUSE_SECONDS))
        while time.monotonic() - began < MINUTES * 60:
            [name] = rng.choices(list(SHARES), list(SHARES.values()))
            at = time.monotonic()
            try:
                self._step(client, name, session, rng)
            except (OSError, http.client.HTTPException, AssertionError) as exc:
                client.close()
                with self._lock:
                    self.wrong[f"{name}: {exc!r}"[:120]] += 1
            with self._lock:
                self.took.setdefault(name, []).append((at - began, time.monotonic() - at))
            time.sleep(rng.uniform(0.5, 1.5) * PAUSE_SECONDS)
        client.close()

    def _ask(
        self, client: http.client.HTTPSConnection, method: str, path: str, body: object = None, data: bytes = b"",
        **headers: str,
    ) -> tuple[http.client.HTTPResponse, bytes]:  # fmt: skip
        words = {
            "Authorization": f"Token {self.key}",
            **{name.replace("_", "-"): text for name, text in headers.items()},
        }
        if body is not None:
            data, words["Content-Type"] = json.dumps(body).encode(), "application/json"
        client.request(method, path, body=data or None, headers=words)
        answer = client.getresponse()
        said = answer.read()
        assert answer.status < 400, f"{answer.status} {said[:60]!r}"
        return answer, said

    def _step(self, client: http.client.HTTPSConnection, name: str, session: str, rng: random.Random) -> None:
        if name == "upload":
            from tests.support.senders import SPEAKS, TUS, patch_headers

            made, _ = self._ask(client, "POST", TUS, **SPEAKS, **{
                "Upload-Length": str(SIZE), "Upload-Metadata": "filename bWF0Y2gubXA0",
            })  # fmt: skip
            where = urlsplit(str(made.headers["Location"])).path
            half = SIZE // 2
            self._ask(client, "PATCH", where, data=self.content[:half], **patch_headers(0))
            self._ask(client, "PATCH", where, data=self.content[half:], **patch_headers(half))
        elif name == "seek":
            body = {"timestamp": rng.uniform(0, 60)}
            self._ask(client, "PUT", f"{session}/global-seek", body)
        else:
            paths = {"library": "/api/v1/library?limit=20", "jobs": "/api/v1/jobs?limit=20", "front page": "/login",
                     "comparison": session}  # fmt: skip
            self._ask(client, "GET", paths[name])


async def idle(cluster: Any, web: list[psutil.Process]) -> tuple[float, float]:
    address = cluster.address.replace("https://", "wss://") + "/ws/jobs/"
    trusted = ssl.create_default_context(cafile=str(cluster.certificate))
    headers = {"Authorization": f"Token {cluster.place.key}"}

    async def opened() -> ClientConnection:
        client = await connect(address, additional_headers=headers, ssl=trusted, ping_interval=None, open_timeout=60)
        await client.recv()
        return client

    began = time.monotonic()
    clients: list[ClientConnection] = []
    while len(clients) < SOCKETS:
        clients += await asyncio.gather(*(opened() for _ in range(AT_ONCE)))
    took = time.monotonic() - began
    used = sum(sum(one.cpu_times()[:2]) for one in web)
    await asyncio.sleep(10)
    used = sum(sum(one.cpu_times()[:2]) for one in web) - used
    open_still = sum(client.close_code is None for client in clients)
    assert open_still == SOCKETS, open_still
    await asyncio.gather(*(client.close() for client in clients))
    return took, used


def _sockets(used: tuple[float, float], grown: int) -> Table:
    table = Table(f"{SOCKETS} idle WebSockets over two web hosts", ("what", "measured"))
    table.add("seconds to open all", f"{used[0]:.1f}")
    table.add("KiB a socket, after they were closed again", f"{grown / 1024 / SOCKETS:.1f}")
    table.add("CPU of both web processes in 10 idle seconds", f"{used[1]:.2f} s")
    return table


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"
