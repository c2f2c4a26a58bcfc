"""The log line of a failed job: why it failed, whose it is, and which request queued it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from jobs_app import leases, services
from jobs_app.models import Job
from tests.support.api import BASE, Api
from tests.support.factories import make_session
from vodplatform.accounts.models import User
from vodplatform.base import logs

pytestmark = pytest.mark.django_db(transaction=True)


def ends(caplog: pytest.LogCaptureFixture) -> list[tuple[int, dict[str, Any]]]:
    """Return the level and the data of each line about a job's end."""
    found = [record for record in caplog.records if record.message == "processing.complete"]
    return [(record.levelno, vars(record)["data"]) for record in found]


def claim_and_fail(job_id: str) -> None:
    job = leases.claim(Job.objects.get(pk=job_id).lane, "a worker")
    assert job is not None and str(job.pk) == job_id and job.lease_token is not None
    assert leases.fail(leases.Lease(job.pk, job.lease_token), "video_unreadable", "No picture could be decoded.")


def test_a_failure_is_a_warning_with_its_reason_its_owner_and_its_request(
    api: Api, owner: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    session = make_session(owner)
    path = f"{BASE}/{session.session_id}/align"
    job_id = api.post(path, {"method": "auto"}, headers={"X-Request-ID": "asked-first"}).json()["job_id"]
    claim_and_fail(job_id)
    expected = {
        "kind": Job.objects.get(pk=job_id).kind, "outcome": "failed", "error_type": "video_unreadable",
        "message": "No picture could be decoded.", "owner": str(owner.pk),
    }  # fmt: skip
    assert ends(caplog) == [(logging.WARNING, expected | {"queued_by_request": "asked-first"})]


@pytest.mark.usefixtures("kinds")
def test_after_a_retry_it_names_the_request_that_asked_for_it(owner: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    job = services.enqueue("test.echo", owner, {})
    claim_and_fail(str(job.pk))
    token = logs.request_id.set("asked-again")
    try:
        services.retry(Job.objects.get(pk=job.pk))
    finally:
        logs.request_id.reset(token)
    claim_and_fail(str(job.pk))
    assert [data["queued_by_request"] for _, data in ends(caplog)] == ["", "asked-again"]


def test_a_job_that_completes_is_information(owner: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    job = Job.objects.create(owner=owner, kind="comparison.align", lane="align")
    claimed = leases.claim("align", "a worker")
    assert claimed is not None and claimed.lease_token is not None
    leases.complete(leases.Lease(job.pk, claimed.lease_token), {})
    assert ends(caplog) == [(logging.INFO, {"kind": "comparison.align", "outcome": "completed"})]
