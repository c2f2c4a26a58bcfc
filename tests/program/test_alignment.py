"""Sockets on a running program that hear nothing for longer than redis-py's default timeout of 5 s."""

import threading

import pytest

from tests.support.program import Program, Truth
from tests.support.watching import next_message, watch

pytestmark = pytest.mark.services
IDLE_SECONDS = 7.0


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
