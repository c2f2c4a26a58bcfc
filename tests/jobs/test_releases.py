"""Hosts with another release beside this one: their jobs are neither taken nor judged here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from jobs_app import leases, services, upkeep
from jobs_app.kinds import registry
from jobs_app.models import Job, JobEvent
from jobs_app.runner import run_queue
from jobs_app.sweeping import Sweep
from tests.support.factories import make_job
from vodplatform.accounts.models import User

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
        job = make_job(owner, kind="test.echo", lane="test", admitted=True, priority=9)
        elsewhere = make_job(owner, kind="test.store", lane="next", admitted=True)
        assert not leases.may_claim("test")
        assert leases.claim("test", "w") is None
        assert run_queue("test") == run_queue("next") == 0
        Sweep()()
        for waiting in (job, elsewhere):
            waiting.refresh_from_db()
            assert (waiting.status, waiting.attempt) == ("queued", 0)
        elsewhere.delete()
        known = services.enqueue("test.store", owner, {})  # behind it
        assert run_queue("test") == 1
        known.refresh_from_db()
        assert known.status == "completed"

    def test_the_dead_worker_of_a_new_kind_is_judged_by_who_knows_it(self, owner: User) -> None:
        job = make_job(owner, "processing", kind="test.echo", lane="test")
        Job.objects.filter(pk=job.pk).update(lease_until=Now() - timedelta(hours=1))
        assert upkeep.take_over_expired() == 0
        assert not JobEvent.objects.filter(job=job, name="crashed").exists()

    def test_doctor_names_what_nobody_here_takes(self, owner: User) -> None:
        make_job(owner, kind="test.echo", lane="test")
        make_job(owner, kind="test.store", lane="next")
        make_job(owner, kind="test.store", lane="test")
        make_job(owner, "completed", kind="gone", lane="gone")
        assert upkeep.unclaimable_jobs() == ["test.echo in test", "test.store in next"]


def test_the_new_one_takes_what_the_former_left(owner: User) -> None:
    job = services.enqueue("test.echo", owner, {"a": 1})
    assert run_queue("test") == 1
    job.refresh_from_db()
    assert job.status == "completed"
