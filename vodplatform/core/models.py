"""Tables that do not reference models of other apps."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import ExpressionWrapper, Q
from django.db.models.functions import Now

KEPT = timedelta(hours=24)


class RecordState(models.TextChoices):
    IN_PROGRESS = "in_progress"
    DONE = "done"


class IdempotencyQuerySet(models.QuerySet["IdempotencyRecord"]):
    def at_database_time(self) -> IdempotencyQuerySet:
        """Annotate ``stale`` (record older than a day) and ``unlocked`` (the record's lock has expired)."""
        boolean = models.BooleanField()
        return self.annotate(
            stale=ExpressionWrapper(Q(created_at__lt=Now() - KEPT), output_field=boolean),
            unlocked=ExpressionWrapper(Q(locked_until__lte=Now()), output_field=boolean),
        )


class IdempotencyRecord(models.Model):
    """An ``Idempotency-Key`` that a user or visitor sent to a route, and the answer; see docs/design/0007-requests.md.

    - token: id of the request that owns the record.
    - sealed: whether the request's effect is committed.
    - is_kept: True if ``body`` is the answer. Otherwise ``body`` has the ids of the created objects, or is empty.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    visitor_id = models.UUIDField(null=True)
    route = models.CharField(max_length=255)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=RecordState, default=RecordState.IN_PROGRESS)
    token = models.UUIDField(default=uuid.uuid4)
    locked_until = models.DateTimeField()
    sealed = models.BooleanField(default=False)
    answer_status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True, default="")
    size = models.PositiveIntegerField(db_default=0)
    is_kept = models.BooleanField(db_default=True)
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    objects = IdempotencyQuerySet.as_manager()

    class Meta:
        db_table = "idempotency_record"
        constraints = [
            models.UniqueConstraint(fields=["user", "route", "key"], name="idempotency_once"),
            models.UniqueConstraint(fields=["visitor_id", "route", "key"], name="idempotency_once_by_visitor"),
            models.CheckConstraint(condition=Q(state__in=RecordState.values), name="idempotency_state_known"),
            models.CheckConstraint(
                condition=Q(state="in_progress", answer_status__isnull=True)
                | Q(state="done", answer_status__isnull=False),
                name="idempotency_answer_when_done",
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], name="idempotency_age"),
            models.Index(fields=["user", "size"], name="idempotency_size"),
        ]

    def __str__(self) -> str:
        return f"{self.key} on {self.route}"


class AuditEntry(models.Model):
    """An entry of the audit log. A trigger forbids changes.

    It has no foreign keys, so that it remains when objects are deleted.
    """

    at = models.DateTimeField(db_default=Now())
    actor_id = models.CharField(max_length=64, blank=True, default="")
    actor_name = models.CharField(max_length=150, blank=True, default="")
    action = models.CharField(max_length=64)
    target_type = models.CharField(max_length=100, blank=True, default="")
    target_id = models.CharField(max_length=64, blank=True, default="")
    target_name = models.CharField(max_length=200, blank=True, default="")
    data = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    request_id = models.CharField(max_length=128, blank=True, default="")
    address = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        db_table = "audit_entry"
        ordering = ["-at", "-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_newest"),
            models.Index(fields=["action", "-at"], name="audit_action"),
            models.Index(fields=["actor_id", "-at"], name="audit_actor"),
            models.Index(fields=["target_type", "target_id"], name="audit_target"),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_name or 'nobody'}"


class Installation(models.Model):
    """The installation to which this database belongs; see docs/design/0017-installation.md.

    - database: id of the database; empty if database and files are both in the data folder.
    - key: digest of SECRET_KEY.
    - is_marked: whether the file store has ever had the file with this installation's id.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    is_only = models.BooleanField(default=True, unique=True, editable=False)
    database = models.CharField(max_length=64, blank=True, default="")
    store = models.CharField(max_length=300)
    key = models.CharField(max_length=64)
    is_marked = models.BooleanField(default=False)
    backed_up_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "installation"
        constraints = [models.CheckConstraint(condition=Q(is_only=True), name="installation_is_only")]

    def __str__(self) -> str:
        return str(self.pk)


class Heartbeat(models.Model):
    id = models.PositiveSmallIntegerField(primary_key=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "heartbeat"

    def __str__(self) -> str:
        return str(self.at)


class ProcessKind(models.TextChoices):
    WEB = "web"
    WORKER = "worker"


class RunningProcess(models.Model):
    """A web or worker process, and what it last reported.

    - queues: lanes (job queues) of a worker.
    - max_jobs: usual maximum of running jobs (:class:`jobs_app.runner.RunningJobs`).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=8, choices=ProcessKind)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    version = models.CharField(max_length=32)
    commit = models.CharField(max_length=64, blank=True, db_default="")
    queues = models.JSONField(default=list)
    max_jobs = models.PositiveIntegerField(db_default=0)
    jobs = models.PositiveIntegerField(db_default=0)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "running_process"
        verbose_name = "process"
        verbose_name_plural = "processes"

    def __str__(self) -> str:
        return f"{self.kind} {self.host}:{self.pid}"


class Unreferenced(models.Model):
    """A stored file that no row references, and when it was first seen."""

    sweep = models.CharField(max_length=32)
    key = models.TextField()
    since = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "store_unreferenced"
        verbose_name_plural = "unreferenced files"
        constraints = [models.UniqueConstraint(fields=["sweep", "key"], name="unreferenced_once")]

    def __str__(self) -> str:
        return self.key
