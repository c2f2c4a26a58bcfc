"""kill −9 and SIGSTOP of everything at random moments: every job ends once, and its effect stands once.

On PostgreSQL every other round keeps its files in S3, which fails, hangs and breaks off too.

``ROUNDS`` (``make torture ROUNDS=20``) says how often; ``TORTURE_SEED`` repeats a run's decisions.
"""

import json
import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import psutil
import pytest

from tests.support.places import ON_POSTGRESQL
from tests.support.program import CallFailed, Place, Program, is_alive
from tests.support.s3 import Bucket
from tests.support.waiting import wait_until
from tests.torture import story

pytestmark = [pytest.mark.exhaustive, pytest.mark.both]

# Each takes half a minute of both cores; `make torture` and every other run of the suite try others.
ROUNDS = int(os.environ.get("ROUNDS") or (2 if ON_POSTGRESQL else 1))
SEED = int(os.environ.get("TORTURE_SEED") or random.SystemRandom().randrange(10**6))
JOBS = 14
BLOWS_SECONDS = 8.0
LEASE_SECONDS = 4.0
CALM_SECONDS = 100.0  # times the patience of a busy machine it has to end before the runner's own limit
STOPPABLE = ("cancel", "pause", "resume")


def some_jobs(rng: random.Random) -> list[dict[str, Any]]:
    """Jobs of every temper; all of them come to an end if they are let."""
    tempers: list[dict[str, Any]] = [
        {"steps": 8, "seconds": 0.15}, {"steps": 4, "seconds": 0.1, "in_thread": True}, {"dies": 1}, {"faults": 2},
        {"waits": 2, "wait_seconds": 0.3}, {"steps": 3, "forks": 1}, {"stubborn": 1.5, "in_thread": True},
        {"fails": "It cannot be done."}, {"steps": 2, "flood_mb": 2}, {"kills_worker": 1, "in_thread": True},
    ]  # fmt: skip
    chosen = tempers + [rng.choice(tempers[:7]) for _ in range(JOBS - len(tempers))]
    rng.shuffle(chosen)
    return chosen


class Torturer:
    """Hits one part of a program at a time, at random; everything it stops it lets go on."""

    def __init__(self, program: Program, rng: random.Random, bucket: Bucket | None = None) -> None:
        self.program = program
        self.rng = rng
        self.bucket = bucket
        self.stopped: list[tuple[float, Callable[[], None]]] = []
        self.blows: list[str] = []

    def victims(self) -> dict[str, psutil.Process]:
        """What runs now and can be hit; `up` itself is the operator's hand and is not."""
        program = self.program
        found = {"web": program.web(), "master": program.master(), "worker": program.worker(), "redis": program.redis()}
        for process in program.descendants():
            with suppress(psutil.Error):
                if "tests.torture.work" in process.cmdline():
                    found["child"] = process
        return {name: process for name, process in found.items() if process is not None}

    def rage(self, *more: Callable[[], object]) -> None:
        """Blow after blow for :data:`BLOWS_SECONDS`, ``more`` among them; at last everything goes on."""
        blows = [self.hit, self.cut_connections, *([self.take_store_away] if self.bucket else []), *more]
        pause = threading.Event()
        until = time.monotonic() + BLOWS_SECONDS
        try:
            while time.monotonic() < until:
                pause.wait(self.rng.uniform(0.05, 0.6))
                self.let_go()
                self.rng.choice(blows)()
        finally:
            self.let_go(all_of_them=True)

    def hit(self) -> None:
        """One blow."""
        victims = self.victims()
        if not victims:
            return
        name = self.rng.choice(sorted(victims))
        victim = victims[name]
        with suppress(psutil.Error):
            if self.rng.random() < 0.5:
                self.blows.append(f"kill {name}")
                victim.kill()
            else:
                pause = self.rng.uniform(0.2, LEASE_SECONDS * 2)
                self.blows.append(f"stop {name} {pause:.1f}")
                victim.suspend()
                self.stopped.append((time.monotonic() + pause, victim.resume))

    def let_go(self, *, all_of_them: bool = False) -> None:
        """Continue what has been stopped long enough."""
        now = time.monotonic()
        for stopped in list(self.stopped):
            moment, go_on = stopped
            if all_of_them or moment <= now:
                self.stopped.remove(stopped)
                with suppress(psutil.Error):
                    go_on()

    def take_store_away(self) -> None:
        """S3 answers with errors, not at all, or breaks off, for a moment."""
        assert self.bucket is not None
        faults = self.bucket.faults
        kinds = [("fails", faults.answer_503), ("hangs", faults.hang), ("breaks off", faults.cut)]
        name, begin = self.rng.choice(kinds)
        pause = self.rng.uniform(0.2, LEASE_SECONDS * 2)
        self.blows.append(f"S3 {name} {pause:.1f}")
        begin()
        self.stopped.append((time.monotonic() + pause, faults.heal))

    def cut_connections(self) -> None:
        """End the program's connections to PostgreSQL, where it has any."""
        if ON_POSTGRESQL:
            self.blows.append("cut database")
            self.program.place.end_connections()

    def meddle(self, jobs: list[str]) -> None:
        """Cancel, pause or resume one of the jobs, where the program answers."""
        job, action = self.rng.choice(jobs), self.rng.choice(STOPPABLE)
        with suppress(OSError, CallFailed):
            self.program.call("POST", f"/api/v1/jobs/{job}/{action}")
            self.blows.append(f"{action} {job[:4]}")


def all_ended(place: Place, program: Program) -> bool:
    """Whether no job is left. Lets paused ones go on, and what a web process pauses late that had stood still."""
    for (job,) in place.query("SELECT id FROM video_jobs WHERE status = 'paused'"):
        with suppress(CallFailed):
            program.call("POST", f"/api/v1/jobs/{UUID(str(job))}/resume")
    return story.left(place) == 0


def failed_otherwise(place: Place) -> list[tuple[Any, ...]]:
    """Failed jobs that were not asked to fail."""
    rows = place.query("SELECT id, params, error FROM video_jobs WHERE status = 'failed'")
    return [row for row in rows if "fails" not in (json.loads(row[1]) if isinstance(row[1], str) else row[1])]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_every_job_ends_once(number: int, place: Place, new_program: Callable[..., Program], s3: Bucket) -> None:
    rng = random.Random(f"{SEED}-{number}")
    bucket = s3 if ON_POSTGRESQL and number % 2 else None
    place.environment.update(bucket.environment if bucket else {})
    program = new_program(place).start("--workers", "2")
    jobs = story.enqueue(place, some_jobs(rng))
    torturer = Torturer(program, rng, bucket)
    torturer.rage(torturer.hit, lambda: torturer.meddle(jobs))
    try:
        wait_until(program.lives, 60, "the program to answer again")
        wait_until(lambda: all_ended(place, program), CALM_SECONDS, "all jobs to end")
        ends = story.check_each_ended_once(place)
        assert story.most_at_once(place) <= 2
        # The only one that may fail is the one that says so itself, unless it was cancelled before it could.
        assert ends["failed"] + ends["cancelled"] >= 1, ends
        assert failed_otherwise(place) == []
        place.manage("expire")
        story.check_effects(place, bucket)
    except BaseException as exc:  # the runner's own timeout too
        exc.add_note(f"TORTURE_SEED={SEED}, round {number}: {torturer.blows}\n{story.told(place, program)}")
        raise
    program.interrupt()
    strays = [process for process in program.seen if is_alive(process)]
    assert strays == []
