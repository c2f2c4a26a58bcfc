"""CPU seconds that the web process needs per GiB sent to or from a bucket, with and without signed URLs."""

from __future__ import annotations

import logging
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
import httpx
import psutil

from bench import p4_upload
from bench.p1_timer_alignment import format_met
from bench.p4_upload import GIB, cpu, is_done
from bench.report import Table
from tests.support.program import Program
from tests.support.senders import Sender, long_video
from tests.support.waiting import wait_until

SMALL = GIB // 32
ROUNDS = 2
GOAL = 0.1
OUT = {"out: proxy=1": "&proxy=1", "out: sent on": ""}
READ_BYTES = 1 << 20


def measure(seed: int) -> list[Table]:
    with tempfile.TemporaryDirectory(prefix="bench-past-") as name, running(Path(name)) as program:
        source = long_video(Path(name) / "gib.mp4", GIB, seed)
        small = long_video(Path(name) / "small.mp4", SMALL, seed)
        web = wait_until(program.web, 20)
        assert web is not None
        ways = {"in: tus": by_tus, "in: direct": upload_directly}
        costs: dict[str, list[float]] = {way: [] for way in (*ways, *(f"{way}, 32 MiB" for way in ways), *OUT)}
        # Warm up, since each method's first upload costs more.
        for send in ways.values():
            wait_ingested(program, send(program, small))
        for _ in range(ROUNDS):
            for way, send in ways.items():
                for file, row in ((small, f"{way}, 32 MiB"), (source, way)):
                    before = cpu(web)
                    video = send(program, file)
                    costs[row].append(cpu(web) - before)
                    wait_ingested(program, video)
                if send is upload_directly:
                    for row, more in OUT.items():
                        costs[row].append(read(program, web, video, more))
                program.call("DELETE", f"/api/v1/library/{video}")
    table = Table("", ("transfer", "CPU time of the web process, s", "goal", "met"))
    found = {way: statistics.median(values) for way, values in costs.items()}
    for way, seconds in found.items():
        is_goal = way == "out: sent on"
        table.add(way, f"{seconds:.3f}", f"≤ {GOAL}" if is_goal else "", format_met(seconds <= GOAL) if is_goal else "")
    for way in ways:
        # Subtract the cost of calls that are made once per file, whatever its size.
        further = (found[way] - found[f"{way}, 32 MiB"]) * GIB / (GIB - SMALL)
        is_past = way == "in: direct"
        table.add(
            f"{way}, each GiB without the cost of each file, whatever its size", f"{further:.3f}",
            f"≤ {GOAL}" if is_past else "",
            format_met(further <= GOAL) if is_past else "",
        )  # fmt: skip
    table.note = (
        f"The figures are medians of {ROUNDS} rounds of one GiB. The bucket is OpenStack Swift with one "
        "disk on this machine, without nginx."
    )
    return [table]


@contextmanager
def running(folder: Path) -> Iterator[Program]:
    os.environ.update(VOD_DATA_DIR=str(folder / "own"), DJANGO_SETTINGS_MODULE="bench.settings")
    django.setup()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # hide INFO lines, because they contain URLs' signatures
    from tests.support.s3 import fresh_bucket
    from tests.support.swift import KEY_ID, SECRET, running_swift

    with (
        running_swift() as address,
        fresh_bucket(address, KEY_ID, SECRET) as bucket,
        p4_upload.running(folder, bucket.environment) as program,
    ):
        yield program


def wait_ingested(program: Program, video: str) -> None:
    wait_until(lambda: is_done(program, video), 600, "the end of the job")


def by_tus(program: Program, source: Path) -> str:
    sender = Sender(program.address, program.place.key)
    address = sender.begin_tus(size := source.stat().st_size, source.name)
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    with source.open("rb") as file:
        answer = httpx.patch(
            program.address + address.removeprefix(program.address),
            headers={**headers, "Authorization": f"Token {program.place.key}", "Content-Length": str(size)},
            content=iter(lambda: file.read(READ_BYTES), b""), timeout=600,
        )  # fmt: skip
    assert answer.status_code == 204, answer.text
    return answer.headers["X-Resource-Id"]


def upload_directly(program: Program, source: Path) -> str:
    ask: Callable[..., Any] = program.call
    begun = ask("POST", "/api/v1/uploads", {"filename": source.name, "size": source.stat().st_size, "direct": True})
    at, numbers = f"/api/v1/uploads/{begun['session_id']}", range(begun["total_chunks"])
    chunks = ask("POST", f"{at}/addresses", {"chunk_numbers": list(numbers)})["chunks"]
    with source.open("rb") as file, httpx.Client(timeout=600) as client:
        for chunk in chunks:
            answer = client.put(chunk["url"], content=file.read(chunk["size"]), headers={"Content-Type": ""})
            assert answer.status_code == 200, answer.text
    ask("POST", f"{at}/complete", {})
    [upload] = ask("GET", "/api/v1/uploads?limit=1")["uploads"]
    return str(upload["resource_id"])


def read(program: Program, web: psutil.Process, video: str, more: str) -> float:
    address = program.call("GET", f"/api/v1/library/{video}")["video_url"]
    before, count = cpu(web), 0
    with httpx.stream("GET", f"{program.address}{address}{more}", follow_redirects=True, timeout=600) as answer:
        for piece in answer.iter_raw(READ_BYTES):
            count += len(piece)
    assert count == GIB
    return cpu(web) - before
