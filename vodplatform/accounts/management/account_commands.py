"""Functions of the commands that create and change accounts and tokens."""

from __future__ import annotations

import json
import secrets
import sys
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import transaction

from vodplatform.accounts.models import ApiToken, Role, Scope, Tier, User, username_key
from vodplatform.accounts.services import grant_subscription


def add_account_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name")
    parser.add_argument("--role", choices=Role.values, default=Role.USER)
    parser.add_argument("--tier", choices=Tier.values, default=Tier.FREE)
    parser.add_argument(
        "--group", action="append", default=[], help="add the account to this Django group; can be repeated"
    )
    add_password_argument(parser)


def add_password_argument(parser: ArgumentParser) -> None:
    parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")


def add_token_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", help="the account's user name")
    parser.add_argument("--scopes", help="read,write,admin; default read,write (admins: all)")


def make_account(options: dict[str, Any]) -> str:
    name = User.normalize_username(options["name"])
    if found := User.objects.filter(username_key=username_key(name)).first():
        raise CommandError(_already_there(found, options))
    user = User(username=name, role=options["role"])
    user.may_have_reserved_name = True
    answer = set_password(user, from_stdin=options["password_stdin"])
    with transaction.atomic():
        user.save()
        if options["tier"] != Tier.FREE:
            grant_subscription(user, options["tier"], None, None)
        for group in options["group"]:
            user.groups.add(Group.objects.get_or_create(name=group)[0])
    return json.dumps({"id": str(user.id), "username": user.username, **answer})


def _already_there(user: User, options: dict[str, Any]) -> str:
    changes = [
        f"`manage.py account {action} {user.username} {value}`"
        for action, value, usual in (
            ("plan", options["tier"], Tier.FREE),
            ("role", options["role"], Role.USER),
            *(("group", f"--add {group}", "") for group in options["group"]),
        )
        if value != usual
    ]
    is_told = " and ".join(changes) or f"`manage.py account show {user.username}`"
    return f"The account {user.username!r} already exists. Run {is_told} instead."


def set_password(user: User, *, from_stdin: bool) -> dict[str, str]:
    """Set the password of an unsaved account and validate the account.

    Return ``{"password": …}`` if the password was generated; return ``{}`` if it was read from standard input.
    """
    password = sys.stdin.readline().rstrip("\r\n") if from_stdin else secrets.token_urlsafe(12)
    user.set_password(password)
    validate_account(user)
    try:
        validate_password(password, user)
    except ValidationError as exc:
        raise CommandError(" ".join(exc.messages)) from exc
    return {} if from_stdin else {"password": password}


def validate_account(user: User) -> None:
    try:
        user.full_clean()
    except ValidationError as exc:
        raise CommandError(" ".join(dict.fromkeys(exc.messages))) from exc


def make_token(user: User, scopes: str | None, *, name: str = "command line", days: float | None = None) -> str:
    """Create an API token; return its key. ``scopes`` are comma-separated names."""
    wanted = scopes.split(",") if scopes else None
    unknown = [scope for scope in wanted or [] if scope not in Scope.values]
    if unknown:
        raise CommandError(f"Unknown scope {unknown[0]!r}. Valid scopes: {', '.join(Scope.values)}.")
    if wanted and Scope.ADMIN in wanted and not user.is_admin:
        raise CommandError("Only an admin's token can have the scope 'admin'.")
    lifetime = timedelta(days=days) if days else None
    return ApiToken.issue(user, name=name, scopes=wanted, lifetime=lifetime)[1]


def account_of(name: str, *, is_active: bool = False) -> User:
    users = User.objects.filter(is_active=True) if is_active else User.objects.all()
    user = users.filter(username=name).first()
    if user is None:
        raise CommandError(f"There is no account {name!r}. Create it with `manage.py create_account {name}`.")
    return user
