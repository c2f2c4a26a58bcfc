"""What an attack on the running program found, each held by a test."""

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from tests.contract.places import browser
from tests.support.api import BASE, Api, refused
from tests.support.factories import make_user
from tests.support.together import at_once
from vodplatform.accounts.models import ApiToken, User, username_key
from vodplatform.accounts.services import issue_token
from vodplatform.core.errors import DomainError
from vodplatform.core.logs import without_secrets
from vodplatform.core.models import AuditEntry
from vodplatform.core.records import audit
from vodplatform.core.web.throttles import digest_of

pytestmark = pytest.mark.django_db
# Normalising these takes time with the square of their number.
MARKS = "\u0300\u0327" * 500_000


class TestNames:
    def test_a_name_without_end_is_cut_before_it_is_normalised(self) -> None:
        assert digest_of(MARKS) == digest_of(MARKS[:150])
        assert len(username_key(MARKS)) <= 450

    @pytest.mark.parametrize("path", ["/login", "/signup", "/admin/login/"])
    def test_no_form_normalises_one(self, path: str) -> None:
        form = {"username": MARKS[:200_000], "password": "x", "password1": "x", "password2": "x"}
        assert browser(None).post(path, form).status_code in (200, 400)

    @pytest.mark.parametrize("path", ["/login", "/compare/sample", "/r/none", "/admin/login/", "/api/v1/me"])
    def test_a_large_form_is_refused_before_it_is_read(self, path: str) -> None:
        kind = "application/x-www-form-urlencoded"
        response = Api().send("POST", path, raw="a=" + "%CC" * 200_000, content_type=kind)
        assert refused(response, 413, "too_large")["limit"] == 512 * 1024

    def test_sign_in_takes_no_large_body(self, anonymous: Api) -> None:
        for path in ("token", "jwt", "jwt/refresh"):
            body = json.dumps({"username": "x" * 20_000, "password": "x", "refresh": "x"})
            refused(anonymous.post(f"/api/auth/{path}", raw=body), 413, "too_large")


def test_cutting_secrets_out_of_a_line_takes_no_more_than_its_length() -> None:
    assert without_secrets("eyJ-" * 100_000 + " token eyJhbGciOiJIUzI1NiJ9.e30.c2ln").endswith(" token ***")


def test_the_old_password_cannot_be_found_by_trying(settings: Any) -> None:
    settings.THROTTLES_ON = True
    client = browser(make_user("tried"))
    form = {"old_password": "wrong", "new_password1": "another long one", "new_password2": "another long one"}
    answers = [client.post("/account/password", form) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert AuditEntry.objects.filter(action="password.refused").count() == 10


class TestAnswers:
    @pytest.mark.parametrize("charset", ["hex", "zlib", "rot13", "undefined", "idna", "utf-16", "latin-1"])
    def test_a_charset_that_is_not_utf_8_is_refused(self, api: Api, charset: str) -> None:
        kind = f"multipart/form-data; charset={charset}; boundary=x"
        refused(Api().send("POST", "/login", raw=b"a=b", content_type=kind), 400, "bad_request")
        response = api.send("PATCH", "/api/v1/me", {"full_name": "Ä"}, content_type="application/json; charset=UTF-8")
        assert response.json()["full_name"] == "Ä"

    @pytest.mark.parametrize(
        "path",
        ["/api/v1/me", "/api/v1/jobs", "/api/auth/tokens", BASE + "/list", "/account", "/compare", "/account/password"],
    )
    def test_what_is_private_is_kept_by_nobody(self, owner: User, path: str) -> None:
        response = browser(owner).get(path, headers={"Accept": "*/*"})
        assert response.status_code == 200
        assert "private" in response["Cache-Control"]


class TestGrowth:
    def test_an_account_has_so_many_tokens_at_most(self, api: Api, owner: User, settings: Any) -> None:
        settings.TOKENS_PER_USER = 3
        assert [api.post("/api/auth/tokens", {"name": "x"}).status_code for _ in range(2)] == [201, 201]
        assert refused(api.post("/api/auth/tokens", {"name": "x"}), 409, "token_limit")["limit"] == 3
        ApiToken.objects.filter(user=owner, name="x").update(revoked_at=Now())
        assert api.post("/api/auth/tokens", {"name": "x"}).status_code == 201

    @pytest.mark.both
    @pytest.mark.django_db(transaction=True)
    def test_tokens_made_at_once_are_no_more(self, owner: User, settings: Any) -> None:
        settings.TOKENS_PER_USER = 3

        def make() -> bool:
            with suppress(DomainError):
                return bool(issue_token(owner, name="x", scopes=["read"], lifetime=None))
            return False

        assert sum(at_once(*[make] * 8)) == 3

    def test_the_audit_log_forgets_after_a_year(self, owner: User) -> None:
        audit.record("sign_in", actor=owner)
        assert audit.purge() == 0
        AuditEntry.objects.all().delete()
        AuditEntry.objects.create(action="old", at=Now() - timedelta(days=366))
        assert audit.purge() == 1
