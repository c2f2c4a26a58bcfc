from __future__ import annotations

import importlib.util
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from vodplatform.settings.variables import PROJECT_ROOT


class Command(BaseCommand):
    help = "Run pytest with the given arguments."

    def run_from_argv(self, argv: list[str]) -> None:
        """Pass all arguments to pytest, unparsed."""
        try:
            self.handle(*argv[2:])
        except CommandError as exc:
            sys.exit(f"{exc}")

    def handle(self, *args: str, **options: Any) -> None:
        if not (PROJECT_ROOT / "tests").is_dir():
            raise CommandError("The tests are not installed: run them in the project's source tree.")
        if importlib.util.find_spec("pytest") is None:
            raise CommandError("pytest is not installed in this Python: run `make develop`, or `make test`.")
        # Remove DJANGO_SETTINGS_MODULE, which would override the settings module of the tests.
        environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        os.chdir(PROJECT_ROOT)
        os.execve(sys.executable, [sys.executable, "-m", "pytest", *args], environment)
