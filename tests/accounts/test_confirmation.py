"""Where VOD_SIGNUP_CONFIRM says so, an account is made by the link that is sent to its e-mail address."""

import re
import smtplib
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.core import mail
from django.db.models.functions import Now
from django.test import Client

from tests.support.together import at_once
from vodplatform.accounts import confirmation, services
from vodplatform.accounts.models import PendingSignUp, User
from vodplatform.core.models import AuditEntry
from vodplatform.core.web import throttles
from vodplatform.settings.environment import Environment, SettingsError

pytestmark = pytest.mark.django_db
PASSWORD = "a good long password"
FORM = {"username": "ada", "email": "ada@Example.org", "password1": PASSWORD, "password2": PASSWORD}
SIGNED_IN = "/account"
GIVEN = {"password": PASSWORD}


@pytest.fixture(autouse=True)
def _confirmed(settings: Any) -> None:
    settings.SIGNUP_CONFIRM, settings.PUBLIC_URL = True, "http://testserver"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def sign_up(**fields: str) -> Any:
    return Client().post("/signup", {**FORM, **fields})


def link(number: int = -1) -> str:
    """The path that an e-mail names."""
    found = re.search(r"http://testserver(/signup/confirm/\S+)", mail.outbox[number].body)
    assert found, mail.outbox[number].body
    return found[1]


def can_sign_in(username: str = "ada") -> bool:
    return Client().login(username=username, password=PASSWORD)


def test_the_link_makes_the_account_once() -> None:
    answer = sign_up(full_name="Ada L.")
    assert (answer.status_code, answer["Location"]) == (302, "/signup/sent")
    assert b"Check your e-mail" in Client().get("/signup/sent").content
    assert not User.objects.exists()
    assert not can_sign_in()
    assert mail.outbox[0].to == ["ada@example.org"]
    # Whoever only looks at it, as a mail server's scanner does, makes nothing.
    browser = Client()
    assert b"Create account" in browser.get(link()).content
    assert not User.objects.exists()
    page = browser.post(link(), GIVEN)
    assert "Sign in as" in page.content.decode()
    user = User.objects.get()
    assert (user.username, user.full_name, user.email, user.role) == ("ada", "Ada L.", "ada@example.org", "user")
    assert can_sign_in()
    # The link lies in a mailbox: it signs nobody in.
    assert browser.get(SIGNED_IN).status_code == 302
    for again in (browser.get(link()), browser.post(link(), GIVEN)):
        assert again.status_code == 404
        assert b"This link is not valid" in again.content
    assert [entry.action for entry in AuditEntry.objects.all()] == ["sign_up"]


@pytest.mark.parametrize("fields", [{"email": ""}, {"email": "ada"}, {"email": "a@b\nBcc: c@d.org"}], ids=str)
def test_an_address_is_needed(fields: dict[str, str]) -> None:
    answer = sign_up(**fields)
    assert answer.status_code == 200
    assert answer.context["form"].errors["email"]
    assert mail.outbox == []


@pytest.mark.parametrize("is_active", [True, False])
def test_who_has_an_account_is_told_by_the_e_mail_and_nobody_else_is(is_active: bool) -> None:
    User.objects.create_user("owner", "ADA@example.org", PASSWORD, is_active=is_active)
    answer = sign_up()
    assert (answer.status_code, answer["Location"]) == (302, "/signup/sent")
    assert not is_active or "its user name is owner" in mail.outbox[0].body
    assert not PendingSignUp.objects.exists()


def test_neither_the_row_nor_the_e_mail_says_what_it_should_not(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    stranger = {**FORM, "username": "free-money.example.com", "full_name": "Win at http://example.com"}
    Client(headers={"host": "evil.example:8080"}).post("/signup", stranger)
    row = PendingSignUp.objects.get()
    assert PASSWORD not in str(vars(row))
    assert link().rpartition("/")[2] not in str(vars(row))  # the link leads to this program, not to that host
    assert "example.com" not in mail.outbox[0].body + mail.outbox[0].subject


def test_an_address_or_a_name_that_was_taken_meanwhile_makes_no_account() -> None:
    sign_up()
    sign_up(username="eve", email="eve@example.org")
    User.objects.create_user("owner", "ADA@example.org", PASSWORD)
    User.objects.create_user("EVE", password=PASSWORD)
    sign_up(username="a1ice", email="alice@example.org")
    User.objects.create_user("alice", password=PASSWORD)
    assert Client().post(link(0), GIVEN).status_code == 404
    for number in (1, 2):
        page = Client().post(link(number), GIVEN)
        assert page.status_code == 409
        assert b"This user name is taken" in page.content
    assert not PendingSignUp.objects.filter(username__in=["eve", "a1ice"]).exists()
    assert User.objects.count() == 3


def test_one_address_makes_one_account() -> None:
    for name in ("ada", "ben"):
        sign_up(username=name)
    assert Client().post(link(0), GIVEN).status_code == 200
    assert not PendingSignUp.objects.exists()
    assert Client().post(link(1), GIVEN).status_code == 404
    assert User.objects.get().username == "ada"


@pytest.mark.both
@pytest.mark.django_db(transaction=True)
def test_of_two_links_opened_at_once_one_makes_an_account() -> None:
    for name in ("ada", "ben"):
        sign_up(username=name)
    tokens = [link(number).rpartition("/")[2] for number in range(2)]
    made = at_once(*(lambda token=token: confirmation.confirm_sign_up(token) for token in tokens))  # type: ignore[misc]
    assert sum(user is not None for user in made) == User.objects.count() == 1


def test_it_is_good_for_a_day_and_then_goes() -> None:
    sign_up()
    PendingSignUp.objects.update(expires_at=Now() + timedelta(seconds=30))
    assert services.purge() == 0
    PendingSignUp.objects.update(expires_at=Now() - timedelta(seconds=1))
    assert Client().post(link(), GIVEN).status_code == 404
    assert not User.objects.exists()
    assert services.purge() == 1


@pytest.mark.parametrize("fault", [smtplib.SMTPServerDisconnected(), OSError(), TimeoutError()], ids=repr)
def test_a_mail_server_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    monkeypatch.setattr(confirmation, "send_mail", Mock(side_effect=fault))
    answer = sign_up()
    assert answer.status_code == 503
    assert "could not be sent" in answer.content.decode()
    assert not PendingSignUp.objects.exists()


@pytest.mark.usefixtures("throttled")
def test_nobody_is_sent_more_than_a_few(settings: Any) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "sign_up": 100, "sign_in_address": 100}
    answers = [sign_up(username=f"ada{number}", email=text) for number, text in enumerate(
        ["ada@example.org", "ADA@example.org", "ada@EXAMPLE.org", "ada@example.org"]
    )]  # fmt: skip
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [(302, "/signup/sent")] * 4
    assert len(mail.outbox) == 3


def test_who_has_the_mailbox_and_did_not_sign_up_confirms_nothing() -> None:
    sign_up()
    browser = Client()
    for given in ({}, {"password": ""}, {"password": "another password"}):
        page = browser.post(link(), given)
        assert page.status_code == 200
        assert b"Create account" in page.content
    assert b"Enter the password that you chose when you signed up" in page.content
    assert not User.objects.exists()
    assert browser.post(link(), GIVEN).status_code == 200
    assert User.objects.get().username == "ada"


@pytest.mark.usefixtures("throttled")
def test_the_password_is_not_found_out_by_trying() -> None:
    sign_up()
    throttles.reset_counters()  # the sign-up counts too
    answers = [Client().post(link(), {"password": f"guess {number}"}) for number in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert answers[-1]["Retry-After"]


def test_what_is_known_of_an_account_goes_to_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    # A database may find letters alike that are not: a dotless i and an i.
    User.objects.create_user("owner", "mike@example.org", PASSWORD)
    found = User.objects.filter(username="owner")
    monkeypatch.setattr(User.objects, "filter", lambda **_: found)
    confirmation.send_confirmation(User(username="ada", email="mıke@example.org"), lambda token: token)
    assert [message.to for message in mail.outbox] == [["mike@example.org"]]


def test_without_it_there_are_no_such_pages(settings: Any) -> None:
    settings.SIGNUP_CONFIRM = False
    for path in ("/signup/sent", "/signup/confirm/x"):
        assert Client().get(path).status_code == 404
    assert b"email" not in Client().get("/signup").content
    assert sign_up().status_code == 302
    assert User.objects.get().email == ""


class TestSettings:
    def test_the_address_of_the_server_is_read(self) -> None:
        given = {"VOD_EMAIL_URL": "submission://ada%40x:p%3Aw@mail.example.org", "VOD_EMAIL_FROM": "a@b.org"}
        assert Environment(given).email() == {
            "scheme": "submission", "host": "mail.example.org", "port": 587, "user": "ada@x", "password": "p:w",
            "sender": "a@b.org", "confirm": False,
        }  # fmt: skip
        assert Environment({"VOD_EMAIL_URL": "smtp://[::1]:1025"}).email()["port"] == 1025

    @pytest.mark.parametrize(("values", "name"), [
        ({"VOD_EMAIL_URL": "mail.example.org"}, "VOD_EMAIL_URL"),
        ({"VOD_EMAIL_URL": "http://mail.example.org"}, "VOD_EMAIL_URL"),
        ({"VOD_EMAIL_URL": "smtp://u:secret@host:port"}, "VOD_EMAIL_URL"),
        ({"VOD_EMAIL_FROM": "nobody"}, "VOD_EMAIL_FROM"),
        ({"VOD_SIGNUP_CONFIRM": "1", "VOD_EMAIL_FROM": "a@b.org"}, "VOD_SIGNUP_CONFIRM"),
        ({"VOD_SIGNUP_CONFIRM": "1", "VOD_EMAIL_URL": "smtp://localhost"}, "VOD_SIGNUP_CONFIRM"),
        (
            {"VOD_SIGNUP_CONFIRM": "1", "VOD_EMAIL_URL": "smtp://localhost", "VOD_EMAIL_FROM": "a@b.org"},
            "VOD_PUBLIC_URL",
        ),
    ], ids=str)  # fmt: skip
    def test_what_cannot_be_used_is_said_at_the_start(self, values: dict[str, str], name: str) -> None:
        with pytest.raises(SettingsError, match=name) as caught:
            Environment(values).email()
        assert "secret" not in str(caught.value)
