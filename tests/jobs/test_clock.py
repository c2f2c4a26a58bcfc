"""Two hosts whose clocks are an hour apart: leases, waits and plans follow the database's clock alone."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from jobs_app import leases, services, upkeep
from tests.support.factories import lease_of, make_job, make_user
from vodplatform.accounts.limits import limits_of
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.both, pytest.mark.django_db, pytest.mark.usefixtures("kinds", "other_host")]


@pytest.fixture(params=[-1, 1], ids=["an hour behind", "an hour ahead"])
def other_host(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on this process's own clock is wrong by an hour."""
    shift = timedelta(hours=request.param)
    real = time.time
    monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + shift)
    monkeypatch.setattr(time, "time", lambda: real() + shift.total_seconds())


def test_a_job_claimed_there_is_not_taken_away_here_nor_kept_for_ever(owner: User) -> None:
    services.enqueue("test.echo", owner, {})
    job = leases.claim("test", "there")
    assert 0 < (job.lease_until - job.started_at).total_seconds() < 60
    leases.renew([job.lease_token])
    assert upkeep.take_over_expired() == 0
    assert abs(lease_of(job).rows().get().lease_until - datetime.now(UTC)) < timedelta(minutes=1)


def test_waits_and_plans_are_as_long_and_old_jobs_as_old_as_the_database_says(owner: User, settings: Any) -> None:
    job = make_job(owner, "processing", kind="test.ask", lane="test")
    assert leases.wait(lease_of(job), {}, 600, deadline_seconds=1200, message="w")
    job.refresh_from_db()
    assert abs(job.run_at - datetime.now(UTC) - timedelta(seconds=600)) < timedelta(minutes=1)
    assert upkeep.wake_due() == 0
    settings.JOB_RETENTION_DAYS = 0.02  # half an hour
    make_job(owner, "completed")
    assert upkeep.purge() == 0
    assert limits_of(make_user(tier="pro"))["max_concurrent_jobs"] == 4
