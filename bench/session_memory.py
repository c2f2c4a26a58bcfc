"""Memory of the program during 200 analyses, one after the other."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

from bench.measure import cache
from bench.p1_timer_alignment import format_met
from bench.p8_status import BASE, send
from bench.p10_wake_up import prepared
from bench.report import Table
from tests.support.clips import render_clip
from tests.support.program import Program
from tests.support.waiting import wait_until

SESSIONS = 200
CLIP_SECONDS = 6.0
WARM = 40  # number of analyses after which all modules are imported and all pools are full
# The median memory of the last TAIL analyses of the warm-up is compared with that of the last TAIL analyses of the run.
TAIL = 20
MAX_GROWTH = 1.05
ENDS_SECONDS = 120.0


def measure(seed: int) -> list[Table]:
    clip = cache("analysis") / f"clip-{CLIP_SECONDS:g}.mp4"
    if not clip.exists():
        render_clip(clip, seconds=CLIP_SECONDS)
    readings: list[dict[str, int]] = []
    with tempfile.TemporaryDirectory(prefix="bench-sessions-") as scratch:
        extra = {
            "DJANGO_SETTINGS_MODULE": "bench.analysis_settings", "VOD_LOG_LEVEL": "WARNING", "VOD_THROTTLES": "off",
        }  # fmt: skip
        program = Program(prepared(Path(scratch) / "data", extra)).start()
        try:
            for number in range(SESSIONS):
                analyse(program, clip, ("highlights", "workout")[number % 2])
                readings.append(resident_bytes(program))
            left = [path for path in program.place.data_dir.rglob("*") if path.is_file() and is_of_a_session(path)]
        finally:
            program.end()
    table = Table(
        f"{SESSIONS} sessions of {CLIP_SECONDS:g} s, highlights and workouts by turns, each cleaned up",
        ("process", f"after {WARM}", f"after {SESSIONS}", "goal", "met"),
    )
    for name in readings[-1]:
        early, late = (
            statistics.median(one.get(name, 0) for one in part)
            for part in (readings[WARM - TAIL : WARM], readings[-TAIL:])
        )
        table.add(
            name, f"{early / 1e6:.0f} MB", f"{late / 1e6:.0f} MB = {late / max(1, early):.3f}×",
            f"≤ {MAX_GROWTH}×", format_met(late <= MAX_GROWTH * early),
        )  # fmt: skip
    table.note = f"Files of the sessions that are left in the data folder at the end: {len(left)}."
    return [table]


def analyse(program: Program, clip: Path, kind: str) -> None:
    session = str(json.loads(send(program, f"{BASE}/upload", clip, kind)[2])["sessionId"])

    def is_over() -> bool:
        time.sleep(0.05)
        status = program.call("GET", f"{BASE}/status/{session}")["status"]
        assert status in ("queued", "processing", "completed"), status
        return bool(status == "completed")

    wait_until(is_over, ENDS_SECONDS, "the analysis")
    program.call("GET", f"{BASE}/results/{session}")
    program.call("DELETE", f"{BASE}/cleanup/{session}")


def resident_bytes(program: Program) -> dict[str, int]:
    found: dict[str, int] = {}
    web, master = program.web(), program.master()
    if web:
        found["web"] = web.memory_info().rss
    if master:
        found["workers' master"] = master.memory_info().rss
        workers = [one for one in program.descendants() if _is_worker(one, master.pid)]
        found["workers together"] = sum(_rss(one) for one in workers)
    return found


def _is_worker(process: psutil.Process, master: int) -> bool:
    with suppress(psutil.Error):
        return process.ppid() == master and "dramatiq" in " ".join(process.cmdline())
    return False


def _rss(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def is_of_a_session(path: Path) -> bool:
    return path.suffix in (".mp4", ".jpg", ".json", ".part") or any(part.startswith("job-") for part in path.parts)
