"""An alignment in mid-work, from outside: it is cancelled, and sockets that said nothing hear.

Cancelling ends its child within a second, whatever the child does. redis-py 8 gives a socket 5 s by default.
"""

import threading
import time

import pytest

from tests.support.program import Program, Truth, is_alive
from tests.support.waiting import wait_until, within
from tests.support.watching import next_message, watch

pytestmark = pytest.mark.services
PROMISED_SECONDS = 1.0
MARGIN_SECONDS = 0.5  # of a busy machine
IDLE_SECONDS = 7.0


def test_cancel_ends_the_child_within_a_second(program: Program, truth: Truth) -> None:
    session = program.compare(truth)
    job_id = program.align(session)
    child = program.frozen_aligner()
    answered = program.call("POST", f"/api/v1/jobs/{job_id}/cancel")
    started = time.monotonic()
    assert answered["status"] == "cancelled"
    wait_until(lambda: not is_alive(child), PROMISED_SECONDS + MARGIN_SECONDS, "the end of the child")
    took = time.monotonic() - started
    assert took <= within(PROMISED_SECONDS + MARGIN_SECONDS)
    assert program.call("POST", f"/api/v1/jobs/{job_id}/cancel")["status"] == "cancelled"
    # The slot is free again and nothing of the cancelled attempt is written.
    again = program.align(session)
    wait_until(lambda: program.place.job(again)["status"] == "completed", 40, "the next alignment")
    assert program.place.events(job_id) == ["queued", "processing", "cancelled"]
    assert program.place.job(job_id)["status"] == "cancelled"
    wait_until(lambda: not program.aligners(), 5, "the end of every child")
    scratch = program.place.data_dir / "tmp"
    wait_until(lambda: not list(scratch.glob("job-*")), 5, "the end of the scratch folder")


def test_session_and_job_sockets_hear_a_change_after_seven_idle_seconds(program: Program, truth: Truth) -> None:
    session = program.compare(truth)
    job_id = program.align(session)
    child = program.frozen_aligner()
    with (
        watch(program, f"ws/sessions/{session.rsplit('/', 1)[1]}/") as sessions,
        watch(program, f"ws/jobs/{job_id}/") as jobs,
    ):
        first = next_message(sessions)
        assert first["type"] == "session"
        assert next_message(jobs)["job"]["status"] == "processing"
        threading.Event().wait(IDLE_SECONDS)  # the idleness is what is tested
        program.call("PUT", f"{session}/offsets", {"offsets": {"b": 1.5}, "source": "manual"})
        changed = next_message(sessions)
        assert changed["revision"] == first["revision"] + 1
        assert changed["session"]["vods"][1]["offset"] == 1.5
        child.resume()
        while (state := next_message(jobs, 160)["job"])["status"] != "completed":
            assert state["status"] == "processing"
