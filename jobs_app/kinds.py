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
    from rest_framework.serializers import Serializer

    from jobs_app.context import JobContext
    from jobs_app.models import Job

logger = logging.getLogger("vodplatform.jobs")


@dataclass(frozen=True, slots=True)
class JobSummary:
    """The object that a job works on, as shown to the job's owner.

    in_use: whether the job cannot be deleted, because the page at ``href`` shows it.
    """

    title: str
    detail: str = ""
    href: str = ""
    in_use: bool = False


class JobHooks:
    """Hooks by which a job kind changes the default behaviour of jobs."""

    def inputs_exist(self, job: Job) -> bool:
        return True

    def subjects(self, jobs: Sequence[Job]) -> dict[UUID, JobSummary]:
        return {}

    def shown_result(self, job: Job) -> Any:
        return job.result

    def ended(self, job: Job) -> None:
        """Clean up after a job, in the transaction that ends it. Must not raise."""


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of job, declared by :func:`jobs_app.actors.job_actor`.

    - handler: function that does the work and returns the result (JSON types).
    - max_attempts: number of crashes after which a job fails.
    - pausable: whether the handler saves checkpoints.
    - max_retries: maximum number of retries after temporary errors.
    - retry_seconds: delay before the first retry.
    - result: serializer that describes the result in the OpenAPI document.
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
    result: type[Serializer[Any]] | None = None


@cache
def registry() -> dict[str, JobKind]:
    kinds: list[JobKind] = [import_string(path) for path in settings.JOB_KINDS]
    return {kind.name: kind for kind in kinds}


def kind_of(name: str) -> JobKind:
    """Return the job kind of this name. Raises ``LookupError`` with a sentence for the job's owner."""
    try:
        return registry()[name]
    except KeyError as exc:
        raise LookupError(f"This version of the program cannot run jobs of the kind {name!r}.") from exc


def label_of(name: str) -> str:
    kind = registry().get(name)
    return (kind.label if kind else "") or name


def icon_of(name: str) -> str:
    kind = registry().get(name)
    return kind.icon if kind else "jobs"


def subjects_of(jobs: Sequence[Job]) -> dict[UUID, JobSummary]:
    """Return the object that each job works on, or the label of the job's kind if the object cannot be read."""
    found: dict[UUID, JobSummary] = {}
    for name in {job.kind for job in jobs}:
        same = [job for job in jobs if job.kind == name]
        found |= {job.pk: JobSummary(label_of(name)) for job in same}
        if kind := registry().get(name):
            try:
                found |= kind.hooks.subjects(same)
            except (KeyError, TypeError, ValueError):
                logger.warning("could not read the titles of jobs of the kind %s", name, exc_info=True)
    return found


def shown_result(job: Job) -> Any:
    kind = registry().get(job.kind)
    return kind.hooks.shown_result(job) if kind else job.result


def result_serializers() -> list[type[Serializer[Any]]]:
    """Return the serializers of job results without duplicates, those with most fields first."""
    found = {kind.result: None for kind in registry().values() if kind.result}
    return sorted(found, key=lambda shape: -len(shape().fields))


def is_pausable(name: str) -> bool:
    kind = registry().get(name)
    return kind is not None and kind.pausable
