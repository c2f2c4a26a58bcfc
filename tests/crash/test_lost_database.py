"""A database that fails under a job costs an attempt at most, never the job."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError

from jobs_app import leases, runner
from jobs_app.context import JobContext
from jobs_app.kinds import kind_of
from jobs_app.models import Job, JobStatus
from tests.support.factories import make_job, make_user

pytestmark = [pytest.mark.both, pytest.mark.django_db(transaction=True)]


def run_once(monkeypatch: pytest.MonkeyPatch, handler: Callable[[JobContext], dict[str, Any]]) -> Job:
    """Return a job of a kind with this handler, after its first attempt."""
    other = replace(kind_of("comparison.align"), handler=handler)
    monkeypatch.setattr(runner, "kind_of", lambda name: other)
    job = make_job(make_user(), JobStatus.PROCESSING)
    runner.run_job(job)
    job.refresh_from_db()
    return job


def fail_once(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let a write under the lease fail the first time that it is tried."""
    original, calls = getattr(leases, name), []

    def flaky(*args: Any, **named: Any) -> Any:
        calls.append(name)
        if len(calls) == 1:
            raise OperationalError("server closed the connection unexpectedly")
        return original(*args, **named)

    monkeypatch.setattr(leases, name, flaky)


def test_an_end_that_could_not_be_written_at_first_is_written_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    fail_once(monkeypatch, "complete")
    job = run_once(monkeypatch, lambda context: {"answer": 42})
    assert (job.status, job.result, job.crashes) == (JobStatus.COMPLETED, {"answer": 42}, 0)


def test_a_job_whose_handler_lost_the_database_is_tried_again_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def handler(context: JobContext) -> dict[str, Any]:
        raise OperationalError("server closed the connection unexpectedly")

    job = run_once(monkeypatch, handler)
    assert (job.status, job.retries, job.crashes) == (JobStatus.WAITING, 1, 0)


def test_progress_that_could_not_be_written_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    def handler(context: JobContext) -> dict[str, Any]:
        context.progress(10, "Lost")
        return {"answer": 42}

    fail_once(monkeypatch, "report_progress")
    job = run_once(monkeypatch, handler)
    assert (job.status, job.result) == (JobStatus.COMPLETED, {"answer": 42})
