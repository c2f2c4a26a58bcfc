"""Waiting times of short exports behind one account's long export: for the same account, and for another account."""

from __future__ import annotations

import copy
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped]

from bench.measure import percentile
from bench.report import Table
from tests.support.places import prepared
from tests.support.program import BASE, Place, Program, manage
from tests.support.waiting import wait_until

OWNER, OTHER = "bench", "other"
LONG_SECONDS, SHORT_SECONDS, SHORT_EXPORTS = 150, 3, 10
# Timeout of a round in seconds. By then, the long export must have ended and all short exports must have started.
ENDS_SECONDS = 1_800.0
DONE = {"completed", "failed", "cancelled"}


def measure(seed: int) -> list[Table]:
    table = Table("", ("ten short exports of", "first begins, s", "p50", "last begins", "the long one took"))
    with tempfile.TemporaryDirectory(prefix="bench-queue-") as name:
        library, data = Path(name, "library"), Path(name, "data")
        library.mkdir()
        for letter in "ab":
            make_video(library / f"{letter}.mp4", seed)
        with prepared(OWNER, library) as template:
            shutil.copytree(template.data_dir, data)
            program = Program(Place(data, template.environment, template.key))
        other = copy.copy(program)
        other.place = Place(data, template.environment, account(program.place, OTHER))
        try:
            other.address = program.start().address
            for who, caller in (("the same account", program), ("another account", other)):
                waits, took = one_round(program, caller, library)
                table.add(who, *(f"{value:.1f}" for value in (waits[0], percentile(waits, 0.5), waits[-1], took)))
        finally:
            program.end()
    table.note = (
        f"Seconds from the request to the first work. The long export is {LONG_SECONDS} s of two 720p videos side by "
        f"side, a short one {SHORT_SECONDS} s; the queue runs one job at a time."
    )
    return [table]


def make_video(path: Path, seed: int) -> None:
    source = f"testsrc2=s=1280x720:r=30:d={LONG_SECONDS + 10},noise=alls=8:allf=t:all_seed={seed}"
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-preset",
         "ultrafast", "-g", "120", "-pix_fmt", "yuv420p", str(path)],
        check=True,
    )  # fmt: skip


def account(place: Place, name: str) -> str:
    environment = {**place.environment, "VOD_DATA_DIR": str(place.data_dir)}
    manage("create_account", name, "--group", OWNER, environment=environment)
    return manage("create_token", name, environment=environment).stdout.split()[-1]


def one_round(program: Program, other: Program, library: Path) -> tuple[list[float], float]:
    long = export(program, library, LONG_SECONDS)
    began = time.monotonic()
    wait_until(lambda: status(program, long) == "processing", 60)
    asked: dict[str, float] = {}
    for _ in range(SHORT_EXPORTS):
        job = export(other, library, SHORT_SECONDS)
        asked[job] = time.monotonic()
    waits: dict[str, float] = {}
    took = 0.0
    while len(waits) < len(asked) or not took:
        assert time.monotonic() - began < ENDS_SECONDS
        for job in asked.keys() - waits.keys():
            if status(other, job) in {"processing", *DONE}:
                waits[job] = time.monotonic() - asked[job]
        if not took and status(program, long) in DONE:
            took = time.monotonic() - began
        time.sleep(0.2)
    wait_until(lambda: all(status(other, job) in DONE for job in asked), 300)
    return sorted(waits.values()), took


def export(program: Program, library: Path, seconds: float) -> str:
    vods = [{"vod_id": letter, "path": str(library / f"{letter}.mp4")} for letter in "ab"]
    session = program.call("POST", BASE, {"vods": vods, "name": "queue"})["session"]["session_id"]
    body = {"layout": "side_by_side", "start": 1, "end": 1 + seconds, "audio": "none"}
    job: str = program.call("POST", f"{BASE}/{session}/export", body)["job_id"]
    return job


def status(program: Program, job: str) -> str:
    found: str = program.call("GET", f"/api/v1/jobs/{job}")["status"]
    return found
