"""Periodic tasks of ``settings.JOB_CHORES``, each run by one worker when it is due."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from jobs_app.models import Chore

R = TypeVar("R")
logger = logging.getLogger("vodplatform.jobs")


@dataclass(frozen=True, slots=True)
class PeriodicTask(Generic[R]):
    """A task that is due ``seconds`` after its last start."""

    name: str
    seconds: float
    function: Callable[[], R]

    def __call__(self) -> R:
        return self.function()


def periodic_task(name: str, *, seconds: float) -> Callable[[Callable[[], R]], PeriodicTask[R]]:
    """Declare a function as a periodic task. name: permanent key in the database."""
    return lambda function: PeriodicTask(name, seconds, function)


def start_due() -> None:
    for path in settings.JOB_CHORES:
        declared: PeriodicTask[Any] = import_string(path)
        if claim_due(declared.name, declared.seconds):
            run_in_thread(declared.name, declared)


def run_in_thread(name: str, function: Callable[[], Any]) -> None:
    threading.Thread(target=_run, args=(name, function), name=name, daemon=True).start()


def claim_due(name: str, seconds: float) -> bool:
    Chore.objects.bulk_create([Chore(name=name)], ignore_conflicts=True)
    due = Chore.objects.filter(name=name, due_at__lte=Now())
    return bool(due.update(due_at=Now() + timedelta(seconds=seconds)))


def _run(name: str, function: Callable[[], Any]) -> None:
    try:
        function()
    except DatabaseError as exc:
        logger.warning("chore", extra={"data": {"chore": name, "exception": repr(exc)}})
    except Exception:
        logger.exception("error", extra={"data": {"chore": name}})
    finally:
        connection.close()
