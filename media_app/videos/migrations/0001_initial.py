"""Videos with their renditions, text tracks and views. PostgreSQL has two more indexes for the catalogue's search."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

# The search indexes cover only the catalogue: private libraries are too small to need an index.
INDEXES = {
    "video_words": "catalog_video USING gin (to_tsvector('simple', search_text)) WHERE place = 'catalogue'",
    "video_tags": "catalog_video USING gin (tags) WHERE place = 'catalogue'",
}


def add_indexes(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name, definition in INDEXES.items():
            schema_editor.execute(f"CREATE INDEX {name} ON {definition}")


def drop_indexes(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name in INDEXES:
            schema_editor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("jobs", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Video",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=255)),
                ("source", models.CharField(choices=[("reference", "Reference"), ("stored", "Stored")], max_length=16)),
                (
                    "location",
                    models.TextField(help_text="Absolute path with symlinks resolved, or key in the storage."),
                ),
                ("file_size", models.BigIntegerField()),
                ("modified_ns", models.BigIntegerField(default=0)),
                ("mime_type", models.CharField(max_length=64)),
                ("duration", models.FloatField(default=0, help_text="seconds")),
                ("fps_numerator", models.PositiveIntegerField(default=0)),
                ("fps_denominator", models.PositiveIntegerField(default=1)),
                ("is_variable_frame_rate", models.BooleanField(default=False)),
                ("width", models.PositiveIntegerField(default=0)),
                ("height", models.PositiveIntegerField(default=0)),
                ("codec", models.CharField(blank=True, default="", max_length=32)),
                ("audio_tracks", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.RESTRICT, related_name="videos", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("description", models.TextField(blank=True, default="")),
                ("error_message", models.TextField(blank=True, default="")),
                ("error_type", models.CharField(blank=True, default="", max_length=64)),
                (
                    "job",
                    models.ForeignKey(
                        help_text="job that processes the file",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="jobs.job",
                    ),
                ),
                ("sha256", models.CharField(blank=True, default="", max_length=64)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("uploading", "Uploading"),
                            ("processing", "Processing"),
                            ("ready", "Ready"),
                            ("failed", "Failed"),
                        ],
                        default="ready",
                        max_length=16,
                    ),
                ),
                ("tags", models.JSONField(default=list)),
                ("category", models.CharField(blank=True, default="", max_length=100)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("is_featured", models.BooleanField(default=False)),
                ("is_hidden", models.BooleanField(default=False)),
                (
                    "last_modified_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "place",
                    models.CharField(
                        choices=[
                            ("library", "Library"),
                            ("catalogue", "Catalogue"),
                            ("session", "Session"),
                            ("open", "Open"),
                        ],
                        default="library",
                        max_length=16,
                    ),
                ),
                ("reviewed_at", models.DateTimeField(blank=True, null=True)),
                ("search_text", models.TextField(blank=True, default="")),
                ("vector_clock", models.JSONField(default=dict)),
                ("version", models.PositiveIntegerField(default=1)),
                ("view_count", models.BigIntegerField(default=0)),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(fields=["owner", "-created_at", "-id"], name="video_by_owner"),
                    models.Index(
                        condition=models.Q(
                            ("deleted_at", None), ("is_hidden", False), ("place", "catalogue"), ("status", "ready")
                        ),
                        fields=["-created_at", "-id"],
                        name="video_shown",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None), ("place", "catalogue")),
                        fields=["-created_at", "-id"],
                        name="video_in_catalogue",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None), ("place", "catalogue")),
                        fields=["category", "-created_at", "-id", "status", "is_hidden"],
                        name="video_by_category",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None), ("place", "catalogue"), ("is_featured", True)),
                        fields=["place", "-created_at", "-id", "status", "is_hidden"],
                        name="video_featured",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at", None), ("place", "catalogue"), ("is_hidden", True)),
                        fields=["place", "-created_at", "-id"],
                        name="video_hidden",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("deleted_at", None), ("place", "catalogue"), models.Q(("status", "ready"), _negated=True)
                        ),
                        fields=["place", "-created_at", "-id", "status", "job"],
                        name="video_not_ready",
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at__isnull", False), ("place", "catalogue")),
                        fields=["place", "-created_at", "-id"],
                        name="video_deleted",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("source__in", ["reference", "stored"])), name="video_source_known"
                    ),
                    models.CheckConstraint(condition=models.Q(("duration__gte", 0)), name="video_duration_positive"),
                    models.CheckConstraint(condition=models.Q(("fps_denominator__gt", 0)), name="video_fps_a_fraction"),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["uploading", "processing", "ready", "failed"])),
                        name="video_status_known",
                    ),
                    models.UniqueConstraint(
                        models.F("owner"),
                        models.F("location"),
                        models.F("file_size"),
                        models.F("modified_ns"),
                        condition=models.Q(("source", "reference")),
                        name="video_once_per_owner",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("version__gte", 1), ("view_count__gte", 0)), name="video_counts_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("place__in", ["library", "catalogue", "session", "open"])),
                        name="video_place_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Rendition",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("poster", "Poster"),
                            ("sprite", "Sprite"),
                            ("peaks", "Peaks"),
                            ("hls", "Hls"),
                            ("proxy", "Proxy"),
                            ("silent", "Silent"),
                            ("thumbnail", "Thumbnail"),
                            ("reel", "Reel"),
                            ("preview", "Preview"),
                            ("sound", "Sound"),
                            ("dub", "Dub"),
                        ],
                        max_length=16,
                    ),
                ),
                ("name", models.CharField(blank=True, default="", max_length=16)),
                ("folder", models.TextField()),
                ("files", models.JSONField(default=dict)),
                ("mime_type", models.CharField(blank=True, default="", max_length=64)),
                ("codecs", models.CharField(blank=True, default="", max_length=128)),
                ("width", models.PositiveIntegerField(default=0)),
                ("height", models.PositiveIntegerField(default=0)),
                ("bit_rate", models.BigIntegerField(default=0)),
                ("size", models.BigIntegerField(default=0)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "video",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="renditions", to="catalog.video"
                    ),
                ),
                ("lost_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["kind", "-height", "name"],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("video"), models.F("kind"), models.F("name"), name="rendition_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "poster",
                                    "sprite",
                                    "peaks",
                                    "hls",
                                    "proxy",
                                    "silent",
                                    "thumbnail",
                                    "reel",
                                    "preview",
                                    "sound",
                                    "dub",
                                ],
                            )
                        ),
                        name="rendition_kind_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="VideoView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("viewer", models.CharField(max_length=64)),
                ("hour", models.DateTimeField()),
                ("is_counted", models.BooleanField(default=False)),
                (
                    "video",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="catalog.video"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("is_counted", False)), fields=["video"], name="view_to_count")
                ],
                "constraints": [models.UniqueConstraint(fields=("video", "viewer", "hour"), name="view_once_an_hour")],
            },
        ),
        migrations.CreateModel(
            name="TextTrack",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(choices=[("captions", "Captions"), ("chapters", "Chapters")], max_length=16)),
                ("language", models.CharField(max_length=35)),
                ("label", models.CharField(blank=True, default="", max_length=100)),
                ("content", models.TextField()),
                ("cue_count", models.PositiveIntegerField()),
                ("search_text", models.TextField(blank=True, default="")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "video",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="text_tracks", to="catalog.video"
                    ),
                ),
            ],
            options={
                "ordering": ["kind", "language"],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("video"), models.F("kind"), models.F("language"), name="text_track_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["captions", "chapters"])), name="text_track_kind_known"
                    ),
                ],
            },
        ),
        migrations.RunPython(add_indexes, drop_indexes),
    ]
