from argparse import ArgumentParser
from typing import Any

from vodplatform.accounts.management import account_commands
from vodplatform.core.processes.commands import DatabaseCommand


class Command(DatabaseCommand):
    help = "Create an account and print its id and username as one JSON line. The same as `account create`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        account_commands.add_account_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(account_commands.make_account(options))
