"""Which web and worker processes there are, on all hosts: each tells of itself every few seconds."""

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
# Three beats: one that was not heard of for so long is gone, or cannot reach the database.
GONE_SECONDS = 30.0
KEPT = timedelta(days=1)  # so that people see what has gone
_own: tuple[int, uuid.UUID] | None = None


def tell(kind: ProcessKind, *, queues: Collection[str] = (), max_jobs: int = 0, jobs: int = 0) -> None:
    """This process is there; parameters as the columns of :class:`RunningProcess`. Raises ``DatabaseError``."""
    row = RunningProcess(
        id=own_id(), kind=kind, host=socket.gethostname(), pid=os.getpid(), version=settings.VERSION,
        commit=settings.COMMIT, queues=sorted(queues), max_jobs=max_jobs, jobs=jobs, started_at=Now(), seen_at=Now(),
    )  # fmt: skip
    changing = ["queues", "max_jobs", "jobs", "seen_at"]
    RunningProcess.objects.bulk_create([row], update_conflicts=True, unique_fields=["id"], update_fields=changing)


def leave() -> None:
    """This process ends in an orderly way. Raises ``DatabaseError``."""
    RunningProcess.objects.filter(pk=own_id()).delete()


def own_id() -> uuid.UUID:
    """The id of this process; a process that was forked from one that had one has its own."""
    global _own
    if _own is None or _own[0] != os.getpid():
        _own = (os.getpid(), uuid.uuid4())
    return _own[1]


def processes() -> QuerySet[RunningProcess]:
    """All that were heard of within a day, each with ``is_present``."""
    is_present = Case(When(_heard_of(), then=True), default=Value(False), output_field=BooleanField())
    return RunningProcess.objects.annotate(is_present=is_present)


def present() -> QuerySet[RunningProcess]:
    """Those that live."""
    return RunningProcess.objects.filter(_heard_of())


def _heard_of() -> Q:
    return Q(seen_at__gt=Now() - timedelta(seconds=GONE_SECONDS))


def forget_gone() -> int:
    """Delete those that were not heard of for a day; returns how many."""
    return RunningProcess.objects.filter(seen_at__lt=Now() - KEPT).delete()[0]
