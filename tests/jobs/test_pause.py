"""Pause and resume: the last checkpoint is kept, the place is free, and no attempt is lost."""

from __future__ import annotations

from typing import Any

import pytest

from jobs_app import leases, services
from jobs_app.models import JobEvent
from jobs_app.runner import run_queue
from tests.jobs import kinds
from tests.jobs.kinds import again, make, running_lane
from tests.support.api import Api, refused
from tests.support.factories import lease_of
from tests.support.waiting import wait_until
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kinds")]


@pytest.mark.usefixtures("kinds", "running_keeper")
def test_a_running_job_stops_and_goes_on_from_its_checkpoint(owner: User) -> None:
    job = make(owner, kind="test.steps")
    with running_lane():
        assert kinds.started.wait(10)
        paused = services.pause(again(job))
        assert (paused.status, paused.attempt, paused.lease_token) == ("paused", 0, None)
    assert (again(job).status, job.checkpoint) == ("paused", {"done": [1]})
    assert run_queue("test") == 0
    services.resume(job)
    assert run_queue("test") == 1
    assert (again(job).status, job.result, job.checkpoint) == ("completed", {"done": [1, 1, 1]}, None)
    names = list(JobEvent.objects.filter(job=job).values_list("name", flat=True))
    assert names == ["processing", "paused", "resumed", "processing", "completed"]


@pytest.mark.usefixtures("kinds", "running_keeper")
def test_its_child_is_killed_and_what_the_child_had_saved_is_kept(owner: User, settings: Any) -> None:
    settings.JOB_PROGRESS_SECONDS = 0.0
    code = kinds.SLEEPS.replace('"progress": 5', '"checkpoint": {"step": 7}, "progress": 5')
    job = make(owner, kind="test.pausable_child", params={"code": code})
    with running_lane():
        wait_until(lambda: again(job).checkpoint)
        services.pause(job)
    assert (again(job).status, job.checkpoint) == ("paused", {"step": 7})


@pytest.mark.parametrize("status", ["queued", "waiting", "processing"])
def test_any_live_job_of_a_kind_with_checkpoints_is_paused_and_resumed_once(api: Api, owner: User, status: str) -> None:
    job = make(owner, status, kind="test.steps")
    response = api.post(f"/api/v1/jobs/{job.pk}/pause")
    assert (response.status_code, response.json()["status"], response.json()["pausable"]) == (200, "paused", True)
    assert api.post(f"/api/v1/jobs/{job.pk}/pause").json() == response.json()
    assert (again(job).lease_token, job.run_at, job.admitted) == (None, None, False)
    refused(api.delete(f"/api/v1/jobs/{job.pk}"), 409, "job_live")
    response = api.post(f"/api/v1/jobs/{job.pk}/resume")
    assert (response.status_code, response.json()["status"]) == (200, "queued")
    assert api.post(f"/api/v1/jobs/{job.pk}/resume").json() == response.json()
    assert leases.claim("test", "w").pk == job.pk
    services.pause(again(job))
    assert api.post(f"/api/v1/jobs/{job.pk}/cancel").json()["status"] == "cancelled"


def test_a_paused_job_holds_no_place(owner: User) -> None:
    first = make(owner, "processing", kind="test.steps")
    make(owner, "processing", kind="test.steps")
    third = services.enqueue("test.steps", owner, {})
    assert not third.admitted
    services.pause(first)
    assert again(third).admitted


def test_who_lost_the_lease_to_a_pause_saves_no_checkpoint(owner: User) -> None:
    job = make(owner, "processing", kind="test.steps")
    lease = lease_of(job)
    services.pause(job)
    assert not leases.save_checkpoint(lease, {"late": True})
    assert again(job).checkpoint is None


def test_a_crash_goes_on_from_the_checkpoint_too_and_a_retry_from_the_beginning(owner: User) -> None:
    job = make(owner, "processing", kind="test.steps")
    assert leases.save_checkpoint(lease_of(job), {"done": [1, 1]})
    leases.record_crash(lease_of(job), "gone")
    failed = make(owner, "failed", kind="test.steps", checkpoint={"done": [1, 1]})
    services.retry(failed)
    kinds.go_on.set()
    run_queue("test")
    assert again(job).result == {"done": [1, 1, 2]}
    assert again(failed).result == {"done": [1, 1, 1]}
