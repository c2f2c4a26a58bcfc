"""Worker processes that take some queues alone, as hosts do that are made for one kind of work."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.support.private_redis import PrivateRedis
from tests.support.program import PROJECT_ROOT, Place, clean_environment
from tests.support.waiting import wait_until
from tests.torture import story

pytestmark = pytest.mark.services


@pytest.fixture
def environment(place: Place, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables of a host of the place's installation, with a Redis that all its hosts reach."""
    shared = place.variables
    if "REDIS_URL" in shared:
        yield shared
        return
    server = PrivateRedis(tmp_path)
    server.start()
    place.environment["REDIS_URL"] = server.url
    yield {**shared, "REDIS_URL": server.url}
    server.stop()


@contextmanager
def worker(environment: dict[str, str], *words: str) -> Iterator[None]:
    """`manage.py worker`, from another folder than the program's; it has ended by SIGTERM when the block has."""
    process = subprocess.Popen(
        [sys.executable, str(PROJECT_ROOT / "manage.py"), "worker", *words], env=clean_environment(environment),
        cwd=environment["VOD_DATA_DIR"], start_new_session=True,
    )  # fmt: skip
    try:
        yield
        process.terminate()
        assert process.wait(30) == 0
    finally:
        for left in [*psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []:
            left.kill()
        process.kill()
        process.wait()


def statuses(place: Place, jobs: list[str]) -> list[str]:
    return [place.job(job)["status"] for job in jobs]


def test_a_worker_takes_only_the_queues_that_it_was_started_for(place: Place, environment: dict[str, str]) -> None:
    quick = {"in_thread": True, "steps": 1, "seconds": 0.01}
    jobs = story.enqueue(place, [{**quick, "kind": "synthetic.elsewhere"}, *[dict(quick) for _ in range(3)]])
    with worker(environment, "--queues", "synthetic,align", "--threads", "1"):
        wait_until(lambda: statuses(place, jobs[1:]) == ["completed"] * 3, 60, "the jobs of the queues it takes")
        later = story.enqueue(place, [dict(quick), {**quick, "kind": "synthetic.elsewhere"}])
        wait_until(lambda: statuses(place, later[:1]) == ["completed"], 60, "one more")
        assert place.events(jobs[0]) == place.events(later[1]) == ["queued"]
    with worker(environment, "--queues", "elsewhere"):
        wait_until(lambda: statuses(place, [jobs[0], later[1]]) == ["completed"] * 2, 60, "those of the other queue")
