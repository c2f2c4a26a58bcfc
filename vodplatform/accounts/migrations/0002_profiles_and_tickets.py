"""One name instead of two, avatars, user names told apart whatever their case, tickets, instants by the database."""

import unicodedata
from typing import Any

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

import vodplatform.accounts.models


def key_of(username: str) -> str:
    """As accounts.models.username_key was when this was released."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold())[:450]


def join_names(apps: Any, schema_editor: Any) -> None:
    """first_name and last_name become full_name; of user names alike but for case the oldest keeps the plain key."""
    users = apps.get_model("accounts", "User").objects
    taken: set[str] = set()
    for user in users.order_by("date_joined", "pk").iterator(chunk_size=500):
        key = key_of(user.username)
        user.username_key = f"{key}#{user.pk.hex}" if key in taken else key
        taken.add(key)
        user.full_name = f"{user.first_name} {user.last_name}".strip()
        user.save(update_fields=["username_key", "full_name"])


def part_names(apps: Any, schema_editor: Any) -> None:
    """The reverse: what is longer than 150 characters goes on in last_name."""
    users = apps.get_model("accounts", "User").objects
    for user in users.exclude(full_name="").iterator(chunk_size=500):
        user.first_name, user.last_name = _halves(user.full_name)
        user.save(update_fields=["first_name", "last_name"])


def _halves(name: str) -> tuple[str, str]:
    if len(name) <= 150:
        first, _, last = name.partition(" ")
        return first, last
    at = name.rfind(" ", 0, 151)
    return (name[:at], name[at + 1 :][:150]) if at > 0 else (name[:150], name[150:300])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField(
            "user",
            "avatar_url",
            models.URLField(
                blank=True,
                default="",
                max_length=500,
                validators=[django.core.validators.URLValidator(schemes=["http", "https"])],
            ),
        ),
        migrations.AddField(
            "user",
            "full_name",
            models.CharField(
                blank=True, default="", max_length=301, validators=[vodplatform.accounts.models.plain_text]
            ),
        ),
        migrations.AddField(
            "user", "username_key", models.CharField(default="", editable=False, max_length=500), preserve_default=False
        ),
        migrations.RunPython(join_names, part_names),
        migrations.AlterField("user", "username_key", models.CharField(editable=False, max_length=500, unique=True)),
        migrations.RemoveField("user", "first_name"),
        migrations.RemoveField("user", "last_name"),
        migrations.AlterModelOptions("apitoken", {"ordering": ["-created_at", "-id"]}),
        migrations.AlterModelOptions("subscription", {"ordering": ["-valid_from", "-id"]}),
        migrations.AlterField("apitoken", "created_at", models.DateTimeField(db_default=Now(), editable=False)),
        migrations.AlterField("subscription", "created_at", models.DateTimeField(db_default=Now(), editable=False)),
        migrations.AlterField("subscription", "valid_from", models.DateTimeField(db_default=Now())),
        migrations.AddIndex("subscription", models.Index(fields=["user", "valid_from"], name="subscription_user_from")),
        migrations.CreateModel(
            "WsTicket",
            [
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=16)),
                ("reference", models.TextField()),
                ("expires_at", models.DateTimeField(db_index=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="ws_tickets",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
    ]
