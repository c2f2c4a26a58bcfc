"""manage.py create_account and create_token: their output is one line that scripts read."""

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
    def test_it_prints_one_json_line_with_id_name_and_a_password_of_its_own(self) -> None:
        text = run("create_account", "ada")
        assert text.endswith("\n")
        assert len(text.splitlines()) == 1
        body, another = json.loads(text), json.loads(run("create_account", "bob"))
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
        body = json.loads(run("create_account", "ada", "--password-stdin"))
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


class TestCreateToken:
    def test_it_prints_the_key_alone(self, owner: User) -> None:
        text = run("create_token", "owner")
        assert text == text.strip() + "\n"
        assert Api(text.strip()).get("/api/v1/me").json()["username"] == "owner"

    def test_scopes_are_read_and_write_all_for_admins_or_those_given(self, owner: User, admin_person: User) -> None:
        run("create_token", "owner")
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
