"""Comparisons with their VODs, events, shares and alignments. The history of offsets is append-only."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import sessions_app.comparison.models
from vodplatform.core.records.append_only import protect, unprotect


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("catalog", "0001_initial"),
        ("jobs", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ComparisonSession",
            fields=[
                (
                    "session_id",
                    models.CharField(
                        default=sessions_app.comparison.models.new_session_id,
                        editable=False,
                        max_length=40,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("description", models.TextField(blank=True, default="")),
                (
                    "sync_mode",
                    models.CharField(
                        choices=[("global", "Global"), ("independent", "Independent")], default="global", max_length=16
                    ),
                ),
                ("global_time", models.FloatField(default=0.0)),
                (
                    "playback_state",
                    models.CharField(
                        choices=[("playing", "Playing"), ("paused", "Paused")], default="paused", max_length=16
                    ),
                ),
                ("rate", models.FloatField(default=1.0)),
                ("anchored_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("ui_state", models.JSONField(default=dict)),
                ("sync_config", models.JSONField(default=sessions_app.comparison.models.default_sync_config)),
                ("auto_sync_result", models.JSONField(blank=True, null=True)),
                ("revision", models.PositiveBigIntegerField(default=1)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="comparisons",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("archived_at", models.DateTimeField(blank=True, null=True)),
                ("events_revision", models.PositiveBigIntegerField(db_default=0)),
            ],
            options={
                "ordering": ["-created_at", "-session_id"],
                "indexes": [models.Index(fields=["owner", "-created_at"], name="comparison_owner")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("sync_mode__in", ["global", "independent"])), name="comparison_mode_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("playback_state__in", ["playing", "paused"])), name="comparison_state_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("rate__gte", 0.1), ("rate__lte", 4.0)), name="comparison_rate_range"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("global_time__gte", 0)), name="comparison_time_positive"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Alignment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "method",
                    models.CharField(
                        choices=[("timer_ocr", "Timer Ocr"), ("audio", "Audio"), ("auto", "Auto")], max_length=16
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "job",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.RESTRICT, related_name="alignment", to="jobs.job"
                    ),
                ),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alignments",
                        to="comparison.comparisonsession",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="ComparisonVod",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ordinal", models.PositiveSmallIntegerField()),
                ("vod_id", models.CharField(max_length=100)),
                ("name", models.CharField(max_length=255)),
                (
                    "path",
                    models.TextField(
                        blank=True, default="", help_text="Path as sent by the client; empty if the client sent an id."
                    ),
                ),
                ("offset", models.FloatField(default=0.0)),
                (
                    "offset_source",
                    models.CharField(
                        choices=[("manual", "Manual"), ("timer_ocr", "Timer Ocr"), ("audio", "Audio")],
                        default="manual",
                        max_length=16,
                    ),
                ),
                ("offset_confidence", models.FloatField(default=1.0)),
                (
                    "position",
                    models.FloatField(default=0.0, help_text="Position at anchored_at; may lie outside the video."),
                ),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="vods",
                        to="comparison.comparisonsession",
                    ),
                ),
                (
                    "video",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.RESTRICT, related_name="comparison_vods", to="catalog.video"
                    ),
                ),
                (
                    "drift_anchor",
                    models.FloatField(db_default=0.0, help_text="Time on the shared clock at which the offset holds exactly; at other times, the drift is added."),
                ),
                (
                    "drift_ppm",
                    models.FloatField(db_default=0.0, help_text="Drift: how much faster the VOD's clock runs, in ppm."),
                ),
                (
                    "own_playing",
                    models.BooleanField(help_text="Whether the VOD plays in independent mode.", null=True),
                ),
                ("own_rate", models.FloatField(help_text="Speed of the video in independent mode.", null=True)),
            ],
            options={
                "ordering": ["ordinal"],
                "constraints": [
                    models.UniqueConstraint(models.F("session"), models.F("vod_id"), name="comparison_vod_once"),
                    models.UniqueConstraint(models.F("session"), models.F("ordinal"), name="comparison_vod_ordinal"),
                    models.CheckConstraint(
                        condition=models.Q(("ordinal__lte", 2)), name="comparison_vod_at_most_three"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("offset_source__in", ["manual", "timer_ocr", "audio"])),
                        name="comparison_vod_source",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("offset_confidence__gte", 0), ("offset_confidence__lte", 1)),
                        name="comparison_vod_confidence",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("offset__gte", -604800.0), ("offset__lte", 604800.0)),
                        name="comparison_vod_offset",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("drift_ppm__gte", -1000.0), ("drift_ppm__lte", 1000.0)),
                        name="comparison_vod_drift",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("own_rate", None),
                            models.Q(("own_rate__gte", 0.1), ("own_rate__lte", 4.0)),
                            _connector="OR",
                        ),
                        name="comparison_vod_own_rate",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OffsetChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("old_offset", models.FloatField()),
                ("new_offset", models.FloatField()),
                (
                    "source",
                    models.CharField(
                        choices=[("manual", "Manual"), ("timer_ocr", "Timer Ocr"), ("audio", "Audio")], max_length=16
                    ),
                ),
                ("confidence", models.FloatField(null=True)),
                (
                    "changed_by",
                    models.CharField(help_text="Id of the user; kept if the user is deleted.", max_length=36),
                ),
                ("changed_by_name", models.CharField(max_length=150)),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="offset_changes",
                        to="comparison.comparisonsession",
                    ),
                ),
                (
                    "vod",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="offset_changes",
                        to="comparison.comparisonvod",
                    ),
                ),
                ("new_drift_ppm", models.FloatField(null=True)),
                ("old_drift_ppm", models.FloatField(help_text="Empty in rows without a recorded drift.", null=True)),
                (
                    "new_drift_anchor",
                    models.FloatField(
                        help_text="Global time at which the offset is exact; empty if no drift was recorded.",
                        null=True,
                    ),
                ),
            ],
            options={
                "db_table": "comparison_offset_change",
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("source__in", ["manual", "timer_ocr", "audio"])),
                        name="offset_change_source",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("confidence__isnull", True), ("source", "manual")),
                            models.Q(
                                models.Q(("source", "manual"), _negated=True),
                                ("confidence__gte", 0),
                                ("confidence__lte", 1),
                            ),
                            _connector="OR",
                        ),
                        name="offset_change_confidence",
                    ),
                ],
            },
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
                (
                    "visitor_id",
                    models.UUIDField(
                        help_text="Id of the visitor who wrote this, if the author has no account.", null=True
                    ),
                ),
            ],
            options={
                "ordering": ["created_at", "id"],
                "indexes": [models.Index(fields=["session", "created_at", "id"], name="event_of_session")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("time__gte", 0), ("time__lte", 604800.0)), name="event_time"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("end", None), ("end__gt", models.F("time")), _connector="OR"),
                        name="event_end_after_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("origin__in", ["manual", "highlights", "shots", "sound_peaks", "import"])),
                        name="event_origin_known",
                    ),
                ],
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
                (
                    "visitor_id",
                    models.UUIDField(
                        help_text="Id of the visitor who wrote this, if the author has no account.", null=True
                    ),
                ),
            ],
            options={
                "ordering": ["created_at", "id"],
            },
        ),
        migrations.CreateModel(
            name="SessionShare",
            fields=[
                ("share_id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "role",
                    models.CharField(
                        choices=[("owner", "Owner"), ("editor", "Editor"), ("viewer", "Viewer")],
                        default="viewer",
                        max_length=16,
                    ),
                ),
                ("can_comment", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shares",
                        to="comparison.comparisonsession",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="comparison_shares",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["created_at", "share_id"],
                "constraints": [
                    models.UniqueConstraint(models.F("session"), models.F("user"), name="share_once"),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["editor", "viewer"])), name="share_role_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ShareLink",
            fields=[
                ("link_id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("password", models.CharField(blank=True, default="", max_length=128)),
                ("can_comment", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("expires_at", models.DateTimeField(db_index=True)),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="links",
                        to="comparison.comparisonsession",
                    ),
                ),
            ],
            options={
                "ordering": ["created_at", "link_id"],
            },
        ),
        migrations.CreateModel(
            name="Mention",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mentions",
                        to="comparison.sessionevent",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="comparison_mentions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "comparison_mention",
                "constraints": [models.UniqueConstraint(models.F("event"), models.F("user"), name="mention_once")],
            },
        ),
        migrations.RunPython(protect("comparison_offset_change"), unprotect("comparison_offset_change")),
    ]
