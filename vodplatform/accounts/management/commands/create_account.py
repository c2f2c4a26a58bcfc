"""Make an account: role, tier, groups, password from standard input or made up."""

import json
import secrets
import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import transaction

from vodplatform.accounts.models import Role, Tier, User
from vodplatform.accounts.services import grant
from vodplatform.base.processes.commands import Command as BaseCommand


class Command(BaseCommand):
    help = "Make an account; prints one JSON line with its id and username."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name")
        parser.add_argument("--role", choices=Role.values, default=Role.USER)
        parser.add_argument("--tier", choices=Tier.values, default=Tier.FREE)
        parser.add_argument("--group", action="append", default=[], help="a Django group; may be given several times")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User(username=options["name"], role=options["role"])
        generated = ""
        if options["password_stdin"]:
            password = sys.stdin.readline().rstrip("\r\n")
        else:
            password = generated = secrets.token_urlsafe(12)
        try:
            user.username = User.normalize_username(user.username)
            user.set_password(password)
            user.full_clean()
            validate_password(password, user)
        except ValidationError as exc:
            raise CommandError(" ".join(exc.messages)) from exc
        with transaction.atomic():
            user.save()
            if options["tier"] != Tier.FREE:
                grant(user, options["tier"], None, None)
            for name in options["group"]:
                user.groups.add(Group.objects.get_or_create(name=name)[0])
        answer = {"id": str(user.id), "username": user.username}
        if generated:
            answer["password"] = generated
        self.stdout.write(json.dumps(answer))
