"""Dramatiq actors, one for each kind of job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dramatiq
from rest_framework.serializers import Serializer

from jobs_app.broker import broker
from jobs_app.context import JobContext
from jobs_app.kinds import JobHooks, JobKind
from jobs_app.runner import run_queue


def job_actor(
    name: str, *, queue: str, max_attempts: int = 3, pausable: bool = False, max_retries: int = 3,
    retry_seconds: float = 5.0, label: str = "", icon: str = "jobs", hooks: JobHooks | None = None,
    result: type[Serializer[Any]] | None = None,
) -> Callable[[Callable[[JobContext], dict[str, Any]]], JobKind]:  # fmt: skip
    """Declare a function as the handler of a job kind. Parameters: see :class:`JobKind`."""

    def declare(handler: Callable[[JobContext], dict[str, Any]]) -> JobKind:
        def run(lane: str, job_id: str) -> None:
            run_queue(lane)

        actor = dramatiq.actor(broker=broker, queue_name=queue, actor_name=handler.__name__)(run)
        return JobKind(
            name, queue, handler, actor, max_attempts=max_attempts, pausable=pausable, max_retries=max_retries,
            retry_seconds=retry_seconds, label=label, icon=icon, hooks=hooks or JobHooks(), result=result,
        )  # fmt: skip

    return declare
