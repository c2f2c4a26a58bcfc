"""POST /api/auth/jwt, /jwt/refresh, ``Authorization: Bearer``: what signs in, until when, and what never does."""

import base64
import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt as pyjwt  # noqa: TID251 - forges what the wrapped package must refuse
import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from tests.support.api import Api, refused
from tests.support.factories import PASSWORD, make_key, make_session
from tests.support.together import at_once
from vodplatform.accounts import jwt
from vodplatform.accounts.jwt import PACKAGE_MODELS
from vodplatform.accounts.models import User
from vodplatform.core.models import AuditEntry

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
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor_name, entry.data) == ("sign_in", "owner", {"by": "jwt"})
        claims = str(claims_of(body["access"]))
        for secret in (owner.password, hashlib.md5(owner.password.encode()).hexdigest(), owner.get_session_auth_hash()):
            assert secret not in claims

    def test_a_bad_field_is_refused(self, owner: User) -> None:
        for fields in ({"username": 7}, {"password": None}, {"scopes": []}, {"scopes": "read"}):
            assert refused(sign_in(**{"username": "owner", **fields}), 400, "invalid")["errors"]
        for value in (None, 7, "", [], "x" * 4097):
            refused(Api().post(REFRESH, {"refresh": value}), 400, "invalid")

    def test_the_database_holds_nothing_that_signs_in(self, owner: User) -> None:
        pair = pair_of()
        kept = json.dumps([list(model.objects.values()) for model in PACKAGE_MODELS], default=str)
        assert pair["refresh"] not in kept
        assert pair["refresh"].rpartition(".")[2] not in kept
        assert PACKAGE_MODELS[0].objects.count() == 1


class TestScopes:
    def test_they_say_what_it_may_and_a_new_pair_has_the_same(self, owner: User) -> None:
        url = f"/api/sessions/multi-vod/{make_session(owner).session_id}"
        pair = Api().post(REFRESH, {"refresh": pair_of(scopes=["read"])["refresh"]}).json()
        api = bearer(pair["access"])
        assert api.get(url).status_code == 200
        assert refused(api.patch(url, {"name": "New"}), 403, "scope_required")["scope"] == "write"
        refused(bearer(forged(pair["access"], scopes=[])).get(ME), 403, "scope_required")
        assert bearer(pair_of(scopes=["write"])["access"]).patch(url, {"name": "New"}).status_code == 200

    def test_the_admin_scope_is_for_admins_who_without_it_see_theirs(self, owner: User, admin_person: User) -> None:
        url = f"/api/sessions/multi-vod/{make_session(owner).session_id}"
        refused(sign_in(scopes=["admin"]), 403, "forbidden")
        assert claims_of(pair_of("admin", scopes=["admin"])["access"])["scopes"] == ["admin"]
        access = pair_of("admin")["access"]
        assert "admin" in claims_of(access)["scopes"]
        assert bearer(access).get(url).status_code == 200
        assert bearer(pair_of("admin", scopes=["write"])["access"]).get(url).status_code == 404
        admin_person.role = "user"
        admin_person.save()
        assert bearer(access).get(url).status_code == 404


class TestRefreshing:
    def test_each_gives_a_new_pair_of_the_same_shape_once(self, owner: User) -> None:
        old = pair_of()
        # A wrong token in the header does not matter here.
        response = bearer("wrong").post(REFRESH, {"refresh": old["refresh"]})
        assert response.status_code == 200
        new = response.json()
        assert set(new) == set(old)
        assert bearer(new["access"]).get(ME).status_code == 200
        assert Api().post(REFRESH, {"refresh": new["refresh"]}).status_code == 200
        # Nor is one taken that was never given out, however well it is signed, or that is for access.
        for text in (old["refresh"], forged(pair_of()["refresh"], jti="0" * 32), pair_of()["access"]):
            refused(Api().post(REFRESH, {"refresh": text}), 401, "token_invalid")

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

    def test_an_unsigned_one_does_not(self, owner: User) -> None:
        claims = claims_of(pair_of()["access"])
        self.refused(pyjwt.encode(claims, "", algorithm="none"))
        for name in ("none", "None", "NONE"):
            parts = [json.dumps(part).encode() for part in ({"alg": name, "typ": "JWT"}, claims)]
            head = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
            self.refused(f"{head}.")

    def test_a_changed_one_another_kind_or_another_key_does_not(self, owner: User, admin_person: User) -> None:
        pair = pair_of()
        head, _, mac = pair["access"].split(".")
        claims = json.dumps({**claims_of(pair["access"]), "sub": str(admin_person.pk)}).encode()
        changed = ".".join((head, base64.urlsafe_b64encode(claims).rstrip(b"=").decode(), mac))
        others = [forged(pair["access"], key) for key in (django_settings.SECRET_KEY, "x" * 64)]
        for text in (*others, forged(pair["access"], algorithm="HS512"), pair["refresh"], make_key(owner), changed):
            self.refused(text)
        for text in ("", "a b", "x" * 9000, "\xff", "..", "eyJ.eyJ.x"):
            self.refused(text)
        for text in ("x", "a.b.c", "é", "." * 4000, "eyJhbGciOiJub25lIn0.e30."):
            refused(Api().post(REFRESH, {"refresh": text}), 401, "token_invalid")

    @pytest.mark.parametrize("changes", [
        {"exp": None}, {"jti": None}, {"sub": None}, {"token_type": None}, {"token_type": "refresh"},
        {"pwd": None},
        {"pwd": "0" * 32}, {"scopes": None}, {"scopes": [1]}, {"sub": "owner"}, {"exp": 1}, {"exp": "soon"},
        {"pwd": 7},
    ], ids=str)  # fmt: skip
    def test_one_whose_claims_are_not_ours_does_not(self, owner: User, changes: dict[str, Any]) -> None:
        access = pair_of()["access"]
        assert bearer(forged(access)).get(ME).status_code == 200
        self.refused(forged(access, **changes))

    @pytest.mark.parametrize("what", ["password", "deactivated", "deleted"])
    def test_a_changed_password_or_an_ended_account_ends_both_at_once(self, owner: User, what: str) -> None:
        pair = pair_of()
        if what == "deleted":
            owner.delete()
        else:
            owner.is_active = what == "password"
            owner.set_password("another good password" if what == "password" else PASSWORD)
            owner.save()
        self.refused(pair["access"])
        refused(Api().post(REFRESH, {"refresh": pair["refresh"]}), 401, "token_invalid")


@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_a_host_whose_clock_is_an_hour_off_decides_alike(owner: User, hour_off: Any, hours: int) -> None:
    access = pair_of()["access"]
    now = int(time.time())
    hour_off(hours)
    assert bearer(forged(access, exp=now + 60)).get(ME).status_code == 200
    refused(bearer(forged(access, exp=now - 2)).get(ME), 401, "token_invalid")
    claims = claims_of(pair_of()["access"])
    assert abs(claims["iat"] - now) < 60
    assert abs(claims["exp"] - now - 15 * 60) < 60


@pytest.mark.django_db(transaction=True)
def test_of_two_who_refresh_with_one_token_at_once_one_gets_a_pair(owner: User) -> None:
    body = {"refresh": pair_of()["refresh"]}
    statuses = at_once(*[lambda: Api().post(REFRESH, body).status_code] * 6)
    assert sorted(statuses) == [200, 401, 401, 401, 401, 401]
