"""The registry of job kinds, listed by ``settings.JOB_KINDS``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from dramatiq import Actor

    from jobs_app.context import JobContext
    from jobs_app.models import Job

logger = logging.getLogger("vodplatform.jobs")


@dataclass(frozen=True, slots=True)
class JobSummary:
    """The subject of a job, as its owner knows it.

    detail: a few words. href: page of the subject, if any. in_use: whether that page prevents the job's deletion.
    """

    title: str
    detail: str = ""
    href: str = ""
    in_use: bool = False


class JobHooks:
    """Hooks by which a job kind changes the engine's defaults."""

    def inputs_exist(self, job: Job) -> bool:
        return True

    def subjects(self, jobs: Sequence[Job]) -> dict[UUID, JobSummary]:
        """Return the subjects of ``jobs`` in a constant number of queries."""
        return {}

    def shown_result(self, job: Job) -> Any:
        """Return the result as shown to its owner. Must not query the database."""
        return job.result

    def ended(self, job: Job) -> None:
        """Clean up after a job, in the transaction that ends it. Must not raise."""


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of job, declared by :func:`jobs_app.actors.job_actor`.

    handler: returns the result (JSON types). max_attempts: crashes after which a job fails. pausable: whether the
    handler saves checkpoints. max_retries, retry_seconds: retries after transient faults, and the first delay.
    """

    name: str
    lane: str
    handler: Callable[[JobContext], dict[str, Any]]
    actor: Actor[..., None]
    max_attempts: int = 3
    pausable: bool = False
    max_retries: int = 3
    retry_seconds: float = 5.0
    label: str = ""
    icon: str = "jobs"
    hooks: JobHooks = field(default_factory=JobHooks)


@cache
def registry() -> dict[str, JobKind]:
    kinds: list[JobKind] = [import_string(path) for path in settings.JOB_KINDS]
    return {kind.name: kind for kind in kinds}


def kind_of(name: str) -> JobKind:
    """Return the job kind of this name. Raises ``LookupError`` with a sentence for the job's owner."""
    try:
        return registry()[name]
    except KeyError as exc:
        raise LookupError(f"This program has no job kind {name!r}.") from exc


def label_of(name: str) -> str:
    kind = registry().get(name)
    return (kind.label if kind else "") or name


def icon_of(name: str) -> str:
    kind = registry().get(name)
    return kind.icon if kind else "jobs"


def subjects_of(jobs: Sequence[Job]) -> dict[UUID, JobSummary]:
    """Return the subjects of jobs; the label replaces unreadable ones."""
    found: dict[UUID, JobSummary] = {}
    for name in {job.kind for job in jobs}:
        same = [job for job in jobs if job.kind == name]
        found |= {job.pk: JobSummary(label_of(name)) for job in same}
        if kind := registry().get(name):
            try:
                found |= kind.hooks.subjects(same)
            except (KeyError, TypeError, ValueError):
                logger.warning("the subjects of jobs of kind %s could not be read", name, exc_info=True)
    return found


def shown_result(job: Job) -> Any:
    """Return a job's result as shown to its owner."""
    kind = registry().get(job.kind)
    return kind.hooks.shown_result(job) if kind else job.result


def is_pausable(name: str) -> bool:
    kind = registry().get(name)
    return kind is not None and kind.pausable
