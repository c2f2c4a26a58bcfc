"""A new password by a link that is sent to the account's e-mail address."""

import re
import smtplib
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.contrib.auth import tokens
from django.core import mail
from django.test import Client
from django.utils import timezone

from tests.contract.places import page_of
from tests.support.factories import make_key, make_user
from tests.support.waiting import wait_until
from vodplatform.accounts import lost_password
from vodplatform.accounts.models import ApiToken, User
from vodplatform.core.models import AuditEntry
from vodplatform.core.web.throttles import count_email

pytestmark = pytest.mark.django_db
NEW = "another good pass phrase"
ASK = "/login/lost"


@pytest.fixture(autouse=True)
def _mail(settings: Any) -> None:
    settings.MAIL, settings.PUBLIC_URL = True, "http://testserver"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def ada() -> User:
    return make_user("ada", email="ada@example.org")


def ask(email: str = "ada@example.org") -> Any:
    return Client().post(ASK, {"email": email})


def link() -> str:
    """The path that the last e-mail names, once it is there."""
    wait_until(lambda: mail.outbox)
    found = re.search(r"http://testserver(/login/new-password/\S+)", mail.outbox[-1].body)
    assert found, mail.outbox[-1].body
    return found[1]


def choose(browser: Client, path: str, password: str = NEW, **fields: str) -> Any:
    """Open the link and fill in what it asks for."""
    page = browser.get(path, follow=True)
    return browser.post(page.redirect_chain[-1][0], {"new_password1": password, "new_password2": password, **fields})


def test_the_link_gives_a_new_password_once_and_ends_what_was_signed_in(ada: User) -> None:
    signed_in = Client()
    signed_in.force_login(ada)
    token = make_key(ada)
    assert b"we have sent" in ask("ADA@example.org").content
    path = link()
    assert mail.outbox[0].to == ["ada@example.org"]
    answer = choose(Client(), path, revoke_tokens="on")
    assert (answer.status_code, answer["Location"]) == (302, "/login")
    assert Client().login(username="ada", password=NEW)
    assert signed_in.get("/account").status_code == 302
    assert ApiToken.objects.get(digest=ApiToken.digest_of(token)).revoked_at is not None
    assert b"This link no longer works" in Client().get(path, follow=True).content
    actions = set(AuditEntry.objects.filter(target_id=str(ada.pk)).values_list("action", flat=True))
    assert {"password.link_sent", "password.reset"} <= actions


def test_a_bad_new_password_is_refused_and_tokens_go_on_where_that_is_wanted(ada: User) -> None:
    token = make_key(ada)
    ask()
    browser, path = Client(), link()
    assert "too common" in choose(browser, path, "12345678").content.decode()
    assert not Client().login(username="ada", password="12345678")
    assert choose(browser, path)["Location"] == "/login"
    assert ApiToken.objects.get(digest=ApiToken.digest_of(token)).revoked_at is None


def test_whether_there_is_an_account_is_not_told(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[object] = []
    monkeypatch.setattr(lost_password, "_send", lambda *what: sent.append(what))
    make_user("ivan", email="ivan@example.org", is_active=False)
    pages = [page_of(ask(f"{name}@example.org")) for name in ("ada", "eve", "ivan")]
    assert pages[0] == pages[1] == pages[2]
    wait_until(lambda: sent)
    assert len(sent) == 1
    assert AuditEntry.objects.filter(action="password.link_sent").count() == 1


def test_a_link_is_good_for_a_day_and_for_its_account_alone(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    ask()
    path = link()
    eve = make_user("eve", email="eve@example.org")
    other = path.replace(path.split("/")[3], lost_password.urlsafe_base64_encode(str(eve.pk).encode()))
    assert b"This link no longer works" in Client().get(other, follow=True).content
    later = timezone.now().replace(tzinfo=None) + timedelta(hours=25)
    monkeypatch.setattr(tokens.PasswordResetTokenGenerator, "_now", lambda self: later)
    assert b"This link no longer works" in Client().get(path, follow=True).content


@pytest.mark.usefixtures("throttled")
def test_sign_ups_with_the_address_block_no_reset(ada: User) -> None:
    for _ in range(4):
        count_email("sign_up_email", ada.email)
    ask()
    assert link()


@pytest.mark.usefixtures("throttled")
def test_one_address_gets_three_a_day_and_a_network_asks_ten_times_an_hour(ada: User) -> None:
    answers = [ask() for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert int(answers[-1]["Retry-After"]) > 0
    wait_until(lambda: len(mail.outbox) == 3)
    assert AuditEntry.objects.filter(action="password.link_sent").count() == 3


def test_a_mail_outage_is_logged(ada: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    away = Mock(side_effect=smtplib.SMTPServerDisconnected)
    monkeypatch.setattr("vodplatform.accounts.confirmation.send_mail", away)
    assert ask().status_code == 200
    wait_until(lambda: "could not be sent" in caplog.text)


def test_the_sign_in_page_leads_there_unless_no_mail_is_set(settings: Any) -> None:
    assert b'href="/login/lost"' in Client().get("/login").content
    assert b"Send link" in Client().get(ASK).content
    settings.MAIL = False
    assert Client().get(ASK).status_code == 404
    assert b"Forgot your password?" not in Client().get("/login").content
