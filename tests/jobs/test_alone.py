"""A job that has crashed twice runs in a process with nothing beside it."""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest
from django.db import connections

from jobs_app import leases
from jobs_app.models import Job
from jobs_app.runner import room, run_queue
from tests.jobs import kinds
from tests.support.factories import make_job, make_user
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kinds")]


def make(kind: str = "test.echo", **fields: Any) -> Job:
    return make_job(make_user(), **{"kind": kind, "lane": "test", "params": {}, **fields})


def in_thread(lane: str = "test") -> Thread:
    def work() -> None:
        try:
            run_queue(lane)
        finally:
            connections.close_all()

    thread = Thread(target=work)
    thread.start()
    return thread


def again(job: Job) -> Job:
    job.refresh_from_db()
    return job


@pytest.mark.parametrize(("crashes", "must"), [(0, False), (1, False), (2, True), (5, True)])
def test_two_crashes_make_it_so(crashes: int, must: bool) -> None:
    job = make(crashes=crashes)
    if must:
        with pytest.raises(leases.NeedsOwnProcess):
            leases.claim("test", "w", is_alone=False)
        assert again(job).status == "queued"
    else:
        assert leases.claim("test", "w", is_alone=False).pk == job.pk
    job = make(crashes=crashes)
    assert leases.claim("test", "w", is_alone=True) is not None


def test_it_waits_until_what_runs_here_has_ended_and_then_goes_first() -> None:
    running = make("test.wait")
    first = in_thread()
    assert kinds.started.wait(10)
    fragile, behind = make(crashes=2), make()
    assert run_queue("test") == 0
    assert (again(fragile).status, again(behind).status, again(running).status) == ("queued", "queued", "processing")
    kinds.go_on.set()
    first.join(10)
    assert (again(fragile).status, again(behind).status) == ("completed", "completed")
    assert fragile.finished_at <= behind.started_at


def test_nothing_is_taken_while_it_runs() -> None:
    fragile = make("test.wait", crashes=2)
    first = in_thread()
    assert kinds.started.wait(10)
    other = make()
    assert run_queue("test") == 0
    assert run_queue("align") == 0
    assert again(other).status == "queued"
    kinds.go_on.set()
    first.join(10)
    assert (again(fragile).status, again(other).status) == ("completed", "completed")


def test_a_process_emptied_for_one_that_somebody_else_took_goes_on_as_before(settings: Any) -> None:
    make("test.wait")
    first = in_thread()
    assert kinds.started.wait(10)
    fragile = make(crashes=2)
    assert run_queue("test") == 0
    Job.objects.filter(pk=fragile.pk).delete()
    kinds.go_on.set()
    first.join(10)
    later = make()
    run_queue("align")
    run_queue("test")
    assert again(later).status == "completed"
    wait_until(lambda: room._running == 0)
