"""The one actor: a wake-up for a lane. Losing, doubling or delaying its message changes nothing but the time."""

from __future__ import annotations

import logging
import time

import dramatiq
import redis
from dramatiq.errors import DramatiqError

from jobs_app.broker import broker
from vodplatform.base import logs, metrics

not_sent = logs.Sparingly(logging.getLogger("vodplatform.jobs"), "wake-up not sent")

SILENT_SECONDS = 5.0
_silent_until = 0.0


@dramatiq.actor(broker=broker, queue_name="wake", actor_name="work_lane")
def work_lane(lane: str) -> None:
    """Run jobs of ``lane`` in this thread until there is none or the lane is full."""
    from jobs_app.running import run_lane

    run_lane(lane)


def wake(lane: str) -> None:
    """Ask some worker to look at ``lane``; a dead broker is logged, the workers' sweep finds the row."""
    global _silent_until
    if time.monotonic() < _silent_until:
        metrics.WAKE_UPS_LOST.inc()
        return
    try:
        work_lane.send(lane)
    except (DramatiqError, redis.RedisError, OSError) as exc:
        # One that hangs costs seconds: not again for each of many.
        _silent_until = time.monotonic() + SILENT_SECONDS
        metrics.WAKE_UPS_LOST.inc()
        not_sent.warning(lane=lane, exception=repr(exc))
