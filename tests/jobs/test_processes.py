"""Processes tell of themselves, and ``/health`` says where jobs wait that none of them takes."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from jobs_app.maintenance import Sweep
from jobs_app.models import Job
from tests.support.api import Api
from tests.support.factories import make_job
from vodplatform.accounts.models import User
from vodplatform.core.models import ProcessKind, RunningProcess
from vodplatform.core.records import process_registry

pytestmark = pytest.mark.django_db(transaction=True)


def age(seconds: float) -> None:
    """Let the processes not have been heard of for so long."""
    RunningProcess.objects.update(seen_at=Now() - timedelta(seconds=seconds))


def test_a_worker_tells_which_queues_it_takes_again_and_again() -> None:
    sweep = Sweep(["render", "align"])
    sweep()
    [row] = process_registry.living_processes()
    assert (row.kind, row.queues, row.jobs) == ("worker", ["align", "render"], 0)
    assert str(row) == f"worker {row.host}:{row.pid}"
    age(process_registry.GONE_SECONDS + 1)
    assert not process_registry.living_processes().exists()
    sweep._next_admission = 0.0
    sweep()
    [same] = process_registry.living_processes()
    assert (same.pk, same.started_at) == (row.pk, row.started_at)
    process_registry.unregister_process()
    assert not process_registry.processes().exists()


def test_one_that_is_gone_is_shown_for_a_day() -> None:
    process_registry.report_process(ProcessKind.WEB)
    age(86_000)
    assert process_registry.delete_gone() == 0
    assert [row.is_present for row in process_registry.processes()] == [False]
    age(86_500)
    assert process_registry.delete_gone() == 1


def test_health_is_degraded_while_jobs_wait_that_nobody_takes(owner: User, anonymous: Api, settings: Any) -> None:
    settings.HEALTH_PARTS = {"workers": "jobs_app.maintenance.check_workers"}

    def asked() -> str:
        return str(anonymous.get("/health").json()["workers"])

    process_registry.report_process(ProcessKind.WORKER, queues=["merge"])
    job = make_job(owner, lane="align", admitted=True)
    assert asked() == "up"  # it has only just come
    Job.objects.filter(pk=job.pk).update(created_at=Now() - timedelta(minutes=1))
    assert asked() == "down"
    process_registry.report_process(ProcessKind.WORKER, queues=["align", "merge"])
    assert asked() == "up"
    age(process_registry.GONE_SECONDS + 1)
    assert asked() == "down"


def test_admins_see_the_processes_of_all_hosts(admin_person: User, settings: Any) -> None:
    client = Client()
    client.force_login(admin_person)
    settings.COMMIT = "0123456789ab"
    process_registry.report_process(ProcessKind.WORKER, queues=["align"], max_jobs=4, jobs=1)
    page = client.get("/admin/base/runningprocess/").content.decode()
    assert "0123456789ab" in page
    assert "1 of 4" in page
    assert "running" in page
