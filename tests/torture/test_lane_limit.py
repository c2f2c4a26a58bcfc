"""Four worker processes, 100 jobs, a lane for two: never more than two at once, by the event rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.program import Place, Program
from tests.support.waiting import wait_until
from tests.torture import story

pytestmark = [pytest.mark.services, pytest.mark.postgresql]
WORKERS = 4
JOBS = 100


def test_several_workers_never_run_more_than_the_lane_allows(place: Place, new_program: Callable[..., Program]) -> None:
    story.enqueue(place, [{"in_thread": True, "steps": 2, "seconds": 0.01} for _ in range(JOBS)])
    program = new_program(place).start("--workers", str(WORKERS))
    wait_until(lambda: story.left(place) == 0, 300, "all jobs to end")
    workers = {name for (name,) in place.query("SELECT DISTINCT worker FROM video_jobs")}
    assert story.check_each_ended_once(place) == {"completed": JOBS}
    assert story.most_at_once(place) == 2
    assert len(workers) > 2  # more than could run at once took part
    assert program.lives()
