"""WebSockets that say nothing for long still hear the next change: redis-py 8 gives a socket 5 s by default."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.support.program import Program, Truth, wait_for

IDLE_SECONDS = 7.0
QUICK_SECONDS = 20.0  # less than the time after which a socket would look for itself


def watch(program: Program, path: str) -> ClientConnection:
    """A socket on what the account may see."""
    address = program.address.replace("http://", "ws://")
    return connect(f"{address}/{path}", additional_headers={"Authorization": f"Token {program.place.key}"})


def next_message(client: ClientConnection, seconds: float = QUICK_SECONDS) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(client.recv(timeout=seconds))
    return message


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


@pytest.mark.private_redis
def test_sockets_hear_changes_again_after_redis_was_killed(program: Program, truth: Truth) -> None:
    session = program.compare(truth)
    with watch(program, f"ws/sessions/{session.rsplit('/', 1)[1]}/") as sessions:
        next_message(sessions)
        redis = program.redis()
        assert redis is not None
        redis.kill()
        program.call("PUT", f"{session}/offsets", {"offsets": {"b": 1.0}, "source": "manual"})
        wait_for(lambda: program.redis() not in (None, redis), 10, "another Redis")
        offset = 1.0

        def heard() -> bool:
            nonlocal offset
            offset += 0.25
            program.call("PUT", f"{session}/offsets", {"offsets": {"b": offset}, "source": "manual"})
            try:
                while next_message(sessions, 0.5)["session"]["vods"][1]["offset"] != offset:
                    pass  # a change before this one, which came late
            except TimeoutError:
                return False
            return True

        wait_for(heard, 15, "a change after Redis came back")
