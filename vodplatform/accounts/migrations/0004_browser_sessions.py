"""Browser sessions with their user. Those that last go along, so that nobody has to sign in again."""

from itertools import islice
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import migrations, models
from django.utils import timezone

BATCH = 1000


def copy_sessions(apps: Any, schema_editor: Any) -> None:
    """The former rows stay: hosts of the last release go on with them until they are updated."""
    sessions = apps.get_model("sessions", "Session").objects
    BrowserSession = apps.get_model("accounts", "BrowserSession")
    store = SessionStore()
    rows = (
        BrowserSession(
            session_key=old.session_key, session_data=old.session_data, expire_date=old.expire_date,
            user_id=store.decode(old.session_data).get(SESSION_KEY),
        )
        for old in sessions.filter(expire_date__gt=timezone.now()).iterator(BATCH)
    )  # fmt: skip
    while batch := list(islice(rows, BATCH)):
        BrowserSession.objects.bulk_create(batch, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_pending_sign_up"), ("sessions", "0001_initial")]

    operations = [
        migrations.CreateModel(
            "BrowserSession",
            [
                (
                    "session_key",
                    models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name="session key"),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="browser_sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"verbose_name": "session", "verbose_name_plural": "sessions", "abstract": False},
        ),
        migrations.RunPython(copy_sessions, migrations.RunPython.noop),
    ]
