"""An analysis in mid-work: cancelled, cleaned up, and its worker killed −9. Nothing is left, and nothing is lost."""

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import pytest

from tests.support.clips import render_clip
from tests.support.program import Place, Program, is_alive
from tests.support.waiting import wait_until

pytestmark = pytest.mark.services

PIPELINE = "sessions_app.analysis.pipelines"
BASE = "/api/v1/video"
SECONDS = 20.0  # of the video: what comes after the look for bodies takes long enough to be met at it
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


def frozen(program: Program, job_id: str) -> psutil.Process:
    """The pipeline's child, stopped in the middle of its work, after its first checkpoint."""
    return program.freeze_child(PIPELINE, lambda: checkpoint(program.place, job_id) not in (None, "null"))


def media_of(place: Place) -> set[Path]:
    return {path for path in (place.data_dir / "media").rglob("*") if path.is_file()}


def scratch_of(place: Place) -> list[Path]:
    return list((place.data_dir / "tmp").glob("job-*"))


def counts_of(place: Place) -> list[int]:
    """Return the numbers of videos, analyses and jobs."""
    tables = ("catalog_video", "analysis_analysissession", "video_jobs")
    return [int(place.query(f"SELECT count(*) FROM {table}")[0][0]) for table in tables]


@pytest.mark.parametrize("end", ["cancel", pytest.param("cleanup", marks=pytest.mark.exhaustive)])
def test_ended_in_mid_work_it_leaves_no_process_no_file_and_no_row(program: Program, video: Path, end: str) -> None:
    place = program.place
    files, rows = media_of(place), counts_of(place)
    started = upload(program, video)
    child = frozen(program, started["job_id"])
    program.call("POST" if end == "cancel" else "DELETE", f"{BASE}/{end}/{started['sessionId']}")
    wait_until(lambda: not is_alive(child), 5, "the end of the frozen child")
    wait_until(lambda: not program.children(PIPELINE), 5, "the end of the pipeline's child")
    wait_until(lambda: not scratch_of(place), 10, "the end of its folder")
    wait_until(lambda: media_of(place) <= files, 10, "the end of its files")
    assert counts_of(place)[0] == rows[0]
    if end == "cancel":
        assert program.call("GET", f"{BASE}/status/{started['sessionId']}")["status"] == "cancelled"
        program.call("DELETE", f"{BASE}/cleanup/{started['sessionId']}")
    assert counts_of(place) == rows


def test_after_the_end_of_its_worker_it_goes_on_from_its_checkpoint(program: Program, video: Path) -> None:
    started = upload(program, video)
    job = started["job_id"]
    frozen(program, job)
    program.kill_worker()
    assert checkpoint(program.place, job)
    wait_until(lambda: program.place.events(job).count("processing") == 2, RUNS_AGAIN_SECONDS, "the second start")

    def ended() -> Any:
        state = program.call("GET", f"{BASE}/status/{started['sessionId']}")
        return state if state["status"] in ("completed", "failed") else None

    state = wait_until(ended, ENDS_SECONDS, "the end of the analysis")
    assert state["status"] == "completed", state
    assert program.place.events(job).count("completed") == 1
    data = program.call("GET", f"{BASE}/results/{started['sessionId']}")["data"]
    assert data["duration"] == pytest.approx(SECONDS, abs=1.0)
    wait_until(lambda: not scratch_of(program.place), 10, "the end of both attempts' folders")
    wait_until(lambda: not program.children(PIPELINE), 5, "the end of the pipeline's child")
