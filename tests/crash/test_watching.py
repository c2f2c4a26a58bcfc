"""Who watches a program sees on when its processes die: one scrape knows them all, sockets hear of changes again.

And each line of its log is an object.
"""

import json
import os
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.program import Place, Program, Truth
from tests.support.shared import Prepare
from tests.support.waiting import wait_until
from tests.support.watching import next_message, watch

pytestmark = pytest.mark.services

TOKEN = "metrics-token-of-this-test"


@pytest.fixture(scope="module")
def prepare() -> Prepare:
    """A metrics token, and a folder in which another program has counted before."""

    def make(place: Place) -> None:
        place.environment["VOD_METRICS_TOKEN"] = TOKEN
        left = place.data_dir / "run" / "metrics"
        left.mkdir(parents=True)
        (left / f"counter_{os.getpid()}.db").write_bytes(b"\xff" * 64)

    return make


def scrape(program: Program) -> dict[str, float]:
    """Samples by name and label values."""
    request = urllib.request.Request(program.address + "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=60) as response:
        text = response.read().decode()
    return {
        " ".join([s.name, *s.labels.values()]): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def test_one_scrape_knows_web_and_worker_and_outlives_them(program: Program, truth: Truth) -> None:
    outcome = "vod_job_outcomes_total comparison.align completed"
    posted = "vod_request_seconds_count POST api/sessions/multi-vod 2xx"
    lasted = "vod_job_seconds_count comparison.align"
    kept = "vod_jobs comparison.align completed"
    earlier = scrape(program)

    def since(found: dict[str, float], name: str) -> float:
        return found[name] - earlier.get(name, 0)

    job_id = program.align(program.compare(truth))
    wait_until(lambda: program.place.job(job_id)["status"] == "completed", 40, "the end of the job")
    wait_until(lambda: scrape(program).get(outcome, 0) - earlier.get(outcome, 0) == 1, 5, "the worker's count")
    before = scrape(program)
    assert since(before, posted) == 1
    assert since(before, kept) == 1
    assert before["vod_job_success_ratio comparison.align"] == 1
    assert since(before, lasted) == 1
    assert "vod_scrape_errors_total files" not in before
    master, web = program.master(), program.web()
    assert master
    assert web
    for process in (master, web):
        process.kill()

    def others_serve() -> bool:
        found = program.web()
        return bool(program.worker()) and found is not None and found.pid != web.pid and program.lives()

    wait_until(others_serve, 30, "a new web process and a new worker")
    after = scrape(program)
    assert since(after, outcome) == 1
    assert since(after, posted) == 1
    assert after["vod_sockets_open"] == 0


@pytest.mark.private_redis
def test_sockets_hear_changes_again_after_redis_was_killed(program: Program, truth: Truth) -> None:
    session = program.compare(truth)
    with watch(program, f"ws/sessions/{session.rsplit('/', 1)[1]}/") as sessions:
        next_message(sessions)
        redis = program.redis()
        assert redis is not None
        redis.kill()
        program.call("PUT", f"{session}/offsets", {"offsets": {"b": 1.0}, "source": "manual"})
        wait_until(lambda: program.redis() not in (None, redis), 10, "another Redis")
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

        wait_until(heard, 15, "a change after Redis came back")


def test_every_line_of_the_log_is_an_object_with_its_ids(program: Program, truth: Truth) -> None:
    """Also of what was written while others were killed, where there was that before."""
    job_id = program.align(program.compare(truth))
    wait_until(lambda: program.place.job(job_id)["status"] == "completed", 40, "the end of the job")
    program.interrupt()
    lines = [json.loads(line) for line in program.log.read_text().splitlines()]
    for line in lines:
        assert {"at", "level", "logger", "event", "request_id", "user", "job"} <= set(line), line
    events = {line["event"] for line in lines}
    assert {"request", "processing.start", "processing.complete"} <= events
    posted = [line for line in lines if line["event"] == "request" and line["data"]["method"] == "POST"]
    assert all(line["request_id"] and line["user"] for line in posted)
    assert program.place.key not in program.log.read_text()
    assert TOKEN not in program.log.read_text()
