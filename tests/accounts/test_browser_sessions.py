"""Where one is signed in: the list on the account's page, ending one or all others, and sessions of older versions."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from tests.support.factories import PASSWORD, make_user
from vodplatform.accounts.browser_sessions import name_of
from vodplatform.accounts.models import BrowserSession, User
from vodplatform.core.models import AuditEntry

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 "
    "Edg/140.0.0.0"
)
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 "
    "Mobile/15E148 Safari/604.1"
)


def signed_in(user: User, agent: str = FIREFOX, **extra: str) -> Client:
    client = Client(headers={"user-agent": agent}, **extra)
    page = client.post("/login", {"username": user.username, "password": PASSWORD})
    assert page.status_code == 302
    return client


def browsers(client: Client) -> str:
    page = str(client.get("/account").content.decode())
    return page.split('<ul class="browsers">')[1].split("</ul>", maxsplit=1)[0]


def is_in(client: Client) -> bool:
    return bool(client.get("/api/v1/me", headers={"accept": "application/json"}).status_code == 200)


@pytest.fixture
def two(owner: User) -> tuple[Client, Client]:
    return signed_in(owner), signed_in(owner, SAFARI, REMOTE_ADDR="192.0.2.7")


def test_an_old_page_cannot_write_in_the_name_of_another_account(owner: User, other: User) -> None:
    client = signed_in(owner)
    for user, status in ((owner, 200), (other, 403)):
        answer = client.patch(
            "/api/v1/me", {"full_name": "Anna"}, content_type="application/json", headers={"X-User-Id": str(user.pk)}
        )
        assert answer.status_code == status
    assert answer.json()["type"] == "account_changed"


def test_the_list_has_each_browser_and_the_own_one_first(two: tuple[Client, Client], other: User) -> None:
    signed_in(other, EDGE)
    shown = browsers(two[0])
    assert re.findall(r"<b class=\"strong\">([^<]+)</b>", shown) == ["Firefox on Linux", "Safari on an iPhone"]
    assert shown.index("this browser") < shown.index("Safari")
    assert "192.0.2.7" in shown
    for client in two:
        assert client.session.session_key not in shown


def test_one_is_ended_and_then_all_others_at_once(two: tuple[Client, Client], owner: User, other: User) -> None:
    here, there = two
    third, foreign = signed_in(owner), signed_in(other)
    browser = re.findall(r'name="browser" value="(\w+)"', browsers(here).split("Safari")[1])[0]
    here.post("/account/sessions", {"browser": browser})
    assert [is_in(client) for client in (here, there, third, foreign)] == [True, False, True, True]
    assert AuditEntry.objects.filter(action="sessions.ended").count() == 1
    page = here.post("/account/sessions", {"browser": browser}, follow=True)
    assert "That browser was already signed out." in page.content.decode()
    here.post("/account/sessions")
    assert [is_in(client) for client in (here, third, foreign)] == [True, False, True]
    # An expired session is not listed. A browser that is signed out is sent to the sign-in, and from there back.
    late = signed_in(owner, SAFARI)
    assert "Safari" in browsers(here)
    BrowserSession.objects.filter(pk=late.session.session_key).update(expire_date=timezone.now() - timedelta(days=1))
    assert "Safari" not in browsers(here)
    assert third.post("/account/sessions")["Location"] == "/login?next=/account"
    owner.delete()
    assert BrowserSession.objects.count() == 1


def test_nobody_ends_what_is_not_theirs(two: tuple[Client, Client], other: User) -> None:
    (browser,) = re.findall(r'name="browser" value="(\w+)"', browsers(two[0]))
    signed_in(other).post("/account/sessions", {"browser": browser})
    assert is_in(two[1])


def test_it_is_a_form_of_the_own_page(two: tuple[Client, Client], client: Client) -> None:
    assert two[0].get("/account/sessions").status_code == 405
    assert client.post("/account/sessions")["Location"].startswith("/login")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = two[0].cookies
    assert strict.post("/account/sessions").status_code == 403
    assert is_in(two[1])


@pytest.mark.parametrize(
    ("agent", "name"),
    [(FIREFOX, "Firefox on Linux"), (EDGE, "Edge on Windows"), (SAFARI, "Safari on an iPhone"),
     ("", "An unknown browser"), ("curl/8.0", "An unknown browser"), ("Thing (Android 15)", "A browser on Android")],
)  # fmt: skip
def test_a_browser_has_the_name_that_people_know(agent: str, name: str) -> None:
    assert name_of(agent) == name


def test_after_a_new_secret_key_former_sessions_are_listed_and_ended(two: tuple[Client, Client], settings: Any) -> None:
    here, there = two
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key than before, and long enough"
    assert is_in(here)
    assert "Safari on an iPhone" in browsers(here)
    here.post("/account/sessions")
    assert (is_in(here), is_in(there)) == (True, False)


def test_the_administration_shows_no_key(two: tuple[Client, Client], owner: User) -> None:
    admin = signed_in(make_user("root", role="admin"))
    page = admin.get(f"/admin/accounts/user/{owner.pk}/delete/").content.decode()
    assert f"a browser of {owner.pk}" in page
    for client in two:
        assert client.session.session_key not in page


def of_the_last_release(client: Client) -> Session:
    """The client's session as such a host has made it."""
    row = BrowserSession.objects.get(pk=client.session.session_key)
    former = Session(session_key=row.session_key, session_data=row.session_data, expire_date=row.expire_date)
    former.save(force_insert=True)
    row.delete()
    return former


def test_who_signed_in_there_is_signed_in_here(owner: User) -> None:
    client = signed_in(owner)
    former = of_the_last_release(client)
    assert is_in(client)
    assert BrowserSession.objects.get().user_id == owner.pk
    assert Session.objects.filter(pk=former.pk).exists()  # that host goes on with it


@pytest.mark.parametrize("end", ["/logout", "/account/sessions"])
def test_what_ends_here_is_not_taken_over_again(owner: User, end: str) -> None:
    client, other = signed_in(owner), signed_in(owner)
    former = of_the_last_release(client)
    assert is_in(client)
    (client if end == "/logout" else other).post(end)
    assert not Session.objects.filter(pk=former.pk).exists()
    thief = Client()
    thief.cookies["sessionid"] = former.pk
    assert not is_in(thief)


def test_former_sessions_go_with_their_time(owner: User) -> None:
    client = signed_in(owner)
    former = of_the_last_release(client)
    Session.objects.update(expire_date=timezone.now() - timedelta(hours=1))
    assert not is_in(client)
    call_command("clearsessions")
    assert not Session.objects.filter(pk=former.pk).exists()
