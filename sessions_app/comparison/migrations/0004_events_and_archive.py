"""What people mark in a comparison, and what they say to it; a comparison can be archived."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("comparison", "0003_drift"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="comparisonsession",
            name="archived_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="comparisonsession",
            name="events_revision",
            field=models.PositiveBigIntegerField(db_default=0),
        ),
        migrations.CreateModel(
            name="SessionEvent",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("time", models.FloatField()),
                ("end", models.FloatField(null=True)),
                ("kind", models.CharField(max_length=40)),
                ("label", models.CharField(blank=True, default="", max_length=200)),
                ("body", models.TextField(blank=True, default="")),
                ("color", models.CharField(blank=True, default="", max_length=7)),
                ("drawing", models.JSONField(null=True)),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("manual", "Manual"),
                            ("highlights", "Highlights"),
                            ("shots", "Shots"),
                            ("sound_peaks", "Sound Peaks"),
                            ("import", "Import"),
                        ],
                        default="manual",
                        max_length=16,
                    ),
                ),
                ("confidence", models.FloatField(null=True)),
                ("resolved", models.BooleanField(default=False)),
                ("created_by_name", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="comparison_events",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="events",
                        to="comparison.comparisonsession",
                    ),
                ),
                (
                    "vod",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="events",
                        to="comparison.comparisonvod",
                    ),
                ),
            ],
            options={
                "ordering": ["created_at", "id"],
            },
        ),
        migrations.CreateModel(
            name="EventReply",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("body", models.TextField()),
                ("created_by_name", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="event_replies",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="replies",
                        to="comparison.sessionevent",
                    ),
                ),
            ],
            options={
                "ordering": ["created_at", "id"],
            },
        ),
        migrations.AddIndex(
            model_name="sessionevent",
            index=models.Index(fields=["session", "created_at", "id"], name="event_of_session"),
        ),
        migrations.AddConstraint(
            model_name="sessionevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("time__gte", 0), ("time__lte", 604800.0)), name="event_time"
            ),
        ),
        migrations.AddConstraint(
            model_name="sessionevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("end", None), ("end__gt", models.F("time")), _connector="OR"),
                name="event_end_after_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="sessionevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("origin__in", ["manual", "highlights", "shots", "sound_peaks", "import"])),
                name="event_origin_known",
            ),
        ),
    ]
