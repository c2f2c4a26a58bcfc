"""Short jobs do not wait for long ones, take turns with other jobs, and show their true place in the queue."""

import pytest

from jobs_app import leases, services
from jobs_app.admission import queue_numbers
from jobs_app.models import Job
from jobs_app.pages import rows_of
from jobs_app.runner import RunningJobs
from tests.support.factories import lease_of, make_user
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_place")]


def queue(owner: User, *, is_short: bool) -> Job:
    return services.enqueue("test.echo", owner, {}, is_short=is_short)


def claimed() -> Job | None:
    return leases.claim("test", "w")


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

    def test_a_second_long_job_waits(self, owner: User, other: User) -> None:
        queue(owner, is_short=False)
        assert claimed()
        queue(other, is_short=False)
        assert claimed() is None
        assert leases.next_claimable("test") is None

    def test_short_jobs_do_not_starve_a_long_one(self, owner: User, other: User) -> None:
        short = [queue(owner, is_short=True) for _ in range(2)]
        assert [claimed(), claimed()] == short
        long = queue(other, is_short=False)
        queue(owner, is_short=True)
        leases.complete(lease_of(short[0]), {})
        assert claimed() == long


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
    here.leave("test", is_short=True)
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
