"""A database that fails under a job costs an attempt at most, never the job."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError

from jobs_app import running, services
from jobs_app.models import Job, JobStatus
from tests.support.factories import make_job, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def claimed(monkeypatch: pytest.MonkeyPatch, handler: Any) -> Job:
    """A job that is being worked on, of a kind with this handler."""
    kind = running.kind_of("comparison.align")
    other = type(kind)(kind.name, kind.lane, handler)
    monkeypatch.setattr(running, "kind_of", lambda name: other)
    return make_job(make_user(), JobStatus.PROCESSING)


def fail_once(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let a service fail the first time that it is called."""
    original, calls = getattr(services, name), []

    def flaky(*args: Any, **named: Any) -> Any:
        calls.append(name)
        if len(calls) == 1:
            raise OperationalError("server closed the connection unexpectedly")
        return original(*args, **named)

    monkeypatch.setattr(services, name, flaky)


def test_job_whose_end_could_not_be_written_runs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    job = claimed(monkeypatch, lambda context: {})
    fail_once(monkeypatch, "complete")
    running.run_job(job)
    job.refresh_from_db()
    assert (job.status, job.crashes) == (JobStatus.QUEUED, 1)


def test_progress_that_could_not_be_written_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    def handler(context: running.JobContext) -> dict[str, Any]:
        context.progress(10, "Lost")
        return {"answer": 42}

    job = claimed(monkeypatch, handler)
    fail_once(monkeypatch, "report_progress")
    running.run_job(job)
    job.refresh_from_db()
    assert (job.status, job.result) == (JobStatus.COMPLETED, {"answer": 42})
