"""A job without progress ends with a reason, whatever its handler does."""

from typing import Any

import pytest

from jobs_app.context import JobContext
from jobs_app.heartbeat import lease_renewer
from jobs_app.runner import run_queue
from tests.jobs import kinds
from tests.jobs.kinds import again, make, running_lane
from tests.support.waiting import wait_until
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kinds", "running_keeper")]
REPEATS = """
import json, time
while True:
    print(json.dumps({"progress": 5, "message": "Still here"}), flush=True)
    time.sleep(0.05)
"""
WRITES = """
import time
for _ in range(30):
    open("/dev/null", "wb").write(bytes(2**20))
    time.sleep(0.1)
"""


@pytest.fixture(autouse=True)
def _short_patience(settings: Any) -> None:
    settings.JOB_STALL_SECONDS = 1.0


def test_a_child_that_repeats_itself_is_stopped(owner: User) -> None:
    job = make(owner, kind="test.child", params={"code": REPEATS})
    run_queue("test")
    assert (again(job).status, job.error["type"]) == ("failed", "stalled")
    assert "no progress for 1 s" in job.error["message"]


def test_a_child_that_writes_goes_on(owner: User, settings: Any) -> None:
    settings.JOB_STALL_SECONDS = 2.0
    job = make(owner, kind="test.child", params={"code": WRITES})
    run_queue("test")
    assert again(job).status == "completed", job.error


def test_a_handler_that_hears_nothing_is_failed_for(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs_app.heartbeat.STALLED_GRACE_SECONDS", 0.1)
    job = make(owner, kind="test.wait")
    with running_lane():
        wait_until(lambda: again(job).status == "failed", seconds=10)
        kinds.go_on.set()
    assert (again(job).status, job.error["type"], job.attempt) == ("failed", "stalled", 1)


def test_the_same_report_again_is_no_progress(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    context = JobContext(make(owner, "processing"))
    context.progress(5, "Reading")
    moved_at = context.moved_at
    context.progress(5, "Reading")
    assert context.moved_at == moved_at
    context.progress(5.001, "Reading")
    assert context.moved_at > moved_at
    assert not lease_renewer.stopping
