"""API tokens: made, hashed at rest, scoped, expiring, revocable."""

import hashlib
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from tests.support.api import Api, refused
from tests.support.factories import PASSWORD, make_key, make_session, make_user
from vodplatform.accounts.models import ApiToken, User
from vodplatform.core.models import AuditEntry

pytestmark = pytest.mark.django_db
TOKEN, TOKENS, ME = "/api/auth/token", "/api/auth/tokens", "/api/v1/me"


def ask_for(api: Api, **fields: Any) -> Any:
    return api.post(TOKEN, {"username": "owner", "password": PASSWORD, **fields})


class TestMaking:
    def test_name_and_password_give_a_token_of_which_only_the_hash_is_kept(self, owner: User) -> None:
        response = ask_for(Api("wrong"))  # what the header says does not matter here
        assert response.status_code in (200, 201)
        body = response.json()
        assert set(body) >= {"token", "expiry", "user"}
        assert body["expiry"] is None
        assert (body["user"]["id"], body["user"]["username"]) == (str(owner.pk), "owner")
        key = body["token"]
        assert Api(key).get(ME).json()["username"] == "owner"
        row = ApiToken.objects.get()
        assert (row.digest, row.scopes) == (hashlib.sha256(key.encode()).hexdigest(), ["read", "write"])
        assert key not in str(list(ApiToken.objects.values().all()))
        assert len({key, *(make_key(owner) for _ in range(50))}) == 51
        assert len(key) > 40

    def test_name_scopes_and_life_can_be_given(self, anonymous: Api, owner: User) -> None:
        body = ask_for(anonymous, name="laptop", scopes=["read"], expires_in=3600).json()
        row = ApiToken.objects.get()
        assert (row.name, row.scopes) == ("laptop", ["read"])
        left = datetime.fromisoformat(body["expiry"]) - timezone.now()
        assert timedelta(minutes=59) < left <= timedelta(hours=1)

    @pytest.mark.parametrize("fields", [
        {"password": "wrong"}, {"username": "nobody"}, {"username": "OWNER"}, {"username": "sleeper"},
    ], ids=str)  # fmt: skip
    def test_wrong_credentials_are_refused_alike(self, anonymous: Api, owner: User, fields: dict[str, str]) -> None:
        """For JSON Web Tokens, too."""
        make_user("sleeper", is_active=False)
        given = {"username": "owner", "password": PASSWORD, **fields}
        for path in (TOKEN, "/api/auth/jwt"):
            refused(anonymous.post(path, given), 401, "bad_credentials")
        assert not ApiToken.objects.exists()
        for entry in AuditEntry.objects.all():
            assert (entry.action, entry.actor_name) == ("sign_in.failed", "")
            assert entry.data == {"username": given["username"]}
        assert AuditEntry.objects.count() == 2

    def test_the_admin_scope_is_for_admins(self, anonymous: Api, owner: User, admin_person: User) -> None:
        refused(ask_for(anonymous, scopes=["read", "admin"]), 403, "forbidden")
        assert ask_for(anonymous, username="admin", scopes=["admin"]).status_code in (200, 201)

    def test_a_bad_field_is_refused(self, anonymous: Api, api: Api) -> None:
        shared: list[dict[str, Any]] = [
            {"name": 7}, {"name": "x" * 101}, {"expires_in": 0}, {"expires_in": -1}, {"expires_in": "3600"},
            {"expires_in": True}, {"expires_in": 1.5}, {"expires_in": 10**12}, {"scopes": "read"}, {"scopes": []},
            {"scopes": ["all"]}, {"scopes": [1]}, {"scopes": None}, {"scopes": [["read"]]}, {"scopes": {"read": True}},
            # Signs that turn or break a line.
            {"name": "a\nb"}, {"name": "a\u202eb"}, {"name": "a\x7fb"}, {"name": "a\x9bb"},
        ]  # fmt: skip
        of_sign_in: list[dict[str, Any]] = [
            {"username": None}, {"username": 7}, {"username": ""}, {"username": "x" * 151}, {"username": ["owner"]},
            {"password": None}, {"password": 7}, {"password": ""}, {"password": True},
        ]  # fmt: skip
        for fields in (*shared, *of_sign_in):
            assert refused(ask_for(anonymous, **fields), 400, "invalid")["errors"], fields
        for fields in (*shared, {"name": ""}, {"scopes": ["read"] * 11}):
            assert refused(api.post(TOKENS, fields), 400, "invalid")["errors"], fields
        assert ApiToken.objects.count() == 1


class TestUsing:
    @pytest.mark.parametrize(
        "header",
        ["Token", "Token ", "Token wrong", "Token a b", "token \xff", "Token " + "x" * 5000, "Bearer x", "Basic eDp5",
         "Token \u00e9"],
    )  # fmt: skip
    def test_what_is_no_token_is_refused(self, anonymous: Api, owner: User, header: str) -> None:
        response = anonymous.get(ME, headers={"Authorization": header})
        assert response.status_code == 401
        assert response["WWW-Authenticate"].startswith("Token")

    @pytest.mark.parametrize("end", ["revoked", "expired", "inactive"])
    def test_one_that_is_over_is_refused(self, owner: User, end: str) -> None:
        key = make_key(owner, lifetime=timedelta(hours=1))
        assert Api().get(ME, headers={"Authorization": f"token {key}"}).status_code == 200
        if end == "revoked":
            ApiToken.objects.update(revoked_at=Now())
        elif end == "expired":
            ApiToken.objects.update(expires_at=Now() - timedelta(seconds=1))
        else:
            User.objects.update(is_active=False)
        refused(Api(key).get(ME), 401, "token_invalid")

    @pytest.mark.parametrize(
        ("scopes", "reads", "writes"),
        [(["read"], True, False), (["write"], True, True), (["read", "write"], True, True), ([], False, False),
         (["admin"], True, True), (["none"], False, False)],
    )  # fmt: skip
    def test_its_scopes_say_what_it_may(self, owner: User, scopes: list[str], reads: bool, writes: bool) -> None:
        url = f"/api/sessions/multi-vod/{make_session(owner).session_id}"
        api = Api(make_key(owner, scopes=scopes))
        for response, allowed in ((api.get(url), reads), (api.patch(url, {"name": "New"}), writes)):
            if allowed:
                assert response.status_code == 200
            else:
                refused(response, 403, "scope_required")


def test_the_list_has_the_callers_live_tokens_without_their_keys(api: Api, owner: User, other: User) -> None:
    key = make_key(owner, name="laptop", scopes=["read"])
    make_key(owner, name="old")
    make_key(other, name="other's")
    ApiToken.objects.filter(name="old").update(revoked_at=Now())
    response = api.get(TOKENS)
    assert response.status_code == 200
    rows = {row["name"]: row for row in response.json()}
    assert set(rows) == {"laptop", "token"}
    assert rows["laptop"]["scopes"] == ["read"]
    assert {"id", "name", "scopes", "created_at", "expires_at", "last_used_at"} <= set(rows["laptop"])
    text = response.content.decode()
    assert key not in text
    assert ApiToken.digest_of(key) not in text


def test_a_revoked_token_is_over_at_once(api: Api, owner: User) -> None:
    own = ApiToken.objects.get()
    row, key = ApiToken.issue(owner)
    assert api.delete(f"{TOKENS}/{row.pk}").status_code in (200, 204)
    refused(Api(key).get(ME), 401, "token_invalid")
    for name in (row.pk, uuid.UUID(int=1), "7", "none"):
        refused(api.delete(f"{TOKENS}/{name}"), 404, "not_found")
    assert api.delete(f"{TOKENS}/{own.pk}").status_code in (200, 204)  # itself
    refused(api.get(ME), 401, "token_invalid")


def test_an_admin_s_token_without_the_admin_scope_sees_its_own_things_only(admin_person: User, owner: User) -> None:
    session = make_session(owner)
    address = f"/api/sessions/multi-vod/{session.session_id}"
    assert Api(make_key(admin_person)).get(address).status_code == 200
    assert Api(make_key(admin_person, scopes=["read", "write"])).get(address).status_code == 404


class TestMakingAnother:
    """POST /api/auth/tokens: for whoever is signed in, with no more than that allows."""

    def test_it_shows_the_key_once(self, api: Api, owner: User) -> None:
        response = api.post(TOKENS, {"name": "obs-uploader", "scopes": ["read"], "expires_in": 3600})
        assert response.status_code == 201
        body = response.json()
        assert set(body) == {"id", "token", "expiry", "name", "scopes"}
        assert (body["name"], body["scopes"]) == ("obs-uploader", ["read"])
        row = ApiToken.objects.get(pk=body["id"])
        assert (row.user, row.scopes, row.digest) == (owner, ["read"], ApiToken.digest_of(body["token"]))
        assert datetime.fromisoformat(body["expiry"]) == row.expires_at
        assert Api(body["token"]).get(ME).json()["username"] == "owner"
        assert body["token"] not in api.get(TOKENS).content.decode()

    def test_it_gets_no_more_scopes_than_the_caller_has(self, owner: User, admin_person: User) -> None:
        writer = Api(make_key(admin_person, scopes=["write"]))
        refused(writer.post(TOKENS, {"scopes": ["admin"]}), 403, "forbidden")
        body = writer.post(TOKENS, {}).json()
        assert (body["name"], body["expiry"], body["scopes"]) == ("token", None, ["read", "write"])
        assert Api(make_key(admin_person)).post(TOKENS, {"scopes": ["admin"]}).json()["scopes"] == ["admin"]
        refused(Api(make_key(owner, scopes=["admin"])).post(TOKENS, {"scopes": ["admin"]}), 403, "forbidden")


class TestTime:
    def test_an_expired_one_is_listed_and_can_be_taken_off_the_list(self, api: Api, owner: User) -> None:
        row, _ = ApiToken.issue(owner, name="old", lifetime=timedelta(hours=1))
        ApiToken.objects.filter(pk=row.pk).update(expires_at=Now() - timedelta(days=1))
        assert {row["name"] for row in api.get(TOKENS).json()} == {"old", "token"}
        assert api.delete(f"{TOKENS}/{row.pk}").status_code == 204
        assert {row["name"] for row in api.get(TOKENS).json()} == {"token"}

    @pytest.mark.parametrize("hours", [-1, 1])
    def test_hosts_clocks_are_unused(self, api: Api, owner: User, monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
        """A host whose clock is an hour off gives a token its right life."""
        now = timezone.now()
        monkeypatch.setattr(timezone, "now", lambda: now + timedelta(hours=hours))
        body = api.post(TOKENS, {"expires_in": 600}).json()
        assert abs(datetime.fromisoformat(body["expiry"]) - now - timedelta(minutes=10)) < timedelta(minutes=1)
        assert Api(body["token"]).get(ME).status_code == 200
        ApiToken.objects.filter(pk=body["id"]).update(expires_at=now - timedelta(seconds=5))
        refused(Api(body["token"]).get(ME), 401, "token_invalid")

    def test_its_use_is_noted_to_the_minute(self, owner: User, api: Api) -> None:
        assert ApiToken.objects.get().last_used_at is None
        api.get(ME)
        assert timezone.now() - ApiToken.objects.get().last_used_at < timedelta(minutes=1)
        long_ago = Now() - timedelta(hours=1)
        for earlier, is_noted in ((Now() - timedelta(seconds=30), False), (long_ago, True)):
            ApiToken.objects.update(last_used_at=earlier)
            before = ApiToken.objects.get().last_used_at
            api.get(ME)
            assert (ApiToken.objects.get().last_used_at != before) is is_noted


def test_the_audit_log_has_tokens_made_and_revoked(api: Api, anonymous: Api, owner: User) -> None:
    made = api.post(TOKENS, {"name": "laptop"}).json()
    api.delete(f"{TOKENS}/{made['id']}")
    ask_for(anonymous, name="by password")
    assert list(AuditEntry.objects.order_by("id").values_list("action", "actor_name", "target_name")) == [
        ("token.made", "owner", "laptop of owner"), ("token.revoked", "owner", "laptop of owner"),
        ("token.made", "owner", "by password of owner"),
    ]  # fmt: skip
    assert made["token"] not in str(list(AuditEntry.objects.values()))
