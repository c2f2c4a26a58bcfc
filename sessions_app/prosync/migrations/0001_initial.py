"""Pro jobs: videos some of whose speech is replaced."""

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
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ProJob",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=255)),
                ("sounds", models.JSONField(default=list)),
                ("options", models.JSONField(default=dict)),
                ("engine", models.CharField(choices=[("local", "Local"), ("syncso", "Syncso")], max_length=16)),
                ("generation_id", models.CharField(blank=True, default="", max_length=100)),
                ("generations", models.PositiveIntegerField(default=1)),
                ("notified_at", models.BigIntegerField(default=0)),
                ("asked", models.JSONField(blank=True, null=True)),
                ("outcome", models.JSONField(blank=True, null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "job",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.RESTRICT, related_name="pro", to="jobs.job"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pro_jobs",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "video",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.RESTRICT, related_name="pro_jobs", to="catalog.video"
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [
                    models.Index(fields=["owner", "-created_at", "-id"], name="pro_by_owner"),
                    models.Index(
                        condition=models.Q(("generation_id", ""), _negated=True),
                        fields=["generation_id"],
                        name="pro_by_generation",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("engine__in", ["local", "syncso"])), name="pro_engine_known"
                    )
                ],
            },
        ),
    ]
