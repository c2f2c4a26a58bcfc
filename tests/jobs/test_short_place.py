"""Jobs that pass long jobs: short jobs, and jobs of owners who wait for another owner's long jobs."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from jobs_app import leases, services
from jobs_app.admission import queue_numbers
from jobs_app.models import Job, JobStatus
from jobs_app.pages import rows_of
from jobs_app.runner import RunningJobs
from tests.support.factories import lease_of, make_job, make_user
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_place")]


def queue(owner: User, *, is_short: bool) -> Job:
    return services.enqueue("test.echo", owner, {}, is_short=is_short)


def claimed() -> Job | None:
    return leases.claim("test", "w")


def age(job: Job, seconds: float) -> None:
    Job.objects.filter(pk=job.pk).update(started_at=Now() - timedelta(seconds=seconds))


class TestClaim:
    pytestmark = pytest.mark.both

    def test_short_jobs_pass_a_long_one(self, owner: User) -> None:
        long = queue(owner, is_short=False)
        assert claimed() == long
        short = [queue(make_user(f"user-{number}"), is_short=True) for number in range(3)]
        for job in short:
            assert claimed() == job
            assert claimed() is None  # the lane has only one short place
            leases.complete(lease_of(job), {})

    def test_short_jobs_do_not_starve_a_long_one(self, owner: User, other: User) -> None:
        short = [queue(owner, is_short=True) for _ in range(2)]
        assert [claimed(), claimed()] == short
        long = queue(other, is_short=False)
        queue(owner, is_short=True)
        leases.complete(lease_of(short[0]), {})
        assert claimed() == long


class TestRelief:
    """The kind ``test.echo`` cannot be paused, so its jobs keep their places until they end."""

    pytestmark = pytest.mark.both

    def test_another_owner_starts_beside_a_long_job_that_cannot_yield(self, owner: User, other: User) -> None:
        long = queue(owner, is_short=False)
        assert claimed() == long
        queue(owner, is_short=False)
        theirs = queue(other, is_short=False)
        age(long, 59)
        assert claimed() is leases.next_claimable("test") is None
        age(long, 61)
        assert leases.next_claimable("test") == theirs
        assert queue_numbers({"test"})[theirs.pk] == 1
        assert claimed() == theirs
        third = queue(make_user("third"), is_short=False)
        assert claimed() is None  # now no owner holds more than others
        age(long, 601)
        assert claimed() == third
        queue(make_user("fourth"), is_short=False)
        assert claimed() is None  # the lane has two such places
        short = queue(make_user("fifth"), is_short=True)
        assert claimed() == short
        assert claimed() is None

    def test_a_job_that_can_yield_gets_time_for_a_checkpoint(self, owner: User, other: User) -> None:
        long = queue(owner, is_short=False)
        Job.objects.filter(pk=long.pk).update(kind="test.steps")
        assert claimed() == long
        theirs = queue(other, is_short=False)
        age(long, 119)
        assert claimed() is None
        age(long, 121)
        assert claimed() == theirs

    def test_one_owner_with_all_places_is_passed(self, owner: User, other: User, settings: Any) -> None:
        settings.JOB_LANES = {**settings.JOB_LANES, "test": 2}
        for _ in range(2):
            job = queue(owner, is_short=False)
            assert claimed() == job
        age(job, 61)
        theirs = queue(other, is_short=False)
        assert claimed() == theirs

    def test_short_jobs_that_take_long_count_as_long(self, owner: User, other: User) -> None:
        for _ in range(2):
            job = queue(owner, is_short=True)
            assert claimed() == job
            age(job, 59)
        short, long = queue(other, is_short=True), queue(make_user("third"), is_short=False)
        assert claimed() is None
        Job.objects.filter(owner=owner).update(started_at=Now() - timedelta(seconds=61))
        assert [claimed(), claimed()] == [short, long]

    def test_half_a_lane_is_held_longer(self, owner: User, other: User, settings: Any) -> None:
        settings.JOB_LANES = {**settings.JOB_LANES, "test": 2}
        jobs = [queue(user, is_short=False) for user in (owner, other)]
        assert [claimed(), claimed()] == jobs
        third = queue(make_user("third"), is_short=False)
        age(jobs[0], 599)
        assert claimed() is None
        age(jobs[0], 601)
        assert claimed() == third

    def test_a_full_process_takes_one(self, owner: User, other: User, settings: Any) -> None:
        settings.JOB_LANES = {**settings.JOB_LANES, "test": 3}
        here = RunningJobs()
        here.max_jobs = 1
        long = queue(owner, is_short=False)
        assert here.take("test", look_first=True) == long
        theirs = [queue(user, is_short=False) for user in (other, make_user("third"))]
        assert here.take("test", look_first=True) is None
        age(long, 601)
        taken = here.take("test", look_first=True)
        assert taken == theirs[0]
        assert here.take("test", look_first=True) is None
        here.leave(taken)
        leases.complete(lease_of(taken), {})
        assert here.take("test", look_first=True) == theirs[1]

    def test_a_stopped_lane_stays_stopped(self, owner: User, other: User, settings: Any) -> None:
        job = make_job(owner, JobStatus.PROCESSING, lane="test", kind="test.echo")
        age(job, 601)
        settings.JOB_LANES = {**settings.JOB_LANES, "test": 0}
        queue(other, is_short=False)
        assert leases.next_claimable("test") is None


def test_a_full_process_takes_a_short_job(owner: User, other: User) -> None:
    here = RunningJobs()
    here.max_jobs = 1
    queue(owner, is_short=False)
    assert here.take("test", look_first=True)
    for _ in range(2):
        queue(other, is_short=True)
    short = here.take("test", look_first=True)
    assert short
    assert short.is_short
    assert here.take("test", look_first=True) is None
    here.leave(short)
    leases.complete(lease_of(short), {})
    assert here.take("test", look_first=True)


def test_places_in_the_queue_are_distinct_and_true(owner: User, other: User) -> None:
    queue(owner, is_short=False)
    assert claimed()
    users = [make_user(f"user-{number}") for number in range(4)]
    jobs = [queue(user, is_short=number == 3) for number, user in enumerate(users)]
    own = queue(owner, is_short=False)  # its owner already has a running job in the lane
    numbers = queue_numbers({"test"})
    assert [numbers[job.pk] for job in (jobs[3], jobs[0], jobs[1], jobs[2], own)] == [1, 2, 3, 4, 5]
    listed = list(Job.objects.filter(status="queued").annotate(asked_at=services.Now()).order_by("created_at"))
    remarks = [row.remark for row in rows_of(listed, other, all_taken=False)]
    assert remarks == ["Number 2 in line", "Number 3 in line", "Number 4 in line", "Next in line", "Number 5 in line"]
    order = []
    leases.complete(lease_of(Job.objects.get(status="processing")), {})
    # Once the long place is free, the lane takes the jobs of all owners in turn.
    while job := claimed():
        order.append(queue_numbers({"test"}).get(job.pk))
        leases.complete(lease_of(job), {})
    assert len(order) == 5
