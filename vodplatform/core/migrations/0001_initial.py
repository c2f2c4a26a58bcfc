"""What every part uses: the audit log, which is append-only, retried requests, the installation and its processes."""

import uuid

import django.core.serializers.json
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from vodplatform.core.records.append_only import protect, unprotect


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("actor_id", models.CharField(blank=True, default="", max_length=64)),
                ("actor_name", models.CharField(blank=True, default="", max_length=150)),
                ("action", models.CharField(max_length=64)),
                ("target_type", models.CharField(blank=True, default="", max_length=100)),
                ("target_id", models.CharField(blank=True, default="", max_length=64)),
                ("target_name", models.CharField(blank=True, default="", max_length=200)),
                (
                    "data",
                    models.JSONField(blank=True, default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder),
                ),
                ("request_id", models.CharField(blank=True, default="", max_length=128)),
                ("address", models.CharField(blank=True, default="", max_length=64)),
            ],
            options={
                "verbose_name_plural": "audit entries",
                "db_table": "audit_entry",
                "ordering": ["-at", "-id"],
                "indexes": [
                    models.Index(fields=["-at", "-id"], name="audit_newest"),
                    models.Index(fields=["action", "-at"], name="audit_action"),
                    models.Index(fields=["actor_id", "-at"], name="audit_actor"),
                    models.Index(fields=["target_type", "target_id"], name="audit_target"),
                ],
            },
        ),
        migrations.CreateModel(
            name="IdempotencyRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("route", models.CharField(max_length=255)),
                ("key", models.CharField(max_length=255)),
                ("fingerprint", models.CharField(max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[("in_progress", "In Progress"), ("done", "Done")], default="in_progress", max_length=16
                    ),
                ),
                ("token", models.UUIDField(default=uuid.uuid4)),
                ("locked_until", models.DateTimeField()),
                ("sealed", models.BooleanField(default=False)),
                ("answer_status", models.PositiveSmallIntegerField(null=True)),
                ("body", models.TextField(blank=True, default="")),
                ("headers", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "db_table": "idempotency_record",
                "indexes": [models.Index(fields=["created_at"], name="idempotency_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("user", "route", "key"), name="idempotency_once"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["in_progress", "done"])), name="idempotency_state_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("answer_status__isnull", True), ("state", "in_progress")),
                            models.Q(("answer_status__isnull", False), ("state", "done")),
                            _connector="OR",
                        ),
                        name="idempotency_answer_when_done",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("id", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "heartbeat",
            },
        ),
        migrations.CreateModel(
            name="Installation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("is_only", models.BooleanField(default=True, editable=False, unique=True)),
                ("database", models.CharField(blank=True, default="", max_length=64)),
                ("store", models.CharField(max_length=300)),
                ("key", models.CharField(max_length=64)),
                ("is_marked", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("backed_up_at", models.DateTimeField(editable=False, null=True)),
            ],
            options={
                "db_table": "installation",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("is_only", True)), name="installation_is_only")
                ],
            },
        ),
        migrations.CreateModel(
            name="Unreferenced",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sweep", models.CharField(max_length=32)),
                ("key", models.TextField()),
                ("since", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "verbose_name_plural": "unreferenced files",
                "db_table": "store_unreferenced",
                "constraints": [models.UniqueConstraint(fields=("sweep", "key"), name="unreferenced_once")],
            },
        ),
        migrations.CreateModel(
            name="RunningProcess",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(choices=[("web", "Web"), ("worker", "Worker")], max_length=8)),
                ("host", models.CharField(max_length=255)),
                ("pid", models.PositiveIntegerField()),
                ("version", models.CharField(max_length=32)),
                ("commit", models.CharField(blank=True, db_default="", max_length=64)),
                ("queues", models.JSONField(default=list)),
                ("max_jobs", models.PositiveIntegerField(db_default=0)),
                ("jobs", models.PositiveIntegerField(db_default=0)),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "verbose_name": "process",
                "verbose_name_plural": "processes",
                "db_table": "running_process",
            },
        ),
        migrations.RunPython(protect("audit_entry"), unprotect("audit_entry")),
    ]
