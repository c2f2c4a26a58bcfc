"""kill −9 of each process, and the loss of every connection, during an alignment: it ends once, and right."""

from uuid import UUID

import pytest

from tests.support.places import ON_POSTGRESQL
from tests.support.program import Program, Truth, is_alive
from tests.support.waiting import wait_until, within

pytestmark = pytest.mark.services

LEASE_SECONDS = 20
RUNS_AGAIN_SECONDS = 30  # goals.md R1
ALIGN_SECONDS = 40  # a busy machine included


def expect_one_right_end(program: Program, truth: Truth, session: str, job_id: str) -> None:
    """Wait for the end and judge it: rows, answer, evidence and processes."""
    wait_until(lambda: program.place.job(job_id)["status"] == "completed", ALIGN_SECONDS, "the end of the job")
    wait_until(program.lives, 15, "the web process")
    assert program.place.events(job_id).count("completed") == 1
    assert not {"failed", "cancelled"} & set(program.place.events(job_id))
    found = program.call("GET", f"{session}/alignments/{job_id}")
    assert found["refused"] is None
    [proposal] = found["proposals"]
    assert abs(proposal["offset"] - truth.offset) <= truth.bound
    applied = program.call("POST", f"{session}/alignments/{job_id}/apply", {})["session"]
    assert [vod["offset"] for vod in applied["vods"]] == [0, proposal["offset"]]
    wait_until(lambda: not program.aligners(), 5, "the end of the aligner's child")


def seconds_until_second_start(program: Program, job_id: str) -> float:
    """Seconds by the database's clock from the first start of a job's work to the second."""
    age = "extract(epoch FROM at)" if ON_POSTGRESQL else "(julianday(at) - 2440587.5) * 86400.0"
    rows = program.place.query(
        f"SELECT {age} FROM jobs_event WHERE job_id = ? AND name = 'processing' ORDER BY id", UUID(job_id)
    )
    [first, second] = [float(moment) for (moment,) in rows]
    return second - first


@pytest.mark.parametrize("victim", ["worker", pytest.param("master", marks=[pytest.mark.exhaustive, pytest.mark.both])])
def test_alignment_runs_again_when_worker_or_master_is_killed(program: Program, truth: Truth, victim: str) -> None:
    session = program.compare(truth)
    job_id = program.align(session)
    child, worker = program.frozen_aligner(), program.worker()
    process = getattr(program, victim)()
    assert worker is not None
    process.kill()
    wait_until(lambda: not is_alive(child) and not is_alive(worker), 5, f"the end of the {victim}'s children")
    wait_until(lambda: program.place.events(job_id).count("processing") == 2, RUNS_AGAIN_SECONDS, "the second start")
    expect_one_right_end(program, truth, session, job_id)
    assert program.place.job(job_id)["crashes"] == 1
    assert LEASE_SECONDS - 0.1 <= seconds_until_second_start(program, job_id) <= within(RUNS_AGAIN_SECONDS)


@pytest.mark.private_redis
def test_alignment_survives_the_end_of_redis_and_of_the_web_process(program: Program, truth: Truth) -> None:
    session = program.compare(truth)
    job_id = program.align(session)
    child, redis, web = program.frozen_aligner(), program.redis(), program.web()
    assert redis is not None and web is not None
    redis.kill()
    # Asked for while there is no broker: the row is there, the wake-up is not.
    second = program.align(session)
    web.kill()
    wait_until(lambda: program.redis() not in (None, redis), 10, "another Redis")
    wait_until(program.lives, 20, "another web process")
    assert program.web() != web
    child.resume()
    expect_one_right_end(program, truth, session, job_id)
    expect_one_right_end(program, truth, session, second)
    assert program.place.events(job_id) == ["queued", "processing", "completed"]
    # The broker wakes the workers again.
    expect_one_right_end(program, truth, session, program.align(session))


@pytest.mark.postgresql
def test_alignment_survives_the_loss_of_every_database_connection(program: Program, truth: Truth) -> None:
    session = program.compare(truth)
    job_id = program.align(session)
    child = program.frozen_aligner()
    for _ in range(3):
        program.place.end_connections()
        # No request pays for a connection that the server has closed.
        program.call("GET", session)
    child.resume()
    expect_one_right_end(program, truth, session, job_id)
    assert "crashed" not in program.place.events(job_id)
