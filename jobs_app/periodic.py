"""Chores: what one of all workers does every so many seconds, beside jobs.

``settings.JOB_CHORES`` lists the dotted paths of functions that :func:`chore` has declared.
"""

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
class DeclaredChore(Generic[R]):
    """A function without parameters that is due again ``seconds`` after it was begun; called as before."""

    name: str
    seconds: float
    function: Callable[[], R]

    def __call__(self) -> R:
        return self.function()


def chore(name: str, *, seconds: float) -> Callable[[Callable[[], R]], DeclaredChore[R]]:
    """Declare a function as a chore. ``name`` stands in the database and has to stay."""
    return lambda function: DeclaredChore(name, seconds, function)


def begin_due() -> None:
    """Begin the chores that are due, each in a thread of its own, where no other worker has."""
    for path in settings.JOB_CHORES:
        declared: DeclaredChore[Any] = import_string(path)
        if take(declared.name, declared.seconds):
            begin(declared.name, declared)


def begin(name: str, function: Callable[[], Any]) -> None:
    """Call ``function`` in a thread of its own; what it raises is logged."""
    threading.Thread(target=_run, args=(name, function), name=name, daemon=True).start()


def take(name: str, seconds: float) -> bool:
    """Whether this process is the one to do a chore now; it is due again after ``seconds``."""
    Chore.objects.bulk_create([Chore(name=name)], ignore_conflicts=True)
    due = Chore.objects.filter(name=name, due_at__lte=Now())
    return bool(due.update(due_at=Now() + timedelta(seconds=seconds)))


def _run(name: str, function: Callable[[], Any]) -> None:
    try:
        function()
    except DatabaseError as exc:
        logger.warning("chore", extra={"data": {"chore": name, "exception": repr(exc)}})
    except Exception:  # it is due again
        logger.exception("error", extra={"data": {"chore": name}})
    finally:
        connection.close()
