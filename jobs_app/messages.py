"""The messages by which workers hear that a job may run. One that is lost, late or doubled changes no job."""

from __future__ import annotations

import logging
import time

import redis
from django.db import transaction
from dramatiq.errors import DramatiqError

from jobs_app.kinds import registry
from jobs_app.models import Job
from vodplatform.core import logs, metrics

not_sent = logs.RateLimitedLogger(logging.getLogger("vodplatform.jobs"), "wake-up not sent")

SILENT_SECONDS = 5.0
_silent_until = 0.0


def send(job: Job) -> None:
    """Tell the workers that take ``job``'s queue that it may run; a dead broker is logged, their sweep finds the row.

    A job of a kind that this program does not know is left to who knows it.
    """
    global _silent_until
    kind = registry().get(job.kind)
    if kind is None:
        return
    if time.monotonic() < _silent_until:
        metrics.WAKE_UPS_LOST.inc()
        return
    actor = kind.actor
    try:
        # The row's lane, which another release may have given another kind of job.
        actor.broker.enqueue(actor.message(job.lane, str(job.pk)).copy(queue_name=job.lane))
    except (DramatiqError, redis.RedisError, OSError) as exc:
        # One that hangs costs seconds: not again for each of many.
        _silent_until = time.monotonic() + SILENT_SECONDS
        metrics.WAKE_UPS_LOST.inc()
        not_sent.warning(lane=job.lane, exception=repr(exc))


def send_on_commit(job: Job) -> None:
    """:func:`send` once the present transaction commits."""
    transaction.on_commit(lambda: send(job), robust=True)
