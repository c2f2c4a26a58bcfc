"""The jobs of analyses: the file is taken in, a child does the work, its findings are kept; and how each can fail.

The child is a script of the test's here; the pipelines themselves have tests of their own.
"""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.storage import default_storage

from jobs_app import services as jobs
from jobs_app.models import Job
from jobs_app.runner import run_queue
from media_app.uploads import quota
from media_app.videos.models import Rendition, Video
from sessions_app.analysis import services
from sessions_app.analysis.models import AnalysisSession
from tests.analysis.conftest import DATA, Make, Pipeline, again
from tests.support.api import Api
from tests.support.stored import files_in
from tests.support.waiting import wait_until
from vodplatform.accounts.models import User

pytestmark = [
    pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media", "running_keeper"), pytest.mark.full,
]  # fmt: skip
WORKS = (
    "say(progress=50, message='Analyzing segment 1/2')\n"
    "make('reel.mp4'); make('t.jpg')\n"
    "say(result={'data': DATA, 'files': {'reel': 'reel.mp4', 'thumb-0': 't.jpg'}})\n"
)


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes of these sessions are no video: nobody draws a poster of them."""
    monkeypatch.setattr("sessions_app.analysis.actors.make_poster", lambda *given, **share: None)


def run(session: AnalysisSession) -> AnalysisSession:
    run_queue("analysis")
    return again(session)


def error_of(session: AnalysisSession) -> str:
    return str(Job.objects.get(pk=session.job_id).error["type"])  # type: ignore[index]


def scratch_of(session: AnalysisSession) -> list[Path]:
    """The folders of its job's attempts."""
    assert session.job_id
    return list(Path(django_settings.DATA_DIR, "tmp").glob(f"job-*-{session.job_id.hex}-*"))


def in_thread(*given: Any) -> threading.Thread:
    thread = threading.Thread(target=run_queue, args=given)
    thread.start()
    return thread


def test_results_are_kept_and_the_model_named(api: Api, make_analysis: Make, pipeline: Pipeline, settings: Any) -> None:
    log = pipeline(WORKS)
    session = run(make_analysis())
    assert session.status == "completed", Job.objects.get().error
    request = json.loads(log.read_text())
    assert (request["op"], request["params"]["target_duration"], request["vision"]) == ("highlights", 60.0, None)
    data = api.get(f"/api/v1/video/results/{session.pk}").json()["data"]
    assert data["segments"] == DATA["segments"]
    row = Rendition.objects.get(kind="reel")
    with default_storage.open(row.key_of("video")) as file:
        assert file.read() == b"reel.mp4"
    assert (row.size, len(data["thumbnails"])) == (8, 1)
    assert scratch_of(session) == []
    settings.VISION = {**settings.VISION, "url": "http://models.example/v1", "model": "small", "key": "secret"}
    run(make_analysis())
    assert json.loads(log.read_text().splitlines()[-1])["vision"]["model"] == "small"


def test_without_room_the_results_are_kept_and_the_reel_is_not(
    api: Api, owner: User, make_analysis: Make, pipeline: Pipeline, settings: Any
) -> None:
    pipeline(WORKS)
    session = make_analysis()
    free = settings.TIER_LIMITS["free"] | {"max_storage_bytes": quota.storage_bytes(owner.pk) + 7}
    settings.TIER_LIMITS = settings.TIER_LIMITS | {"free": free}
    session = run(session)
    assert session.status == "completed", Job.objects.get().error
    assert [warning.partition(",")[0] for warning in session.warnings] == ["Your storage is full"]
    data = api.get(f"/api/v1/video/results/{session.pk}").json()["data"]
    assert (data["highlight_video_url"], len(data["thumbnails"])) == (None, 1)
    assert not Rendition.objects.exists()
    settings.TIER_LIMITS = settings.TIER_LIMITS | {"free": free | {"max_storage_bytes": free["max_storage_bytes"] + 1}}
    assert run(make_analysis(content=b"")).warnings == []


@pytest.mark.parametrize(("script", "type", "seconds"), [
    ("say(error={'type': 'no_video', 'message': 'There is no picture.'})", "no_video", 60.0),
    ("os._exit(3)", "vod_unreadable", 60.0), ("time.sleep(600)", "timeout", 0.5),
])  # fmt: skip
def test_a_failed_one_has_no_file(
    media: Path, make_analysis: Make, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, script: str, type: str,
    seconds: float,
) -> None:  # fmt: skip
    monkeypatch.setattr("sessions_app.analysis.pipeline_runner.MIN_SECONDS", seconds)
    monkeypatch.setattr("sessions_app.analysis.pipeline_runner.WORK_SECONDS_PER_SECOND", 0.0)
    pipeline(script)
    session = run(make_analysis())
    assert (session.status, error_of(session)) == ("failed", type)
    assert files_in(media) == []
    assert not Video.objects.exists()


@pytest.mark.parametrize("script", ["os.kill(os.getpid(), 9)", "say(error={'type': 'disk_full', 'message': 'Full.'})"])
def test_a_fault_of_the_host_is_retried(media: Path, make_analysis: Make, pipeline: Pipeline, script: str) -> None:
    pipeline(script)
    session = run(make_analysis())
    job = Job.objects.get()
    assert (session.status, job.status, job.retries) == ("processing", "waiting", 1)
    assert files_in(media) != []


@pytest.mark.parametrize("end", ["cancel", "clean_up", "expire"])
def test_ending_it_leaves_nothing(owner: User, media: Path, make_analysis: Make, pipeline: Pipeline, end: str) -> None:
    """However it is ended in mid-work, no process, file or folder stays."""
    log = pipeline(
        "make('half.mp4')\nsay(progress=10, message='Analyzing segment 1/9', pid=os.getpid())\ntime.sleep(600)"
    )
    session = make_analysis()
    thread = in_thread("analysis")
    wait_until(log.exists)
    wait_until(lambda: Job.objects.get().progress > 10)
    began = time.monotonic()
    if end == "expire":
        AnalysisSession.objects.filter(pk=session.pk).update(expires_at=session.created_at)
        services.expire()
    else:
        getattr(services, end)(again(session), *([owner] if end == "clean_up" else []))
    thread.join(60)
    assert not thread.is_alive()
    assert time.monotonic() - began < 30
    assert files_in(media) == []
    assert scratch_of(session) == []
    assert not Video.objects.exists()
    assert AnalysisSession.objects.count() == (0 if end == "clean_up" else 1)
    assert [job.status for job in Job.objects.all()] == (["cancelled"] if end == "cancel" else [])


def test_paused_it_goes_on_from_where_it_was(make_analysis: Make, pipeline: Pipeline) -> None:
    log = pipeline(
        "if request['saved'] is None:\n"
        "    say(checkpoint={'done': 7}); say(progress=40, message='Analyzing segment 7/20')\n"
        "    time.sleep(600)\n" + WORKS
    )
    session = make_analysis()
    thread = in_thread("analysis")
    wait_until(lambda: (Job.objects.get().checkpoint or {}).get("done") == 7)
    jobs.pause(Job.objects.get())
    thread.join(60)
    assert (again(session).status, Job.objects.get().status) == ("processing", "paused")
    jobs.resume(Job.objects.get())
    assert run(session).status == "completed"
    assert [json.loads(line)["saved"] for line in log.read_text().splitlines()] == [None, {"done": 7}]
