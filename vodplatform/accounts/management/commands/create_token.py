"""Make an API token for an account."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from vodplatform.accounts.models import ApiToken, Scope, User
from vodplatform.base.processes.commands import Command as BaseCommand


class Command(BaseCommand):
    help = "Make an API token; prints the key alone, this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", help="the account's user name")
        parser.add_argument("--scopes", help="read,write,admin; default read,write (admins: all)")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["name"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no account {options['name']!r}; make one with create_account.")
        scopes = options["scopes"].split(",") if options["scopes"] else None
        unknown = [scope for scope in scopes or [] if scope not in Scope.values]
        if unknown:
            raise CommandError(f"Unknown scope {unknown[0]!r}; use {', '.join(Scope.values)}.")
        if scopes and Scope.ADMIN in scopes and not user.is_admin:
            raise CommandError("Only an admin's token can have the scope 'admin'.")
        self.stdout.write(ApiToken.issue(user, name="command line", scopes=scopes)[1])
