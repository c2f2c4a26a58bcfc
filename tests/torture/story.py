"""What the event rows of a program tell: how many jobs ran at once, and whether each ended once. Asserts on its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.support.program import PROJECT_ROOT, Place, clean_environment, manage
from tests.support.program_files import orphans
from tests.support.s3 import Bucket
from tests.support.waiting import wait_until

ENDS = {"completed", "failed", "cancelled"}
LEAVES = ENDS | {"given_back", "crashed", "paused", "waiting", "retrying"}
FINISHED = ("completed", "failed", "cancelled", "expired")
SWEPT_SECONDS = 90.0


def enqueue(place: Place, jobs: Sequence[dict[str, Any]]) -> list[str]:
    """Queue jobs with these parameters, by the program's own service; returns their ids."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.torture.enqueue", "crash"], input=json.dumps(list(jobs)), text=True,
        env=clean_environment({**place.environment, "VOD_DATA_DIR": str(place.data_dir)}), cwd=PROJECT_ROOT,
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)  # type: ignore[no-any-return]


def events(place: Place) -> list[tuple[str, str]]:
    """(job, name) of every event, in the order in which they were written."""
    rows = place.query("SELECT job_id, name FROM jobs_event ORDER BY id")
    return [(str(job).replace("-", ""), name) for job, name in rows]


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
    environment = {**place.environment, "VOD_DATA_DIR": str(place.data_dir)}

    def is_clean() -> bool:
        answer = manage("expire", environment=environment)
        assert answer.returncode == 0, answer.stderr
        return not orphans(place)

    try:
        wait_until(is_clean, SWEPT_SECONDS, "a sweep that leaves nothing")
    except AssertionError as exc:
        exc.add_note(f"Left: {orphans(place)}")
        raise
