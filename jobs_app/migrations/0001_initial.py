"""Jobs and their events, which are append-only. PostgreSQL has one more index, for segments."""

import uuid

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from vodplatform.core.records.append_only import protect, unprotect


def add_index(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("CREATE INDEX idx_video_jobs_segments_data ON video_jobs USING gin (segments_data)")


def drop_index(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS idx_video_jobs_segments_data")


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Job",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=64)),
                ("lane", models.CharField(max_length=32)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("processing", "Processing"),
                            ("waiting", "Waiting"),
                            ("paused", "Paused"),
                            ("completed", "Completed"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                            ("expired", "Expired"),
                        ],
                        default="queued",
                        max_length=16,
                    ),
                ),
                ("priority", models.SmallIntegerField(choices=[(-10, "Low"), (0, "Normal"), (10, "High")], default=0)),
                ("progress", models.FloatField(default=0.0)),
                ("message", models.CharField(blank=True, default="", max_length=500)),
                ("params", models.JSONField(default=dict)),
                ("result", models.JSONField(blank=True, null=True)),
                ("error", models.JSONField(blank=True, null=True)),
                ("attempt", models.PositiveIntegerField(default=0)),
                (
                    "max_attempts",
                    models.PositiveIntegerField(default=3, help_text="Number of crashes after which the job fails."),
                ),
                ("crashes", models.PositiveIntegerField(default=0)),
                ("admitted", models.BooleanField(default=True)),
                ("lease_token", models.UUIDField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("worker", models.CharField(blank=True, default="", max_length=100)),
                ("revision", models.PositiveBigIntegerField(default=1)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="jobs", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("checkpoint", models.JSONField(blank=True, null=True)),
                ("deadline", models.DateTimeField(blank=True, null=True)),
                (
                    "retries",
                    models.PositiveIntegerField(
                        default=0, help_text="Number of automatic retries after temporary errors."
                    ),
                ),
                ("run_at", models.DateTimeField(blank=True, null=True)),
                ("turn", models.BigIntegerField(default=0)),
                ("is_pro_job", models.BooleanField(default=False)),
                ("segments_data", models.JSONField(blank=True, null=True)),
                ("away_since", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "db_table": "video_jobs",
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(models.F("lane"), condition=models.Q(("status", "processing")), name="job_processing"),
                    models.Index(fields=["owner", "-created_at"], name="job_owner"),
                    models.Index(
                        models.F("lane"),
                        models.OrderBy(models.F("priority"), descending=True),
                        models.F("turn"),
                        models.F("created_at"),
                        models.F("id"),
                        condition=models.Q(("admitted", True), ("status", "queued")),
                        name="job_claim",
                    ),
                    models.Index(
                        models.F("owner"),
                        models.F("lane"),
                        models.OrderBy(models.F("priority"), descending=True),
                        models.F("created_at"),
                        models.F("id"),
                        condition=models.Q(("admitted", False), ("status", "queued")),
                        name="job_admission",
                    ),
                    models.Index(
                        models.F("owner"), models.F("lane"), condition=models.Q(("admitted", True)), name="job_admitted"
                    ),
                    models.Index(
                        models.F("owner"),
                        models.F("lane"),
                        models.OrderBy(models.F("turn"), descending=True),
                        name="job_own_turn",
                    ),
                    models.Index(
                        models.F("lane"),
                        models.OrderBy(models.F("turn"), descending=True),
                        condition=models.Q(("attempt__gt", 0)),
                        name="job_claimed_turn",
                    ),
                    models.Index(fields=["-created_at", "-id"], name="job_newest"),
                    models.Index(models.F("run_at"), condition=models.Q(("status", "waiting")), name="job_due"),
                    models.Index(
                        models.F("finished_at"),
                        condition=models.Q(("status__in", ["completed", "failed", "cancelled", "expired"])),
                        name="job_finished",
                    ),
                    models.Index(fields=["is_pro_job"], name="idx_video_jobs_is_pro_job"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "queued",
                                    "processing",
                                    "waiting",
                                    "paused",
                                    "completed",
                                    "failed",
                                    "cancelled",
                                    "expired",
                                ],
                            )
                        ),
                        name="job_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("progress__gte", 0), ("progress__lte", 100)), name="job_progress_percent"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("lease_token__isnull", False), ("lease_until__isnull", False), ("status", "processing")
                            ),
                            models.Q(models.Q(("status", "processing"), _negated=True), ("lease_token__isnull", True)),
                            _connector="OR",
                        ),
                        name="job_lease_while_processing",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("admitted", False), ("status__in", ["queued", "processing"]), _connector="OR"
                        ),
                        name="job_place_while_it_may_run",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "waiting"), _negated=True), ("run_at__isnull", False), _connector="OR"
                        ),
                        name="job_waits_for_a_moment",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="JobEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("name", models.CharField(max_length=32)),
                ("attempt", models.PositiveIntegerField(default=0)),
                ("data", models.JSONField(default=dict)),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="events", to="jobs.job"
                    ),
                ),
            ],
            options={
                "db_table": "jobs_event",
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="Chore",
            fields=[
                ("name", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("due_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "jobs_chore",
            },
        ),
        migrations.CreateModel(
            name="LaneLimit",
            fields=[
                ("lane", models.CharField(max_length=32, primary_key=True, serialize=False)),
                (
                    "limit",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Maximum number of running jobs; empty for as many as the workers can run.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
            ],
            options={
                "db_table": "job_lane_limits",
            },
        ),
        migrations.RunPython(add_index, drop_index),
        migrations.RunPython(protect("jobs_event"), unprotect("jobs_event")),
    ]
