"""Peak memory of the child process that aligns two recordings of 600 s, and the time the API takes to set an offset."""

from __future__ import annotations

import http.client
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from bench.measure import percentile
from bench.p1_timer_alignment import format_met
from bench.p10_wake_up import ACCOUNT, ms, prepared
from bench.recordings import long_pair
from bench.report import Table
from tests.support.program import Program, Truth
from tests.support.waiting import wait_until
from vodplatform.core.processes.process import tree_memory_bytes

WRITES = 200
ALIGNMENTS = 3


def measure(seed: int) -> list[Table]:
    pair, a, b = long_pair(seed)
    assert pair.offset is not None
    truth = Truth(a, b, pair.offset, 0.0)
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as folder:
        place = prepared(
            Path(folder) / "data", {"VOD_LIBRARY_ROOTS": f"{a.parent}={ACCOUNT}", "VOD_LOG_LEVEL": "WARNING"}
        )
        program = Program(place).start()
        try:
            session = program.compare(truth)
            alignments = [one_alignment(program, session, truth.offset) for _ in range(ALIGNMENTS)]
            reads = [timed(program, "GET", session, None) for _ in range(WRITES)]
            writes = [
                timed(
                    program,
                    "PUT",
                    f"{session}/offsets",
                    {"offsets": {"b": round(0.01 * number, 2)}, "source": "manual"},
                )
                for number in range(1, WRITES + 1)
            ]
        finally:
            program.end()
    peak = max(memory for memory, _ in alignments)
    table = Table("", ("what", "measured", "goal", "met"))
    table.add("peak memory of the child, 600 s pair", f"{peak / 1e6:.0f} MB", "≤ 300 MB", format_met(peak <= 300e6))
    walls = [wall for _, wall in alignments]
    table.add("POST to completed, the whole program", f"{statistics.median(walls):.2f} s", "reported", "")
    middle = percentile(writes, 0.5)
    table.add("PUT offsets over HTTP, p50", ms(middle), "< 10 ms", format_met(middle < 0.01))
    table.add("PUT offsets over HTTP, p95", ms(percentile(writes, 0.95)), "reported", "")
    table.add("GET of the session, p50", ms(percentile(reads, 0.5)), "reported", "")
    return [table]


def one_alignment(program: Program, session: str, offset: float) -> tuple[int, float]:
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            for child in program.aligners():
                peak = max(peak, tree_memory_bytes(child.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.monotonic()
    try:
        job_id = program.align(session)
        wait_until(lambda: program.place.job(job_id)["status"] == "completed", 120, "the alignment")
        wall = time.monotonic() - started
    finally:
        done.set()
        watcher.join()
    [proposal] = program.call("GET", f"{session}/alignments/{job_id}")["proposals"]
    assert abs(proposal["offset"] - offset) < 1, "the alignment is wrong"
    return peak, wall


def timed(program: Program, method: str, path: str, body: object) -> float:
    connection: http.client.HTTPConnection | None = getattr(timed, "connection", None)
    if connection is None:
        found = urlsplit(program.address)
        connection = http.client.HTTPConnection(str(found.hostname), found.port)
        connection.connect()
        timed.connection = connection  # type: ignore[attr-defined]
    headers = {"Authorization": f"Token {program.place.key}", "Content-Type": "application/json"}
    started = time.monotonic()
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    answer.read()
    took = time.monotonic() - started
    if answer.status != 200:
        raise RuntimeError(f"{method} {path}: {answer.status}")
    return took
