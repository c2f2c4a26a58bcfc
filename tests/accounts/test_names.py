"""New accounts cannot take names that look like others or speak for the site; existing accounts keep their names."""

from importlib import import_module

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.test import Client

from tests.support.factories import make_user
from vodplatform.accounts import names
from vodplatform.accounts.models import Role, User, username_key

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def refusal_of(name: str) -> str:
    """Return why a new account may not have a name; empty if it may."""
    try:
        User(username=name, password="x").full_clean()
    except ValidationError as exc:
        return " ".join(exc.messages)
    return ""


@pytest.mark.parametrize(("name", "reason"), [
    ("\u0430lice", "too similar"),  # CYRILLIC SMALL LETTER A
    ("AL\u0399CE", "too similar"),  # GREEK CAPITAL LETTER IOTA
    ("a1ice", "too similar"), ("aIice", "too similar"), ("\u0251lice", "too similar"), ("ALICE", "already exists"),
    ("alic\u3164e", "too similar"), ("ad\u1160min", "reserved"), ("a\u0661ice", "too similar"),
    ("alice.", "Begin and end"), ("@alice", "Begin and end"), ("..", "Begin and end"), ("_", "Begin and end"),
    ("admin", "reserved"), ("Moderator", "reserved"), ("rnoderator", "reserved"), ("\u0430dmin", "reserved"),
    ("vod-sync", "reserved"), ("r.o.o.t", "reserved"), ("Admin1strator", "reserved"), ("a\u029fice", "too similar"),
    ("\u0432lice", "one alphabet"), ("alice\u03b7", "one alphabet"), ("b\u0660b", "one alphabet"),
])  # fmt: skip
def test_a_name_that_passes_for_another_is_refused(name: str, reason: str) -> None:
    make_user("alice")
    assert reason in refusal_of(name)


@pytest.mark.parametrize("name", [
    "alina", "anna.b@example.org", "\u0430\u043d\u043d\u0430", "m\u00fcller", "user-7", "admin7",
    "\u7530\u4e2danna", "\u0395\u03bb\u03ad\u03bd\u03b7",
])  # fmt: skip
def test_other_names_are_not(name: str) -> None:
    make_user("alice")
    assert not refusal_of(name)


def test_accounts_keep_their_names_and_take_no_other_s(admin_person: User) -> None:
    make_user("alice")
    kept = make_user("adm")
    # Processes of the previous release write rows like this.
    User.objects.filter(pk=kept.pk).update(username="admin.", username_key=username_key("admin."))
    User.objects.update(username_skeleton="")
    import_module("vodplatform.accounts.migrations.0002_skeletons_of_names").fill(apps, None)
    kept.refresh_from_db()
    assert kept.username_skeleton == names.skeleton("admin")
    kept.full_name = "Ada"
    kept.full_clean()
    kept.username = "\u0430lice"
    with pytest.raises(ValidationError, match="too similar"):
        kept.full_clean()
    browser = Client()
    form = {"username": "a1ice", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert "too similar" in browser.post("/signup", form).content.decode()
    browser.force_login(admin_person)
    assert "too similar" in browser.post("/admin/accounts/user/add/", form).content.decode()


def test_roles_are_reserved() -> None:
    assert all(names.is_reserved(role) for role in Role.values if role != Role.USER)
