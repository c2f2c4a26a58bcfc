"""Tables of the catalogue's append-only operations and of processing reports."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from vodplatform.core.records.append_only import protect, unprotect


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("catalog", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="MergeState",
            fields=[
                (
                    "video",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="merge_state",
                        serialize=False,
                        to="catalog.video",
                    ),
                ),
                ("document", models.JSONField()),
                ("base", models.JSONField()),
            ],
        ),
        migrations.CreateModel(
            name="CatalogueVideo",
            fields=[],
            options={
                "verbose_name": "catalogue video",
                "proxy": True,
            },
            bases=("catalog.video",),
        ),
        migrations.CreateModel(
            name="CrdtOperation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("actor", models.CharField(max_length=120)),
                ("counter", models.BigIntegerField()),
                ("writer", models.UUIDField()),
                ("client_id", models.CharField(blank=True, default="", max_length=64)),
                ("operation_type", models.CharField(max_length=32)),
                ("operation_data", models.JSONField()),
                ("vector_clock", models.JSONField()),
                ("timestamp", models.DateTimeField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "video",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="operations", to="catalog.video"
                    ),
                ),
            ],
            options={
                "db_table": "crdt_operations",
                "ordering": ["created_at", "timestamp", "actor", "counter"],
                "indexes": [models.Index(fields=["video", "created_at"], name="operation_since")],
                "constraints": [
                    models.UniqueConstraint(fields=("video", "actor", "counter"), name="operation_once"),
                    models.CheckConstraint(condition=models.Q(("counter__gte", 1)), name="operation_counts_from_one"),
                ],
            },
        ),
        migrations.CreateModel(
            name="VideoReport",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("spam", "Spam"),
                            ("violence", "Violence"),
                            ("hate", "Hate"),
                            ("sexual", "Sexual"),
                            ("copyright", "Copyright"),
                            ("misleading", "Misleading"),
                            ("other", "Other"),
                        ],
                        max_length=16,
                    ),
                ),
                ("text", models.CharField(blank=True, default="", max_length=1000)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                ("outcome", models.CharField(blank=True, default="", max_length=1000)),
                (
                    "reporter",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "settled_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "video",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="reports", to="catalog.video"
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(condition=models.Q(("settled_at", None)), fields=["video"], name="report_open")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("settled_at", None)),
                        fields=("video", "reporter"),
                        name="report_open_once_per_user",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("reason__in", ["spam", "violence", "hate", "sexual", "copyright", "misleading", "other"])
                        ),
                        name="report_reason_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProcessingReport",
            fields=[
                (
                    "video",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="processing_report",
                        serialize=False,
                        to="catalog.video",
                    ),
                ),
                ("results", models.JSONField()),
                ("reported_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "reported_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.RunPython(protect("crdt_operations"), unprotect("crdt_operations")),
    ]
