from typing import Any

from vodplatform.core.errors import ERROR_TYPES
from vodplatform.core.processes.commands import Command as BaseCommand

HEAD = """# Errors

Every error response of the API has the same JSON body:

```json
{"ok": false, "error": "<a sentence>", "code": 404, "type": "session_not_found", "request_id": "…"}
```

`type` is the stable name of the error; clients should distinguish errors by `type`. If fields are invalid, the body
also has `errors`, which lists the faults of each field. `request_id` is the id of the request in the server's logs.

The command `manage.py errors` prints this page.

| type | status | sentence | what to do |
| --- | --- | --- | --- |
"""


class Command(BaseCommand):
    help = "Print docs/reference/errors.md."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        rows = [f"| `{t.name}` | {t.status} | {t.sentence} | {t.next_step} |" for t in ERROR_TYPES.values()]
        self.stdout.write(HEAD + "\n".join(rows))
