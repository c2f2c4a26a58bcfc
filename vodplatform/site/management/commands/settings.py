from typing import Any

from vodplatform.core.processes.commands import Command as BaseCommand
from vodplatform.settings.variables import VARIABLES

HEAD = """# Settings

Environment variables, read once at the start; a wrong value stops the start with a sentence that names it.
`DJANGO_SETTINGS_MODULE` chooses `vodplatform.settings.embedded` (the default: SQLite and a private Redis unless
`DATABASE_URL` and `REDIS_URL` say otherwise) or `vodplatform.settings.production`, which needs both and `SECRET_KEY`.

This page is made by `manage.py settings`.

| variable | default | accepts | what it does |
| --- | --- | --- | --- |
"""


class Command(BaseCommand):
    help = "Print docs/reference/settings.md."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        rows = [f"| `{v.name}` | {v.shown} | {v.accepts} | {v.help} |" for v in VARIABLES]
        self.stdout.write(HEAD + "\n".join(rows))
