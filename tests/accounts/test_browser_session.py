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


def test_the_cookie_lets_read(browser: Api, session: ComparisonSession) -> None:
    assert browser.get("/api/v1/me").json()["username"] == "owner"
    assert browser.get(f"{BASE}/{session.session_id}").status_code == 200


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_write_without_the_csrf_token_is_refused(browser: Api, session: ComparisonSession, method: str) -> None:
    refused(browser.send(method, f"{BASE}/{session.session_id}", {"name": "Forged"}), 403, "csrf_failed")
    session.refresh_from_db()
    assert session.revision == 1


def test_creating_without_the_csrf_token_is_refused(browser: Api) -> None:
    refused(browser.post(BASE, {"vods": []}), 403, "csrf_failed")


def test_a_wrong_csrf_token_is_refused(browser: Api, session: ComparisonSession) -> None:
    csrf_token(browser)
    response = browser.patch(f"{BASE}/{session.session_id}", {"name": "x"}, headers={"X-CSRFToken": "a" * 32})
    refused(response, 403, "csrf_failed")


def test_a_write_with_the_csrf_token_is_done(browser: Api, session: ComparisonSession) -> None:
    headers = {"X-CSRFToken": csrf_token(browser)}
    response = browser.patch(f"{BASE}/{session.session_id}", {"name": "New"}, headers=headers)
    assert response.json()["session"]["name"] == "New"


def test_a_token_needs_no_csrf_token(api: Api, session: ComparisonSession) -> None:
    assert api.patch(f"{BASE}/{session.session_id}", {"name": "New"}).status_code == 200


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


def test_a_changed_password_ends_the_session(browser: Api, owner: User) -> None:
    owner.set_password("another good password")
    owner.save()
    refused(browser.get("/api/v1/me"), 401, "unauthenticated")


def test_an_inactive_user_is_signed_out(browser: Api) -> None:
    User.objects.update(is_active=False)
    refused(browser.get("/api/v1/me"), 401, "unauthenticated")


def test_a_browser_may_send_a_key_along(browser: Api, owner: User, library: Library) -> None:
    headers = {"X-CSRFToken": csrf_token(browser), "Idempotency-Key": "from-a-page"}
    vods = [{"vod_id": name, "path": str(library.crew / f"{name}.mp4")} for name in ("plain", "other")]
    first, second = (browser.post(BASE, {"vods": vods}, headers=headers) for _ in range(2))
    assert (first.status_code, second.json()) == (201, first.json())
    refused(browser.post(BASE, {"vods": vods[:1]}, headers=headers), 409, "idempotency_mismatch")
