"""Messages that wake workers. If one is lost, the maintenance thread wakes the workers later."""

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


def wake_workers(job: Job) -> None:
    """Wake the workers of the job's lane; errors are only logged."""
    global _silent_until
    kind = registry().get(job.kind)
    if kind is None:
        return
    if time.monotonic() < _silent_until:
        metrics.WAKE_UPS_LOST.inc()
        return
    actor = kind.actor
    try:
        # Use the lane in the job's row: another version of the program may use another lane for this kind.
        actor.broker.enqueue(actor.message(job.lane, str(job.pk)).copy(queue_name=job.lane))
    except (DramatiqError, redis.RedisError, OSError) as exc:
        # A broker that hangs delays each request by seconds, so send no messages for a while.
        _silent_until = time.monotonic() + SILENT_SECONDS
        metrics.WAKE_UPS_LOST.inc()
        not_sent.warning(lane=job.lane, exception=repr(exc))


def wake_workers_on_commit(job: Job) -> None:
    transaction.on_commit(lambda: wake_workers(job), robust=True)
