"""Inside a worker: a claimed job runs to whatever its end is, and ends within a second of being cancelled."""

import stat
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError

from jobs_app import leases, messages, periodic, runner, services
from jobs_app.broker import broker
from jobs_app.context import JobContext
from jobs_app.heartbeat import lease_renewer
from jobs_app.maintenance import Sweep
from jobs_app.models import Job, JobEvent
from jobs_app.runner import run_job, run_queue
from tests.jobs import kinds
from tests.jobs.kinds import again, events_of, make, running_lane
from tests.support.factories import lease_of
from tests.support.waiting import wait_until, within
from vodplatform.accounts.models import User

LATE_SECONDS = 2  # for a machine that is busy with something else

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kinds")]


def test_a_lane_runs_until_it_is_empty(owner: User) -> None:
    jobs = [make(owner, params={"n": number}) for number in range(3)]
    assert run_queue("test") == 3
    assert [again(job).result for job in jobs] == [{"params": {"n": n}, "attempt": 1} for n in range(3)]
    for job in jobs:
        events = JobEvent.objects.filter(job=job).values_list("name", "attempt")
        assert list(events) == [("processing", 1), ("completed", 1)]
    assert run_queue("test") == 0


DIES = {"code": kinds.DIES}
RAISES = {"code": "raise RuntimeError('not for users')"}
SLEEPS = {"code": "import time; time.sleep(60)", "seconds": 0.3}


@pytest.mark.parametrize(("kind", "params", "error", "attempts", "text"), [
    ("test.refuse", {}, "no_timer", 1, "There is no timer."),
    ("test.break", {}, "server_error", 1, ""),
    ("test.child", RAISES, "server_error", 1, ""),
    ("test.child", SLEEPS, "timeout", 1, ""),
    ("test.child", DIES, "job_crashed", 3, "SIGKILL"),  # a crash, which runs again
], ids=["handler's word", "fault of ours", "child's fault", "child too slow", "child killed"])  # fmt: skip
def test_failures_reason(owner: User, kind: str, params: dict[str, Any], error: str, attempts: int, text: str) -> None:
    """A job that fails says why, and nothing of our own faults."""
    job = make(owner, kind=kind, params=params)
    run_queue("test")
    assert (again(job).status, job.error["type"], job.attempt) == ("failed", error, attempts)
    assert text in job.error["message"]
    assert "not for users" not in str(job.error)


def test_outputs_stand_under_the_attempts_own_key(owner: User) -> None:
    job = make(owner, kind="test.store")
    run_queue("test")
    result = again(job).result
    assert result["key"].startswith(f"jobs/{job.pk}/")
    with default_storage.open(result["key"]) as file:
        assert file.read() == b"made"
    assert not Path(result["scratch"]).exists()


def test_who_comes_too_late_leaves_the_folder_of_the_next_attempt(owner: User, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    make(owner, kind="test.store")
    late = leases.claim("test", "a worker that stood still")
    assert leases.record_crash(lease_of(late), "its lease ran out")
    then = leases.claim("test", "another")
    contexts = [JobContext(one) for one in (late, then)]
    with contexts[1].scratch() as folder, contexts[0].scratch() as other:
        assert folder.is_dir()
        assert other != folder
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    with contexts[0].scratch() as left:
        left.joinpath("note.txt").write_text("of an attempt that is over")
        with contexts[1].scratch():
            assert not left.exists()


def test_a_childs_progress_is_the_jobs(owner: User) -> None:
    code = (
        'import json; [print(json.dumps({"progress": n, "message": str(n)})) for n in (10, 30)]; '
        'print("[1]\\nx"); print(json.dumps({"answer": 42}))'
    )
    job = make(owner, kind="test.child", params={"code": code})
    run_queue("test")
    assert again(job).status == "completed"
    assert (job.progress, job.message, job.result["messages"]) == (100, "Done", [{"answer": 42}])
    assert events_of(job) == ["processing", "completed"]


@pytest.mark.usefixtures("kinds", "running_keeper")
class TestCancelling:
    @pytest.mark.parametrize("end", ["cancelled", "deleted"])
    def test_the_child_is_killed_within_a_second(self, owner: User, settings: Any, end: str) -> None:
        settings.JOB_CONTROL_SECONDS = 0.5  # as in the program
        job = make(owner, kind="test.child", params={"code": kinds.SLEEPS})
        with running_lane() as thread:
            pid = int(wait_until(lambda: again(job).message))
            assert psutil.pid_exists(pid)
            began = time.monotonic()
            services.cancel(job) if end == "cancelled" else Job.objects.filter(pk=job.pk).delete()
            wait_until(lambda: not psutil.pid_exists(pid))
            assert time.monotonic() - began < within(1 + LATE_SECONDS)
            thread.join(10)
        found = list(Job.objects.values_list("status", "result"))
        assert found == ([("cancelled", None)] if end == "cancelled" else [])

    def test_a_handler_that_notices_late_writes_nothing(self, owner: User) -> None:
        job = make(owner, kind="test.wait")
        with running_lane():
            assert kinds.started.wait(10)
            services.cancel(Job.objects.get(pk=job.pk))
            kinds.go_on.set()
        assert (again(job).status, job.result, job.progress) == ("cancelled", None, 0)


@pytest.mark.both
@pytest.mark.usefixtures("kinds", "running_keeper")
class TestKeeping:
    def test_a_running_jobs_lease_is_renewed(self, owner: User) -> None:
        job = make(owner, kind="test.wait")
        with running_lane():
            assert kinds.started.wait(10)
            first = again(job).lease_until
            wait_until(lambda: again(job).lease_until > first)
        assert again(job).status == "completed"

    def test_a_worker_that_shuts_down_gives_its_job_back(self, owner: User) -> None:
        job = make(owner, kind="test.child", params={"code": kinds.SLEEPS})
        with running_lane() as thread:
            pid = int(wait_until(lambda: again(job).message))
            lease_renewer.stop()
            thread.join(10)
            assert not psutil.pid_exists(pid)
        assert (again(job).status, job.attempt, job.crashes) == ("queued", 0, 0)

    def test_a_worker_unable_to_renew_stops(self, owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.JOB_LEASE_SECONDS = 4.0

        def refuse(*args: object) -> None:
            raise OperationalError("the database is away")

        job = make(owner, kind="test.child", params={"code": kinds.SLEEPS})
        with running_lane():
            pid = wait_until(lambda: again(job).message)
            for name in ("held_tokens", "renew"):
                monkeypatch.setattr(leases, name, refuse)
            wait_until(lambda: not psutil.pid_exists(int(pid)))
            monkeypatch.undo()
            wait_until(lambda: again(job).message.isdigit() and job.message != pid)
            services.cancel(job)
        assert (again(job).attempt, job.crashes) == (1, 0)
        assert events_of(job)[-4:] == ["processing", "given_back", "processing", "cancelled"]

    @pytest.mark.parametrize("is_database_stable", [True, False])
    def test_an_attempt_that_was_not_renewed_gives_itself_back_only_after_an_outage(
        self, owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch, is_database_stable: bool
    ) -> None:
        settings.JOB_LEASE_SECONDS = 60.0

        def forget(context: JobContext) -> dict[str, Any]:
            context.renewed_at -= 100
            return {}

        monkeypatch.setattr(runner, "kind_of", lambda name: SimpleNamespace(handler=forget))
        monkeypatch.setattr(lease_renewer, "is_database_stable", lambda: is_database_stable)
        job = make(owner)
        claimed = leases.claim("test", "me", is_alone=True)
        assert claimed
        run_job(claimed)
        assert again(job).status == ("processing" if is_database_stable else "queued")


def test_a_worker_sends_again_only_for_queues_that_it_takes(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Job] = []
    periodic.claim_due("expire", 3600)
    monkeypatch.setattr(messages, "wake_workers", sent.append)
    sweep = Sweep()
    sweep()
    job = make(owner)
    Sweep({"align", "merge"})()
    assert sent == []
    Sweep({"align", "test"})()
    sweep()
    assert sent == [job, job]


def test_a_message_reaches_the_broker_and_a_worker_runs_the_job(owner: User) -> None:
    from dramatiq import Worker

    job = make(owner)
    messages.wake_workers(job)
    worker = Worker(broker, worker_timeout=50, worker_threads=1)
    worker.start()
    try:
        wait_until(lambda: again(job).status == "completed")
    finally:
        worker.stop()
