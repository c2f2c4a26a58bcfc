"""The one actor: a wake-up for a lane. Losing, doubling or delaying its message changes nothing but the time."""

from __future__ import annotations

import logging

import dramatiq
import redis
from dramatiq.errors import DramatiqError

from jobs_app.broker import broker

logger = logging.getLogger("vodplatform.jobs")


@dramatiq.actor(broker=broker, queue_name="wake", actor_name="work_lane")
def work_lane(lane: str) -> None:
    """Run jobs of ``lane`` in this thread until there is none or the lane is full."""
    from jobs_app.running import run_lane

    run_lane(lane)


def wake(lane: str) -> None:
    """Ask some worker to look at ``lane``; a dead broker is logged, the workers' sweep finds the row."""
    try:
        work_lane.send(lane)
    except (DramatiqError, redis.RedisError, OSError) as exc:
        logger.warning("wake-up not sent", extra={"data": {"lane": lane, "exception": repr(exc)}})
