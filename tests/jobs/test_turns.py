"""Who runs next: places by tier, users in turn, and a limit over all lanes that no race gets around."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from jobs_app import admission, leases, services
from jobs_app.models import Job, JobStatus, Priority
from tests.support.factories import lease_of, make_user
from tests.support.together import at_once
from vodplatform.accounts.models import Subscription, User

pytestmark = [pytest.mark.both, pytest.mark.django_db, pytest.mark.usefixtures("kinds")]


@pytest.fixture
def wide_lane(kinds: None, settings: Any) -> None:
    """A lane whose own limit is in nobody's way, beside a second one."""
    settings.JOB_LANES = {**settings.JOB_LANES, "test": 100, "align": 100}


def queue(owner: User, count: int = 1, **options: Any) -> list[Job]:
    return [services.enqueue("test.echo", owner, {}, **options) for _ in range(count)]


def claim_all(lane: str = "test") -> list[str]:
    """The owners of everything that can be claimed, in order."""
    owners = []
    while job := leases.claim(lane, "w"):
        owners.append(job.owner.username)
    return owners


@pytest.mark.usefixtures("wide_lane")
class TestPlaces:
    @pytest.mark.parametrize(("tier", "places"), [("", 2), ("pro", 4), ("enterprise", 8)])
    def test_a_tier_runs_so_many_at_once_and_the_others_wait(self, tier: str, places: int) -> None:
        user = make_user(tier=tier)
        jobs = queue(user, places + 3)
        assert len(claim_all()) == places
        waiting = Job.objects.filter(status=JobStatus.QUEUED)
        assert waiting.count() == 3
        assert not waiting.filter(admitted=True).exists()
        assert jobs[0].admitted

    @pytest.mark.parametrize("how", ["completed", "failed", "cancelled", "paused", "waiting", "deleted retry"])
    def test_however_it_leaves(self, owner: User, how: str) -> None:
        first, second = (services.enqueue("test.steps", owner, {}) for _ in range(2))
        last = queue(owner)[0]
        leases.claim("test", "w"), leases.claim("test", "w")
        lease = lease_of(first)
        {
            "completed": lambda: leases.complete(lease, {}), "failed": lambda: leases.fail(lease, "x", "y"),
            "cancelled": lambda: services.cancel(first), "paused": lambda: services.pause(first),
            "waiting": lambda: leases.wait(lease, {}, 60, deadline_seconds=600, message="w"),
            "deleted retry": lambda: leases.retry_later(lease, "x", "y"),
        }[how]()  # fmt: skip
        assert leases.claim("test", "w").pk == last.pk
        assert second.pk != last.pk

    def test_the_limit_holds_over_all_lanes(self, owner: User) -> None:
        queue(owner)
        services.enqueue("comparison.align", owner, {})
        services.enqueue("comparison.align", owner, {})
        assert (len(claim_all("test")), len(claim_all("align"))) == (1, 1)
        leases.complete(lease_of(Job.objects.get(kind="test.echo")), {})
        assert len(claim_all("align")) == 1

    def test_a_full_owner_does_not_stand_in_anybodys_way(self, owner: User, other: User) -> None:
        queue(owner, 4, priority=Priority.HIGH)
        queue(other)
        assert claim_all() == ["owner", "owner", "other"]

    def test_a_better_tier_lets_more_in_at_the_next_look_until_it_ends(self, owner: User) -> None:
        ended = {"valid_from": Now() - timedelta(days=2), "valid_until": Now() - timedelta(days=1)}
        Subscription.objects.create(user=owner, tier="pro", **ended)
        queue(owner, 5)
        assert len(claim_all()) == 2
        Subscription.objects.create(user=owner, tier="pro", valid_from=Now() - timedelta(days=1))
        assert admission.admit_all() is None
        assert len(claim_all()) == 2

    def test_the_most_urgent_of_the_waiting_is_let_in_first(self, owner: User) -> None:
        queue(owner, 2)
        normal, high = queue(owner)[0], queue(owner, priority=Priority.HIGH)[0]
        job = leases.claim("test", "w")
        leases.complete(lease_of(job), {})
        high.refresh_from_db()
        normal.refresh_from_db()
        assert (high.admitted, normal.admitted) == (True, False)

    def test_what_an_admin_puts_first_runs_next(self, owner: User, other: User) -> None:
        queue(other, 2)
        last = queue(owner, 3)[2]
        assert not last.admitted
        services.put_first(last)
        assert leases.claim("test", "w").pk == last.pk


@pytest.mark.usefixtures("wide_lane")
class TestTurns:
    def test_users_take_turns(self) -> None:
        anna, ben, cleo = (make_user(name, tier="enterprise") for name in ("anna", "ben", "cleo"))
        for user in (anna, ben, cleo):
            queue(user, 3)
        assert claim_all() == ["anna", "ben", "cleo"] * 3

    def test_thousands_of_one_do_not_hide_the_one_of_another(self, owner: User, other: User) -> None:
        queue(owner, 2)
        Job.objects.bulk_create(
            (Job(kind="test.echo", lane="test", owner=owner, admitted=False) for _ in range(2_000)), batch_size=2_000
        )
        with CaptureQueriesContext(connection) as queries:
            queue(other)
        assert len(queries) < 15
        assert sorted(claim_all()) == ["other", "owner", "owner"]

    def test_the_claim_looks_only_at_admitted_rows(self, owner: User) -> None:
        """The plan of the claim's query uses its partial index: its cost does not grow with the queue."""
        plan = Job.objects.claimable("test").exclude(owner_id__in=[owner.pk])[:1].explain()
        if connection.vendor == "sqlite":
            assert "job_claim" in plan
            assert "TEMP B-TREE" not in plan
        else:
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL enable_seqscan = off")
            assert "job_claim" in Job.objects.claimable("test")[:1].explain()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("wide_lane")
def test_claims_in_two_lanes_at_once_never_exceed_the_owners_limit(owner: User) -> None:
    for _ in range(8):
        queue(owner)
        services.enqueue("comparison.align", owner, {})
    most: list[int] = []

    def work(lane: str) -> None:
        deadline = time.monotonic() + 50
        while len(most) < 16 and time.monotonic() < deadline:
            if job := leases.claim(lane, "w"):
                running = Job.objects.filter(status=JobStatus.PROCESSING).count()
                assert leases.complete(lease_of(job), {})
                most.append(running)

    at_once(*[lambda: work("test"), lambda: work("align")] * 2)
    assert max(most) <= 2
    assert Job.objects.filter(status=JobStatus.COMPLETED).count() == 16
