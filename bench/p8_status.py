"""Measurements P8 and P10b.

P8: response times during analyses and uploads. P10b: an analysis as a background job, against one synchronous request.
"""

from __future__ import annotations

import http.client
import json
import random
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench.measure import cache, percentile
from bench.p1_timer_alignment import format_met
from bench.p10_wake_up import ms, prepared
from bench.report import Table
from tests.support.clips import render_clip
from tests.support.program import Program
from tests.support.senders import long_video
from tests.support.waiting import wait_until

BASE = "/api/v1/video"
UPLOADS, UPLOAD_BYTES = 10, 100 * 10**6
ANALYSES, ANALYSED_SECONDS = 2, 900.0
MIN_CALLS = 200
PAIRS = 5
PAIR_SECONDS = 300.0
ASKS_SECONDS = 0.25  # seconds between two status requests
ENDS_SECONDS = 600.0
BOUNDARY = "bench7d91bcd0"
PIECE = 256 * 1024


@dataclass
class Calls:
    took: dict[str, list[float]] = field(default_factory=dict)

    def time(self, name: str, call: Callable[[], object]) -> None:
        began = time.perf_counter()
        call()
        self.took.setdefault(name, []).append(time.perf_counter() - began)


def measure(seed: int) -> list[Table]:
    folder = cache("analysis")
    source = folder / f"long-{UPLOAD_BYTES}.mp4"
    if not source.exists():
        long_video(source, UPLOAD_BYTES)
    clip = folder / f"clip-{ANALYSED_SECONDS:g}.mp4"
    if not clip.exists():
        render_clip(clip, seconds=ANALYSED_SECONDS)
    short = folder / f"clip-{PAIR_SECONDS:g}.mp4"
    if not short.exists():
        render_clip(short, seconds=PAIR_SECONDS)
    with tempfile.TemporaryDirectory(prefix="bench-status-") as scratch:
        extra = {
            "DJANGO_SETTINGS_MODULE": "bench.analysis_settings", "VOD_LOG_LEVEL": "WARNING", "VOD_THROTTLES": "off",
        }  # fmt: skip
        program = Program(prepared(Path(scratch) / "data", extra)).start()
        try:
            return [under_load(program, source, clip), waited_for(program, short, random.Random(seed))]
        finally:
            program.end()


def under_load(program: Program, source: Path, clip: Path) -> Table:
    begun = [send(program, f"{BASE}/upload", clip) for _ in range(ANALYSES)]
    ids = [str(json.loads(body)["sessionId"]) for _, _, body in begun]
    after: list[float] = []
    uploads = [
        threading.Thread(target=lambda: after.append(send(program, f"{BASE}/upload", source, "workout")[0]))
        for _ in range(UPLOADS)
    ]
    calls = Calls()
    for thread in uploads:
        thread.start()
    while any(thread.is_alive() for thread in uploads) or len(calls.took["status"]) < MIN_CALLS:
        calls.time("bare", lambda: program.call("GET", "/bench/bare"))
        calls.time("status", lambda: program.call("GET", f"{BASE}/status/{ids[0]}"))
    wait_until(lambda: _status(program, ids[0]) == "completed", ENDS_SECONDS, "the first analysis")
    for _ in range(MIN_CALLS):
        calls.time("results", lambda: program.call("GET", f"{BASE}/results/{ids[0]}"))
    for session in program.call("GET", f"{BASE}/sessions?limit=100")["sessions"]:
        program.call("DELETE", f"{BASE}/cleanup/{session['sessionId']}")
    bare, status, results = (calls.took[name] for name in ("bare", "status", "results"))
    ratio = percentile(status, 0.5) / percentile(bare, 0.5)
    table = Table(
        f"{UPLOADS} uploads of {UPLOAD_BYTES // 10**6} MB and {ANALYSES} analyses at once",
        ("call", "p50", "p95", "goal", "met"),
    )
    table.add("bare view", ms(percentile(bare, 0.5)), ms(percentile(bare, 0.95)), "", "")
    table.add(
        "status", f"{ms(percentile(status, 0.5))} = {ratio:.2f}×", ms(percentile(status, 0.95)),
        "p50 ≤ 1.5×, p95 ≤ 100 ms", format_met(ratio <= 1.5 and percentile(status, 0.95) <= 0.1),
    )  # fmt: skip
    table.add(
        "results", ms(percentile(results, 0.5)), ms(percentile(results, 0.95)), "p95 ≤ 200 ms",
        format_met(percentile(results, 0.95) <= 0.2),
    )  # fmt: skip
    table.add(
        "upload, from the last byte to the answer", ms(percentile(after, 0.5)), ms(max(after)), "all ≤ 500 ms",
        format_met(max(after) <= 0.5),
    )  # fmt: skip
    table.note = f"{len(status)} calls; the second figure of the upload is the slowest of {UPLOADS}."
    return table


def waited_for(program: Program, clip: Path, rng: random.Random) -> Table:
    took: dict[str, list[float]] = {"background": [], "waiting": []}
    for _ in range(PAIRS):
        order = ["background", "waiting"]
        rng.shuffle(order)
        for name in order:
            began = time.perf_counter()
            if name == "waiting":
                _, status, body = send(program, "/analyze/highlights", clip)
                assert status == 200, body
            else:
                session = str(json.loads(send(program, f"{BASE}/upload", clip)[2])["sessionId"])
                while _status(program, session) != "completed":
                    time.sleep(ASKS_SECONDS)
            took[name].append(time.perf_counter() - began)
    ratio = percentile(took["background"], 0.5) / percentile(took["waiting"], 0.5)
    table = Table("P10b: an analysis in the background, against the call that waits", ("what", "p50", "goal", "met"))
    table.add("POST /analyze/highlights", ms(percentile(took["waiting"], 0.5)), "", "")
    table.add(
        "upload, then asked until it is completed", f"{ms(percentile(took['background'], 0.5))} = {ratio:.2f}×",
        "≤ 1.05×", format_met(ratio <= 1.05),
    )  # fmt: skip
    return table


def _status(program: Program, session_id: str) -> str:
    state = program.call("GET", f"{BASE}/status/{session_id}")
    assert state["status"] not in ("failed", "cancelled"), state
    return str(state["status"])


def send(program: Program, path: str, source: Path, kind: str = "highlights") -> tuple[float, int, bytes]:
    parts = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {"analysis_type": kind, "params": "{}"}.items()
    )
    head = (
        f'{parts}--{BOUNDARY}\r\nContent-Disposition: form-data; name="video"; filename="match.mp4"\r\n'
        "Content-Type: video/mp4\r\n\r\n"
    ).encode()
    tail = f"\r\n--{BOUNDARY}--\r\n".encode()
    where = urlsplit(program.address)
    connection = http.client.HTTPConnection(where.hostname or "", where.port or 80, timeout=ENDS_SECONDS)
    connection.putrequest("POST", path)
    for name, value in {
        "Authorization": f"Token {program.place.key}",
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Content-Length": str(len(head) + source.stat().st_size + len(tail)),
    }.items():
        connection.putheader(name, value)
    connection.endheaders(head)
    with source.open("rb") as file:
        while piece := file.read(PIECE):
            connection.send(piece)
    connection.send(tail)
    sent = time.perf_counter()
    answer = connection.getresponse()
    took = time.perf_counter() - sent
    body = answer.read()
    connection.close()
    return took, answer.status, body
