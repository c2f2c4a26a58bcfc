"""manage.py create_account and create_token: their output is one line that scripts read."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.support.api import Api
from tests.support.factories import make_user
from vodplatform.accounts.models import ApiToken, User
from vodplatform.accounts.plans import tier_of
from vodplatform.core.models import AuditEntry
from vodplatform.core.processes import commands

pytestmark = pytest.mark.django_db


def run(*words: str, **options: Any) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out, **options)
    return out.getvalue()


def told(*words: str) -> Any:
    """The line of JSON that a command writes."""
    return json.loads(run(*words))


class TestCreateAccount:
    def test_it_prints_one_json_line_with_id_name_and_a_password_of_its_own(self) -> None:
        text = run("create_account", "ada")
        assert text.endswith("\n")
        assert len(text.splitlines()) == 1
        body, another = json.loads(text), told("create_account", "bob")
        user = User.objects.get(username="ada")
        assert (body["id"], body["username"]) == (str(user.pk), "ada")
        assert (user.role, tier_of(user), list(user.groups.all())) == ("user", "free", [])
        assert user.check_password(body["password"])
        assert not user.check_password(another["password"])

    def test_the_password_may_come_on_standard_input_unless_it_is_weak(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for password in ("", "short", "password"):
            monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
            with pytest.raises(CommandError):
                run("create_account", "ada", "--password-stdin")
        assert not User.objects.exists()
        monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\nsecond line\n"))
        body = told("create_account", "ada", "--password-stdin")
        assert set(body) == {"id", "username"}
        assert User.objects.get().check_password("correct horse battery")

    def test_role_tier_and_groups_can_be_given(self) -> None:
        run("create_account", "ada", "--role", "moderator", "--tier", "pro", "--group", "crew", "--group", "b")
        user = User.objects.get()
        assert (user.role, user.is_staff, tier_of(user)) == ("moderator", True, "pro")
        assert sorted(user.groups.values_list("name", flat=True)) == ["b", "crew"]

    @pytest.mark.parametrize("words", [
        ["ada"], ["a b"], [""], ["x" * 151], ["new", "--role", "king"], ["new", "--tier", "gold"], [],
    ], ids=str)  # fmt: skip
    def test_a_bad_account_is_refused_with_a_sentence(self, words: list[str]) -> None:
        make_user("ada")
        with pytest.raises(CommandError) as caught:
            run("create_account", *words)
        assert len(str(caught.value)) > 10
        assert User.objects.count() == 1

    def test_one_that_is_there_already_is_one_sentence_with_the_command_that_changes_it(self) -> None:
        make_user("anna")
        with pytest.raises(CommandError) as caught:
            run("create_account", "Anna", "--tier", "pro", "--group", "crew")
        assert str(caught.value) == (
            "The account 'anna' already exists. Run `manage.py account plan anna pro` and "
            "`manage.py account group anna --add crew` instead."
        )

    def test_operators_may_give_a_reserved_name_and_none_that_looks_like_another(self) -> None:
        assert told("create_account", "admin")["username"] == "admin"
        with pytest.raises(CommandError, match="This name is too similar to the name of another account"):
            run("create_account", "adrnin")


class TestAccount:
    def test_it_makes_and_changes_an_account(self, monkeypatch: pytest.MonkeyPatch) -> None:
        password = told("account", "create", "anna")["password"]
        key = run("account", "token", "anna", "--scopes", "read", "--label", "robot", "--days", "1").strip()
        assert told("account", "role", "anna", "moderator")["role"] == "moderator"
        assert told("account", "plan", "anna", "pro", "--days", "2")["tier_until"] > "20"
        groups = told("account", "group", "anna", "--add", "crew", "--add", "b", "--remove", "b")["groups"]
        assert groups == ["crew"]
        body = told("account", "show", "anna")
        assert {**body, "id": "", "tier_until": ""} == {
            "id": "", "username": "anna", "full_name": "", "email": "", "role": "moderator", "is_active": True,
            "tier": "pro", "tier_until": "", "groups": ["crew"], "tokens": ["robot"],
        }  # fmt: skip
        assert told("account", "plan", "anna", "free")["tier"] == "free"
        user = User.objects.get()
        assert (user.is_staff, user.check_password(password)) == (True, True)
        monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
        run("account", "password", "anna", "--password-stdin")
        assert User.objects.get().check_password("correct horse battery")
        assert told("account", "rename", "anna", "support")["username"] == "support"
        assert Api(key).get("/api/v1/me").json()["username"] == "support"
        run("account", "disable", "support")
        assert Api(key).get("/api/v1/me", fails=True).status_code == 401
        run("account", "enable", "support")
        assert told("account", "revoke", "support") == {"username": "support", "revoked": 1}
        actions = set(AuditEntry.objects.values_list("action", flat=True))
        assert actions >= {"role.changed", "subscription.revoked", "user.changed", "token.revoked"}

    def test_it_lists_and_deletes(self) -> None:
        for name in ("anna", "ben"):
            run("account", "create", name)
        run("account", "disable", "ben")
        assert [line.split()[:3] for line in run("account", "list").splitlines()[1:]] == [
            ["anna", "user", "free"], ["ben", "user", "free"]
        ]  # fmt: skip
        assert told("account", "list", "--disabled", "--json")["username"] == "ben"
        with pytest.raises(CommandError, match="--yes"):
            run("account", "delete", "ben")
        run("account", "delete", "ben", "--yes")
        assert [user.username for user in User.objects.all()] == ["anna"]

    @pytest.mark.parametrize("words", [
        ["show", "nobody"], ["role", "anna", "king"], ["plan", "anna", "pro", "--days", "0"], ["rename", "anna", "b."],
        [],
        ["token", "anna", "--scopes", "admin"],
    ], ids=str)  # fmt: skip
    def test_what_cannot_be_is_refused(self, words: list[str]) -> None:
        make_user("anna")
        with pytest.raises(CommandError):
            run("account", *words)


class TestWaiting:
    def test_it_says_so_while_an_up_creates_the_tables(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked, said = iter([False, False, False, True]), []
        monkeypatch.setattr(commands, "SILENT_SECONDS", 0.01)
        monkeypatch.setattr(commands, "_has_tables", lambda: next(asked))
        monkeypatch.setattr(commands, "_is_up_running", lambda: True)
        commands.wait_for_tables(lambda: said.append("waiting"))
        assert said == ["waiting"]

    def test_it_says_what_to_start(self, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
        settings.DATA_DIR = tmp_path
        monkeypatch.setattr(commands, "_has_tables", lambda: False)
        with pytest.raises(CommandError, match=r"manage\.py up"):
            run("account", "list")


class TestCreateToken:
    def test_scopes_are_read_and_write_all_for_admins_or_those_given(self, owner: User, admin_person: User) -> None:
        """It prints the key alone."""
        text = run("create_token", "owner")
        assert text == text.strip() + "\n"
        assert Api(text.strip()).get("/api/v1/me").json()["username"] == "owner"
        assert ApiToken.objects.get().scopes == ["read", "write"]
        run("create_token", "admin")
        assert "admin" in ApiToken.objects.get(user=admin_person).scopes
        ApiToken.objects.all().delete()
        run("create_token", "owner", "--scopes", "read")
        assert ApiToken.objects.get().scopes == ["read"]

    def test_bad_scopes_and_unknown_or_inactive_accounts_are_refused(self, owner: User) -> None:
        make_user("sleeper", is_active=False)
        for scopes in ("all", "read,", "admin", "read,admin"):
            with pytest.raises(CommandError):
                run("create_token", "owner", "--scopes", scopes)
        for name in ("nobody", "sleeper"):
            with pytest.raises(CommandError, match=name):
                run("create_token", name)
        assert not ApiToken.objects.exists()
