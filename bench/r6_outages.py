"""Measurement R6: answers while a service or the disk fails.

Also measured: the delay until ``/health`` reports the outage, and the time to recover.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import django

from bench.measure import cache
from bench.p10_wake_up import prepared
from bench.report import Table
from tests.support.clamav import running_clamd
from tests.support.clips import render_clip
from tests.support.faults import faulty
from tests.support.program import Program
from tests.support.waiting import wait_until

POLL_SECONDS = 0.1
# Minimum number of seconds from the start of an outage to the measured requests. The requests also wait until
# ``/health`` reports the outage, but no longer than AWAY_SECONDS + 5 seconds after its start.
ASKED_SECONDS = 10.0
AWAY_SECONDS = 15.0  # minimum duration of an outage, seconds
HEALS_SECONDS = 90.0
DISK_BYTES = 192 * 1024**2
LINE = secrets.token_hex(16)


@dataclass
class Answer:
    """An answer to a request. status: 0 if there was no answer. took: seconds until the answer."""

    status: int
    retry_after: str
    body: bytes
    took: float

    def __str__(self) -> str:
        if not self.status:
            return "no answer"
        told = json.loads(self.body or b"{}") if self.body[:1] == b"{" else {}
        words = [str(self.status), told.get("type", ""), f"Retry-After {self.retry_after}" if self.retry_after else ""]
        return f"{', '.join(filter(None, words))}; {self.took:.1f} s"


@dataclass
class Fault:
    """An outage to cause. part: name in ``/health`` of the failing part. call: request that needs this part."""

    name: str
    part: str
    call: tuple[str, str, bytes, str]
    begin: Callable[[], None]
    end: Callable[[], None]


def measure(seed: int) -> list[Table]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vodplatform.settings.test")
    django.setup()
    from tests.support.s3 import fresh_bucket, running_server

    table = Table(
        "", ("outage", "`/health` reports the outage after", "answer to a write", "answer to a read", "recovery after"),
        note="The write is an upload to the library 10 s after the beginning of the outage. The read is "
        "`GET /api/v1/me`. The recovery ends when `/health` answers `healthy` and the server accepts the upload.",
    )  # fmt: skip
    clip = cache("outages") / "clip.mp4"
    if not clip.exists():
        render_clip(clip, seconds=2.0)
    upload = form_with(clip)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-outages-")))
        bucket = stack.enter_context(fresh_bucket(stack.enter_context(running_server())))
        clamd = stack.enter_context(running_clamd())
        redis = stack.enter_context(faulty(stack.enter_context(running_redis(folder))))
        place = prepared(folder / "data", {
            **bucket.environment, "VOD_CLAMD": str(clamd.socket), "VOD_THROTTLES": "off",
            "REDIS_URL": f"redis://127.0.0.1:{redis.port}/0",
        })  # fmt: skip
        program = Program(place).start()
        stack.callback(program.end)
        database = sqlite3.connect(place.data_dir / "vodplatform.sqlite3", timeout=30, isolation_level=None)
        stack.callback(database.close)
        for fault in (
            Fault(
                "S3 accepts connections and does not answer", "storage", upload,
                bucket.faults.hang, bucket.faults.heal,
            ),
            Fault("S3 answers 503", "storage", upload, bucket.faults.answer_503, bucket.faults.heal),
            Fault("Redis accepts connections and does not answer", "queue", upload, redis.hang, redis.heal),
            Fault("Redis is stopped", "queue", upload, redis.cut, redis.heal),
            Fault("clamd is stopped", "scanner", upload, clamd.stop, clamd.start),
            Fault(
                "another process has locked the database", "database", upload,
                lambda: discard(database.execute("BEGIN IMMEDIATE")), lambda: discard(database.execute("ROLLBACK")),
            ),
        ):  # fmt: skip
            table.add(*row_of(program, fault))
    if os.geteuid() == 0:
        table.add(*on_a_full_disk(upload))
    return [table]


def row_of(program: Program, fault: Fault) -> tuple[str, ...]:
    wait_until(lambda: health(program).get("status") == "healthy", HEALS_SECONDS, "a program that is well")
    began = time.monotonic()
    fault.begin()
    said = ""
    while time.monotonic() - began < AWAY_SECONDS + 5 and not said:
        if health(program).get(fault.part) == "down":
            said = f"{time.monotonic() - began:.1f} s"
        time.sleep(POLL_SECONDS)
    time.sleep(max(0.0, ASKED_SECONDS - (time.monotonic() - began)))
    needing, reading = ask(program, *fault.call), ask(program, "GET", "/api/v1/me", b"", "")
    time.sleep(max(0.0, AWAY_SECONDS - (time.monotonic() - began)))
    fault.end()
    ended = time.monotonic()

    def is_well() -> bool:
        return health(program).get("status") == "healthy" and ask(program, *fault.call).status < 300

    wait_until(is_well, HEALS_SECONDS, f"{fault.name} to be over")
    return fault.name, said or "never", str(needing), str(reading), f"{time.monotonic() - ended:.1f} s"


def on_a_full_disk(upload: tuple[str, str, bytes, str]) -> tuple[str, ...]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-disk-")))
        disk = folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(disk)], check=True)
        stack.callback(lambda: subprocess.run(["umount", "-l", str(disk)], check=False))
        place = prepared(disk / "data", {"VOD_DISK_RESERVE_MB": "32", "VOD_THROTTLES": "off"})
        program = Program(place).start()
        stack.callback(program.end)
        filler = disk / "filler"

        def fill() -> None:
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(64 * 1024))

        return row_of(program, Fault("the disk is full", "storage", upload, fill, filler.unlink))


def ask(program: Program, method: str, path: str, body: bytes, content_type: str) -> Answer:
    began = time.monotonic()
    connection = http.client.HTTPConnection(urlsplit(program.address).netloc, timeout=60)
    try:
        headers = {"Authorization": f"Token {program.place.key}", "Accept": "application/json"}
        connection.request(method, path, body or None, headers | ({"Content-Type": content_type} if body else {}))
        response = connection.getresponse()
        content = response.read()
        return Answer(response.status, response.getheader("Retry-After") or "", content, time.monotonic() - began)
    except (OSError, http.client.HTTPException):
        return Answer(0, "", b"", time.monotonic() - began)
    finally:
        connection.close()


def health(program: Program) -> dict[str, str]:
    answer = ask(program, "GET", "/health", b"", "")
    return json.loads(answer.body) if answer.body else {}  # type: ignore[no-any-return]


def form_with(clip: Path) -> tuple[str, str, bytes, str]:
    head = (
        f'--{LINE}\r\nContent-Disposition: form-data; name="file"; filename="clip.mp4"\r\n'
        "Content-Type: video/mp4\r\n\r\n"
    )
    body = head.encode() + clip.read_bytes() + f"\r\n--{LINE}--\r\n".encode()
    return "POST", "/api/v1/library", body, f"multipart/form-data; boundary={LINE}"


@contextlib.contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    port = free_port()
    found = shutil.which("redis-server")
    assert found, "redis-server is missing"
    argv = [found, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def discard(value: object) -> None:
    pass
