"""Taking a file in where a virus scanner is set: the real clamd, with a finding, away, and for too large a file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs_app import services as jobs
from jobs_app.models import Job
from jobs_app.runner import run_queue
from jobs_app.services import wake_waiting
from media_app.videos import actors, receiving
from media_app.videos.models import Video
from tests.support.clamav import FILE_BYTES, FINDING, Clamd, infect
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lease_keeper")]


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors, "MADE_AT_ONCE", [])


@pytest.fixture
def copy(clips: Path, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(clips / "plain.mp4", tmp_path / "copy.mp4"))


@pytest.fixture
def take(owner: User) -> Callable[[Path], tuple[str, Job]]:
    """Takes a file in; returns the video's state and the job."""

    def run(path: Path) -> tuple[str, Job]:
        video = receiving.take_file(owner, path, filename="match.mp4")
        run_queue("ingest")
        return look(video)

    return run


def look(video: Video) -> tuple[str, Job]:
    return Video.objects.with_state().get(pk=video.pk).state, Job.objects.get(pk=video.job_id)


def test_a_clean_video_is_taken_in(clamd: Clamd, copy: Path, take: Any) -> None:
    assert take(copy)[0] == "ready"


def test_a_video_with_a_finding_is_not(clamd: Clamd, copy: Path, take: Any) -> None:
    state, job = take(infect(copy))
    assert (state, job.status, job.error["type"]) == ("failed", "failed", "malware_found")
    assert FINDING in job.error["message"]
    # What is known of it must not go with the job.
    jobs.delete(job)
    row = Video.objects.with_state().get()
    assert (row.state, row.status, row.error_type) == ("failed", "failed", "malware_found")
    assert FINDING in row.error_message


def test_one_that_the_scanner_cannot_read_whole_is_not(clamd: Clamd, copy: Path, take: Any) -> None:
    with copy.open("ab") as file:
        file.write((FILE_BYTES + 8).to_bytes(4, "big") + b"free" + bytes(FILE_BYTES))
    state, job = take(copy)
    assert (state, job.error["type"]) == ("failed", "not_scanned")
    assert "MaxFileSize" in job.error["message"]
    assert Video.objects.get().error_type == "not_scanned"


def test_it_waits_while_the_scanner_is_away(clamd: Clamd, copy: Path, take: Any) -> None:
    clamd.stop()
    state, job = take(copy)
    assert (state, job.status) == ("processing", "waiting")
    clamd.start()
    wake_waiting(job.pk)
    run_queue("ingest")
    video = Video.objects.get(job=job)
    assert look(video)[0] == "ready"
