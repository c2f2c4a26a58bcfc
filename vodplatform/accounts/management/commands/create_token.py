from argparse import ArgumentParser
from typing import Any

from vodplatform.accounts.management import account_commands
from vodplatform.core.processes.commands import DatabaseCommand


class Command(DatabaseCommand):
    help = "Create an API token and print only its key, which cannot be shown again. The same as `account token`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        account_commands.add_token_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(
            account_commands.make_token(account_commands.account_of(options["name"], is_active=True), options["scopes"])
        )
