"""An analysis in mid-work: cancelled, cleaned up, and its worker killed −9. Nothing is left, and nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import pytest

from tests.support.clips import render_clip
from tests.support.program import Place, Program, is_alive
from tests.support.waiting import wait_until

PIPELINE = ["-m", "sessions_app.analysis.pipelines"]
BASE = "/api/v1/video"
SECONDS = 20.0  # of the video: what comes after the look for bodies takes long enough to be met at it
AT_WORK_SECONDS = 60
RUNS_AGAIN_SECONDS = 30  # goals.md R1
ENDS_SECONDS = 120


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that moves, and nobody is there."""
    return render_clip(tmp_path_factory.mktemp("analysed") / "match.mp4", seconds=SECONDS)


def upload(program: Program, video: Path) -> dict[str, Any]:
    """Send it to be analysed; the answer."""
    with video.open("rb") as file:
        answer = httpx.post(
            f"{program.address}{BASE}/upload", headers={"Authorization": f"Token {program.place.key}"}, timeout=60,
            data={"analysis_type": "workout", "params": "{}"}, files={"video": (video.name, file, "video/mp4")},
        )  # fmt: skip
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def checkpoint(place: Place, job_id: str) -> Any:
    rows = place.query("SELECT checkpoint FROM video_jobs WHERE id = ?", UUID(job_id))
    return rows[0][0] if rows else None


def children(program: Program) -> list[psutil.Process]:
    found = []
    for process in program.descendants():
        try:
            if process.cmdline()[1:3] == PIPELINE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def frozen(program: Program, job_id: str) -> psutil.Process:
    """The pipeline's child, stopped in the middle of its work, after its first checkpoint."""

    def caught() -> psutil.Process | None:
        if checkpoint(program.place, job_id) in (None, "null"):
            return None
        for process in children(program):
            process.suspend()
            return process
        return None

    process = wait_until(caught, AT_WORK_SECONDS, "a pipeline at work")
    assert process is not None
    return process


def media_of(place: Place) -> set[Path]:
    return {path for path in (place.data_dir / "media").rglob("*") if path.is_file()}


def scratch_of(place: Place) -> list[Path]:
    return list((place.data_dir / "tmp").glob("job-*"))


def rows_of(place: Place, *tables: str) -> list[int]:
    """How many rows these tables have."""
    return [int(place.query(f"SELECT count(*) FROM {table}")[0][0]) for table in tables]


@pytest.mark.parametrize("end", ["cancel", "cleanup"])
def test_ended_in_mid_work_it_leaves_no_process_no_file_and_no_row(program: Program, video: Path, end: str) -> None:
    place, tables = program.place, ("catalog_video", "analysis_analysissession", "video_jobs")
    files, rows = media_of(place), rows_of(place, *tables)
    started = upload(program, video)
    child = frozen(program, started["job_id"])
    program.call("POST" if end == "cancel" else "DELETE", f"{BASE}/{end}/{started['sessionId']}")
    wait_until(lambda: not is_alive(child), 5, "the end of the frozen child")
    wait_until(lambda: not children(program), 5, "the end of the pipeline's child")
    wait_until(lambda: not scratch_of(place), 10, "the end of its folder")
    wait_until(lambda: media_of(place) <= files, 10, "the end of its files")
    assert rows_of(place, "catalog_video") == rows[:1]
    if end == "cancel":
        assert program.call("GET", f"{BASE}/status/{started['sessionId']}")["status"] == "cancelled"
        program.call("DELETE", f"{BASE}/cleanup/{started['sessionId']}")
    assert rows_of(place, *tables) == rows


def test_after_the_end_of_its_worker_it_goes_on_from_its_checkpoint(program: Program, video: Path) -> None:
    started = upload(program, video)
    child, worker = frozen(program, started["job_id"]), program.worker()
    assert worker is not None
    before = checkpoint(program.place, started["job_id"])
    worker.kill()
    wait_until(lambda: not is_alive(child), 5, "the end of its child")

    def events() -> list[str]:
        return program.place.events(started["job_id"])

    assert before
    wait_until(lambda: events().count("processing") == 2, RUNS_AGAIN_SECONDS, "the second start")
    state = wait_until(lambda: _ended(program, started["sessionId"]), ENDS_SECONDS, "the end of the analysis")
    assert state["status"] == "completed", state
    assert events().count("completed") == 1
    data = program.call("GET", f"{BASE}/results/{started['sessionId']}")["data"]
    assert data["duration"] == pytest.approx(SECONDS, abs=1.0)
    wait_until(lambda: not scratch_of(program.place), 10, "the end of both attempts' folders")
    wait_until(lambda: not children(program), 5, "the end of the pipeline's child")


def _ended(program: Program, session_id: str) -> dict[str, Any] | None:
    state = program.call("GET", f"{BASE}/status/{session_id}")
    return state if state["status"] in ("completed", "failed") else None


def test_restarted_at_a_deploy_it_costs_no_attempt(program: Program, video: Path) -> None:
    started = upload(program, video)
    frozen(program, started["job_id"])  # or it might be done before it is told to end
    assert program.interrupt() == 0
    program.start()
    state = wait_until(lambda: _ended(program, started["sessionId"]), ENDS_SECONDS, "the end of the analysis")
    assert state["status"] == "completed"
    assert program.place.job(started["job_id"])["crashes"] == 0
    assert "given_back" in program.place.events(started["job_id"])
