"""The registry of job kinds: what a kind is called, in which lane it runs, and what does its work.

``settings.JOB_KINDS`` lists the dotted paths; ``manage.py jobs --kinds`` prints what they hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from jobs_app.models import Job
    from jobs_app.running import JobContext


@dataclass(frozen=True, slots=True)
class JobKind:
    """One kind of job.

    handler: does the work in a worker's thread and returns the result (JSON types).
    inputs_exist: whether a retry can find what it needs.
    """

    name: str
    lane: str
    handler: Callable[[JobContext], dict[str, Any]]
    max_attempts: int = 3
    inputs_exist: Callable[[Job], bool] = lambda job: True


@cache
def registry() -> dict[str, JobKind]:
    """Every kind by its name."""
    kinds: list[JobKind] = [import_string(path) for path in settings.JOB_KINDS]
    return {kind.name: kind for kind in kinds}


def kind_of(name: str) -> JobKind:
    """The kind with this name. Raises ``LookupError``: jobs of kinds that are gone fail with that sentence."""
    try:
        return registry()[name]
    except KeyError as exc:
        raise LookupError(f"This program has no job kind {name!r}.") from exc
