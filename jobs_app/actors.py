"""Dramatiq actors: one for each kind of job, declared beside the function that does its work.

The message of an actor says that a job may run. Which one runs next in its queue is for the rows to say: the worker
claims the job whose turn it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dramatiq

from jobs_app.broker import broker
from jobs_app.context import JobContext
from jobs_app.kinds import JobHooks, JobKind
from jobs_app.runner import run_queue


def job_actor(
    name: str, *, queue: str, max_attempts: int = 3, pausable: bool = False, max_retries: int = 3,
    retry_seconds: float = 5.0, label: str = "", icon: str = "jobs", hooks: JobHooks | None = None,
) -> Callable[[Callable[[JobContext], dict[str, Any]]], JobKind]:  # fmt: skip
    """Declare a function as the work of the kind ``name``, and as the Dramatiq actor of that function's name.

    The function gets the :class:`JobContext` of one attempt and returns the job's result (JSON types). ``queue`` is
    one of ``settings.JOB_LANES``; the rest is explained at :class:`JobKind`. ``settings.JOB_KINDS`` lists the
    function's dotted path.
    """

    def declare(handler: Callable[[JobContext], dict[str, Any]]) -> JobKind:
        def run(lane: str, job_id: str) -> None:
            run_queue(lane)

        actor = dramatiq.actor(broker=broker, queue_name=queue, actor_name=handler.__name__)(run)
        return JobKind(
            name, queue, handler, actor, max_attempts=max_attempts, pausable=pausable, max_retries=max_retries,
            retry_seconds=retry_seconds, label=label, icon=icon, hooks=hooks or JobHooks(),
        )  # fmt: skip

    return declare
