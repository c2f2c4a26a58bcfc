"""POST /api/auth/ws-ticket, and what a ticket opens: one socket, within a minute, while what is behind it holds."""

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.test import Client

from jobs_app.events import ALL_JOBS_GROUP, owners_group_name
from sessions_app.comparison.models import ComparisonSession
from tests.contract.places import with_jwt, with_session, with_token
from tests.support.api import Api, refused
from tests.support.factories import make_key, make_session
from tests.support.sockets import ask, connected, first_close, next_message, socket
from tests.support.together import at_once
from tests.support.waiting import wait_until
from vodplatform.accounts import jwt, realtime, services, tickets
from vodplatform.accounts.credentials import Credential
from vodplatform.accounts.models import ApiToken, User, WsTicket
from vodplatform.core.web.publish import publish

pytestmark = pytest.mark.django_db(transaction=True)
TICKET = "/api/auth/ws-ticket"


@pytest.fixture
def session(owner: User) -> ComparisonSession:
    return make_session(owner)


@pytest.fixture
def path(session: ComparisonSession) -> str:
    return f"/ws/sessions/{session.session_id}/"


def ticket_of(api: Api) -> str:
    response = api.post(TICKET)
    assert response.status_code == 200, response.content
    return str(response.json()["ticket"])


MAKERS: dict[str, Callable[[User], Api]] = {
    "token": with_token("read"), "jwt": with_jwt("read"), "session": with_session(csrf=True)
}  # fmt: skip


@pytest.mark.both
class TestGiving:
    @pytest.mark.parametrize("kind", list(MAKERS))
    def test_whoever_is_signed_in_gets_one_for_a_minute(self, owner: User, kind: str) -> None:
        response = MAKERS[kind](owner).post(TICKET)
        assert response.status_code == 200
        body = response.json()
        assert set(body) == {"ticket", "expires_at"}
        assert len(body["ticket"]) > 40
        left = datetime.fromisoformat(body["expires_at"]) - services.database_now(owner)
        assert timedelta(seconds=50) < left <= timedelta(seconds=60)

    def test_only_its_hash_is_kept_and_a_token_that_may_not_even_read_gets_none(self, api: Api, owner: User) -> None:
        text = ticket_of(api)
        assert WsTicket.objects.get().digest == ApiToken.digest_of(text)
        assert text not in str(WsTicket.objects.values().get())
        refused(Api(make_key(owner, scopes=[])).post(TICKET), 403, "scope_required")
        assert Api().get(f"/api/v1/me?ticket={text}").status_code == 401
        assert WsTicket.objects.count() == 1

    def test_old_ones_go(self, api: Api, owner: User) -> None:
        ticket_of(api)
        WsTicket.objects.update(expires_at=Now() - timedelta(seconds=1))
        ticket_of(api)
        assert WsTicket.objects.count() == 1
        WsTicket.objects.update(expires_at=Now() - timedelta(seconds=1))
        assert tickets.purge() == 1


class TestOpening:
    async def test_a_second_socket_is_closed_with_4401(self, path: str, api: Api) -> None:
        """A page of any origin may open the first."""
        text = await ask(lambda: ticket_of(api))
        async with connected(f"{path}?ticket={text}", headers={"origin": "https://app.example"}) as communicator:
            assert (await next_message(communicator))["type"] == "session"
            assert await first_close(socket(f"{path}?ticket={text}")) == 4401

    async def test_a_late_one_is_closed_with_4401(self, path: str, api: Api) -> None:
        text = await ask(lambda: ticket_of(api))
        await ask(lambda: WsTicket.objects.update(expires_at=Now() - timedelta(milliseconds=1)))
        assert await first_close(socket(f"{path}?ticket={text}")) == 4401

    async def test_it_is_used_up_even_if_its_user_may_not_see_the_session(self, path: str, other_api: Api) -> None:
        text = await ask(lambda: ticket_of(other_api))
        assert await first_close(socket(f"{path}?ticket={text}")) == 4404
        assert await ask(WsTicket.objects.count) == 0


@pytest.mark.both
def test_of_two_who_show_it_at_once_one_gets_in(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    delete, all_have_read = QuerySet.delete, threading.Barrier(8, timeout=10)

    def delete_together(rows: Any) -> Any:
        if rows.model is WsTicket:
            all_have_read.wait()
        return delete(rows)

    credential = Credential("token", str(ApiToken.issue(owner)[0].pk))
    text, _ = tickets.issue(owner, credential)
    monkeypatch.setattr(QuerySet, "delete", delete_together)
    found = at_once(*[lambda: tickets.redeem(text)] * 8)
    assert [each for each in found if each] == [credential]
    assert len(found) == 8


class TestEnding:
    """What is behind the ticket is asked again each minute, in these tests at once."""

    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(realtime, "RECHECK_SECONDS", 0.1)

    async def closes(self, path: str, maker: Callable[[User], Api], owner: User, change: Callable[[], Any]) -> int:
        """The code with which a socket that was opened by a ticket is closed after a change."""
        text = await ask(lambda: ticket_of(maker(owner)))
        async with connected(f"{path}?ticket={text}") as communicator:
            await next_message(communicator)
            await ask(change)
            event = await communicator.receive_output(10)
            assert event["type"] == "websocket.close", event
            return int(event["code"])

    @pytest.mark.parametrize(("kind", "what"), [
        ("token", "revoked"), ("token", "expired"), ("session", "sign-out"), ("jwt", "password"),
        ("session", "password"), *((kind, "deactivated") for kind in MAKERS),
    ])  # fmt: skip
    async def test_what_ends_the_sign_in_ends_it(self, path: str, owner: User, kind: str, what: str) -> None:
        api = await ask(MAKERS[kind], owner)

        def change_password() -> None:
            owner.set_password("another good password")
            owner.save()

        change: Callable[[], Any] = {
            "revoked": lambda: ApiToken.objects.update(revoked_at=Now()),
            "expired": lambda: ApiToken.objects.update(expires_at=Now()),
            "sign-out": api.client.logout,
            "password": change_password,
            "deactivated": lambda: User.objects.update(is_active=False),
        }[what]
        assert await self.closes(path, lambda user: api, owner, change) == 4401

    async def test_the_end_of_the_jwt_ends_it(self, path: str, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(jwt._Access, "lifetime", timedelta(seconds=3))
        assert await self.closes(path, MAKERS["jwt"], owner, lambda: None) == 4401

    async def test_one_that_still_holds_goes_on(self, path: str, api: Api, session: ComparisonSession) -> None:
        text = await ask(lambda: ticket_of(api))
        async with connected(f"{path}?ticket={text}") as communicator:
            await next_message(communicator)
            before = await ask(lambda: ApiToken.objects.filter(user=session.owner).update(last_used_at=None))
            assert before == 1
            # A check notes that the token was used: then the socket has been looked at again.
            await ask(lambda: wait_until(ApiToken.objects.filter(last_used_at__isnull=False).exists))
            await ask(lambda: api.patch(f"/api/sessions/multi-vod/{session.session_id}", {"name": "Still here"}))
            assert (await next_message(communicator))["session"]["name"] == "Still here"

    async def test_who_is_no_admin_any_more_hears_of_nobody_elses_jobs(self, admin_person: User) -> None:
        def demote() -> None:
            admin_person.role = "user"
            admin_person.save()

        async with connected("/ws/jobs/", key=await ask(make_key, admin_person)) as communicator:
            assert (await next_message(communicator))["type"] == "jobs"
            await ask(demote)
            # Two more lists: the second was taken by a check that began after the change.
            for _ in range(2):
                assert (await next_message(communicator))["type"] == "jobs"
            for group, job in ((ALL_JOBS_GROUP, "another's"), (owners_group_name(admin_person.pk), "own")):
                await ask(publish, [group], {"type": "job", "revision": 1, "job": job})
            async with asyncio.timeout(10):
                heard = await next_message(communicator)
                while heard["type"] == "jobs":
                    heard = await next_message(communicator)
            assert heard["job"] == "own"


class TestHosts:
    """A Host that is none of ours signs in nobody, whatever it carries: such a page reads nothing here."""

    @pytest.fixture(autouse=True)
    def one_host(self, settings: Any) -> None:
        settings.ALLOWED_HOSTS = ["vod.example", "[::1]"]

    async def of_a_page(self, owner: User, host: str) -> dict[str, str]:
        """The headers with which a page of this host opens a socket in the owner's browser."""
        client = Client()
        await ask(lambda: client.force_login(owner))
        cookie = f"sessionid={client.cookies['sessionid'].value}"
        return {"cookie": cookie, "origin": f"http://{host}", "host": host}

    @pytest.mark.parametrize("host", ["evil.example", "vod.example.evil.example", "", "vod.example:80:80", "127.0.0.1"])
    async def test_another_is_closed_with_4401(self, path: str, owner: User, host: str) -> None:
        assert await first_close(socket(path, headers=await self.of_a_page(owner, host))) == 4401
        assert await first_close(socket(path, key=await ask(make_key, owner), headers={"host": host})) == 4401

    @pytest.mark.parametrize("host", ["vod.example", "VOD.example:8000", "[::1]:8000"])
    async def test_ours_lets_in(self, path: str, owner: User, host: str) -> None:
        async with connected(path, headers=await self.of_a_page(owner, host)) as communicator:
            assert (await next_message(communicator))["type"] == "session"


async def test_a_header_counts_before_the_ticket(path: str, api: Api) -> None:
    text = await ask(lambda: ticket_of(api))
    assert await first_close(socket(f"{path}?ticket={text}", headers={"authorization": "Token wrong"})) == 4401
    assert await ask(WsTicket.objects.count) == 1
