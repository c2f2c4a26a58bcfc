"""Columns of admission, turns, waits, checkpoints and automatic retries, with their indexes; the chores."""

from typing import Any

import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


def take_places_of_the_ended(apps: Any, schema_editor: Any) -> None:
    """Until now a job kept its place for ever, because nobody looked."""
    jobs = apps.get_model("jobs", "Job").objects.using(schema_editor.connection.alias)
    jobs.exclude(status__in=["queued", "processing"]).update(admitted=False)


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0002_protect_events"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Chore",
            fields=[
                ("name", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("due_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={"db_table": "jobs_chore"},
        ),
        migrations.RemoveIndex(model_name="job", name="job_claim"),
        migrations.AddField("job", "checkpoint", models.JSONField(blank=True, null=True)),
        migrations.AddField("job", "deadline", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "job",
            "retries",
            models.PositiveIntegerField(default=0, help_text="automatic ones, after transient faults"),
        ),
        migrations.AddField("job", "run_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("job", "turn", models.BigIntegerField(default=0)),
        migrations.AlterField(
            "job",
            "max_attempts",
            models.PositiveIntegerField(default=3, help_text="crashes after which it fails"),
        ),
        migrations.AddIndex(
            "job",
            models.Index(
                models.F("lane"),
                models.OrderBy(models.F("priority"), descending=True),
                models.F("turn"),
                models.F("created_at"),
                models.F("id"),
                condition=models.Q(("admitted", True), ("status", "queued")),
                name="job_claim",
            ),
        ),
        migrations.AddIndex(
            "job",
            models.Index(
                models.F("owner"),
                models.F("lane"),
                models.OrderBy(models.F("priority"), descending=True),
                models.F("created_at"),
                models.F("id"),
                condition=models.Q(("admitted", False), ("status", "queued")),
                name="job_admission",
            ),
        ),
        migrations.AddIndex(
            "job",
            models.Index(
                models.F("owner"),
                models.F("lane"),
                condition=models.Q(("admitted", True)),
                name="job_admitted",
            ),
        ),
        migrations.AddIndex(
            "job",
            models.Index(
                models.F("owner"),
                models.F("lane"),
                models.OrderBy(models.F("turn"), descending=True),
                name="job_own_turn",
            ),
        ),
        migrations.AddIndex(
            "job",
            models.Index(
                models.F("lane"),
                models.OrderBy(models.F("turn"), descending=True),
                condition=models.Q(("attempt__gt", 0)),
                name="job_claimed_turn",
            ),
        ),
        migrations.AddIndex("job", models.Index(fields=["-created_at", "-id"], name="job_newest")),
        migrations.AddIndex(
            "job",
            models.Index(models.F("run_at"), condition=models.Q(("status", "waiting")), name="job_due"),
        ),
        migrations.AddIndex(
            "job",
            models.Index(
                models.F("finished_at"),
                condition=models.Q(("status__in", ["completed", "failed", "cancelled", "expired"])),
                name="job_finished",
            ),
        ),
        migrations.RunPython(take_places_of_the_ended, migrations.RunPython.noop),
        migrations.AddConstraint(
            "job",
            models.CheckConstraint(
                condition=models.Q(("admitted", False), ("status__in", ["queued", "processing"]), _connector="OR"),
                name="job_place_while_it_may_run",
            ),
        ),
        migrations.AddConstraint(
            "job",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "waiting"), _negated=True), ("run_at__isnull", False), _connector="OR"
                ),
                name="job_waits_for_a_moment",
            ),
        ),
    ]
