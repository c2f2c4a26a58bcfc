"""The pages shown when something is not right: the same few words everywhere, with the next step."""

from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client

from tests.support.factories import PASSWORD
from tests.support.pages import html_of
from vodplatform.accounts.models import User
from vodplatform.core.web import throttles

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("path", "passwords"), [("/login", ["password"]), ("/signup", ["password1", "password2"])])
def test_too_many_attempts_get_a_time_to_wait(client: Client, settings: Any, path: str, passwords: list[str]) -> None:
    throttles.reset_counters()
    settings.THROTTLES_ON = True
    settings.THROTTLES = {**settings.THROTTLES, "sign_in_name": 1, "sign_in_address": 100}
    form = {"username": "owner-of-throttles", **dict.fromkeys(passwords, "wrong")}
    assert client.post(path, form).status_code == 200
    response = client.post(path, form | dict.fromkeys(passwords, PASSWORD))
    assert response.status_code == 429
    page = html_of(response)
    assert "too many attempts." in page.lower()
    assert f'Try again in <span class="mono nowrap">{response["Retry-After"]} s</span>' in page
    assert 'value="owner-of-throttles"' in page


def test_a_form_without_its_token_says_what_to_do(owner: User) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/login", {"username": "owner", "password": PASSWORD}, headers={"Accept": "text/html"})
    assert response.status_code == 403
    assert "reload the page" in html_of(response).lower()


@pytest.mark.parametrize("template", ["403.html", "404.html", "429.html", "500.html"])
def test_each_can_be_shown_with_nothing_known_at_all(template: str) -> None:
    page = render_to_string(template)
    assert page.count("<h1>") == 1
    assert 'class="btn' in page
