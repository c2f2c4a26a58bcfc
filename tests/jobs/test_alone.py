"""A job that has crashed twice runs in a process with nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest

from jobs_app import leases
from jobs_app.models import Job
from jobs_app.runner import run_queue
from tests.jobs import kinds
from tests.support.factories import make_job, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kinds")]


def make(kind: str = "test.echo", **fields: Any) -> Job:
    return make_job(make_user(), **{"kind": kind, "lane": "test", "params": {}, **fields})


def again(job: Job) -> Job:
    job.refresh_from_db()
    return job


@pytest.mark.both
@pytest.mark.parametrize(("crashes", "must"), [(0, False), (1, False), (2, True), (5, True)])
def test_two_crashes_make_it_so(crashes: int, must: bool) -> None:
    job = make(crashes=crashes)
    if must:
        with pytest.raises(leases.NeedsOwnProcess):
            leases.claim("test", "w", is_alone=False)
        assert again(job).status == "queued"
    else:
        assert leases.claim("test", "w", is_alone=False).pk == job.pk
    make(crashes=crashes)
    assert leases.claim("test", "w", is_alone=True) is not None


@pytest.fixture
def first() -> Iterator[Thread]:
    """A thread that runs the lane and stands still in its first job."""
    with kinds.running_lane() as thread:
        assert kinds.started.wait(10)
        yield thread


@pytest.fixture
def running() -> Job:
    return make("test.wait")


@pytest.fixture
def fragile() -> Job:
    return make("test.wait", crashes=2)


def test_it_waits_until_what_runs_here_has_ended_and_then_goes_first(running: Job, first: Thread) -> None:
    fragile, behind = make(crashes=2), make()
    assert run_queue("test") == 0
    assert (again(fragile).status, again(behind).status, again(running).status) == ("queued", "queued", "processing")
    kinds.go_on.set()
    first.join(10)
    assert (again(fragile).status, again(behind).status) == ("completed", "completed")
    assert fragile.finished_at <= behind.started_at


def test_nothing_is_taken_while_it_runs(fragile: Job, first: Thread) -> None:
    other = make()
    assert run_queue("test") == 0
    assert run_queue("align") == 0
    assert again(other).status == "queued"
    kinds.go_on.set()
    first.join(10)
    assert (again(fragile).status, again(other).status) == ("completed", "completed")
