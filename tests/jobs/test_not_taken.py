"""Jobs that a process leaves: another release's, those beside one that crashed twice, all while the disk is full."""

from collections.abc import Iterator
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db.models.functions import Now

from jobs_app import leases, maintenance, services
from jobs_app.kinds import registry
from jobs_app.maintenance import Sweep
from jobs_app.models import Job, JobEvent
from jobs_app.runner import run_queue
from tests.jobs import kinds
from tests.jobs.kinds import again, make
from tests.support.factories import make_user
from vodplatform.accounts.models import User
from vodplatform.core.files import disk
from vodplatform.site.management.commands import doctor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kinds")]


@pytest.fixture
def former(settings: Any, kinds: None) -> Iterator[None]:
    """The release before: without the kind ``test.echo``, and without the lane ``next``."""
    settings.JOB_KINDS = [path for path in settings.JOB_KINDS if not path.endswith(".echo")]
    registry.cache_clear()
    assert "test.echo" not in registry()
    yield
    registry.cache_clear()


@pytest.mark.usefixtures("former")
class TestTheFormer:
    def test_a_job_of_a_new_kind_waits_for_who_knows_it(self, owner: User) -> None:
        job = make(owner, admitted=True, priority=9)
        elsewhere = make(owner, kind="test.store", lane="next", admitted=True)
        assert leases.next_claimable("test") is None
        assert leases.claim("test", "w") is None
        assert run_queue("test") == run_queue("next") == 0
        Sweep()()
        for waiting in (job, elsewhere):
            assert (again(waiting).status, waiting.attempt) == ("queued", 0)
        elsewhere.delete()
        known = services.enqueue("test.store", owner, {})  # behind it
        assert run_queue("test") == 1
        assert again(known).status == "completed"

    def test_the_dead_worker_of_a_new_kind_is_judged_by_who_knows_it(self, owner: User) -> None:
        job = make(owner, "processing")
        Job.objects.filter(pk=job.pk).update(lease_until=Now() - timedelta(hours=1))
        assert maintenance.recover_expired_jobs() == 0
        assert not JobEvent.objects.filter(job=job, name="crashed").exists()

    def test_doctor_names_what_nobody_here_takes(self, owner: User) -> None:
        make(owner)
        make(owner, kind="test.store", lane="next")
        make(owner, kind="test.store", lane="test")
        make(owner, "completed", kind="gone", lane="gone")
        assert maintenance.unclaimable_jobs() == ["test.echo in test", "test.store in next"]


@pytest.mark.both
@pytest.mark.parametrize(("crashes", "must"), [(0, False), (1, False), (2, True), (5, True)])
def test_a_job_that_crashed_twice_needs_a_process_of_its_own(crashes: int, must: bool) -> None:
    job = make(make_user(), crashes=crashes)
    if must:
        with pytest.raises(leases.NeedsOwnProcess):
            leases.claim("test", "w", is_alone=False)
        assert again(job).status == "queued"
    else:
        assert leases.claim("test", "w", is_alone=False).pk == job.pk
    make(make_user(), crashes=crashes)
    assert leases.claim("test", "w", is_alone=True) is not None


@pytest.fixture
def first() -> Iterator[Thread]:
    """A thread that runs the lane and stands still in its first job."""
    with kinds.running_lane() as thread:
        assert kinds.started.wait(10)
        yield thread


@pytest.fixture
def running(owner: User) -> Job:
    return make(owner, kind="test.wait")


@pytest.fixture
def fragile(owner: User) -> Job:
    return make(owner, kind="test.wait", crashes=2)


def test_such_a_job_waits_until_what_runs_here_has_ended_and_then_goes_first(running: Job, first: Thread) -> None:
    fragile, behind = make(make_user(), crashes=2), make(make_user())
    assert run_queue("test") == 0
    assert (again(fragile).status, again(behind).status, again(running).status) == ("queued", "queued", "processing")
    kinds.go_on.set()
    first.join(10)
    assert (again(fragile).status, again(behind).status) == ("completed", "completed")
    assert fragile.finished_at <= behind.started_at


def test_nothing_is_taken_while_such_a_job_runs(fragile: Job, first: Thread) -> None:
    other = make(make_user())
    assert run_queue("test") == 0
    assert run_queue("align") == 0
    assert again(other).status == "queued"
    kinds.go_on.set()
    first.join(10)
    assert (again(fragile).status, again(other).status) == ("completed", "completed")


def test_jobs_wait_while_there_is_little_room(owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make(owner)
    monkeypatch.setattr(disk, "free_bytes", lambda: settings.DISK_RESERVE_BYTES - 1)
    assert run_queue("test") == 0
    assert "less than VOD_DISK_RESERVE_MB" in (doctor.check_disk_space() or "")
    monkeypatch.setattr(disk, "free_bytes", lambda: settings.DISK_RESERVE_BYTES)
    assert run_queue("test") == 1
    assert doctor.check_disk_space() is None
