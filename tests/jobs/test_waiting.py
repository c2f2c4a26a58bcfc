"""A job that waits for a service, for its next attempt or in a pause holds no worker, lane or attempt."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from jobs_app import leases, maintenance, services
from jobs_app.models import Job, JobEvent
from jobs_app.runner import run_queue
from tests.jobs import kinds
from tests.jobs.kinds import again, events_of, make, running_lane
from tests.support.api import Api, refused
from tests.support.factories import lease_of, make_job
from tests.support.waiting import wait_until
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kinds")]


def queue(owner: User, kind: str, **params: Any) -> Job:
    return services.enqueue(kind, owner, params)


def let_pass(job: Job, seconds: float) -> None:
    """Move the job's moments back, as if so much time had gone by."""
    again(job)
    for name in ("run_at", "deadline"):
        if getattr(job, name):
            Job.objects.filter(pk=job.pk).update(**{name: getattr(job, name) - timedelta(seconds=seconds)})


@pytest.mark.both
class TestWaiting:
    def test_it_frees_worker_and_lane_and_goes_on_when_due(self, owner: User) -> None:
        job = queue(owner, "test.ask", asks=3)
        assert run_queue("test") == 1
        assert (again(job).status, job.attempt, job.checkpoint, job.lease_token) == ("waiting", 0, {"asked": 1}, None)
        assert maintenance.wake_due() == 0
        for _ in range(2):
            let_pass(job, 301)
            assert maintenance.wake_due() == 1
            assert run_queue("test") == 1
        assert (again(job).status, job.result) == ("completed", {"asked": 3, "attempt": 1})
        assert (job.run_at, job.deadline, job.checkpoint) == (None, None, None)

    def test_a_call_from_the_service_ends_the_waiting_at_once(self, owner: User) -> None:
        job = queue(owner, "test.ask", asks=2)
        run_queue("test")
        assert services.wake_waiting(job.pk)
        assert again(job).status == "queued"
        run_queue("test")
        assert again(job).status == "completed"

    def test_a_call_while_it_still_runs_is_not_lost(self, owner: User) -> None:
        job = queue(owner, "test.ask", asks=2, poked_meanwhile=True)
        run_queue("test")
        assert again(job).status == "waiting"
        assert maintenance.wake_due() == 1
        run_queue("test")
        assert again(job).status == "completed"

    def test_a_call_for_a_job_that_does_not_wait_changes_nothing(self, owner: User) -> None:
        for status in ("queued", "completed", "cancelled", "paused"):
            job = make_job(owner, status, kind="test.ask", lane="test")
            before = Job.objects.filter(pk=job.pk).values().get()
            assert not services.wake_waiting(job.pk)
            assert Job.objects.filter(pk=job.pk).values().get() == before
        assert not services.wake_waiting(uuid.uuid4())

    def test_after_its_deadline_it_asks_once_more_and_fails(self, owner: User) -> None:
        job = queue(owner, "test.ask", asks=99)
        run_queue("test")
        deadline = again(job).deadline
        let_pass(job, 301)
        maintenance.wake_due()
        run_queue("test")
        assert again(job).deadline == deadline - timedelta(seconds=301)  # it counts from the first wait
        let_pass(job, 3300)
        assert maintenance.wake_due() == 1
        run_queue("test")
        assert (again(job).status, job.error["type"]) == ("failed", "wait_timeout")

    def test_it_never_waits_past_its_deadline(self, owner: User) -> None:
        job = make_job(owner, "processing", kind="test.ask", lane="test")
        assert leases.wait(lease_of(job), {}, 500, deadline_seconds=20, message="w")
        assert again(job).run_at == job.deadline

    def test_one_that_was_cancelled_stays_so(self, owner: User) -> None:
        job = queue(owner, "test.ask", asks=2)
        run_queue("test")
        services.cancel(again(job))
        assert not services.wake_waiting(job.pk)
        assert maintenance.wake_due() == 0
        assert again(job).status == "cancelled"

    def test_it_gets_its_place_back_though_others_wait_for_one(self, owner: User) -> None:
        job = queue(owner, "test.ask", asks=2)
        run_queue("test")
        for _ in range(4):
            queue(owner, "test.echo")
        services.wake_waiting(job.pk)
        assert again(job).admitted


@pytest.mark.both
class TestRetries:
    def test_a_transient_fault_is_tried_again_later_and_later(self, owner: User) -> None:
        job = queue(owner, "test.stumble", faults=2)
        delays = []
        for _ in range(2):
            run_queue("test")
            assert (again(job).status, job.error) == ("waiting", None)
            event = JobEvent.objects.filter(job=job, name="retrying").last()
            delays.append(event.data["seconds"])
            let_pass(job, 700)
            maintenance.wake_due()
        run_queue("test")
        assert (again(job).status, job.result, job.retries, job.crashes) == ("completed", {"attempt": 3}, 2, 0)
        assert 3.7 <= delays[0] <= 6.3
        assert 15 <= delays[1] <= 25

    def test_after_its_last_retry_it_fails_with_the_reason(self, owner: User) -> None:
        job = queue(owner, "test.stumble", faults=99)
        for _ in range(3):
            run_queue("test")
            let_pass(job, 700)
            maintenance.wake_due()
        error = {"type": "storage_down", "message": "The storage does not answer."}
        assert (again(job).status, job.error, job.retries) == ("failed", error, 2)
        services.retry(job)
        run_queue("test")
        assert (again(job).status, job.retries) == ("waiting", 1)

    def test_the_delay_has_an_end(self, owner: User, settings: Any) -> None:
        job = make_job(owner, "processing", kind="test.stumble", lane="test", retries=1)
        assert leases.retry_later(lease_of(job), "x", "y")
        assert Job.objects.filter(pk=job.pk, run_at__lt=Now() + timedelta(seconds=800)).exists()


@pytest.mark.usefixtures("running_keeper")
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
    assert events_of(job) == ["processing", "paused", "resumed", "processing", "completed"]


@pytest.mark.usefixtures("running_keeper")
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
