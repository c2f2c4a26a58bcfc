"""What nobody asks for: unreferenced outputs, old jobs and left scratch folders go; a chore is done by one process."""

import os
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.module_loading import import_string

from jobs_app import leases, maintenance, outputs, periodic, scratch, services
from jobs_app.maintenance import Sweep
from jobs_app.models import Chore, Job, JobEvent, JobQuerySet
from jobs_app.runner import run_queue
from tests.jobs.kinds import again
from tests.support.factories import lease_of, make_alignment, make_job, make_session, make_user
from tests.support.waiting import wait_until
from vodplatform.accounts.models import User
from vodplatform.accounts.plans import limits_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kinds")]


@pytest.fixture(autouse=True)
def _empty_storage() -> None:
    """Without what other tests have stored."""
    outputs.delete_folder(outputs.ROOT)


def put(job_id: object, name: str) -> str:
    return default_storage.save(f"jobs/{job_id}/{uuid.uuid4().hex}/{name}", ContentFile(b"made"))


@pytest.mark.both
class TestReaping:
    def test_who_had_to_wait_for_the_database_lets_the_living_go_first(self, owner: User, settings: Any) -> None:
        job = make_job(owner, "processing", lease_until=Now() - timedelta(seconds=1))
        settings.JOB_RENEW_SECONDS = 0  # any wait is too long
        assert maintenance.recover_expired_jobs() == 0
        settings.JOB_RENEW_SECONDS = 60
        assert maintenance.recover_expired_jobs() == 1
        assert again(job).crashes == 1

    def test_a_lease_renewed_meanwhile_is_not_taken_away(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        job = make_job(owner, "processing", kind="test.echo", lane="test", lease_until=Now() - timedelta(seconds=1))
        late = list(Job.objects.lease_expired())
        leases.renew([lease_of(job).token])
        monkeypatch.setattr(JobQuerySet, "lease_expired", lambda self: late)
        assert maintenance.recover_expired_jobs() == 0
        assert (again(job).status, job.crashes) == ("processing", 0)


class TestOutputs:
    @pytest.mark.parametrize("by", ["sweep", "command"])
    def test_what_no_ended_job_points_at_goes(self, owner: User, by: str) -> None:
        job = make_job(owner, "completed")
        kept, lost, second = put(job.pk, "a.jpg"), put(job.pk, "a.jpg"), put(job.pk, "b.jpg")
        Job.objects.filter(pk=job.pk).update(result={"list": [{"deep": kept}]})
        of_no_job = default_storage.save("jobs/notes/readme.txt", ContentFile(b"mine"))
        live = [put(make_job(owner, status).pk, "a") for status in ("queued", "processing", "waiting", "paused")]
        gone = [lost, second, put(uuid.uuid4(), "a.jpg")]
        gone += [put(make_job(owner, status).pk, "half.jpg") for status in ("failed", "cancelled")]
        if by == "sweep":
            assert outputs.sweep() == 5
        else:
            call_command("expire", verbosity=0)
        assert [key for key in (kept, of_no_job, *live, *gone) if default_storage.exists(key)] == [
            kept,
            of_no_job,
            *live,
        ]

    @pytest.mark.django_db(transaction=True)
    def test_an_attempt_that_fails_takes_its_outputs_with_it_at_once(self, owner: User) -> None:
        job = services.enqueue("test.half", owner, {})
        run_queue("test")
        assert again(job).status == "failed"
        assert list(outputs._files(f"jobs/{job.pk}")) == []


@pytest.mark.both
class TestPurge:
    @pytest.mark.django_db(transaction=True)
    def test_old_ended_jobs_go_with_their_events_and_outputs(self, owner: User, settings: Any) -> None:
        settings.JOB_RETENTION_DAYS = 30
        old, young = (make_job(owner, "completed", finished_at=Now() - timedelta(days=days)) for days in (31, 29))
        live = make_job(owner)
        JobEvent.objects.create(job=old, name="completed")
        key = put(old.pk, "a.jpg")
        assert maintenance.purge() == 1
        assert set(Job.objects.values_list("pk", flat=True)) == {young.pk, live.pk}
        assert not JobEvent.objects.exists()
        assert not default_storage.exists(key)

    def test_those_that_sessions_show_keep_it_from_no_other(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        shown = make_alignment(make_session(owner)).job
        Job.objects.filter(pk=shown.pk).update(finished_at=Now() - timedelta(days=90))
        make_job(owner, "completed", finished_at=Now() - timedelta(days=60))
        monkeypatch.setattr(maintenance, "PURGE_BATCH", 1)
        assert maintenance.purge() == 1
        assert set(Job.objects.all()) == {shown}


class TestScratch:
    def folder(self, name: str, age: float = 3600) -> Path:
        path = Path(django_settings.DATA_DIR) / "tmp" / name
        path.mkdir(parents=True, exist_ok=True)
        (path / "frame.png").write_bytes(b"x")
        moment = path.stat().st_mtime - age
        os.utime(path, (moment, moment))
        return path

    def test_a_dead_attempts_folder_goes_and_a_running_ones_stays(self, owner: User) -> None:
        token = lease_of(make_job(owner, "processing")).token
        running, dead = self.folder(f"job-{token.hex}-a"), self.folder(f"job-{uuid.uuid4().hex}-a")
        young, foreign = self.folder(f"job-{uuid.uuid4().hex}-b", 5), self.folder("notes")
        assert scratch.sweep() == 1
        assert [path.exists() for path in (running, dead, young, foreign)] == [True, False, True, True]


done: list[str] = []


@periodic.periodic_task("test", seconds=60)
def do() -> None:
    done.append(threading.current_thread().name)


@periodic.periodic_task("broken", seconds=60)
def fail() -> None:
    raise RuntimeError("a chore that breaks")


class TestChores:
    """The chores that the settings name, which one of the workers does at intervals beside its jobs."""

    pytestmark = pytest.mark.django_db(transaction=True)

    @pytest.fixture(autouse=True)
    def _rest(self) -> Iterator[None]:
        """Of the worker's own chores only those that the test names."""
        done.clear()
        periodic.claim_due("expire", 3600)
        yield
        for thread in threading.enumerate():
            if thread.name in ("test", "views", "broken"):
                thread.join(10)

    @pytest.mark.both
    def test_it_is_done_by_one_of_all_workers_each_time_it_is_due(self, settings: Any) -> None:
        settings.JOB_CHORES = [f"{__name__}.fail", f"{__name__}.do"]  # one that breaks stops no other
        for count in (1, 2):
            for worker in [Sweep() for _ in range(3)]:
                worker()
            wait_until(lambda count=count: len(done) == count)
            Chore.objects.filter(name="test").update(due_at=Now() - timedelta(seconds=1))
        assert done == ["test", "test"]

    def test_the_programs_own_are_there(self, settings: Any) -> None:
        declared = [import_string(path) for path in settings.JOB_CHORES]
        assert {chore.name: chore.seconds for chore in declared} == {
            "expire": 3600, "bin": 60, "views": 60, "analyses": 60, "merges": 300, "pro jobs": 300
        }  # fmt: skip


@pytest.mark.both
@pytest.mark.usefixtures("other_host")
class TestTwoClocks:
    """Two hosts whose clocks are an hour apart: leases, waits and plans follow the database's clock alone."""

    @pytest.fixture(params=[-1, 1], ids=["an hour behind", "an hour ahead"])
    def other_host(self, request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """From here on this process's own clock is wrong by an hour."""
        shift = timedelta(hours=request.param)
        real = time.time
        monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + shift)
        monkeypatch.setattr(time, "time", lambda: real() + shift.total_seconds())

    def test_a_job_claimed_there_is_not_taken_away_here_nor_kept_for_ever(self, owner: User) -> None:
        services.enqueue("test.echo", owner, {})
        job = leases.claim("test", "there")
        assert 0 < (job.lease_until - job.started_at).total_seconds() < 60
        leases.renew([job.lease_token])
        assert maintenance.recover_expired_jobs() == 0
        assert abs(lease_of(job).rows().get().lease_until - datetime.now(UTC)) < timedelta(minutes=1)

    def test_waits_plans_and_ages_are_as_long_as_the_database_says(self, owner: User, settings: Any) -> None:
        job = make_job(owner, "processing", kind="test.ask", lane="test")
        assert leases.wait(lease_of(job), {}, 600, deadline_seconds=1200, message="w")
        job.refresh_from_db()
        assert abs(job.run_at - datetime.now(UTC) - timedelta(seconds=600)) < timedelta(minutes=1)
        assert maintenance.wake_due() == 0
        settings.JOB_RETENTION_DAYS = 0.02  # half an hour
        make_job(owner, "completed")
        assert maintenance.purge() == 0
        assert limits_of(make_user(tier="pro"))["max_concurrent_jobs"] == 4
