"""The pages shown when something is not right: the same few words everywhere, with the next step."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string
from django.test import Client

from tests.support.factories import PASSWORD
from tests.support.pages import html_of
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db
PERSON = {"Accept": "text/html"}


@pytest.fixture
def throttled(settings: object) -> None:
    settings.THROTTLES_ON = True  # type: ignore[attr-defined]
    settings.THROTTLES = {**settings.THROTTLES, "sign_in_name": 1, "sign_in_address": 100}  # type: ignore[attr-defined]


def test_too_many_attempts_to_sign_in_are_told_how_long_to_wait(client: Client, owner: User, throttled: None) -> None:
    form = {"username": "owner-of-throttles", "password": "wrong"}
    assert client.post("/login", form).status_code == 200
    response = client.post("/login", form | {"password": PASSWORD})
    assert response.status_code == 429
    page = html_of(response)
    assert "Too many requests." in page
    assert f'Try again in <span class="mono nowrap">{response["Retry-After"]} s</span>' in page
    assert 'value="owner-of-throttles"' in page


def test_too_many_attempts_to_sign_up_too(client: Client, throttled: None) -> None:
    form = {"username": "newcomer-of-throttles", "password1": "x", "password2": "y"}
    assert client.post("/signup", form).status_code == 200
    response = client.post("/signup", form)
    assert response.status_code == 429
    page = html_of(response)
    assert "Too many requests." in page
    assert f'Try again in <span class="mono nowrap">{response["Retry-After"]} s</span>' in page


def test_what_is_not_there_or_not_ones_own_has_the_same_words(client: Client, owner: User) -> None:
    client.force_login(owner)
    response = client.get("/nowhere", headers=PERSON)
    assert response.status_code == 404
    assert "Page not found" in html_of(response)
    assert "/compare" in html_of(response)


def test_a_form_without_its_token_says_what_to_do(owner: User) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/login", {"username": "owner", "password": PASSWORD}, headers=PERSON)
    assert response.status_code == 403
    assert "reload the page and try again" in html_of(response).lower()


@pytest.mark.parametrize("template", ["403.html", "404.html", "429.html", "500.html"])
def test_each_can_be_shown_with_nothing_known_at_all(template: str) -> None:
    page = render_to_string(template)
    assert page.count("<h1>") == 1
    assert 'class="btn' in page


def test_without_sign_up_there_is_neither_page_nor_link(client: Client, settings: object) -> None:
    settings.SIGNUP = False  # type: ignore[attr-defined]
    assert client.get("/signup", headers=PERSON).status_code == 404
