"""ws/jobs/: all of one's jobs first, then each that changes, appears or goes; nobody else's."""

from __future__ import annotations

import pytest

from jobs_app import leases, services
from jobs_app.models import Job
from tests.support.api import Api
from tests.support.factories import lease_of, make_job, make_key
from tests.support.sockets import ask, connected, first_close, next_message, socket
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("kinds")]
PATH = "/ws/jobs/"


async def test_the_newest_fifty_come_first_as_the_api_lists_them(owner: User) -> None:
    key = await ask(make_key, owner)
    for _ in range(52):
        await ask(make_job, owner)
    async with connected(PATH, key=key) as client:
        message = await next_message(client)
    assert (message["type"], message["total"]) == ("jobs", 52)
    assert message["jobs"] == await ask(lambda: Api(key).get("/api/v1/jobs?limit=50").json()["jobs"])


async def test_nobody_elses_are_among_them_and_an_admin_sees_all(
    owner: User, other: User, moderator: User, admin_person: User
) -> None:
    mine, theirs = [str((await ask(make_job, user)).pk) for user in (owner, other)]
    for user, wanted in ((owner, {mine}), (other, {theirs}), (moderator, set()), (admin_person, {mine, theirs})):
        async with connected(PATH, key=await ask(make_key, user)) as client:
            assert {job["id"] for job in (await next_message(client))["jobs"]} == wanted
            if user == other:
                await ask(services.enqueue, "test.echo", owner, {})
                new: Job = await ask(services.enqueue, "test.echo", other, {})
                assert (await next_message(client))["job"]["id"] == str(new.pk)
                await ask(Job.objects.exclude(pk__in=[mine, theirs]).delete)


async def test_a_new_job_each_change_and_its_end_arrive(owner: User) -> None:
    async with connected(PATH.rstrip("/"), key=await ask(make_key, owner)) as client:
        assert (await next_message(client))["jobs"] == []
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


async def test_who_is_not_signed_in_is_told_so() -> None:
    assert await first_close(socket(PATH)) == 4401
