"""What the event rows of a program tell: how many jobs ran at once, and whether each ended once. Asserts on its own."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from tests.support.program import PROJECT_ROOT, Place, Program, clean_environment
from tests.support.program_files import orphans
from tests.support.s3 import Bucket
from tests.support.waiting import wait_until

ENDS = {"completed", "failed", "cancelled"}
LEAVES = ENDS | {"given_back", "crashed", "paused", "waiting", "retrying"}
FINISHED = ("completed", "failed", "cancelled", "expired")
SWEPT_SECONDS = 90.0
TOLD_SECONDS = 2.0


def enqueue(place: Place, jobs: Sequence[dict[str, Any]]) -> list[str]:
    """Queue jobs with these parameters, by the program's own service; returns their ids."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.torture.enqueue", "crash"], input=json.dumps(list(jobs)), text=True,
        env=clean_environment(place.variables), cwd=PROJECT_ROOT,
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)  # type: ignore[no-any-return]


def events(place: Place) -> list[tuple[str, str]]:
    """(job, name) of every event, in the order in which they were written."""
    rows = place.query("SELECT job_id, name FROM jobs_event ORDER BY id")
    return [(str(job).replace("-", ""), name) for job, name in rows]


def told(place: Place, program: Program) -> str:
    """What a failure leaves behind: the jobs that did not complete with their events, and the end of the log."""
    jobs = place.query(
        "SELECT id, status, kind, attempt, crashes, retries, admitted, lease_until, run_at, worker, message, params"
        " FROM video_jobs WHERE status != 'completed'"
    )
    lines = [f"{job}\n  {place.events(str(job[0]))}" for job in jobs]
    lines += [described(process) for process in program.descendants()]
    time.sleep(TOLD_SECONDS)  # until each has written where its threads are
    return "\n".join([*lines, program.log.read_text()[-40_000:]])


def described(process: psutil.Process) -> str:
    """A process in a line; it writes into the log where its threads are, where it has been told to listen for that."""
    try:
        caught = Path(f"/proc/{process.pid}/status").read_text().partition("SigCgt:")[2].split()[0]
        if int(caught, 16) >> (signal.SIGUSR2 - 1) & 1:
            process.send_signal(signal.SIGUSR2)
        return f"{process.pid} of {process.ppid()}, {process.status()}: {' '.join(process.cmdline())[:160]}"
    except (psutil.Error, OSError, IndexError) as exc:
        return repr(exc)


def left(place: Place) -> int:
    """How many jobs have not ended."""
    marks = ", ".join("?" for _ in FINISHED)
    return int(place.query(f"SELECT count(*) FROM video_jobs WHERE status NOT IN ({marks})", *FINISHED)[0][0])


def most_at_once(place: Place) -> int:
    """The most jobs that ran at one moment.

    A claim's event is written under the lane's lock after the running rows were counted, and an end's event in
    the transaction that frees the slot: in the order of the rows the count can only be too high, never too low.
    """
    running: set[str] = set()
    most = 0
    for job, name in events(place):
        if name == "processing":
            assert job not in running, f"{job} was claimed twice"
            running.add(job)
        elif name in LEAVES:
            running.discard(job)
        most = max(most, len(running))
    assert not running
    return most


def check_each_ended_once(place: Place, jobs: Sequence[str] | None = None) -> Counter[str]:
    """Every job, or each of ``jobs``, has one end, after its last claim; returns how many ended how."""
    by_job: dict[str, list[str]] = {}
    wanted = None if jobs is None else {job.replace("-", "") for job in jobs}
    for job, name in events(place):
        if wanted is None or job in wanted:
            by_job.setdefault(job, []).append(name)
    ends: Counter[str] = Counter()
    for job, names in by_job.items():
        found = [name for name in names if name in ENDS]
        assert len(found) == 1, (job, names)
        assert names[-1] in ENDS, (job, names)
        ends.update(found)
    assert sum(ends.values()) == (place.query("SELECT count(*) FROM video_jobs")[0][0] if jobs is None else len(jobs))
    return ends


def check_effects(place: Place, bucket: Bucket | None = None) -> None:
    """What is stored is what the completed rows point at: each job's effect stands once, and nothing else does."""
    rows = place.query("SELECT result FROM video_jobs WHERE status = 'completed'")
    results = [json.loads(value) if isinstance(value, str) else value for (value,) in rows]
    wanted = {result["key"] for result in results}
    media = place.data_dir / "media"
    keys = bucket.keys() if bucket else [str(path.relative_to(media)) for path in media.rglob("*") if path.is_file()]
    found = {key for key in keys if key.rpartition("/")[2].startswith("effect")}
    assert len(wanted) == len(results)
    assert found == wanted


def sweep_up(place: Place) -> None:
    """Do what the program does each hour until nothing is left that no row knows.

    A folder of an attempt that was killed at its very end is left alone for a minute, for it may be written to.
    """

    def is_clean() -> bool:
        place.manage("expire")
        return not orphans(place)

    try:
        wait_until(is_clean, SWEPT_SECONDS, "a sweep that leaves nothing")
    except AssertionError as exc:
        exc.add_note(f"Left: {orphans(place)}")
        raise
