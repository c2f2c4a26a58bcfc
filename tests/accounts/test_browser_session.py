"""Signing in with a browser: session cookie, and the CSRF token on every write."""

from __future__ import annotations

import pytest

from sessions_app.comparison.models import ComparisonSession
from tests.conftest import Library
from tests.support.api import BASE, Api, refused
from tests.support.factories import PASSWORD, make_session
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(owner: User) -> Api:
    """Signed in by cookie, with no CSRF token yet."""
    api = Api()
    assert api.client.login(username=owner.username, password=PASSWORD)
    return api


@pytest.fixture
def session(owner: User) -> ComparisonSession:
    return make_session(owner)


def csrf_token(api: Api) -> str:
    api.client.get("/compare")
    return api.client.cookies["csrftoken"].value


def test_the_cookie_reads_and_writes_with_the_csrf_token_alone(
    browser: Api, session: ComparisonSession, api: Api
) -> None:
    assert browser.get("/api/v1/me").json()["username"] == "owner"
    path = f"{BASE}/{session.session_id}"
    refused(browser.patch(path, {"name": "Forged"}), 403, "csrf_failed")
    refused(browser.delete(path), 403, "csrf_failed")
    refused(browser.post(BASE, {"vods": []}), 403, "csrf_failed")
    token = csrf_token(browser)
    refused(browser.patch(path, {"name": "x"}, headers={"X-CSRFToken": "a" * 32}), 403, "csrf_failed")
    session.refresh_from_db()
    assert session.revision == 1
    response = browser.patch(path, {"name": "New"}, headers={"X-CSRFToken": token})
    assert response.json()["session"]["name"] == "New"
    assert api.patch(path, {"name": "A token needs none"}).status_code == 200


def test_the_sign_in_page_signs_in(owner: User) -> None:
    api = Api()
    assert api.client.get("/login").status_code == 200
    form = {"username": "owner", "password": PASSWORD, "csrfmiddlewaretoken": api.client.cookies["csrftoken"].value}
    response = api.client.post("/login", form)
    assert (response.status_code, response["Location"]) == (302, "/")
    assert api.get("/api/v1/me").json()["username"] == "owner"
    cookie = api.client.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


@pytest.mark.parametrize("change", ["password", "inactive"])
def test_a_changed_password_or_a_closed_account_ends_the_session(browser: Api, owner: User, change: str) -> None:
    if change == "password":
        owner.set_password("another good password")
    owner.is_active = change == "password"
    owner.save()
    refused(browser.get("/api/v1/me"), 401, "unauthenticated")


def test_a_browser_may_send_a_key_along(browser: Api, library: Library) -> None:
    headers = {"X-CSRFToken": csrf_token(browser), "Idempotency-Key": "from-a-page"}
    vods = [{"vod_id": name, "path": str(library.crew / f"{name}.mp4")} for name in ("plain", "other")]
    first, second = (browser.post(BASE, {"vods": vods}, headers=headers) for _ in range(2))
    assert (first.status_code, second.json()) == (201, first.json())
    refused(browser.post(BASE, {"vods": vods[:1]}, headers=headers), 409, "idempotency_mismatch")
