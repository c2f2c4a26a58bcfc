from typing import Any

from vodplatform.core.errors import ERROR_TYPES
from vodplatform.core.processes.commands import Command as BaseCommand

HEAD = """# Errors

Every error of the API has one body:

```json
{"ok": false, "error": "<a sentence>", "code": 404, "type": "session_not_found", "request_id": "…"}
```

`type` is stable: programs decide by it. `errors` names what is wrong by field, `request_id` is in our logs.
This page is made by `manage.py errors`.

| type | status | sentence | what to do |
| --- | --- | --- | --- |
"""


class Command(BaseCommand):
    help = "Print docs/reference/errors.md."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        rows = [f"| `{t.name}` | {t.status} | {t.sentence} | {t.next_step} |" for t in ERROR_TYPES.values()]
        self.stdout.write(HEAD + "\n".join(rows))
