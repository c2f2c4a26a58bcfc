"""What a review of the engine proved to be wrong, each held by a test: races, starvation, and ends that were lost."""

import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError, transaction
from django.db.models.functions import Now
from django.test import Client

from jobs_app import admission, leases, maintenance, messages, outputs, services
from jobs_app import queue_limits as lanes
from jobs_app.broker import broker
from jobs_app.context import JobContext, JobFailed
from jobs_app.heartbeat import LeaseRenewer
from jobs_app.kinds import registry
from jobs_app.models import Job, JobStatus, LaneLimit
from jobs_app.runner import RunningJobs, run_queue
from sessions_app.comparison.services import delete_session
from tests.jobs.kinds import again, beside, make
from tests.support.factories import lease_of, make_alignment, make_job, make_session, make_user
from tests.support.waiting import wait_until
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.models import ProcessKind, RunningProcess
from vodplatform.core.records import process_registry
from vodplatform.core.web import publish

pytestmark = [pytest.mark.both, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kinds")]


@contextmanager
def kept_by_a_thread(context: JobContext) -> Iterator[None]:
    """A keeper of its own looks after the lease of a job during the block."""
    keeper = LeaseRenewer()
    with keeper.keep(context):
        keeper.start()
        yield
    keeper.stop()
    assert keeper.join(10)


@contextmanager
def uncommitted(work: Callable[[], object]) -> Iterator[None]:
    """Do ``work`` in a thread that commits after half a second; the block begins before that commit."""
    done = threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            work()
            done.set()
            threading.Event().wait(0.5)

    with beside(slowly) as faults:
        assert done.wait(10)
        yield
    assert faults == []


@pytest.mark.usefixtures("one_place")
class TestTurns:
    def test_two_who_ask_one_at_a_time_do_not_starve_a_third(self) -> None:
        anna, ben, cleo = (make_user(name) for name in ("anna", "ben", "cleo"))
        for user in (anna, anna, ben, cleo):
            services.enqueue("test.echo", user, {})
        order = []
        for _ in range(12):
            job = leases.claim("test", "w")
            order.append(job.owner.username)
            for user in (ben, cleo):
                if not Job.objects.live().filter(owner=user).exists():
                    services.enqueue("test.echo", user, {})
            leases.complete(lease_of(job), {})
        assert order.count("anna") == 2, order

    def test_an_idle_moment_gives_nobody_all_the_turns(self) -> None:
        anna, ben = make_user("anna"), make_user("ben")
        for _ in range(10):
            services.enqueue("test.echo", anna, {})
        for _ in range(4):
            leases.complete(lease_of(leases.claim("test", "w")), {})
        for _ in range(6):
            services.enqueue("test.echo", ben, {})
        order = []
        for _ in range(6):
            job = leases.claim("test", "w")
            order.append(job.owner.username)
            leases.complete(lease_of(job), {})
        assert 2 <= order.count("anna") <= 4, order


class TestPlaces:
    def test_admission_gets_round_to_everybody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(admission, "ADMISSION_BATCH", 3)
        for _ in range(7):
            Job.objects.create(kind="test.echo", lane="test", owner=make_user(), admitted=False)
        last = None
        for _ in range(4):
            last = admission.admit_all(last)
        assert not Job.objects.filter(admitted=False).exists()

    @pytest.mark.postgresql
    def test_two_that_end_together_let_two_in(self, owner: User) -> None:
        for _ in range(4):
            services.enqueue("test.echo", owner, {})
        first, second = (leases.claim("test", "w") for _ in range(2))
        with uncommitted(lambda: leases.complete(lease_of(first), {})):
            leases.complete(lease_of(second), {})
        assert Job.objects.filter(status="queued", admitted=True).count() == 2

    @pytest.mark.postgresql
    def test_an_enqueue_beside_the_last_ends_is_let_in(self, owner: User) -> None:
        for _ in range(2):
            services.enqueue("test.echo", owner, {})
        running_jobs = [leases.claim("test", "w") for _ in range(2)]
        with uncommitted(lambda: services.enqueue("test.echo", owner, {})):
            for job in running_jobs:
                leases.complete(lease_of(job), {})
        assert Job.objects.filter(status="queued", admitted=True).count() == 1

    @pytest.mark.postgresql
    def test_claims_meeting_two_full_owners_do_not_block(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.JOB_LANES = {**settings.JOB_LANES, "test": 9, "align": 9, "third": 9}
        anna, ben = make_user(), make_user()
        for user in (anna, ben):
            for _ in range(2):
                make(user, "processing", lane="third")
        for lane, users in (("test", (anna, ben)), ("align", (ben, anna))):
            for turn, user in enumerate(users):
                make(user, lane=lane, turn=turn)
        real, met, seen = leases._try_lock, threading.Barrier(2, timeout=5), threading.local()

        def together(space: int, name: bytes) -> bool:
            found = real(space, name)
            if not getattr(seen, "once", False):
                seen.once = True
                met.wait()
            return found

        monkeypatch.setattr(leases, "_try_lock", together)
        with (
            beside(lambda: leases.claim("test", "w", look_first=False)) as one,
            beside(lambda: leases.claim("align", "w", look_first=False)) as two,
        ):
            pass
        assert one + two == []


class TestAlone:
    def test_a_process_emptied_for_a_job_that_is_gone_goes_on(self) -> None:
        here = RunningJobs()
        make(make_user(), lane="align")
        assert here.take("align", look_first=True)
        make(make_user(), crashes=2)
        assert here.take("test", look_first=True) is None
        leases.complete(lease_of(leases.claim("test", "another process")), {})
        make(make_user())
        assert here.take("test", look_first=True) is not None

    def test_a_crashed_job_stops_the_others_for_a_short_time_only(self, monkeypatch: pytest.MonkeyPatch) -> None:
        here, now = RunningJobs(), 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: now)
        long = make(make_user(), lane="align")
        assert here.take("align", look_first=True) == long
        crashed, following = make(make_user(), crashes=2), make(make_user())
        assert here.take("test", look_first=True) is None
        now += 59
        assert here.take("test", look_first=True) is None
        now += 2
        assert here.take("test", look_first=True) == following
        for job in (long, following):
            here.leave(job)
            leases.complete(lease_of(job), {})
        assert here.take("test", look_first=True) == crashed
        make(make_user())
        now += 119
        assert here.take("test", look_first=True) is None
        now += 2
        assert here.take("test", look_first=True) is not None

    def test_one_emptied_in_vain_takes_from_the_lane_that_woke_it(self) -> None:
        here = RunningJobs()
        here._drained_for = "test"
        make(make_user(), lane="align")
        assert here.take("align", look_first=True) is not None


class TestLimits:
    @pytest.fixture(autouse=True)
    def _read_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lanes, "CACHE_SECONDS", 0.0)
        monkeypatch.setattr(lanes, "_read", (0.0, lanes.QueueState()))

    def claimed(self) -> int:
        for _ in range(5):
            make(make_user())
        return sum(1 for _ in range(5) if leases.claim("test", "worker"))

    def test_admins_lower_and_raise_them_without_a_restart(self, admin_person: User, settings: Any) -> None:
        settings.JOB_LANES = {**settings.JOB_LANES, "test": 2}
        client = Client()
        client.force_login(admin_person)
        for lane, limit in (("test", "0"), ("elsewhere", "1")):
            client.post("/admin/jobs/lanelimit/add/", {"lane": lane, "limit": limit})
            assert not LaneLimit.objects.exists()
        client.post("/admin/jobs/lanelimit/add/", {"lane": "test", "limit": "1"})
        assert self.claimed() == 1
        client.post("/admin/jobs/lanelimit/test/change/", {"limit": "3"})
        assert self.claimed() == 2
        assert lanes.limit_of("test") == 3
        LaneLimit.objects.update(limit=None)  # left to the workers
        assert self.claimed() == 5

    def test_a_share_is_of_what_the_workers_take(self) -> None:
        LaneLimit.objects.create(lane="test", limit=None)
        assert lanes.max_share("test") == 1  # No worker has reported, so the settings count: two places.
        process_registry.report_process(ProcessKind.WORKER, queues=["align", "test"], max_jobs=8)
        assert (lanes.limit_of("test"), lanes.max_share("test")) == (lanes.NO_LIMIT, 4)
        LaneLimit.objects.update(limit=6)
        assert lanes.max_share("test") == 3

    def test_settings_per_host_until_admins_set_one(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.JOB_LANES = {**settings.JOB_LANES, "test": 2}
        for host, queues in (("a", ["test"]), ("a", ["test"]), ("b", ["align", "test"]), ("c", ["align"])):
            monkeypatch.setattr(socket, "gethostname", lambda host=host: host)
            monkeypatch.setattr(process_registry, "_own", None)
            process_registry.report_process(ProcessKind.WORKER, queues=queues, max_jobs=8)
        assert lanes.limit_of("test") == 4
        assert self.claimed() == 4
        LaneLimit.objects.create(lane="test", limit=100)
        assert lanes.limit_of("test") == 100
        RunningProcess.objects.filter(host="b").update(seen_at=Now() - timedelta(seconds=process_registry.GONE_SECONDS))
        LaneLimit.objects.all().delete()
        assert lanes.limit_of("test") == 2


class TestRoom:
    def test_long_jobs_of_one_lane_never_keep_another_waiting(self) -> None:
        here = RunningJobs()
        here.max_jobs = 2
        for lane in ("align", "align", "align", "test", "test"):
            make(make_user(), lane=lane)
        running = [here.take("align", look_first=True) for _ in range(3)]
        assert running[2] is None
        assert here.take("test", look_first=True)  # the first of its lane
        assert here.take("test", look_first=True) is None
        for job in running[:2]:
            assert job
            here.leave(job)
        assert here.running == 1
        assert here.take("test", look_first=True)


class TestEnds:
    def run(self, owner: User, monkeypatch: pytest.MonkeyPatch, handler: Callable[[Any], Any]) -> Job:
        monkeypatch.setitem(registry(), "test.odd", replace(registry()["test.echo"], name="test.odd", handler=handler))
        job = make_job(owner, kind="test.odd", lane="test", params={})
        run_queue("test")
        return again(job)

    def test_a_result_or_state_not_in_json_fails_the_job(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        def wait(context: JobContext) -> None:
            context.wait({"id": uuid.uuid4()}, seconds=1, deadline_seconds=9, message="w")

        for handler in (wait, lambda context: {"id": uuid.uuid4()}):
            job = self.run(owner, monkeypatch, handler)
            assert (job.status, job.error["type"]) == ("failed", "server_error")

    @pytest.mark.parametrize("text", ["a\x00b", "a\udc80b", "x" * 100_000])
    def test_any_text_can_be_progress_and_reason(self, owner: User, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        def refuse(context: JobContext) -> None:
            context.progress(3, text)
            raise JobFailed("no_timer", text)

        job = self.run(owner, monkeypatch, refuse)
        assert (job.status, job.error["type"], job.crashes) == ("failed", "no_timer", 0)

    def test_what_a_new_attempt_stores_is_not_swept(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        job = make(owner, "failed")
        real = outputs._files

        def meanwhile(prefix: str) -> Iterator[str]:
            monkeypatch.setattr(outputs, "_files", real)
            found = list(real(prefix))
            services.retry(Job.objects.get(pk=job.pk))
            attempt = leases.claim("test", "w")
            key = outputs.store(attempt.pk, attempt.lease_token, "out.txt", b"made")
            leases.complete(lease_of(attempt), {"key": key})
            return iter(found)

        monkeypatch.setattr(outputs, "_files", meanwhile)
        outputs.sweep_job(job.pk)
        assert default_storage.exists(again(job).result["key"])

    def test_a_deleted_session_takes_its_jobs_out_of_lists(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        sent: list[tuple[str, dict[str, Any]]] = []
        monkeypatch.setattr(publish, "_send", lambda group, event: sent.append((group, event)))
        session = make_session(owner)
        job = make_alignment(session, "queued").job
        delete_session(session)
        assert (f"job.{job.pk}", {"type": "watch.gone"}) in sent
        gone = {"type": "watch.message", "message": {"type": "gone", "id": str(job.pk)}}
        assert (f"jobs.of.{owner.pk}", gone) in sent

    @pytest.mark.postgresql
    def test_deleting_a_session_beside_the_end_of_its_jobs_does_not_deadlock(self, owner: User) -> None:
        session = make_session(owner)
        jobs = [make_alignment(session, "processing").job for _ in range(2)]
        make_job(owner, admitted=False)
        last = max(jobs, key=lambda job: job.pk)
        lease, written = lease_of(last), threading.Event()

        def complete_slowly() -> None:
            with transaction.atomic():
                Job.objects.select_for_update().get(pk=last.pk)
                written.set()
                threading.Event().wait(0.5)
                leases.complete(lease, {"proposals": [], "refused": []})

        with beside(complete_slowly) as faults:
            assert written.wait(10)
            delete_session(session)
        assert faults == []
        assert not Job.objects.filter(pk__in=[job.pk for job in jobs]).exists()


class TestRetry:
    @pytest.mark.parametrize("now", [s for s in JobStatus.values if s not in ("failed", "cancelled")])
    def test_who_read_the_job_before_it_changed_changes_nothing(self, owner: User, now: str) -> None:
        job = make_job(owner, now, kind="test.steps", lane="test", checkpoint={"step": 3})
        stale = Job.objects.get(pk=job.pk)
        stale.status = JobStatus.CANCELLED
        before = Job.objects.filter(pk=job.pk).values().get()
        with pytest.raises(DomainError):
            services.retry(stale)
        assert Job.objects.filter(pk=job.pk).values().get() == before


class TestLeases:
    def test_hanging_database_stops_the_job(self, owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.JOB_LEASE_SECONDS, settings.JOB_RENEW_SECONDS, settings.JOB_CONTROL_SECONDS = 0.5, 0.1, 0.05
        go = threading.Event()
        monkeypatch.setattr(leases, "renew", lambda tokens: go.wait(20))
        context = JobContext(make(owner, "processing"))
        with kept_by_a_thread(context):
            try:
                wait_until(lambda: context.stop_reason() is not None)
            finally:
                go.set()

    @pytest.mark.postgresql
    def test_a_handler_that_hears_nothing_ends_its_worker_only_where_the_database_answers(
        self, owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.JOB_RENEW_SECONDS, settings.JOB_CONTROL_SECONDS, settings.JOB_STUCK_SECONDS = 0.1, 0.05, 0.2
        is_away = threading.Event()
        is_away.set()
        ended: list[int] = []

        def renew(tokens: Any) -> None:
            if is_away.is_set():
                raise OperationalError("away")

        monkeypatch.setattr(leases, "renew", renew)
        monkeypatch.setattr(leases, "held_tokens", lambda tokens: set())
        monkeypatch.setattr(leases, "tokens_to_preempt", lambda tokens: set())
        monkeypatch.setattr(os, "kill", lambda pid, number: ended.append(number))
        context = JobContext(make(owner, "processing"))
        context.lost.set()
        with kept_by_a_thread(context):
            time.sleep(1.0)
            assert ended == []
            is_away.clear()
            wait_until(lambda: ended == [signal.SIGTERM])

    def test_after_trouble_all_renew_first(self, owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """No job is taken over before all workers could renew their leases."""
        job = make(owner, "processing", lease_until=Now() - timedelta(seconds=1))
        monkeypatch.setattr(messages, "wake_workers", lambda job: None)
        keeper = LeaseRenewer()
        monkeypatch.setattr(maintenance, "lease_renewer", keeper)
        sweep = maintenance.Sweep()
        sweep()
        assert again(job).status == "processing"
        keeper._trouble_at -= 2 * settings.JOB_RENEW_SECONDS + 1
        sweep()
        assert again(job).status == "queued"

    def test_what_heard_nothing_of_the_end_is_given_back(self, owner: User) -> None:
        job = make(owner, "processing")
        keeper = LeaseRenewer()
        with keeper.keep(JobContext(again(job))):
            keeper.requeue_all()
        assert (again(job).status, job.attempt, job.crashes) == ("queued", 0, 0)

    def test_a_broker_that_fails_is_left_alone_for_a_while(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []

        def refuse(message: Any) -> None:
            asked.append(message.args[1])
            raise OSError("no answer")

        jobs = [make(owner) for _ in range(4)]
        monkeypatch.setattr(broker, "enqueue", refuse)
        monkeypatch.setattr(messages, "_silent_until", 0.0)
        for job in jobs[:3]:
            messages.wake_workers(job)
        assert asked == [str(jobs[0].pk)]
        monkeypatch.setattr(messages, "_silent_until", 0.0)
        messages.wake_workers(jobs[3])
        assert asked == [str(jobs[0].pk), str(jobs[3].pk)]
