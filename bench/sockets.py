"""Part of measurement R5: 1 000 idle WebSockets, and one change broadcast to 50 viewers.

The baseline is a minimal ASGI socket.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from websockets.asyncio.client import ClientConnection, connect

from bench.measure import percentile
from bench.p10_wake_up import prepared
from bench.report import PROJECT_ROOT, Table
from tests.support.program import Program
from tests.support.waiting import wait_until

SOCKETS = 1_000
LISTENERS = 50
CHANGES = 40
AT_ONCE = 50
SERVER = ["--http", "httptools", "--loop", "uvloop", "--ws", "websockets-sansio", "--lifespan", "off"]


async def bare(scope: dict, receive: object, send: object) -> None:  # type: ignore[type-arg]
    """Accept a socket and keep it open with minimal code: the baseline for memory."""
    await receive()  # type: ignore[operator]
    await send({"type": "websocket.accept"})  # type: ignore[operator]
    await send({"type": "websocket.send", "text": "{}"})  # type: ignore[operator]
    while (await receive())["type"] != "websocket.disconnect":  # type: ignore[operator]
        pass


def measure(seed: int) -> list[Table]:
    with tempfile.TemporaryDirectory(prefix="bench-sockets-") as folder:
        place = prepared(
            Path(folder) / "data", {"DJANGO_SETTINGS_MODULE": "bench.settings", "VOD_LOG_LEVEL": "WARNING"}
        )
        program = Program(place).start()
        try:
            web = wait_until(program.web, 30)
            address = program.address.replace("http://", "ws://") + "/ws/jobs/"
            ours = asyncio.run(idle(address, {"Authorization": f"Token {place.key}"}, web))
            told = asyncio.run(broadcast(program, address))
        finally:
            program.end()
    with bare_server() as (address, process):
        theirs = asyncio.run(idle(address, {}, process))
    memory = Table(f"{SOCKETS} idle WebSockets", ("what", "KiB a socket", "seconds to open all", "CPU s in 10 s idle"))
    memory.add("ws/jobs/", f"{ours[0]:.1f}", f"{ours[1]:.1f}", f"{ours[2]:.2f}")
    memory.add("bare ASGI socket, same server", f"{theirs[0]:.1f}", f"{theirs[1]:.1f}", f"{theirs[2]:.2f}")
    memory.add("ratio", f"{ours[0] / theirs[0]:.1f}×", f"{ours[1] / theirs[1]:.1f}×", "")
    reach = Table(f"One change broadcast to {LISTENERS}", ("what", "p50", "p95"))
    for name, values in told.items():
        reach.add(name, f"{1000 * percentile(values, 0.5):.1f} ms", f"{1000 * percentile(values, 0.95):.1f} ms")
    return [memory, reach]


async def idle(address: str, headers: dict[str, str], process: psutil.Process) -> tuple[float, float, float]:
    warm = [await opened(address, headers) for _ in range(AT_ONCE)]
    for client in warm:
        await client.close()
    before, began = process.memory_info().rss, time.monotonic()
    clients: list[ClientConnection] = []
    while len(clients) < SOCKETS:
        clients += await asyncio.gather(*(opened(address, headers) for _ in range(AT_ONCE)))
    took = time.monotonic() - began
    used = sum(process.cpu_times()[:2])
    await asyncio.sleep(10)
    used = sum(process.cpu_times()[:2]) - used
    after = process.memory_info().rss
    await asyncio.gather(*(client.close() for client in clients))
    return (after - before) / 1024 / SOCKETS, took, used


async def opened(address: str, headers: dict[str, str]) -> ClientConnection:
    client = await connect(address, additional_headers=headers, ping_interval=None, open_timeout=60)
    await client.recv()
    return client


async def broadcast(program: Program, address: str) -> dict[str, list[float]]:
    headers = {"Authorization": f"Token {program.place.key}"}
    clients = [await opened(address, headers) for _ in range(LISTENERS)]
    job_id = await asyncio.to_thread(paused_job, program)
    every: list[float] = []
    last: list[float] = []
    for number in range(CHANGES):
        action = "resume" if number % 2 else "pause"
        waits = [
            asyncio.create_task(receive_status(client, job_id, "queued" if number % 2 else "paused"))
            for client in clients
        ]
        sent = time.monotonic()
        await asyncio.to_thread(program.call, "POST", f"/api/v1/jobs/{job_id}/{action}")
        moments = await asyncio.gather(*waits)
        every += [moment - sent for moment in moments]
        last.append(max(moments) - sent)
    await asyncio.gather(*(client.close() for client in clients))
    return {"POST to each listener": every, "POST to the last of them": last}


async def receive_status(client: ClientConnection, job_id: str, status: str) -> float:
    while True:
        message = json.loads(await client.recv())
        if message["type"] == "job" and message["job"]["id"] == job_id and message["job"]["status"] == status:
            return time.monotonic()


def paused_job(program: Program) -> str:
    """Queue a job that never starts, because its lane has no worker slots."""
    code = (
        "import django; django.setup();from jobs_app import services;from vodplatform.accounts.models import User;"
        "print(services.enqueue('bench.idle', User.objects.get(username='bench'), {}).pk)"
    )
    environment = {**program.place.environment, "VOD_DATA_DIR": str(program.place.data_dir), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()[-1]


@contextmanager
def bare_server() -> Iterator[tuple[str, psutil.Process]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [sys.executable, "-m", "uvicorn", "bench.sockets:bare", "--port", str(port), *SERVER, "--log-level", "error"]
    process = subprocess.Popen(argv, cwd=PROJECT_ROOT)

    def answers() -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1)
        except OSError as exc:
            return "refused" not in str(exc)
        return True

    try:
        wait_until(answers, 30)
        yield f"ws://127.0.0.1:{port}/", psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
