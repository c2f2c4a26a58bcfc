"""Uploads and their chunks."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Upload",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "front",
                    models.CharField(
                        choices=[
                            ("multipart", "Multipart"),
                            ("chunks", "Chunks"),
                            ("tus", "Tus"),
                            ("direct", "Direct"),
                        ],
                        max_length=16,
                    ),
                ),
                ("purpose", models.CharField(max_length=16)),
                ("filename", models.CharField(max_length=255)),
                ("content_type", models.CharField(blank=True, default="", max_length=127)),
                ("metadata", models.JSONField(default=dict)),
                ("size", models.BigIntegerField()),
                ("offset", models.BigIntegerField(default=0)),
                ("chunk_size", models.BigIntegerField(null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("initiated", "Initiated"),
                            ("uploading", "Uploading"),
                            ("completed", "Completed"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                            ("expired", "Expired"),
                        ],
                        default="initiated",
                        max_length=16,
                    ),
                ),
                ("error_type", models.CharField(blank=True, default="", max_length=64)),
                ("error_message", models.TextField(blank=True, default="")),
                (
                    "sha256",
                    models.CharField(
                        blank=True, default="", help_text="SHA-256 of the complete file, if known", max_length=64
                    ),
                ),
                (
                    "mime_type",
                    models.CharField(
                        blank=True, default="", help_text="type detected from the first bytes", max_length=64
                    ),
                ),
                ("key", models.TextField(blank=True, default="")),
                (
                    "multipart_id",
                    models.TextField(blank=True, default="", help_text="id of the multipart upload on S3"),
                ),
                ("parts", models.JSONField(default=list)),
                ("part_number", models.PositiveIntegerField(default=0)),
                ("tail_key", models.TextField(blank=True, default="")),
                ("tail_size", models.BigIntegerField(default=0, help_text="bytes")),
                (
                    "is_partial",
                    models.BooleanField(
                        default=False, help_text="whether the upload is one part of a tus concatenation"
                    ),
                ),
                (
                    "concatenates",
                    models.JSONField(
                        default=list, help_text="ids of the uploads that are joined into this one, in order"
                    ),
                ),
                ("resource_id", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("taken_up", models.BooleanField(default=False)),
                ("lock_token", models.UUIDField(null=True)),
                ("lock_until", models.DateTimeField(null=True)),
                ("lock_wanted", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("updated_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("expires_at", models.DateTimeField()),
                ("completed_at", models.DateTimeField(null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="uploads", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(fields=["owner", "-created_at"], name="upload_by_owner"),
                    models.Index(
                        condition=models.Q(("status", "expired"), _negated=True),
                        fields=["expires_at"],
                        name="upload_to_expire",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["initiated", "uploading", "completed", "failed", "cancelled", "expired"])
                        ),
                        name="upload_status_known",
                    ),
                    models.CheckConstraint(condition=models.Q(("size__gte", 0)), name="upload_size_positive"),
                    models.CheckConstraint(
                        condition=models.Q(("offset__gte", 0), ("offset__lte", models.F("size"))),
                        name="upload_offset_within",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("front__in", ["multipart", "chunks", "tus", "direct"])),
                        name="upload_front_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("chunk_size__gt", 0), ("front__in", ("chunks", "direct"))),
                            models.Q(
                                models.Q(("front__in", ("chunks", "direct")), _negated=True), ("chunk_size", None)
                            ),
                            _connector="OR",
                        ),
                        name="upload_chunked_or_not",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="UploadChunk",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("size", models.BigIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("key", models.TextField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "upload",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="chunks", to="uploads.upload"
                    ),
                ),
            ],
            options={
                "ordering": ["number"],
                "constraints": [
                    models.UniqueConstraint(models.F("upload"), models.F("number"), name="upload_chunk_once")
                ],
            },
        ),
    ]
