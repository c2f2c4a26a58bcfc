"""The previous release's accounts keep what they have when the program is updated, and when it is set back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from vodplatform.accounts.models import User

pytestmark = [pytest.mark.both, pytest.mark.django_db(transaction=True)]
BEFORE, AFTER = ("accounts", "0001_initial"), ("accounts", "0002_profiles_and_tickets")


def migrate(target: tuple[str, str]) -> Any:
    """Bring the database to ``target``; returns the models as they were then."""
    executor = MigrationExecutor(connection)
    executor.migrate([target])
    return MigrationExecutor(connection).loader.project_state([target]).apps


@pytest.fixture
def before() -> Iterator[Any]:
    """The models of the previous release, on its database; afterwards everything is up to date again."""
    yield migrate(BEFORE)
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_names_are_joined_and_parted_again(before: Any) -> None:
    users = before.get_model("accounts", "User").objects
    long = "x" * 150
    names = {"ada": ("Ada", "Lovelace"), "one": ("Ada", ""), "last": ("", "Lovelace"), "none": ("", ""),
             "three": ("Ada", "King Lovelace"), "long": (long, long)}  # fmt: skip
    for username, (first, last) in names.items():
        users.create(username=username, first_name=first, last_name=last)
    now = migrate(AFTER).get_model("accounts", "User").objects
    found = dict(now.values_list("username", "full_name"))
    assert found == {username: f"{first} {last}".strip() for username, (first, last) in names.items()}
    back = migrate(BEFORE).get_model("accounts", "User").objects
    parted = {row[0]: row[1:] for row in back.values_list("username", "first_name", "last_name")}
    # A single name comes back as the first one: the new column does not tell which it was.
    assert parted == {**names, "last": ("Lovelace", "")}


def test_names_that_differ_by_case_alone_are_kept_and_no_third_is_let_in(before: Any) -> None:
    users = before.get_model("accounts", "User").objects
    for username in ("Ada", "ada", "bob"):
        users.create(username=username, password="x")
    migrate(AFTER)
    keys = dict(User.objects.values_list("username", "username_key"))
    assert (keys["Ada"], keys["bob"]) == ("ada", "bob")
    assert keys["ada"].startswith("ada#")
    for user in User.objects.all():
        user.full_clean()
        user.full_name = "Still here"
        user.save()
    assert dict(User.objects.values_list("username", "username_key")) == keys


def test_tokens_and_subscriptions_keep_their_times(before: Any) -> None:
    user = before.get_model("accounts", "User").objects.create(username="ada")
    token = before.get_model("accounts", "ApiToken").objects.create(user=user, digest="0" * 64, scopes=["read"])
    period = before.get_model("accounts", "Subscription").objects.create(user=user, tier="pro")
    apps = migrate(AFTER)
    assert apps.get_model("accounts", "ApiToken").objects.get().created_at == token.created_at
    kept = apps.get_model("accounts", "Subscription").objects.get()
    assert (kept.tier, kept.valid_from, kept.created_at) == ("pro", period.valid_from, period.created_at)
