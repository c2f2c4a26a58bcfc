"""Every change of a job's row: claim, progress, ends, crashes, what a dead worker left, cancel, retry, delete."""

import logging
import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, transaction
from django.db.models.functions import Now

from jobs_app import leases, maintenance, messages, services
from jobs_app.models import Job, JobEvent, Priority
from tests.jobs.kinds import again, beside, events_of, make
from tests.support.api import BASE, Api
from tests.support.factories import lease_of, make_session, make_user
from vodplatform.accounts.models import User
from vodplatform.core import logs
from vodplatform.core.errors import DomainError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kinds")]
EXPIRED = Now() - timedelta(seconds=1)


class TestEnqueue:
    def test_the_row_is_queued_with_its_kinds_lane(self, owner: User) -> None:
        job = services.enqueue("test.echo", owner, {"a": 1})
        assert (again(job).status, job.lane, job.params, job.owner) == ("queued", "test", {"a": 1}, owner)
        assert (job.attempt, job.progress, job.priority) == (0, 0, 0)
        assert events_of(job) == ["queued"]

    def test_an_owner_has_a_limited_number_of_unfinished_jobs(
        self, owner: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(services, "MAX_UNFINISHED_JOBS", 2)
        jobs = [services.enqueue("test.echo", owner, {}, is_limited=True) for _ in range(2)]
        with pytest.raises(DomainError) as refused:
            services.enqueue("test.echo", owner, {}, is_limited=True)
        assert (refused.value.type.name, refused.value.extra) == ("job_limit", {"limit": 2})
        services.enqueue("test.echo", owner, {})
        services.cancel_all(Job.objects.filter(pk__in=[job.pk for job in jobs]))
        services.enqueue("test.echo", owner, {}, is_limited=True)

    @pytest.mark.both
    def test_many_are_cancelled_with_few_queries(
        self, owner: User, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
    ) -> None:
        monkeypatch.setattr(services, "CANCELLED_AT_ONCE", 20)
        many, left = [services.enqueue("test.echo", owner, {}) for _ in range(30)], make(owner, admitted=False)
        with django_assert_max_num_queries(60):
            services.cancel_all(Job.objects.filter(pk__in=[job.pk for job in many]))
        assert {again(job).status for job in many} == {"cancelled"}
        assert events_of(many[-1]) == ["queued", "cancelled"]
        assert again(left).admitted

    @pytest.mark.django_db(transaction=True)
    def test_a_worker_is_woken_only_once_it_is_committed(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        woken: list[tuple[str, bool]] = []
        monkeypatch.setattr(messages, "wake_workers", lambda job: woken.append((job.lane, Job.objects.exists())))
        with transaction.atomic():
            services.enqueue("test.echo", owner, {})
            assert woken == []
        assert woken == [("test", True)]
        with pytest.raises(RuntimeError), transaction.atomic():
            services.enqueue("test.echo", owner, {})
            raise RuntimeError
        assert len(woken) == 1


@pytest.mark.both
class TestClaim:
    def test_there_may_be_none(self, owner: User) -> None:
        assert leases.claim("test", "w") is None
        make(owner, "completed")
        make(owner, kind="comparison.align", lane="align")
        make(owner, admitted=False)
        assert leases.claim("test", "w") is None
        make(owner)
        job = leases.claim("test", "worker-1")
        assert job is not None
        assert (job.status, job.attempt, job.worker) == ("processing", 1, "worker-1")
        assert job.lease_token is not None
        assert job.lease_until > job.started_at
        assert events_of(job) == ["processing"]

    def test_the_order_is_priority_then_age(self, owner: User) -> None:
        low, high = make(owner, priority=Priority.LOW), make(owner, priority=Priority.HIGH)
        young, old = make(owner), make(owner, created_at=Now() - timedelta(hours=1))
        order = []
        while job := leases.claim("test", "w"):
            order.append(job.pk)
            leases.complete(lease_of(job), {})
        assert order == [high.pk, old.pk, young.pk, low.pk]

    def test_a_full_lane_gives_nothing_and_another_lane_does(self, owner: User) -> None:
        for _ in range(3):
            make(make_user())  # each with an owner of its own, whose limit is not what is met here
        make(owner, kind="comparison.align", lane="align")
        assert leases.claim("test", "w")
        assert leases.claim("test", "w")
        assert leases.claim("test", "w") is None
        assert leases.claim("test", "w", look_first=False) is None
        assert leases.claim("align", "w")

    @pytest.mark.django_db(transaction=True)
    def test_nobody_claims_between_another_ones_count_and_claim(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make(make_user(), "processing")
        for _ in range(3):
            make(make_user())
        counted, second_is_done = threading.Event(), threading.Event()
        real = leases._next_of

        def pause_after_the_count(*counted_jobs: Any) -> Job | None:
            if not counted.is_set():
                counted.set()
                second_is_done.wait(1.5)  # with the lock it cannot be: then the first goes on alone
            return real(*counted_jobs)

        monkeypatch.setattr(leases, "_next_of", pause_after_the_count)

        def claim() -> object:
            return leases.claim("test", "w", look_first=False)

        with beside(claim) as faults:
            assert counted.wait(10)
            with beside(claim) as more_faults:
                pass
            second_is_done.set()
        assert faults + more_faults == []
        assert Job.objects.filter(status="processing").count() == 2


@pytest.mark.both
class TestLease:
    def test_progress_is_written_and_never_goes_back(self, owner: User) -> None:
        job = make(owner, "processing")
        lease = lease_of(job)
        for given, shown in ((10, 10), (50, 50), (20, 50), (-5, 50), (999, 100)):
            assert leases.report_progress(lease, given, f"at {given}")
            job.refresh_from_db()
            assert (job.progress, job.message) == (shown, f"at {given}")
        assert leases.report_progress(lease, 1, "x" * 10_000)
        job.refresh_from_db()
        assert len(job.message) == 500

    @pytest.mark.parametrize("how", ["cancelled", "paused", "taken over", "deleted"])
    def test_who_lost_the_lease_writes_nothing(self, owner: User, how: str) -> None:
        job = make(owner, "processing", kind="test.steps")
        lost = lease_of(job)
        if how == "cancelled":
            services.cancel(job)
        elif how == "paused":
            services.pause(job)
        elif how == "taken over":
            leases.record_crash(lost, "gone")
            assert leases.claim("test", "another").pk == job.pk
        else:
            job.delete()
        before = Job.objects.filter(pk=job.pk).values().first()
        events = JobEvent.objects.count()
        assert not leases.report_progress(lost, 99, "late")
        assert not leases.save_checkpoint(lost, {"late": True})
        assert not leases.complete(lost, {"late": True})
        assert not leases.fail(lost, "x", "late")
        assert not leases.wait(lost, {}, 1, deadline_seconds=2, message="late")
        assert not leases.retry_later(lost, "x", "late")
        assert not leases.requeue(lost)
        assert not leases.record_crash(lost, "late")
        leases.renew([lost.token])
        assert leases.held_tokens([lost.token]) == set()
        assert Job.objects.filter(pk=job.pk).values().first() == before
        assert JobEvent.objects.count() == events

    def test_renewing_moves_the_end_on(self, owner: User) -> None:
        job = make(owner, "processing", lease_until=EXPIRED)
        token = lease_of(job).token
        leases.renew([token])
        job.refresh_from_db()
        assert Job.objects.filter(pk=job.pk, lease_until__gt=Now() + timedelta(seconds=10)).exists()
        assert leases.held_tokens([token, uuid.uuid4()]) == {token}

    def test_an_end_frees_the_row_and_keeps_its_result_or_reason(self, owner: User) -> None:
        job, failed = make(owner, "processing", progress=30.0), make(owner, "processing")
        assert leases.complete(lease_of(job), {"answer": 42})
        assert leases.fail(lease_of(failed), "no_timer", "There is no timer.")
        assert (again(job).status, job.result) == ("completed", {"answer": 42})
        assert (job.progress, job.lease_token) == (100, None)
        assert job.finished_at is not None
        assert events_of(job) == ["completed"]
        assert (again(failed).status, failed.error) == ("failed", {"type": "no_timer", "message": "There is no timer."})

    def test_giving_back_costs_no_attempt(self, owner: User) -> None:
        make(owner)
        for _ in range(5):
            job = leases.claim("test", "w")
            assert job.attempt == 1
            assert leases.requeue(lease_of(job))
        assert (again(job).status, job.attempt, job.crashes, job.lease_token) == ("queued", 0, 0, None)

    def test_the_database_holds_that_only_a_processing_job_has_a_lease(self, owner: User) -> None:
        job = make(owner)
        with pytest.raises(DatabaseError), transaction.atomic():
            Job.objects.filter(pk=job.pk).update(lease_token=uuid.uuid4())
        with pytest.raises(DatabaseError), transaction.atomic():
            Job.objects.filter(pk=job.pk).update(**{"status": "processing"})

    def test_events_are_never_changed(self, owner: User) -> None:
        make(owner)
        job = leases.claim("test", "w")
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            JobEvent.objects.filter(job=job).update(name="other")


@pytest.mark.both
class TestCrashes:
    @pytest.mark.parametrize("how", ["crash", "worker gone"])
    def test_after_as_many_attempts_as_it_has_it_fails_with_the_reason(self, owner: User, how: str) -> None:
        make(owner, max_attempts=3)
        for number in (1, 2, 3):
            job = leases.claim("test", "w")
            if how == "crash":
                assert leases.record_crash(lease_of(job), "signal SIGSEGV")
            else:
                Job.objects.filter(pk=job.pk).update(lease_until=EXPIRED)
                assert maintenance.recover_expired_jobs() == 1
            job.refresh_from_db()
            status = "failed" if number == 3 else "queued"
            assert (job.status, job.attempt, job.crashes, job.lease_token) == (status, number, number, None)
        assert job.error["type"] == "job_crashed"
        assert how != "crash" or "SIGSEGV" in job.error["message"]
        assert events_of(job)[:2] == ["processing", "crashed"]
        assert leases.claim("test", "w") is None


@pytest.mark.both
def test_the_next_job_is_known_of_each_queue_with_a_free_slot(owner: User) -> None:
    assert maintenance.jobs_to_run() == []
    make(owner, admitted=False)
    make(owner, "completed", kind="comparison.align", lane="align")
    assert maintenance.jobs_to_run() == []
    # On SQLite two jobs of the same millisecond have no order.
    queued = [make(owner, created_at=Now() - timedelta(seconds=age)) for age in (3, 2, 1)]
    assert maintenance.jobs_to_run() == maintenance.jobs_to_run(["test", "align"]) == queued[:1]
    assert maintenance.jobs_to_run(["align"]) == []
    leases.claim("test", "w")
    assert maintenance.jobs_to_run() == queued[1:2]
    leases.claim("test", "w")
    assert maintenance.jobs_to_run() == []


class TestRetry:
    @pytest.mark.parametrize("status", ["failed", "cancelled"])
    def test_it_is_a_new_attempt_of_the_same_job(self, owner: User, status: str) -> None:
        job = make(owner, status, attempt=3, max_attempts=3, progress=70.0, error={"type": "x", "message": "y"})
        again = services.retry(job)
        assert (again.pk, again.status, again.progress, again.error) == (job.pk, "queued", 0, None)
        assert (again.finished_at, again.started_at) == (None, None)
        claimed = leases.claim("test", "w")
        assert (claimed.pk, claimed.attempt) == (job.pk, 4)
        assert leases.record_crash(lease_of(claimed), "gone")
        claimed.refresh_from_db()
        assert claimed.status == "queued"

    def test_a_job_whose_inputs_or_kind_are_gone_is_not_retryable(self, owner: User) -> None:
        with pytest.raises(LookupError):
            services.enqueue("gone", owner, {})
        job = make(owner, "failed", params={"inputs_gone": True})
        with pytest.raises(DomainError, match="inputs"):
            services.retry(job)
        job.refresh_from_db()
        assert job.status == "failed"
        with pytest.raises(DomainError):
            services.retry(make(owner, "failed", kind="gone"))


class TestDelete:
    @pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "expired"])
    @pytest.mark.django_db(transaction=True)
    def test_an_ended_job_goes_with_what_it_made(self, owner: User, status: str) -> None:
        job, other = make(owner, status), make(owner)
        key = default_storage.save(f"jobs/{job.pk}/attempt/out.txt", ContentFile(b"made"))
        kept = default_storage.save(f"jobs/{other.pk}/attempt/out.txt", ContentFile(b"made"))
        services.delete(job)
        assert list(Job.objects.all()) == [other]
        assert not default_storage.exists(key)
        assert default_storage.exists(kept)


def ends(caplog: pytest.LogCaptureFixture) -> list[tuple[int, dict[str, Any]]]:
    """Return the level and the data of each line about a job's end."""
    found = [record for record in caplog.records if record.message == "processing.complete"]
    return [(record.levelno, vars(record)["data"]) for record in found]


def claim_and_fail(job_id: str) -> None:
    job = leases.claim(Job.objects.get(pk=job_id).lane, "a worker")
    assert str(job.pk) == job_id
    assert leases.fail(lease_of(job), "video_unreadable", "No picture could be decoded.")


class TestLog:
    """The log line of a job's end: why it failed, whose it is, and which request queued it."""

    pytestmark = pytest.mark.django_db(transaction=True)

    def test_the_warning_of_a_failure(self, api: Api, owner: User, caplog: pytest.LogCaptureFixture) -> None:
        """It names the reason, the owner and the request."""
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

    def test_after_a_retry_it_names_the_request_for_it(self, owner: User, caplog: pytest.LogCaptureFixture) -> None:
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

    def test_a_job_that_completes_is_information(self, owner: User, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        Job.objects.create(owner=owner, kind="comparison.align", lane="align")
        leases.complete(lease_of(leases.claim("align", "a worker")), {})
        assert ends(caplog) == [(logging.INFO, {"kind": "comparison.align", "outcome": "completed"})]
