"""ws/jobs/ and ws/jobs/{id}/: the present state first, then every change."""

import pytest

from jobs_app import leases, services
from jobs_app.models import Job
from tests.support.api import Api
from tests.support.factories import lease_of, make_job, make_key
from tests.support.sockets import ask, connected, next_close, next_message
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kinds")]


@pytest.fixture
def job(owner: User) -> Job:
    return make_job(owner, "processing", progress=12.5)


async def test_the_present_state_comes_first_then_every_change_until_the_job_is_deleted(job: Job, key: str) -> None:
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
        await ask(lambda: Api(key).delete(f"/api/v1/jobs/{job.pk}"))
        assert await next_close(communicator) == 4404


async def test_the_newest_fifty_come_first_as_the_api_lists_them(owner: User) -> None:
    key = await ask(make_key, owner)
    for _ in range(52):
        await ask(make_job, owner)
    async with connected("/ws/jobs/", key=key) as client:
        message = await next_message(client)
    assert (message["type"], message["total"]) == ("jobs", 52)
    assert message["jobs"] == await ask(lambda: Api(key).get("/api/v1/jobs?limit=50").json()["jobs"])


async def test_a_new_job_each_change_and_its_end_arrive_and_nobody_elses_job(owner: User, other: User) -> None:
    async with connected("/ws/jobs", key=await ask(make_key, owner)) as client:
        assert (await next_message(client))["jobs"] == []
        await ask(services.enqueue, "comparison.align", other, {})
        job: Job = await ask(services.enqueue, "test.echo", owner, {})
        message = await next_message(client)
        assert (message["type"], message["job"]["id"], message["job"]["status"]) == ("job", str(job.pk), "queued")
        await ask(leases.claim, "test", "w")
        seen = await next_message(client)
        assert (seen["job"]["status"], seen["revision"] > message["revision"]) == ("processing", True)
        lease = await ask(lease_of, job)
        await ask(leases.complete, lease, {})
        assert (await next_message(client))["job"]["status"] == "completed"
        await ask(services.delete, job)
        assert await next_message(client) == {"type": "gone", "id": str(job.pk)}
