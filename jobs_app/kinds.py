"""The registry of job kinds: what a kind is called, in which lane it runs, and what does its work.

``settings.JOB_KINDS`` lists the dotted paths; ``manage.py jobs --kinds`` prints what they hold.
"""

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
class Subject:
    """What one job is about, in its owner's words.

    detail: a remark of a few words. href: the page that shows it, empty when there is none (any more).
    in_use: that page keeps the job, so it cannot be deleted alone.
    """

    title: str
    detail: str = ""
    href: str = ""
    in_use: bool = False


class JobHooks:
    """What the job engine asks about jobs of a kind. A kind overrides what it has an answer to."""

    def inputs_exist(self, job: Job) -> bool:
        """Whether a retry by hand can find what it needs."""
        return True

    def subjects(self, jobs: Sequence[Job]) -> dict[UUID, Subject]:
        """What each of ``jobs`` is about, in as many queries for fifty as for one.

        A job that is left out is shown by the kind's label alone.
        """
        return {}

    def shown_result(self, job: Job) -> Any:
        """The result as its owner is shown it, such as with addresses that end. It may not query."""
        return job.result

    def ended(self, job: Job) -> None:
        """Called in the transaction by which a job ends, completed, failed or cancelled.

        For rows and files that have no use without it. It may not raise.
        """


@dataclass(frozen=True, slots=True)
class JobKind:
    """One kind of job, as :func:`jobs_app.actors.job_actor` declares it.

    lane: the Dramatiq queue of its jobs, whose limit ``settings.JOB_LANES`` holds.
    handler: does the work in a worker's thread and returns the result (JSON types).
    actor: carries the message that a job of this kind may run.
    max_attempts: crashes after which it fails. pausable: it saves checkpoints and can go on from them.
    max_retries, retry_seconds: how often it is tried again by itself after a transient fault, and the first delay.
    label, icon: how people are shown it; the icon is a symbol of static/icons.svg.
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
    """Every kind by its name."""
    kinds: list[JobKind] = [import_string(path) for path in settings.JOB_KINDS]
    return {kind.name: kind for kind in kinds}


def kind_of(name: str) -> JobKind:
    """The kind with this name. Raises ``LookupError``: jobs of kinds that are gone fail with that sentence."""
    try:
        return registry()[name]
    except KeyError as exc:
        raise LookupError(f"This program has no job kind {name!r}.") from exc


def label_of(name: str) -> str:
    """What people read for this kind; its name where it has no label or is gone."""
    kind = registry().get(name)
    return (kind.label if kind else "") or name


def icon_of(name: str) -> str:
    """The symbol of this kind; a plain one for a kind that is gone."""
    kind = registry().get(name)
    return kind.icon if kind else "jobs"


def subjects_of(jobs: Sequence[Job]) -> dict[UUID, Subject]:
    """What each of these jobs is about, asked kind by kind.

    Where a kind cannot read its jobs, which another version of the program may have made, its label stands for them.
    """
    found: dict[UUID, Subject] = {}
    for name in {job.kind for job in jobs}:
        same = [job for job in jobs if job.kind == name]
        found |= {job.pk: Subject(label_of(name)) for job in same}
        if kind := registry().get(name):
            try:
                found |= kind.hooks.subjects(same)
            except (KeyError, TypeError, ValueError):
                logger.warning("what jobs of the kind %s are about could not be read", name, exc_info=True)
    return found


def shown_result(job: Job) -> Any:
    """What the owner of a job is shown of its result."""
    kind = registry().get(job.kind)
    return kind.hooks.shown_result(job) if kind else job.result


def is_pausable(name: str) -> bool:
    """Whether jobs of this kind keep checkpoints; no for a kind that is gone."""
    kind = registry().get(name)
    return kind is not None and kind.pausable
