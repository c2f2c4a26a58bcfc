"""ws/jobs/{id}/: the present state first, then every change."""

from __future__ import annotations

import uuid

import pytest

from jobs_app import leases
from jobs_app.models import Job
from tests.support.api import Api
from tests.support.factories import lease_of, make_job, make_key
from tests.support.sockets import ask, connected, first_close, next_message, socket
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def job(owner: User) -> Job:
    return make_job(owner, "processing", progress=12.5)


@pytest.fixture
def key(owner: User) -> str:
    return make_key(owner)


async def test_the_present_state_comes_first_as_the_api_shows_it_and_then_every_change_up_to_the_end(
    job: Job, key: str
) -> None:
    lease = await ask(lease_of, job)
    async with connected(f"/ws/jobs/{job.pk}", key=key) as communicator:
        first = await next_message(communicator)
        assert (first["type"], first["revision"]) == ("job", job.revision)
        assert first["job"] == await ask(lambda: Api(key).get(f"/api/v1/jobs/{job.pk}").json())
        for percent in (20, 60):
            assert await ask(leases.report_progress, lease, percent, f"{percent} of 100")
            message = await next_message(communicator)
            assert (message["job"]["progress"], message["job"]["message"]) == (percent, f"{percent} of 100")
            assert message["revision"] > first["revision"]
        await ask(leases.complete, lease, {"answer": 42})
        last = (await next_message(communicator))["job"]
        assert (last["status"], last["progress"], last["result"]) == ("completed", 100, {"answer": 42})


async def test_a_change_that_was_rolled_back_is_not_seen(job: Job, key: str) -> None:
    from django.db import transaction

    lease = await ask(lease_of, job)

    def undone() -> None:
        with transaction.atomic():
            leases.report_progress(lease, 90, "never")
            transaction.set_rollback(True)

    async with connected(f"/ws/jobs/{job.pk}/", key=key) as communicator:
        await next_message(communicator)
        await ask(undone)
        await ask(leases.report_progress, lease, 30, "real")
        assert (await next_message(communicator))["job"]["message"] == "real"


async def test_a_deleted_job_closes_its_viewers(job: Job, key: str) -> None:
    lease = await ask(lease_of, job)
    async with connected(f"/ws/jobs/{job.pk}/", key=key) as communicator:
        await next_message(communicator)
        await ask(leases.complete, lease, {})
        await next_message(communicator)
        await ask(lambda: Api(key).delete(f"/api/v1/jobs/{job.pk}"))
        event = await communicator.receive_output(5)
        assert (event["type"], event["code"]) == ("websocket.close", 4404)


async def test_an_unknown_job_and_somebody_elses_is_closed_with_4404(
    job: Job, key: str, other: User, moderator: User, admin_person: User
) -> None:
    for name in (str(uuid.UUID(int=1)), "none", "7", "🎮"):
        assert await first_close(socket(f"/ws/jobs/{name}/", key=key)) == 4404
    path = f"/ws/jobs/{job.pk}/"
    for user in (other, moderator):
        assert await first_close(socket(path, key=await ask(make_key, user))) == 4404
    assert await first_close(socket(path)) == 4401
    async with connected(path, key=await ask(make_key, admin_person)) as communicator:
        assert (await next_message(communicator))["type"] == "job"
