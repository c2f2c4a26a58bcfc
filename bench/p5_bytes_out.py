"""Measurement P5: cost of sending a file by our web process, or by nginx with X-Accel-Redirect.

The baseline is nginx with a static file.
"""

from __future__ import annotations

import http.client
import os
import random
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.measure import percentile
from bench.p1_timer_alignment import format_met
from bench.p10_wake_up import ACCOUNT, prepared
from bench.report import PROJECT_ROOT, Table
from tests.support import nginx
from tests.support.program import clean_environment
from tests.support.waiting import wait_until

GIB = 1024**3
MIB = 1024**2
ROUNDS = 20
FIRST_BYTES = 300
READERS = 100
# Script that creates the database row of a stored video, and prints the video's URL.
ROW = """
import sys, django; django.setup()
from media_app.videos.models import VideoSource
from media_app.videos.media_urls import stream_url
from tests.support.factories import make_video
from vodplatform.accounts.models import User
owner = User.objects.get(username=sys.argv[1])
print(stream_url(make_video(owner, source=VideoSource.STORED, location=sys.argv[2], file_size=int(sys.argv[3]))))
"""
STATIC = """
server {{
    listen 127.0.0.1:{port};
    sendfile on;
    tcp_nopush on;
    location / {{ root {root}; }}
}}
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that sends the file. processes: all processes of the server. program: our web process, or None."""

    name: str
    port: int
    address: str
    processes: Sequence[psutil.Process]
    program: psutil.Process | None = None

    def cpu(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in self.processes)

    def program_cpu(self) -> float:
        return sum(self.program.cpu_times()[:2]) if self.program else 0.0

    def memory(self) -> int:
        return sum(process.memory_info().rss for process in self.processes)


def measure(seed: int) -> list[Table]:
    rng = random.Random(seed)
    with (
        tempfile.TemporaryDirectory(prefix="bench-bytes-") as folder,
        running_servers(Path(folder)) as (static, accel, own),
    ):
        costs: dict[str, list[float]] = {door.name: [] for door in (static, accel, own)}
        shares = dict.fromkeys(costs, 0.0)
        for _ in range(ROUNDS):
            for door in rng.sample((static, accel, own), 3):
                before = door.program_cpu()
                costs[door.name].append(download(door))
                shares[door.name] += (door.program_cpu() - before) / ROUNDS
        waits: dict[str, list[float]] = {}
        spent: dict[str, float] = {}
        for door in (static, accel, own):
            before = door.cpu()
            waits[door.name] = first_bytes(door, rng)
            spent[door.name] = (door.cpu() - before) / FIRST_BYTES
        held = {door.name: slow_readers(door) for door in (static, accel, own)}
    # nginx's costs form two groups: if the reader is slow, nginx needs only a third of the CPU. A median would show
    # only one of the groups, so use means.
    means = {name: statistics.mean(values) for name, values in costs.items()}
    table = Table("", ("what", "CPU s per GiB", "of it the program", "of nginx", "goal", "met"))
    for door, goal in ((static, None), (accel, 1.1), (own, 1.7)):
        ratio = means[door.name] / means[static.name]
        table.add(
            door.name, f"{means[door.name]:.3f}", f"{shares[door.name]:.3f}", f"{ratio:.2f}×",
            f"≤ {goal}×" if goal else "", format_met(ratio <= goal) if goal else "",
        )  # fmt: skip
    table.note = (
        f"Means of {ROUNDS} rounds of one download of 1 GiB by curl from each; CPU of every serving process together."
    )
    title = "First byte of a range of 64 KiB, one request after another"
    wait = Table(title, ("what", "p50", "p95", "CPU a request", "goal", "met"))
    for name, values in waits.items():
        middle = percentile(values, 0.5)
        goal_text, met = ("p50 ≤ 3 ms", format_met(middle <= 0.003)) if name != static.name else ("", "")
        wait.add(name, ms(middle), ms(percentile(values, 0.95)), ms(spent[name]), goal_text, met)
    memory = Table(f"{READERS} stalled readers of a file of 1 GiB", ("what", "MiB more", "goal", "met"))
    memory.note = "Memory for the first readers; the process keeps and reuses it. Less than 5 MiB counts as none."
    for name, value in held.items():
        memory.add(name, f"{value / MIB:.1f}", "+0" if name != static.name else "", format_met(value < 5 * MIB))
    return [table, wait, memory]


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


@contextmanager
def running_servers(folder: Path) -> Iterator[tuple[Server, Server, Server]]:
    data = folder / "data"
    environment = {"DJANGO_SETTINGS_MODULE": "bench.settings", "VOD_LOG_LEVEL": "WARNING"}
    place = prepared(data, environment)
    key = f"videos/{secrets.token_hex(8)}/original.mp4"
    path = data / "media" / key
    path.parent.mkdir(parents=True)
    piece = os.urandom(MIB)
    with path.open("wb") as file:
        for _ in range(GIB // MIB):
            file.write(piece)
    variables = clean_environment({**place.environment, "VOD_DATA_DIR": str(data)})
    address = subprocess.run(
        [sys.executable, "-c", ROW, ACCOUNT, key, str(GIB)], cwd=PROJECT_ROOT, env=variables, capture_output=True,
        text=True, check=True,
    ).stdout.strip()  # fmt: skip
    static_port = nginx.free_port()
    with ExitStack() as stack:
        own_port, own = stack.enter_context(web(variables))
        accel_port, behind = stack.enter_context(web({**variables, "VOD_X_ACCEL_PREFIX": "/_media/"}))
        more = STATIC.format(port=static_port, root=data / "media")
        front = stack.enter_context(
            nginx.running(folder / "nginx", accel_port, data / "media", folder / "library", more=more)
        )
        process = psutil.Process(front.pid)
        yield (
            Server("nginx, static file", static_port, f"/{key}", [process]),
            Server("nginx after the program's X-Accel-Redirect", front.port, address, [process, behind], behind),
            Server("the program alone", own_port, address, [own], own),
        )


@contextmanager
def web(variables: dict[str, str]) -> Iterator[tuple[int, psutil.Process]]:
    """Run a web process with the options of deploy/vodplatform-web@.service; yield its port and the process."""
    port = nginx.free_port()
    argv = [sys.executable, str(PROJECT_ROOT / "manage.py"), "web", "--port", str(port)]
    process = subprocess.Popen(argv, cwd=PROJECT_ROOT, env=variables)
    try:
        wait_until(lambda: nginx.is_open(port), 60)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def download(door: Server) -> float:
    before = door.cpu()
    subprocess.run(
        ["curl", "-sf", "-o", "/dev/null", f"http://127.0.0.1:{door.port}{door.address}"], check=True, timeout=300
    )
    return door.cpu() - before


def first_bytes(door: Server, rng: random.Random) -> list[float]:
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=30)
    waits = []
    pause = threading.Event()
    for _ in range(FIRST_BYTES):
        start = rng.randrange(GIB - 65_536)
        begun = time.perf_counter()
        connection.request("GET", door.address, headers={"Range": f"bytes={start}-{start + 65_535}"})
        answer = connection.getresponse()
        answer.read(1)
        waits.append(time.perf_counter() - begun)
        assert answer.status == 206
        answer.read()
        pause.wait(0.002)
    connection.close()
    return waits


def slow_readers(door: Server) -> int:
    """Return the growth of the server's memory, in bytes, while clients do not read the file they requested."""
    request = f"GET {door.address} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()

    def stand_still(count: int) -> list[socket.socket]:
        found = []
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", door.port), timeout=30)
            connection.sendall(request)
            assert connection.recv(4096)
            found.append(connection)
        return found

    def leave(connections: Sequence[socket.socket]) -> None:
        for connection in connections:
            connection.close()

    # Warm up, since the memory allocated for the first readers is not released.
    leave(stand_still(10))
    settled(door.memory)
    before = door.memory()
    crowd = stand_still(READERS)
    after = settled(door.memory)
    leave(crowd)
    return after - before


def settled(read: Callable[[], int]) -> int:
    pause = threading.Event()
    last, since = read(), time.monotonic()
    while time.monotonic() - since < 1:
        pause.wait(0.1)
        if (now := read()) != last:
            last, since = now, time.monotonic()
    return last
