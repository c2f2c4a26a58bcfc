"""Merges and challenges."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("catalog", "0001_initial"),
        ("jobs", "0001_initial"),
        ("uploads", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="MergeSession",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("title", models.CharField(blank=True, default="", max_length=200)),
                ("level_loudness", models.BooleanField(default=False)),
                ("priority", models.SmallIntegerField(choices=[(-10, "Low"), (0, "Normal"), (10, "High")], default=0)),
                ("estimated_seconds", models.FloatField(default=0)),
                ("segments", models.JSONField(default=list)),
                ("compression_applied", models.BooleanField(null=True)),
                ("took_seconds", models.FloatField(null=True)),
                ("source_seconds", models.FloatField(null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("completed_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField()),
                (
                    "job",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.RESTRICT, related_name="merges", to="jobs.job"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="merges", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "video",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="merges",
                        to="catalog.video",
                    ),
                ),
                ("challenge_deleted_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(fields=["owner", "-created_at", "-id"], name="merge_by_owner"),
                    models.Index(
                        condition=models.Q(("completed_at__isnull", False)),
                        fields=["-completed_at"],
                        name="merge_completed",
                    ),
                    models.Index(
                        condition=models.Q(("completed_at", None)), fields=["expires_at"], name="merge_to_expire"
                    ),
                    models.Index(
                        condition=models.Q(("challenge_deleted_at__isnull", False)),
                        fields=["expires_at"],
                        name="merge_without_challenge",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("priority__in", [-10, 0, 10])), name="merge_priority_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("completed_at", None), ("job__isnull", False), _connector="OR"),
                        name="merge_completed_by_a_job",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MergeClip",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("index", models.PositiveSmallIntegerField()),
                ("filename", models.CharField(max_length=255)),
                ("size", models.BigIntegerField()),
                ("duration", models.FloatField()),
                ("mime_type", models.CharField(blank=True, default="", max_length=127)),
                (
                    "upload",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="clip",
                        to="uploads.upload",
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="clips", to="merging.mergesession"
                    ),
                ),
            ],
            options={
                "ordering": ["index"],
                "constraints": [
                    models.UniqueConstraint(fields=("session", "index"), name="clip_index_once"),
                    models.CheckConstraint(
                        condition=models.Q(("duration__gte", 0), ("size__gte", 0)), name="clip_claims_positive"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Challenge",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=200)),
                ("statements", models.JSONField(default=list)),
                ("lie_index", models.PositiveSmallIntegerField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("published_at", models.DateTimeField(blank=True, null=True)),
                ("withheld_at", models.DateTimeField(blank=True, null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="challenges",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "withheld_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "merge",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="challenge",
                        to="merging.mergesession",
                    ),
                ),
                ("guests_may_play", models.BooleanField(db_default=False)),
                ("withheld_because", models.CharField(blank=True, db_default="", default="", max_length=1000)),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(fields=["owner", "-created_at", "-id"], name="challenge_by_owner"),
                    models.Index(
                        condition=models.Q(("published_at__isnull", False), ("withheld_at", None)),
                        fields=["-created_at", "-id"],
                        name="challenge_published",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("lie_index__lt", 10)), name="challenge_lie_within")
                ],
            },
        ),
        migrations.CreateModel(
            name="ChallengeReport",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("reason", models.CharField(max_length=1000)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                ("outcome", models.CharField(blank=True, default="", max_length=1000)),
                (
                    "challenge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="reports", to="merging.challenge"
                    ),
                ),
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
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("settled_at", None)), fields=["challenge"], name="challenge_report_open"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("settled_at", None)),
                        fields=("challenge", "reporter"),
                        name="challenge_report_open_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Guess",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("statement_index", models.PositiveSmallIntegerField()),
                ("is_correct", models.BooleanField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "challenge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="guesses", to="merging.challenge"
                    ),
                ),
                (
                    "player",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="guesses",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("guest", models.UUIDField(null=True)),
            ],
            options={
                "verbose_name_plural": "guesses",
                "indexes": [models.Index(fields=["player", "is_correct"], name="guess_score")],
                "constraints": [
                    models.UniqueConstraint(fields=("challenge", "player"), name="guess_once"),
                    models.CheckConstraint(condition=models.Q(("statement_index__lt", 10)), name="guess_within"),
                    models.UniqueConstraint(fields=("challenge", "guest"), name="guess_once_as_guest"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("guest__isnull", False), ("player", None)),
                            models.Q(("guest", None), ("player__isnull", False)),
                            _connector="OR",
                        ),
                        name="guess_by_one",
                    ),
                ],
            },
        ),
    ]
