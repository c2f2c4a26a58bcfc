"""manage.py create_account and create_token: their output is one line that scripts read."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.support.api import Api
from tests.support.factories import make_user
from vodplatform.accounts.limits import tier_of
from vodplatform.accounts.models import ApiToken, User

pytestmark = pytest.mark.django_db


def run(*words: str, **options: Any) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out, **options)
    return out.getvalue()


class TestCreateAccount:
    def test_it_prints_one_json_line_with_id_and_name(self) -> None:
        text = run("create_account", "ada")
        assert text.endswith("\n")
        assert len(text.splitlines()) == 1
        body = json.loads(text)
        user = User.objects.get()
        assert (body["id"], body["username"]) == (str(user.pk), "ada")
        assert (user.role, tier_of(user), list(user.groups.all())) == ("user", "free", [])

    def test_a_made_up_password_is_shown_once_and_works(self) -> None:
        assert (
            User.objects.get(pk=json.loads(run("create_account", "ada"))["id"]).check_password(
                json.loads(run("create_account", "bob"))["password"]
            )
            is False
        )
        body = json.loads(run("create_account", "eve"))
        assert User.objects.get(username="eve").check_password(body["password"])

    def test_the_password_may_come_on_standard_input(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\nsecond line\n"))
        body = json.loads(run("create_account", "ada", "--password-stdin"))
        assert set(body) == {"id", "username"}
        assert User.objects.get().check_password("correct horse battery")

    def test_role_tier_and_groups_can_be_given(self) -> None:
        run("create_account", "ada", "--role", "moderator", "--tier", "pro", "--group", "crew", "--group", "b")
        user = User.objects.get()
        assert (user.role, user.is_staff, tier_of(user)) == ("moderator", True, "pro")
        assert sorted(user.groups.values_list("name", flat=True)) == ["b", "crew"]

    @pytest.mark.parametrize(
        "words",
        [["ada"], ["a b"], [""], ["x" * 151], ["new", "--role", "king"], ["new", "--tier", "gold"], []],
        ids=str,
    )
    def test_a_bad_account_is_refused_with_a_sentence(self, words: list[str]) -> None:
        make_user("ada")
        with pytest.raises(CommandError) as caught:
            run("create_account", *words)
        assert len(str(caught.value)) > 10
        assert User.objects.count() == 1

    @pytest.mark.parametrize("password", ["", "short", "password"])
    def test_a_weak_password_is_refused(self, monkeypatch: pytest.MonkeyPatch, password: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
        with pytest.raises(CommandError):
            run("create_account", "ada", "--password-stdin")
        assert not User.objects.exists()


class TestCreateToken:
    def test_it_prints_the_key_alone(self, owner: User) -> None:
        text = run("create_token", "owner")
        assert text == text.strip() + "\n"
        assert Api(text.strip()).get("/api/v1/me").json()["username"] == "owner"

    def test_the_scopes_are_read_and_write_and_all_for_admins(self, owner: User, admin_person: User) -> None:
        run("create_token", "owner")
        assert ApiToken.objects.get(user=owner).scopes == ["read", "write"]
        run("create_token", "admin")
        assert "admin" in ApiToken.objects.get(user=admin_person).scopes

    def test_they_can_be_given(self, owner: User) -> None:
        run("create_token", "owner", "--scopes", "read")
        assert ApiToken.objects.get().scopes == ["read"]

    @pytest.mark.parametrize("scopes", ["all", "read,", "admin", "read,admin"])
    def test_bad_scopes_are_refused(self, owner: User, scopes: str) -> None:
        with pytest.raises(CommandError):
            run("create_token", "owner", "--scopes", scopes)
        assert not ApiToken.objects.exists()

    def test_an_unknown_or_inactive_account_is_refused(self) -> None:
        make_user("sleeper", is_active=False)
        for name in ("nobody", "sleeper"):
            with pytest.raises(CommandError, match=name):
                run("create_token", name)
