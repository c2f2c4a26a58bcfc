"""Cancelling an alignment ends its child within a second, whatever the child does."""

from __future__ import annotations

import time

from tests.support.program import CallFailed, Program, Truth, is_alive, wait_for
from tests.support.waiting import within

PROMISED_SECONDS = 1.0
MARGIN_SECONDS = 0.5  # of a busy machine


def test_cancel_ends_the_child_within_a_second(program: Program, truth: Truth) -> None:
    session = program.compare(truth)
    job_id = program.align(session)
    child = program.frozen_aligner()
    answered = program.call("POST", f"/api/v1/jobs/{job_id}/cancel")
    started = time.monotonic()
    assert answered["status"] == "cancelled"
    wait_for(lambda: not is_alive(child), PROMISED_SECONDS + MARGIN_SECONDS, "the end of the child")
    took = time.monotonic() - started
    assert took <= within(PROMISED_SECONDS + MARGIN_SECONDS)
    assert program.call("POST", f"/api/v1/jobs/{job_id}/cancel")["status"] == "cancelled"
    # The slot is free again and nothing of the cancelled attempt is written.
    again = program.align(session)
    wait_for(lambda: program.place.job(again)["status"] == "completed", 40, "the next alignment")
    assert program.place.events(job_id) == ["queued", "processing", "cancelled"]
    assert program.place.job(job_id)["status"] == "cancelled"
    wait_for(lambda: not program.aligners(), 5, "the end of every child")


def test_deleting_the_session_ends_its_alignment(program: Program, truth: Truth) -> None:
    session = program.compare(truth)
    job_id = program.align(session)
    child = program.frozen_aligner()
    program.call("DELETE", session)
    wait_for(lambda: not is_alive(child), PROMISED_SECONDS + MARGIN_SECONDS, "the end of the child")
    try:
        program.call("GET", f"/api/v1/jobs/{job_id}")
    except CallFailed as exc:
        assert exc.status == 404
    else:
        raise AssertionError("the job of a deleted session is still there")
    scratch = program.place.data_dir / "tmp"
    wait_for(lambda: not list(scratch.glob("job-*")), 5, "the end of the scratch folder")
