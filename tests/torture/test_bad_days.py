"""One bad day at a time, on the running program: what is lost, doubled, late, stopped, locked or greedy."""

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import psutil
import pytest
import redis

from tests.crash.conftest import new_place, program
from tests.support.places import ON_POSTGRESQL, SHARED_REDIS
from tests.support.program import Place, Program, is_alive
from tests.support.waiting import wait_until
from tests.torture import story
from vodplatform.settings.environment import private_redis_socket

pytestmark = pytest.mark.services
__all__ = ["new_place", "program"]  # the fixtures of the crash tests
Start = Callable[..., Program]

QUICK = {"in_thread": True, "steps": 2, "seconds": 0.05}
LEASE_SECONDS = 4.0
LOCKED_SECONDS = 8.0


def broker(place: Place) -> redis.Redis:
    """The program's own Redis."""
    if SHARED_REDIS:
        return redis.Redis.from_url(place.environment["REDIS_URL"])
    return redis.Redis(unix_socket_path=str(private_redis_socket(place.data_dir)))


def all_ended(place: Place, seconds: float = 120) -> None:
    wait_until(lambda: story.left(place) == 0, seconds, "all jobs to end")


def all_completed_once(place: Place, jobs: list[str]) -> None:
    """Wait for the end of every job; each has one, and these have done their work."""
    all_ended(place)
    assert story.check_each_ended_once(place, jobs) == {"completed": len(jobs)}


# Two runs of the suite stand side by side: each counts its own.
FORK_NAME = os.getpid()


def sleepers() -> list[psutil.Process]:
    """What the synthetic child has started in sessions of their own, and still runs."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cmdline() == ["sleep", f"600.{FORK_NAME}"] and "VOD_CHILD" in process.environ():
                found.append(process)
    return found


class TestWorkers:
    @pytest.mark.both
    def test_a_worker_stopped_past_its_lease_has_lost_the_job(self, place: Place, new_program: Start) -> None:
        new_program(place).start("--workers", "2")
        job = story.enqueue(place, [{"in_thread": True, "steps": 30, "seconds": 0.1}])[0]
        wait_until(lambda: place.job(job)["status"] == "processing", 30)
        pid = int(place.query("SELECT worker FROM video_jobs")[0][0].rpartition(":")[2])
        worker = psutil.Process(pid)
        place.stop_between_writes(worker)
        try:
            wait_until(
                lambda: place.events(job).count("processing") == 2, LEASE_SECONDS * 5, "another worker to take it"
            )
        finally:
            worker.resume()
        all_ended(place)
        assert place.events(job) == ["queued", "processing", "crashed", "processing", "completed"]
        assert place.job(job)["crashes"] == 1
        story.check_effects(place)

    def test_a_deaf_handler_s_worker_is_started_again(self, place: Place, new_program: Start) -> None:
        place.environment["TORTURE_STUCK"] = "1"
        program = new_program(place).start()
        deaf, other = story.enqueue(place, [{"stubborn": 60, "in_thread": True}, {"steps": 100, "seconds": 0.1}])
        wait_until(lambda: place.job(other)["status"] == "processing", 30)
        wait_until(lambda: place.job(deaf)["status"] == "processing", 30)
        before = program.worker()
        program.call("POST", f"/api/v1/jobs/{deaf}/cancel")
        wait_until(lambda: before is not None and not is_alive(before), 30, "the deaf worker to be ended")
        all_ended(place)
        assert place.events(deaf) == ["queued", "processing", "cancelled"]
        assert place.events(other) == ["queued", "processing", "given_back", "processing", "completed"]

    def test_a_deploy_costs_a_deaf_handler_no_attempt(self, place: Place, new_program: Start) -> None:
        program = new_program(place).start()
        job = story.enqueue(place, [{"stubborn": 30, "in_thread": True}])[0]
        wait_until(lambda: place.job(job)["status"] == "processing", 30)
        program.interrupt()
        assert (place.job(job)["status"], place.job(job)["attempt"]) == ("queued", 0)
        assert place.events(job) == ["queued", "processing", "given_back"]

    def leave_sleepers(self, place: Place, new_program: Start) -> tuple[Program, str]:
        """A program whose worker was killed while a child of its job had started others; and the job."""
        program = new_program(place).start()
        job = story.enqueue(place, [{"steps": 40, "seconds": 0.2, "forks": 3, "fork_name": FORK_NAME}])[0]
        wait_until(lambda: len(sleepers()) >= 3, 30)
        wait_until(program.worker, 30).kill()
        return program, job

    def test_the_next_worker_ends_what_a_killed_one_left(self, place: Place, new_program: Start) -> None:
        program, job = self.leave_sleepers(place, new_program)
        wait_until(lambda: "crashed" in place.events(job), 60)
        program.call("POST", f"/api/v1/jobs/{job}/cancel")
        wait_until(lambda: sleepers() == [], 90, "what is left to be ended")

    def test_the_program_s_end_ends_what_a_killed_worker_left(self, place: Place, new_program: Start) -> None:
        program, _ = self.leave_sleepers(place, new_program)
        program.interrupt()
        assert sleepers() == []


class TestGreed:
    def test_a_child_that_eats_memory_fails_and_its_worker_lives(self, program: Program) -> None:
        place = program.place
        worker = wait_until(program.worker, 30)
        job = story.enqueue(place, [{"steps": 40, "seconds": 0.2, "leak_mb": 64}])[0]
        all_ended(place)
        assert place.job(job)["status"] == "failed"
        assert "out_of_memory" in str(place.query("SELECT error FROM video_jobs WHERE id = ?", UUID(job))[0][0])
        assert is_alive(worker)

    def test_a_hundred_megabytes_of_progress_are_a_few_rows(self, program: Program) -> None:
        place = program.place
        # One that has done a job has loaded what it needs; one that has just begun is a sixth of that.
        story.enqueue(place, [QUICK])
        all_ended(place)
        worker = wait_until(program.worker, 30)
        before = worker.memory_info().rss
        job = story.enqueue(place, [{"steps": 1, "seconds": 0.1, "flood_mb": 100}])[0]
        all_ended(place)
        assert place.events(job) == ["queued", "processing", "completed"]
        revisions = max(row[0] for row in place.query("SELECT revision FROM video_jobs"))
        assert revisions < 200
        assert worker.memory_info().rss - before < 100 << 20


class TestBroker:
    def test_lost_doubled_and_foreign_wake_ups_change_nothing(self, program: Program) -> None:
        place, name = program.place, b"vod-jobs:wake"
        jobs = []
        with broker(place) as client:
            for _ in range(2):
                jobs += story.enqueue(place, [QUICK] * 5)
                client.flushdb()
            jobs += story.enqueue(place, [QUICK] * 5)
            # Whatever waits in the queue is put there again, in another order.
            for number in client.lrange(name, 0, -1):
                client.lpush(name, number, number)
            client.lpush(name, "no-such-message")
        all_completed_once(place, jobs)
        assert program.lives()

    @pytest.mark.private_redis
    def test_a_redis_that_hangs_stops_neither_requests_nor_jobs(self, program: Program) -> None:
        place = program.place
        server = program.redis()
        assert server is not None
        running = story.enqueue(place, [{"in_thread": True, "steps": 100, "seconds": 0.1}])[0]
        wait_until(lambda: place.job(running)["status"] == "processing", 30)
        server.suspend()
        try:
            assert program.call("GET", f"/api/v1/jobs/{running}")["status"] == "processing"
            assert program.call("GET", "/health")["queue"] == "down"
            assert program.call("POST", f"/api/v1/jobs/{running}/cancel")["status"] == "cancelled"
            later = program.call("POST", f"/api/v1/jobs/{running}/retry")
            assert later["status"] == "queued"
        finally:
            server.resume()
        all_ended(place)
        assert place.job(running)["status"] == "completed"
        wait_until(lambda: program.call("GET", "/health")["status"] == "healthy", 30)


@pytest.mark.both
def test_a_database_locked_past_every_lease_loses_nothing(program: Program) -> None:
    """Handlers stop, since another worker may have claimed the job, and start again. This is not a crash."""
    place = program.place
    jobs = story.enqueue(place, [{"steps": 60, "seconds": 0.1}, {"steps": 60, "seconds": 0.1, "in_thread": True}])
    wait_until(lambda: all(place.job(job)["status"] == "processing" for job in jobs), 30)
    release = hold_the_database(place)
    threading.Event().wait(LOCKED_SECONDS)
    release()
    all_completed_once(place, jobs)
    assert [place.job(job)["crashes"] for job in jobs] == [0, 0]
    story.check_effects(place)
    assert program.lives()


def hold_the_database(place: Place) -> Callable[[], None]:
    """Take what every write needs; returns what lets it go, which rolls the transaction back."""
    if ON_POSTGRESQL:
        import psycopg

        connection = psycopg.connect(place.environment["DATABASE_URL"])
        connection.execute("LOCK TABLE video_jobs IN ACCESS EXCLUSIVE MODE")
        return connection.close
    held = sqlite3.connect(place.data_dir / "vodplatform.sqlite3", timeout=60, isolation_level=None)
    held.execute("BEGIN EXCLUSIVE")
    return held.close
