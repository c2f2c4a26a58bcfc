"""The running web and worker processes of all hosts."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.db.models import BooleanField, Case, Q, QuerySet, Value, When
from django.db.models.functions import Now

from vodplatform.core.models import ProcessKind, RunningProcess

BEAT_SECONDS = 10.0
# Seconds after which a process without a report counts as ended.
GONE_SECONDS = 30.0
RETENTION = timedelta(days=1)  # the row of a process is deleted after this time without a report
_own: tuple[int, uuid.UUID] | None = None


def report_process(kind: ProcessKind, *, queues: Collection[str] = (), max_jobs: int = 0, jobs: int = 0) -> None:
    row = RunningProcess(
        id=own_id(), kind=kind, host=socket.gethostname(), pid=os.getpid(), version=settings.VERSION,
        commit=settings.COMMIT, queues=sorted(queues), max_jobs=max_jobs, jobs=jobs, started_at=Now(), seen_at=Now(),
    )  # fmt: skip
    changing = ["queues", "max_jobs", "jobs", "seen_at"]
    RunningProcess.objects.bulk_create([row], update_conflicts=True, unique_fields=["id"], update_fields=changing)


def unregister_process() -> None:
    RunningProcess.objects.filter(pk=own_id()).delete()


def own_id() -> uuid.UUID:
    global _own
    if _own is None or _own[0] != os.getpid():
        _own = (os.getpid(), uuid.uuid4())
    return _own[1]


def processes() -> QuerySet[RunningProcess]:
    """Return the processes of the last day, annotated with ``is_present``: whether the process still reports."""
    is_present = Case(When(_heard_of(), then=True), default=Value(False), output_field=BooleanField())
    return RunningProcess.objects.annotate(is_present=is_present)


def living_processes() -> QuerySet[RunningProcess]:
    return RunningProcess.objects.filter(_heard_of())


def _heard_of() -> Q:
    return Q(seen_at__gt=Now() - timedelta(seconds=GONE_SECONDS))


def delete_gone() -> int:
    return RunningProcess.objects.filter(seen_at__lt=Now() - RETENTION).delete()[0]
