"""``manage.py up``: one at a time on a data folder, says when it serves, and leaves nothing behind."""

import signal
import socket
from urllib.parse import urlsplit

import pytest

from tests.support import nginx
from tests.support.places import SHARED_REDIS
from tests.support.program import Place, Program, Truth, is_alive, manage
from tests.support.sentences import one_sentence
from tests.support.waiting import wait_until
from vodplatform.settings.environment import private_redis_socket

pytestmark = pytest.mark.services


def test_second_up_on_the_same_data_folder_is_refused_and_the_first_goes_on(program: Program) -> None:
    wait_until(program.worker, 15, "the worker")
    before = {process.pid for process in program.descendants()}
    place = program.place
    second = manage("up", "--port", "0", "--data-dir", str(place.data_dir), environment=place.environment)
    assert second.returncode != 0
    assert f"process {program.pid}" in one_sentence(second.stderr)
    assert "ready" not in second.stdout
    assert {process.pid for process in program.descendants()} == before
    assert program.lives()


def test_killed_up_leaves_no_process_behind(program: Program, truth: Truth) -> None:
    session = program.compare(truth)
    job_id = program.align(session)
    child = program.frozen_aligner()
    assert len(program.descendants()) >= (4 if SHARED_REDIS else 5)
    assert program.process is not None
    program.process.kill()
    program.process.wait()
    wait_until(lambda: not program.survivors(), 5, "the end of every process")
    assert not is_alive(child)
    program.start()
    wait_until(lambda: program.place.job(job_id)["status"] == "completed", 60, "the end of the job")
    assert program.place.events(job_id).count("completed") == 1


def test_deploy_during_an_alignment_costs_no_attempt(program: Program, truth: Truth) -> None:
    session = program.compare(truth)
    job_id = program.align(session)
    child, address = program.frozen_aligner(), program.address
    assert program.interrupt(signal.SIGTERM) == 0
    wait_until(lambda: not program.survivors(), 2, "the end of every process")
    assert not is_alive(child)
    assert not nginx.is_open(int(urlsplit(address).port or 0))
    assert not private_redis_socket(program.place.data_dir).exists()
    place = program.place
    assert place.events(job_id) == ["queued", "processing", "given_back"]
    assert place.job(job_id) == {"status": "queued", "attempt": 0, "crashes": 0, "lease_token": None}
    program.start()
    wait_until(lambda: place.job(job_id)["status"] == "completed", 30, "the end of the job")
    assert place.events(job_id) == ["queued", "processing", "given_back", "processing", "completed"]
    assert place.job(job_id)["attempt"] == 1
    [proposal] = program.call("GET", f"{session}/alignments/{job_id}")["proposals"]
    assert abs(proposal["offset"] - truth.offset) <= truth.bound


def test_port_in_use_is_one_sentence(place: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = manage("up", "--port", str(port), "--data-dir", str(place.data_dir), environment=place.environment)
    assert ended.returncode != 0
    assert f"Port {port} of 127.0.0.1" in one_sentence(ended.stderr)
