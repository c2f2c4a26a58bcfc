"""POST /api/auth/jwt, /jwt/refresh, ``Authorization: Bearer``: what signs in, until when, and what never does."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt as pyjwt  # noqa: TID251 - forges what the wrapped package must refuse
import pytest
from django.conf import settings as django_settings
from django.db import connections
from django.utils import timezone

from tests.support.api import BAD_BODIES, Api, refused
from tests.support.factories import PASSWORD, make_key, make_session, make_user
from vodplatform.accounts import jwt
from vodplatform.accounts.jwt import PACKAGE_MODELS
from vodplatform.accounts.models import User
from vodplatform.base.models import AuditEntry

pytestmark = pytest.mark.django_db
JWT, REFRESH, ME = "/api/auth/jwt", "/api/auth/jwt/refresh", "/api/v1/me"
KEY = django_settings.SIMPLE_JWT["SIGNING_KEY"]


def sign_in(username: str = "owner", **fields: Any) -> Any:
    return Api().post(JWT, {"username": username, "password": PASSWORD, **fields})


def pair_of(username: str = "owner", **fields: Any) -> dict[str, str]:
    response = sign_in(username, **fields)
    assert response.status_code == 200, response.content
    return response.json()


def bearer(text: str) -> Api:
    """A client that carries this as its JSON Web Token."""
    api = Api()
    api.headers = {"Authorization": f"Bearer {text}"}
    return api


def claims_of(text: str) -> dict[str, Any]:
    return pyjwt.decode(text, options={"verify_signature": False})


def forged(text: str, key: str = KEY, algorithm: str = "HS256", **changes: Any) -> str:
    """The token's claims with changes, signed again; a claim changed to None is left out."""
    claims = {name: value for name, value in {**claims_of(text), **changes}.items() if value is not None}
    return pyjwt.encode(claims, key, algorithm=algorithm)


@pytest.fixture
def hour_off(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let this host's clock, as the package behind it and Django read it, be off by so many hours."""

    def shift(hours: float) -> None:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return datetime.now(tz) + timedelta(hours=hours)

        monkeypatch.setattr(timezone, "now", lambda: Clock.now(UTC))
        monkeypatch.setattr("rest_framework_simplejwt.tokens.aware_utcnow", lambda: Clock.now(UTC))
        monkeypatch.setattr("jwt.api_jwt.datetime", Clock)
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + 3600 * hours)

    return shift


class TestSigningIn:
    def test_name_and_password_give_a_pair(self, owner: User) -> None:
        body = pair_of()
        assert set(body) == {"access", "refresh", "access_expires_at", "refresh_expires_at"}
        assert bearer(body["access"]).get(ME).json()["username"] == "owner"
        lives = [datetime.fromisoformat(body[f"{name}_expires_at"]) - timezone.now() for name in ("access", "refresh")]
        assert timedelta(minutes=14) < lives[0] <= timedelta(minutes=15)
        assert timedelta(days=6, hours=23) < lives[1] <= timedelta(days=7)

    @pytest.mark.parametrize("fields", [{"password": "wrong"}, {"username": "nobody"}], ids=str)
    def test_wrong_credentials_are_refused_alike(self, owner: User, fields: dict[str, str]) -> None:
        refused(Api().post(JWT, {"username": "owner", "password": PASSWORD, **fields}), 401, "bad_credentials")
        assert AuditEntry.objects.get().action == "sign_in.failed"

    def test_an_inactive_account_gets_none(self) -> None:
        make_user("sleeper", is_active=False)
        refused(sign_in("sleeper"), 401, "bad_credentials")

    def test_the_admin_scope_is_for_admins(self, owner: User, admin_person: User) -> None:
        refused(sign_in(scopes=["admin"]), 403, "forbidden")
        assert claims_of(pair_of("admin", scopes=["admin"])["access"])["scopes"] == ["admin"]
        assert "admin" in claims_of(pair_of("admin")["access"])["scopes"]

    @pytest.mark.parametrize(
        "fields", [{"username": 7}, {"password": None}, {"scopes": []}, {"scopes": "read"}], ids=str
    )
    def test_a_bad_field_is_refused(self, owner: User, fields: dict[str, Any]) -> None:
        assert refused(Api().post(JWT, {"username": "owner", "password": PASSWORD, **fields}), 400, "invalid")["errors"]

    @pytest.mark.parametrize("name", list(BAD_BODIES))
    def test_a_malformed_body_is_refused(self, name: str) -> None:
        for path in (JWT, REFRESH):
            assert Api().post(path, raw=BAD_BODIES[name]).status_code == 400

    def test_it_is_in_the_audit_log(self, owner: User) -> None:
        pair_of()
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor_name, entry.data) == ("sign_in", "owner", {"by": "jwt"})

    def test_the_database_holds_nothing_that_signs_in(self, owner: User) -> None:
        pair = pair_of()
        kept = json.dumps([list(model.objects.values()) for model in PACKAGE_MODELS], default=str)
        assert pair["refresh"] not in kept
        assert pair["refresh"].rpartition(".")[2] not in kept
        assert PACKAGE_MODELS[0].objects.count() == 1

    def test_a_token_tells_nothing_of_the_password(self, owner: User) -> None:
        claims = claims_of(pair_of()["access"])
        assert owner.password not in str(claims)
        assert hashlib.md5(owner.password.encode()).hexdigest() not in str(claims)
        assert owner.get_session_auth_hash() not in str(claims)


class TestScopes:
    @pytest.mark.parametrize(("scopes", "writes"), [(["read"], False), (["write"], True), (["read", "write"], True)])
    def test_they_say_what_it_may(self, owner: User, scopes: list[str], writes: bool) -> None:
        url = f"/api/sessions/multi-vod/{make_session(owner).session_id}"
        api = bearer(pair_of(scopes=scopes)["access"])
        assert api.get(url).status_code == 200
        response = api.patch(url, {"name": "New"})
        if writes:
            assert response.status_code == 200
        else:
            assert refused(response, 403, "scope_required")["scope"] == "write"

    def test_an_admins_without_the_admin_scope_sees_its_own_things_only(self, owner: User, admin_person: User) -> None:
        url = f"/api/sessions/multi-vod/{make_session(owner).session_id}"
        assert bearer(pair_of("admin")["access"]).get(url).status_code == 200
        assert bearer(pair_of("admin", scopes=["write"])["access"]).get(url).status_code == 404

    def test_a_new_pair_has_the_same(self, owner: User) -> None:
        pair = Api().post(REFRESH, {"refresh": pair_of(scopes=["read"])["refresh"]}).json()
        assert claims_of(pair["access"])["scopes"] == ["read"]

    def test_who_is_no_admin_any_more_is_none_with_an_old_token(self, admin_person: User, owner: User) -> None:
        api = bearer(pair_of("admin")["access"])
        admin_person.role = "user"
        admin_person.save()
        assert api.get(f"/api/sessions/multi-vod/{make_session(owner).session_id}").status_code == 404


class TestRefreshing:
    def test_it_gives_a_new_pair_of_the_same_shape(self, owner: User) -> None:
        old = pair_of()
        response = Api().post(REFRESH, {"refresh": old["refresh"]})
        assert response.status_code == 200
        new = response.json()
        assert set(new) == set(old)
        assert new["refresh"] != old["refresh"]
        assert bearer(new["access"]).get(ME).status_code == 200
        assert Api().post(REFRESH, {"refresh": new["refresh"]}).status_code == 200

    def test_each_can_be_used_once(self, owner: User) -> None:
        body = {"refresh": pair_of()["refresh"]}
        assert Api().post(REFRESH, body).status_code == 200
        refused(Api().post(REFRESH, body), 401, "token_invalid")

    def test_one_that_was_never_given_out_is_refused_however_well_signed(self, owner: User) -> None:
        refused(Api().post(REFRESH, {"refresh": forged(pair_of()["refresh"], jti="0" * 32)}), 401, "token_invalid")

    def test_an_access_token_is_none(self, owner: User) -> None:
        refused(Api().post(REFRESH, {"refresh": pair_of()["access"]}), 401, "token_invalid")

    @pytest.mark.parametrize("text", ["x", "a.b.c", "é", "." * 4000, "eyJhbGciOiJub25lIn0.e30."])
    def test_what_is_no_token_is_refused(self, owner: User, text: str) -> None:
        refused(Api().post(REFRESH, {"refresh": text}), 401, "token_invalid")

    @pytest.mark.parametrize("value", [None, 7, "", [], "x" * 4097], ids=lambda value: str(value)[:9])
    def test_a_bad_field_is_refused(self, value: Any) -> None:
        refused(Api().post(REFRESH, {"refresh": value}), 400, "invalid")

    def test_a_wrong_token_in_the_header_does_not_matter_here(self, owner: User) -> None:
        assert bearer("wrong").post(REFRESH, {"refresh": pair_of()["refresh"]}).status_code == 200

    def test_ended_ones_are_forgotten(self, owner: User) -> None:
        pair_of()
        model = PACKAGE_MODELS[0]
        assert jwt.purge() == 0
        model.objects.update(expires_at=timezone.now() - timedelta(days=1))
        pair_of()
        assert jwt.purge() == 1
        assert model.objects.count() == 1


class TestRefusals:
    def refused(self, text: str) -> None:
        response = bearer(text).get(ME)
        refused(response, 401, "token_invalid")
        assert response["WWW-Authenticate"]

    def test_a_refresh_token_does_not_sign_in(self, owner: User) -> None:
        self.refused(pair_of()["refresh"])

    def test_an_unsigned_one_does_not(self, owner: User) -> None:
        claims = claims_of(pair_of()["access"])
        self.refused(pyjwt.encode(claims, "", algorithm="none"))
        for name in ("none", "None", "NONE"):
            parts = [json.dumps(part).encode() for part in ({"alg": name, "typ": "JWT"}, claims)]
            head = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
            self.refused(f"{head}.")

    @pytest.mark.parametrize("key", [django_settings.SECRET_KEY, "x" * 64])
    def test_one_signed_with_another_key_does_not(self, owner: User, key: str) -> None:
        self.refused(forged(pair_of()["access"], key))

    def test_one_signed_with_another_algorithm_does_not(self, owner: User) -> None:
        self.refused(forged(pair_of()["access"], algorithm="HS512"))

    def test_one_that_was_changed_does_not(self, owner: User, admin_person: User) -> None:
        head, _, mac = pair_of()["access"].split(".")
        body = json.dumps({**claims_of(pair_of()["access"]), "sub": str(admin_person.pk)}).encode()
        self.refused(".".join((head, base64.urlsafe_b64encode(body).rstrip(b"=").decode(), mac)))

    @pytest.mark.parametrize(
        "changes",
        [{"exp": None}, {"jti": None}, {"sub": None}, {"token_type": None}, {"token_type": "refresh"},
         {"pwd": None},
         {"pwd": "0" * 32}, {"scopes": None}, {"scopes": [1]}, {"sub": "owner"}, {"exp": 1}, {"exp": "soon"},
         {"pwd": 7}],
        ids=str,
    )  # fmt: skip
    def test_one_whose_claims_are_not_ours_does_not(self, owner: User, changes: dict[str, Any]) -> None:
        access = pair_of()["access"]
        assert bearer(forged(access)).get(ME).status_code == 200
        self.refused(forged(access, **changes))

    def test_one_without_any_scope_may_nothing(self, owner: User) -> None:
        refused(bearer(forged(pair_of()["access"], scopes=[])).get(ME), 403, "scope_required")

    @pytest.mark.parametrize("text", ["", "a b", "x" * 9000, "\xff", "..", "eyJ.eyJ.x"])
    def test_what_is_no_token_does_not(self, owner: User, text: str) -> None:
        response = bearer(text).get(ME)
        refused(response, 401, "token_invalid")

    def test_a_changed_password_ends_both_at_once(self, owner: User) -> None:
        pair = pair_of()
        owner.set_password("another good password")
        owner.save()
        self.refused(pair["access"])
        refused(Api().post(REFRESH, {"refresh": pair["refresh"]}), 401, "token_invalid")

    def test_a_deactivated_account_ends_both_at_once(self, owner: User) -> None:
        pair = pair_of()
        User.objects.update(is_active=False)
        self.refused(pair["access"])
        refused(Api().post(REFRESH, {"refresh": pair["refresh"]}), 401, "token_invalid")

    def test_a_deleted_account_ends_both_at_once(self, owner: User) -> None:
        pair = pair_of()
        owner.delete()
        self.refused(pair["access"])
        refused(Api().post(REFRESH, {"refresh": pair["refresh"]}), 401, "token_invalid")

    def test_an_api_token_is_none(self, owner: User) -> None:
        self.refused(make_key(owner))


class TestTime:
    """It is the database's: a host whose clock is off neither lets in longer nor refuses sooner."""

    def test_it_ends_when_its_time_is_over(self, owner: User) -> None:
        access = pair_of()["access"]
        now = int(time.time())
        assert bearer(forged(access, exp=now + 60)).get(ME).status_code == 200
        refused(bearer(forged(access, exp=now - 2)).get(ME), 401, "token_invalid")

    @pytest.mark.parametrize("hours", [-1, 1])
    def test_a_host_whose_clock_is_an_hour_off_decides_alike(self, owner: User, hour_off: Any, hours: int) -> None:
        access = pair_of()["access"]
        now = int(time.time())
        hour_off(hours)
        assert bearer(forged(access, exp=now + 60)).get(ME).status_code == 200
        refused(bearer(forged(access, exp=now - 60)).get(ME), 401, "token_invalid")

    @pytest.mark.parametrize("hours", [-1, 1])
    def test_it_gives_out_the_right_times_too(self, owner: User, hour_off: Any, hours: int) -> None:
        now = time.time()
        hour_off(hours)
        claims = claims_of(pair_of()["access"])
        assert abs(claims["iat"] - now) < 60
        assert abs(claims["exp"] - now - 15 * 60) < 60


@pytest.mark.django_db(transaction=True)
def test_of_two_who_refresh_with_one_token_at_once_one_gets_a_pair(owner: User) -> None:
    body = {"refresh": pair_of()["refresh"]}
    statuses = []

    def refresh() -> None:
        try:
            statuses.append(Api().post(REFRESH, body).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=refresh) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 401, 401, 401, 401, 401]
