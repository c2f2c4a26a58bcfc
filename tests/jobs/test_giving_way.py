"""No account stops a lane: half of it while others wait, and a long job lets others have their turn."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from jobs_app import leases, services
from jobs_app.heartbeat import lease_renewer
from jobs_app.models import Job, JobStatus, Priority
from jobs_app.runner import run_job
from tests.jobs import kinds
from tests.jobs.kinds import events_of, make
from tests.support.factories import lease_of, make_job, make_user
from tests.support.waiting import wait_until
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kinds")]


def at_work(owner: User, minutes: float = 2) -> Job:
    """A job that can give way, and began so long ago."""
    began = Now() - timedelta(minutes=minutes)
    return make(owner, "processing", kind="test.steps", started_at=began)


def giving(*jobs: Job) -> list[Job]:
    """Which of these have to give way, asked by the process that has them all."""
    tokens = leases.tokens_to_preempt([lease_of(job).token for job in jobs])
    return [job for job in jobs if job.lease_token in tokens]


class TestShare:
    pytestmark = pytest.mark.both

    @pytest.fixture(autouse=True)
    def _four_places(self, kinds: None, settings: Any) -> None:
        settings.JOB_LANES = {**settings.JOB_LANES, "test": 4}

    def test_who_has_half_of_a_lane_is_passed_over_while_others_wait(self, owner: User, other: User) -> None:
        pro = make_user("pro", tier="enterprise")
        for _ in range(4):
            services.enqueue("test.echo", pro, {})
        theirs = [services.enqueue("test.echo", user, {}, priority=Priority.LOW) for user in (owner, other)]
        claimed = [leases.claim("test", "w") for _ in range(4)]
        assert [job and job.owner_id for job in claimed] == [pro.pk, pro.pk, *(job.owner_id for job in theirs)]

    @pytest.mark.parametrize("is_alone", [True, False])
    def test_it_has_the_lane_alone_or_beside_a_full_owner(self, owner: User, settings: Any, is_alone: bool) -> None:
        settings.JOB_LANES = {**settings.JOB_LANES, "align": 4}
        pro = make_user("pro", tier="enterprise")
        if not is_alone:
            for _ in range(2):
                make_job(owner, JobStatus.PROCESSING, lane="align")
            make(owner)
        for _ in range(4):
            services.enqueue("test.echo", pro, {})
        assert [job.owner_id for _ in range(4) if (job := leases.claim("test", "w"))] == [pro.pk] * 4


class TestWho:
    """The lane ``test`` has two places."""

    pytestmark = pytest.mark.both

    def test_one_of_an_account_that_has_the_whole_lane(self, owner: User, other: User, settings: Any) -> None:
        older, newer = at_work(owner, minutes=3), at_work(owner)
        assert giving(older, newer) == []
        make(owner)
        assert giving(older, newer) == []
        waiting = make(other, priority=Priority.LOW)
        assert giving(older, newer) == []
        Job.objects.filter(pk=waiting.pk).update(priority=Priority.NORMAL)
        assert giving(older, newer) == [older]
        assert giving(newer) == []
        settings.JOB_LANES = {**settings.JOB_LANES, "test": 3}  # a place is free
        assert giving(older, newer) == []

    def test_not_before_its_slice_is_over_nor_one_that_keeps_nothing(self, owner: User, other: User) -> None:
        make(other)
        first, second = at_work(owner, minutes=0.5), at_work(owner, minutes=0.5)
        assert giving(first, second) == []
        Job.objects.filter(pk=second.pk).update(started_at=Now() - timedelta(minutes=2))
        Job.objects.filter(pk=first.pk).update(started_at=Now() - timedelta(minutes=9), kind="test.wait")
        assert giving(first, second) == [second]

    def test_not_to_who_may_not_run(self, owner: User, other: User) -> None:
        for _ in range(2):
            make_job(other, JobStatus.PROCESSING, lane="align")
        make(other)
        assert giving(at_work(owner), at_work(owner)) == []

    def test_of_two_accounts_the_older_after_a_longer_while(self, owner: User, other: User) -> None:
        make(make_user("third"))
        first, second = at_work(owner, minutes=8), at_work(other, minutes=7)
        assert giving(first, second) == []
        Job.objects.filter(pk=second.pk).update(started_at=Now() - timedelta(minutes=11))
        assert giving(first, second) == [second]

    def test_where_there_is_one_place_whoever_has_it(self, owner: User, other: User, one_place: None) -> None:
        make(other)
        job = at_work(owner)
        assert giving(job) == [job]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("running_keeper")
class TestHow:
    @pytest.fixture(autouse=True)
    def _no_patience(self, one_place: None, settings: Any) -> None:
        settings.JOB_SLICE_SECONDS = 0.0

    def run_next(self, job: Job) -> None:
        """Claim the next job, which must be this one, and run it until it ends or gives way."""
        claimed = leases.claim("test", "w")
        assert claimed is not None
        assert claimed.pk == job.pk
        run_job(claimed)
        job.refresh_from_db()

    def run_until_it_gives_way(self, job: Job) -> None:
        self.run_next(job)
        assert (job.status, job.attempt, job.admitted, job.lease_token) == ("queued", 0, True, None)
        assert events_of(job)[-1] == "gave_way"

    def test_it_ends_at_its_checkpoint_and_goes_on_there_after_the_other(self, owner: User, other: User) -> None:
        job, following = services.enqueue("test.steps", owner, {}), services.enqueue("test.echo", other, {})

        def let_it_go_on() -> None:
            assert kinds.started.wait(20)
            [context] = wait_until(lambda: list(lease_renewer._contexts.values()), 10, "it runs")
            assert context.gives_way.wait(20)
            kinds.go_on.set()

        helper = threading.Thread(target=let_it_go_on)
        helper.start()
        self.run_until_it_gives_way(job)
        helper.join()
        assert len((job.checkpoint or {})["done"]) == 2
        self.run_next(following)
        self.run_next(job)
        assert (job.status, job.result) == ("completed", {"done": [1, 1, 1]})

    def test_a_child_is_ended_when_it_has_said_a_checkpoint(self, owner: User, other: User) -> None:
        code = (
            "import json, time\n"
            "for number in range(400):\n"
            "    print(json.dumps({'checkpoint': {'at': number}}), flush=True)\n    time.sleep(0.05)\n"
        )
        job = services.enqueue("test.pausable_child", owner, {"code": code})
        services.enqueue("test.echo", other, {})
        self.run_until_it_gives_way(job)
        assert (job.checkpoint or {})["at"] < 399
