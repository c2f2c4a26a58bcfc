"""Signing in and up, the password and the account's page: what they let in, where they lead, what they leave behind."""

import re
import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.support.api import Api, refused
from tests.support.factories import PASSWORD, make_key, make_video
from tests.support.pages import html_of
from vodplatform.accounts import jwt, services
from vodplatform.accounts.models import ApiToken, User
from vodplatform.core.models import AuditEntry
from vodplatform.core.web import throttles

pytestmark = pytest.mark.django_db
HTML = {"Accept": "text/html"}
NEW = {"username": "ada", "password1": PASSWORD, "password2": PASSWORD}
ELSEWHERE = [
    "https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "http:///evil.example",
]  # fmt: skip


@pytest.fixture
def browser() -> Client:
    return Client(headers=HTML)


@pytest.fixture
def few_attempts(throttled: None, settings: Any) -> None:
    settings.THROTTLES = {**settings.THROTTLES, "sign_in_name": 2, "sign_in_address": 4}


def actions() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("id").values_list("action", "actor_name"))


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


class TestSigningIn:
    def test_it_leads_on_never_elsewhere_and_is_kept(self, browser: Client, owner: User) -> None:
        for client, address in ((browser, ""), *((Client(headers=HTML), address) for address in ELSEWHERE)):
            response = client.post("/login", {"username": "owner", "password": PASSWORD, "next": address})
            assert (response.status_code, response["Location"]) == (302, "/")
        assert actions() == [("sign_in", "owner")] * (1 + len(ELSEWHERE))
        cookie = browser.cookies["sessionid"]
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
        assert AuditEntry.objects.order_by("id").first().data == {"by": "session"}  # type: ignore[union-attr]
        assert browser.post("/logout").status_code == 302
        assert actions()[-1] == ("sign_out", "owner")
        assert not is_signed_in(browser)

    @pytest.mark.parametrize(("name", "password"), [("owner", "not mine"), ("OWNER", PASSWORD)])
    def test_a_failed_sign_in_keeps_no_password(self, browser: Client, owner: User, name: str, password: str) -> None:
        assert browser.post("/login", {"username": name, "password": password}).status_code == 200
        assert actions() == [("sign_in.failed", "")]
        assert password not in str(AuditEntry.objects.values().get())
        assert not is_signed_in(browser)

    def test_token_jwt_page_and_admin_count_together(self, browser: Client, owner: User, few_attempts: None) -> None:
        wrong = {"username": "owner", "password": "wrong"}
        assert Api().post("/api/auth/token", wrong).status_code == 401
        assert Api().post("/api/auth/jwt", wrong).status_code == 401
        for path in ("/api/auth/token", "/api/auth/jwt"):
            assert refused(Api().post(path, {**wrong, "password": PASSWORD}), 429, "throttled")["retry_after"] >= 1
        for path in ("/login", "/admin/login/"):
            response = browser.post(path, {"username": "owner", "password": PASSWORD})
            assert (response.status_code, response.has_header("Retry-After")) == (429, True)


class TestAdminDoor:
    def test_it_signs_staff_in_and_its_other_doors_are_the_sites(self, browser: Client, moderator: User) -> None:
        response = browser.post("/admin/login/?next=/admin/", {"username": "moderator", "password": PASSWORD})
        assert (response.status_code, response["Location"]) == (302, "/admin/")
        assert browser.get("/admin/password_change/")["Location"] == "/account/password"
        browser.post("/admin/logout/")
        assert actions() == [("sign_in", "moderator"), ("sign_out", "moderator")]

    def test_it_lets_in_nobody_else_and_keeps_that(self, browser: Client, owner: User) -> None:
        assert browser.post("/admin/login/", {"username": "owner", "password": PASSWORD}).status_code == 200
        assert not is_signed_in(browser)
        assert actions() == [("sign_in.failed", "")]


class TestSigningUp:
    def test_it_makes_an_account_of_a_user_and_signs_it_in(self, browser: Client) -> None:
        assert browser.get("/signup").status_code == 200
        forged = dict.fromkeys(["role", "is_staff", "is_superuser", "groups", "tier"], "admin")
        response = browser.post("/signup", {**NEW, **forged, "full_name": "Ada Lovelace"})
        assert (response.status_code, response["Location"]) == (302, "/")
        user = User.objects.get()
        assert (user.username, user.full_name, user.role) == ("ada", "Ada Lovelace", "user")
        assert (user.is_staff, user.is_superuser) == (False, False)
        assert user.check_password(PASSWORD)
        assert is_signed_in(browser)
        assert actions() == [("sign_up", "ada")]

    def test_it_leads_to_where_one_wanted_to_go_and_never_elsewhere(self) -> None:
        for number, address in enumerate(["/compare?new", *ELSEWHERE]):
            browser, place = Client(headers=HTML), "/compare?new" if not number else "/"
            form = {**NEW, "username": f"ada{number}", "next": address}
            assert browser.post("/signup", form)["Location"] == place
            assert browser.get("/signup", {"next": address})["Location"] == place

    @pytest.mark.parametrize("fields", [
        {"username": ""}, {"username": "owner"}, {"username": "OWNER"}, {"username": "ｏｗｎｅｒ"},
        {"username": "a b"}, {"username": "a\nb"}, {"username": "a\x00b"}, {"username": "x" * 151},
        {"username": "a\u202eb"}, {"username": "<b>"}, {"username": "a/b"}, {"username": "a#b"},
        {"password1": ""}, {"password2": "another"},
        {"password1": "short", "password2": "short"}, {"password1": "password", "password2": "password"},
        {"username": "correcthorse", "password1": "correcthorse", "password2": "correcthorse"},
        {"full_name": "x" * 151}, {"full_name": "a\x07"}, {"full_name": "a\u202eb"},
    ], ids=lambda fields: str(fields)[:40])  # fmt: skip
    def test_a_bad_one_is_refused_on_the_page(self, browser: Client, owner: User, fields: dict[str, str]) -> None:
        response = browser.post("/signup", {**NEW, **fields})
        assert response.status_code == 200
        assert response.context["form"].errors
        assert User.objects.count() == 1
        assert not is_signed_in(browser)

    def test_who_is_signed_in_needs_none(self, browser: Client, owner: User) -> None:
        browser.force_login(owner)
        assert browser.get("/signup")["Location"] == "/"
        assert browser.post("/signup", NEW)["Location"] == "/"
        assert User.objects.count() == 1

    def test_it_can_be_switched_off(self, browser: Client, settings: Any) -> None:
        settings.SIGNUP = False
        for response in (browser.get("/signup"), browser.post("/signup", NEW)):
            assert response.status_code == 404
            assert response["Content-Type"].startswith("text/html")
        assert not User.objects.exists()
        assert b"/signup" not in browser.get("/login").content

    def test_an_address_makes_so_many_accounts_an_hour(self, few_attempts: None, settings: Any) -> None:
        for number in range(4):
            Client().post("/signup", {**NEW, "username": f"ada{number}", "password2": "something else"})
        response = Client().post("/signup", NEW)  # too many attempts in a minute
        assert response.status_code == 429
        assert 1 <= int(response["Retry-After"]) <= 61
        settings.THROTTLES = {**settings.THROTTLES, "sign_up": 2, "sign_in_address": 100, "sign_in_name": 100}
        throttles.reset_counters()
        refused = Client().post("/signup", {**NEW, "password2": "something else"})
        assert refused.status_code == 200
        for name in ("ada", "ben", "eve"):
            response = Client().post("/signup", {**NEW, "username": name})
        assert response.status_code == 429
        assert int(response["Retry-After"]) == pytest.approx(3600 - time.time() % 3600, abs=60)
        assert "Too many accounts were created from your network. Try again in" in html_of(response)
        assert set(User.objects.values_list("username", flat=True)) == {"ada", "ben"}

    def test_one_name_twice_at_once(self, browser: Client, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of two people who take one name at once, the second is told."""
        # Between the form's check and the row there is a moment; the constraint is what holds then.
        monkeypatch.setattr(User, "clean", lambda self: None)
        monkeypatch.setattr("django.contrib.auth.forms.UserCreationForm.clean_username", lambda self: "OWNER")
        response = browser.post("/signup", {**NEW, "username": "OWNER"})
        assert response.status_code == 200
        assert "already exists" in str(response.context["form"].errors["username"])


class TestPassword:
    FORM = {"old_password": PASSWORD} | dict.fromkeys(["new_password1", "new_password2"], "another good password")

    def test_it_is_changed_and_this_browser_stays_signed_in(self, browser: Client, owner: User) -> None:
        for path in ("/account", "/account/password"):
            assert browser.get(path)["Location"] == f"/login?next={path}"
        browser.force_login(owner)
        assert 'name="revoke_tokens" checked' in html_of(browser.get("/account/password"))
        response = browser.post("/account/password", self.FORM)
        assert (response.status_code, response["Location"]) == (302, "/account")
        owner.refresh_from_db()
        assert owner.check_password("another good password")
        assert browser.get("/account").status_code == 200
        assert actions() == [("password.changed", "owner")]

    def test_other_sessions_and_jwts_end_and_tokens_as_one_chooses(self, browser: Client, owner: User) -> None:
        elsewhere = Client()
        for client in (browser, elsewhere):
            client.force_login(owner)
        key, access = make_key(owner), Api()
        access.headers = {"Authorization": f"Bearer {jwt.issue(owner, ['read']).access}"}
        page = browser.post("/account/password", self.FORM, follow=True)
        assert "Other browsers were signed out. One API token still works." in html_of(page)
        assert elsewhere.get("/api/v1/me").status_code == 401
        assert access.get("/api/v1/me").status_code == 401
        assert Api(key).get("/api/v1/me").status_code == 200
        again = {**self.FORM, "old_password": self.FORM["new_password1"], "revoke_tokens": "on"}
        page = browser.post("/account/password", again, follow=True)
        assert "Other browsers were signed out." in html_of(page)
        assert "still work" not in html_of(page)
        assert Api(key).get("/api/v1/me").status_code == 401

    @pytest.mark.parametrize("fields", [{"old_password": "wrong"}, {"new_password2": "x"}], ids=str)
    def test_a_bad_one_is_refused_on_the_page(self, browser: Client, owner: User, fields: dict[str, str]) -> None:
        browser.force_login(owner)
        assert browser.post("/account/password", {**self.FORM, **fields}).status_code == 200
        owner.refresh_from_db()
        assert owner.check_password(PASSWORD)
        # Somebody who does not know the old one is worth an entry; a slip of the fingers is not.
        assert actions() == ([("password.refused", "owner")] if "old_password" in fields else [])


class TestAccountPage:
    def test_it_has_profile_tokens_plan_use_and_limits(self, browser: Client, owner: User, other: User) -> None:
        services.grant_subscription(owner, "pro", None, None)
        make_key(owner, name="laptop")
        make_key(other, name="somebody else's")
        revoked, _ = ApiToken.issue(owner, name="revoked")
        services.revoke_tokens([revoked], by=owner)
        make_video(owner, source="stored", file_size=77)
        browser.force_login(owner)
        response = browser.get("/account")
        assert response.status_code == 200
        context = response.context
        assert context["profile"] == owner
        assert [token.name for token in context["tokens"]] == ["laptop"]
        assert context["plan"] == {"tier": "pro", "valid_until": None, "next_tier": None}
        assert context["usage"]["storage_bytes"] == 77
        assert context["limits"]["max_concurrent_jobs"] == 4

    def test_queries_of_many_tokens(self, browser: Client, owner: User, django_assert_num_queries: Any) -> None:
        """Many tokens take as many queries as one."""
        browser.force_login(owner)
        make_key(owner)
        with CaptureQueriesContext(connection) as with_one:
            browser.get("/account")
        for _ in range(29):
            make_key(owner)
        with django_assert_num_queries(len(with_one)):
            response = browser.get("/account")
        assert len(re.findall(r"<tr", html_of(response))) >= 30
