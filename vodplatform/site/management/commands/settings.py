from typing import Any

from vodplatform.core.processes.commands import Command as BaseCommand
from vodplatform.settings.variables import VARIABLES

HEAD = """# Settings

The program reads these environment variables once, when it starts. If a value is invalid, the program does not start.
It then prints a sentence that names the variable.

`DJANGO_SETTINGS_MODULE` selects one of two modules:

- `vodplatform.settings.embedded` (the default) uses SQLite and a private Redis, unless `DATABASE_URL` and
  `REDIS_URL` are set.
- `vodplatform.settings.production` requires `DATABASE_URL`, `REDIS_URL` and `SECRET_KEY`.

The command `manage.py settings` prints this page.

| variable | default | accepts | what it does |
| --- | --- | --- | --- |
"""


class Command(BaseCommand):
    help = "Print docs/reference/settings.md."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        rows = [f"| `{v.name}` | {v.shown} | {v.accepts} | {v.help} |" for v in VARIABLES]
        self.stdout.write(HEAD + "\n".join(rows))
