"""Alignments and previews of videos that lie in a bucket: of each a part is read, and nothing is copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs_app import services
from jobs_app.models import Job
from jobs_app.runner import run_queue
from media_app.store import files as store
from sessions_app.comparison import actors
from tests.support.api import BASE, Api, refused
from tests.support.factories import make_session, make_video
from tests.support.s3 import Bucket
from vodplatform.accounts.models import User

pytestmark = [
    pytest.mark.full,
    pytest.mark.services,
    pytest.mark.usefixtures("running_keeper"),
    pytest.mark.django_db(transaction=True),
]
BOX = {"vod_id": "vod-1", "time": 20, "x": 0.35, "y": 0, "width": 0.3, "height": 0.2}


@pytest.fixture
def base(owner: User, s3_storage: Bucket, match: tuple[Path, Path, float], monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a comparison of two recordings in the bucket."""
    videos = []
    for path in match[:2]:
        key = f"videos/{path.name}"
        s3_storage.client().upload_file(str(path), s3_storage.name, key)
        videos.append(make_video(owner, location=key, source="stored", duration=60, file_size=path.stat().st_size))
    monkeypatch.setattr(store, "local_copy", lambda *given, **named: pytest.fail("a file was copied"))
    session = make_session(owner, videos=videos)
    s3_storage.faults.received = 0
    return f"{BASE}/{session.session_id}"


def size_of(match: tuple[Path, Path, float]) -> int:
    return sum(path.stat().st_size for path in match[:2])


@pytest.mark.parametrize("method", ["timer_ocr", "auto"])
def test_videos_in_a_bucket_are_aligned(api: Api, base: str, method: str, match: tuple[Path, Path, float]) -> None:
    job_id = api.post(f"{base}/align", {"method": method}).json()["job_id"]
    assert run_queue("align") == 1
    body = api.get(f"{base}/alignments/{job_id}").json()
    assert (body["status"], body["refused"]) == ("completed", None)
    assert abs(body["proposals"][0]["offset"] - match[2]) <= 1 / 30


def test_a_preview_reads_little(api: Api, base: str, s3_storage: Bucket, match: tuple[Path, Path, float]) -> None:
    preview = api.post(f"{base}/timer-preview", {"roi": BOX, "times": [20]})
    assert preview.status_code == 200, preview.content
    assert any(reading["value"] is not None for reading in preview.json()["readings"])
    assert 0 < s3_storage.faults.received < size_of(match) / 2


def test_an_outage_is_waited_out(api: Api, base: str, s3_storage: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = api.post(f"{base}/align", {"method": "timer_ocr"}).json()["job_id"]
    run_aligner = actors.run_aligner

    def break_meanwhile(*given: Any) -> Any:
        s3_storage.faults.answer_503()
        return run_aligner(*given)

    monkeypatch.setattr(actors, "run_aligner", break_meanwhile)
    monkeypatch.setattr("jobs_app.outage.ASK_SECONDS", 0.0)
    run_queue("align")
    job = Job.objects.get(pk=job_id)
    assert (job.status, job.attempt, job.error) == ("waiting", 0, None)
    monkeypatch.setattr(actors, "run_aligner", run_aligner)
    s3_storage.heal()
    Job.objects.filter(pk=job_id).update(run_at=job.created_at)
    services.queue_due(job.pk)
    run_queue("align")
    assert Job.objects.get(pk=job_id).status == "completed"


def test_a_file_that_is_gone_is_named(api: Api, base: str, s3_storage: Bucket) -> None:
    for key in [*s3_storage.keys()]:
        s3_storage.client().delete_object(Bucket=s3_storage.name, Key=key)
    body = refused(api.post(f"{base}/timer-preview", {"roi": BOX}), 400, "vod_file_not_found")
    assert body["error"].startswith("vod-1: ")
