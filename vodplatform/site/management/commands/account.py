from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.core.management.base import CommandError
from django.db import transaction
from django.db.models import Q

from vodplatform.accounts import services
from vodplatform.accounts.management import account_commands
from vodplatform.accounts.models import ApiToken, Role, Subscription, Tier, User
from vodplatform.accounts.plans import plan_of, tiers_of_many
from vodplatform.core.errors import DomainError
from vodplatform.core.processes.cli_progress import table
from vodplatform.core.processes.commands import DatabaseCommand
from vodplatform.core.records import audit
from vodplatform.site.account_deletion import delete_account

AUDIT_ACTOR = "command"  # name in the audit log for changes made by a command


class Command(DatabaseCommand):
    help = (
        "Manage accounts: list, show, create, role, plan, group, token, revoke, password, disable, enable, rename, "
        "delete."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

        def add(name: str, help: str, *, is_about_one: bool = True) -> ArgumentParser:
            action = actions.add_parser(name, help=help, description=help)
            if is_about_one:
                action.add_argument("name", help="the account's user name")
            return action

        listing = add("list", "list accounts, sorted by name", is_about_one=False)
        listing.add_argument("--search", default="", help="part of the user name, full name or e-mail address")
        listing.add_argument("--role", choices=Role.values)
        listing.add_argument("--disabled", action="store_true", help="list only disabled accounts")
        listing.add_argument("--json", action="store_true", help="print one JSON object per line")
        add("show", "print one account with its plan, groups and tokens, as JSON")
        account_commands.add_account_arguments(
            add("create", "create an account; reserved names are allowed", is_about_one=False)
        )
        add("role", "change the role of an account").add_argument("role", choices=Role.values)
        plan = add("plan", "change the plan of an account at once; `free` ends its current plan")
        plan.add_argument("tier", choices=Tier.values)
        plan.add_argument("--days", type=float, help="days until the plan ends; default: no end")
        group = add("group", "change the groups of an account; groups decide which library folders it can use")
        group.add_argument("--add", action="append", default=[], metavar="GROUP")
        group.add_argument("--remove", action="append", default=[], metavar="GROUP")
        token = add("token", "create an API token; prints its key, which cannot be shown again", is_about_one=False)
        account_commands.add_token_arguments(token)
        token.add_argument("--label", default="command line", help="name of the token")
        token.add_argument("--days", type=float, help="days until the token expires; default: never")
        add("revoke", "revoke all API tokens of an account; with --label, only those with this name").add_argument(
            "--label"
        )
        account_commands.add_password_argument(
            add("password", "set a new password and sign the account out of all browsers")
        )
        add(
            "disable",
            "disable an account: refuse its sign-ins, tokens and sessions until it is enabled again; its files stay",
        )
        add("enable", "allow sign-in to a disabled account again")
        add("rename", "change the user name of an account").add_argument("to")
        add("delete", "delete an account with all its videos, comparisons and jobs").add_argument(
            "--yes", action="store_true", help="confirm the deletion, which cannot be undone"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        action: Callable[[dict[str, Any]], object] = ACTIONS[options["action"]]
        said = action(options)
        self.stdout.write(said if isinstance(said, str) else json.dumps(said))


def list_accounts(options: dict[str, Any]) -> str:
    users = User.objects.order_by("username")
    if text := options["search"]:
        users = users.filter(Q(username__icontains=text) | Q(full_name__icontains=text) | Q(email__icontains=text))
    if options["role"]:
        users = users.filter(role=options["role"])
    if options["disabled"]:
        users = users.filter(is_active=False)
    found = list(users)
    tiers = tiers_of_many(user.pk for user in found)
    rows: list[dict[str, Any]] = [
        {
            "id": str(user.pk), "username": user.username, "role": user.role, "tier": tiers[user.pk],
            "is_active": user.is_active, "last_login": user.last_login.isoformat() if user.last_login else None,
        }
        for user in found
    ]  # fmt: skip
    if options["json"]:
        return "\n".join(map(json.dumps, rows))
    shown = [
        (
            row["username"],
            row["role"],
            row["tier"],
            "" if row["is_active"] else "disabled",
            row["last_login"] or "never",
        )
        for row in rows
    ]
    return "\n".join(table([("name", "role", "plan", "", "last sign-in"), *shown]))


def state_of(row: dict[str, Any]) -> str:
    return "" if row["is_active"] else "disabled"


def show(options: dict[str, Any]) -> dict[str, Any]:
    return account_facts(account_commands.account_of(options["name"]))


def account_facts(user: User) -> dict[str, Any]:
    plan = plan_of(user)
    until = plan["valid_until"]
    tokens = ApiToken.objects.valid().filter(user=user)
    return {
        "id": str(user.pk), "username": user.username, "full_name": user.full_name, "email": user.email,
        "role": user.role, "is_active": user.is_active, "tier": plan["tier"],
        "tier_until": until.isoformat() if until else None,
        "groups": sorted(user.groups.values_list("name", flat=True)), "tokens": [token.name for token in tokens],
    }  # fmt: skip


def set_role(options: dict[str, Any]) -> dict[str, Any]:
    user = account_commands.account_of(options["name"])
    old, user.role = user.role, options["role"]
    with transaction.atomic():
        user.save(update_fields=["role"])
        audit.record("role.changed", actor=None, target=user, old=old, new=user.role, by=AUDIT_ACTOR)
    return account_facts(user)


def set_plan(options: dict[str, Any]) -> dict[str, Any]:
    user = account_commands.account_of(options["name"])
    if options["days"] is not None and options["days"] <= 0:
        raise CommandError("--days must be greater than 0.")
    if options["tier"] == Tier.FREE:
        for row in Subscription.objects.current().filter(user=user):
            services.revoke_subscription(row, None)
    else:
        until = services.database_now(user) + timedelta(days=options["days"]) if options["days"] else None
        services.grant_subscription(user, options["tier"], until, None)
    return account_facts(user)


def set_groups(options: dict[str, Any]) -> dict[str, Any]:
    user = account_commands.account_of(options["name"])
    with transaction.atomic():
        for name in options["add"]:
            user.groups.add(Group.objects.get_or_create(name=name)[0])
        user.groups.remove(*Group.objects.filter(name__in=options["remove"]))
        audit.record("user.changed", actor=None, target=user, fields=["groups"], by=AUDIT_ACTOR)
    return account_facts(user)


def make_token(options: dict[str, Any]) -> str:
    user = account_commands.account_of(options["name"], is_active=True)
    return account_commands.make_token(user, options["scopes"], name=options["label"], days=options["days"])


def revoke(options: dict[str, Any]) -> dict[str, Any]:
    user = account_commands.account_of(options["name"])
    tokens = ApiToken.objects.filter(user=user)
    if options["label"]:
        tokens = tokens.filter(name=options["label"])
    return {"username": user.username, "revoked": services.revoke_tokens(tokens, by=None)}


def set_password(options: dict[str, Any]) -> dict[str, Any]:
    user = account_commands.account_of(options["name"])
    answer = account_commands.set_password(user, from_stdin=options["password_stdin"])
    _save(user, "password")
    return {"id": str(user.pk), "username": user.username, **answer}


def disable(options: dict[str, Any]) -> dict[str, Any]:
    user = account_commands.account_of(options["name"])
    user.is_active = False
    return _save(user, "is_active")


def enable(options: dict[str, Any]) -> dict[str, Any]:
    user = account_commands.account_of(options["name"])
    user.is_active, user.deletion_requested_at = True, None
    return _save(user, "is_active", "deletion_requested_at")


def rename(options: dict[str, Any]) -> dict[str, Any]:
    user = account_commands.account_of(options["name"])
    user.username = User.normalize_username(options["to"])
    user.may_have_reserved_name = True
    account_commands.validate_account(user)
    return _save(user, "username")


def _save(user: User, *fields: str) -> dict[str, Any]:
    with transaction.atomic():
        user.save(update_fields=fields)
        audit.record("user.changed", actor=None, target=user, fields=fields, by=AUDIT_ACTOR)
    return account_facts(user)


def delete(options: dict[str, Any]) -> dict[str, Any]:
    user = account_commands.account_of(options["name"])
    if not options["yes"]:
        raise CommandError(
            f"This deletes {user.username!r} and all its videos, comparisons and jobs. To confirm, repeat the "
            f"command with --yes. To keep the data, run `manage.py account disable {user.username}` instead."
        )
    answer = {"id": str(user.pk), "username": user.username, "deleted": True}
    services.request_deletion(user, by=None)  # no request of the user may add data during the deletion
    try:
        delete_account(user, by=AUDIT_ACTOR)
    except DomainError as exc:
        raise CommandError(f"Not everything could be deleted: {exc.message} Repeat the command.") from exc
    return answer


ACTIONS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "list": list_accounts, "show": show, "create": account_commands.make_account, "role": set_role, "plan": set_plan,
    "group": set_groups, "token": make_token, "revoke": revoke, "password": set_password, "disable": disable,
    "enable": enable, "rename": rename, "delete": delete,
}  # fmt: skip
