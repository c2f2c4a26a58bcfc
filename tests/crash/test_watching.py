"""Metrics and logs of the whole running program: one scrape knows every process, and each log line is an object."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.program import Place, Program, Truth, wait_for

TOKEN = "metrics-token-of-this-test"


@pytest.fixture
def watched(place: Place, new_program: Callable[..., Program]) -> Iterator[Program]:
    """A running program with a metrics token, on a folder in which another one has counted before."""
    place.environment["VOD_METRICS_TOKEN"] = TOKEN
    left = place.data_dir / "run" / "metrics"
    left.mkdir(parents=True)
    (left / f"counter_{os.getpid()}.db").write_bytes(b"\xff" * 64)
    yield new_program(place).start()


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


def test_one_scrape_knows_web_and_worker_and_outlives_them(watched: Program, truth: Truth) -> None:
    job_id = watched.align(watched.compare(truth))
    wait_for(lambda: watched.place.job(job_id)["status"] == "completed", 40, "the end of the job")
    outcome = "vod_job_outcomes_total comparison.align completed"
    wait_for(lambda: scrape(watched).get(outcome) == 1, 5, "the worker's count")
    before = scrape(watched)
    posted = "vod_request_seconds_count POST api/sessions/multi-vod 2xx"
    assert before[posted] == 1
    assert before["vod_jobs comparison.align completed"] == 1
    assert before["vod_job_success_ratio comparison.align"] == 1
    assert before["vod_job_seconds_count comparison.align"] == 1
    assert "vod_scrape_errors_total files" not in before
    master, web = watched.master(), watched.web()
    assert master
    assert web
    for process in (master, web):
        process.kill()

    def others_serve() -> bool:
        found = watched.web()
        return bool(watched.worker()) and found is not None and found.pid != web.pid and watched.lives()

    wait_for(others_serve, 30, "a new web process and a new worker")
    after = scrape(watched)
    assert after[outcome] == 1
    assert after[posted] == 1
    assert after["vod_sockets_open"] == 0


def test_every_line_of_the_log_is_an_object_with_its_ids(watched: Program, truth: Truth) -> None:
    job_id = watched.align(watched.compare(truth))
    wait_for(lambda: watched.place.job(job_id)["status"] == "completed", 40, "the end of the job")
    watched.interrupt()
    lines = [json.loads(line) for line in watched.log.read_text().splitlines()]
    for line in lines:
        assert {"at", "level", "logger", "event", "request_id", "user", "job"} <= set(line), line
    events = {line["event"] for line in lines}
    assert {"request", "processing.start", "processing.complete"} <= events
    posted = [line for line in lines if line["event"] == "request" and line["data"]["method"] == "POST"]
    assert all(line["request_id"] and line["user"] for line in posted)
    assert watched.place.key not in watched.log.read_text()
    assert TOKEN not in watched.log.read_text()
