"""What the tests of analysis sessions share: rows, and a pipeline that does what a test says."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models.functions import Now

from jobs_app.models import Job, JobStatus
from media_app.videos.models import Rendition
from sessions_app.analysis import pipeline_runner
from sessions_app.analysis.models import AnalysisSession
from tests.support.factories import make_analysis
from vodplatform.accounts.models import User

DATA = {
    "summary": "1 highlight, 5 s.", "duration": 20.0, "method": "signals", "warnings": [], "edges": [],
    "segments": [
        {"index": 0, "start_time": 0.0, "end_time": 10.0, "score": 0.1, "description": "Quiet.", "signals": {}},
        {"index": 1, "start_time": 10.0, "end_time": 20.0, "score": 0.9, "description": "=HYPERLINK()", "signals": {}},
    ],
    "highlights": [{"start_time": 12.0, "end_time": 17.0, "score": 0.9, "description": "Loud.", "segment": 1}],
    "curves": {"step": 0.5, "score": [], "sound": [], "motion": []},
}  # fmt: skip
DONE = {"status": JobStatus.COMPLETED, "progress": 100, "finished_at": Now(), "admitted": False}
Make = Callable[..., AnalysisSession]
Pipeline = Callable[[str], Path]


@pytest.fixture(name="make_analysis")
def _make_analysis(media: Path, owner: User) -> Make:
    """Make a session of the owner with its job, and a file of its own in the store of the test."""
    return partial(make_analysis, owner)


@pytest.fixture
def ready(make_analysis: Make) -> Make:
    """Make a session that is completed, with a reel and a thumbnail."""

    def make(**given: Any) -> AnalysisSession:
        session = make_analysis(**DONE, **given)
        key = default_storage.save(f"jobs/{session.job_id}/a/thumb.jpg", ContentFile(b"picture"))
        AnalysisSession.objects.filter(pk=session.pk).update(data=DATA, thumbnails=[key])
        Job.objects.filter(pk=session.job_id).update(result={"pictures": [key]})
        assert session.video is not None
        folder = f"renditions/{session.video.pk}/{'0' * 32}/reel/"
        default_storage.save(f"{folder}reel.mp4", ContentFile(b"reel"))
        Rendition.objects.create(
            video=session.video, kind="reel", name=session.rendition_name, folder=folder, files={"video": "reel.mp4"}
        )
        return again(session)

    return make


def again(session: AnalysisSession) -> AnalysisSession:
    return AnalysisSession.objects.with_state().get(pk=session.pk)


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch, child_script: Callable[[str], tuple[list[str], Path]]) -> Pipeline:
    """Put a script in the place of the pipelines' child: it finds results as ``DATA`` and makes files by ``make``.

    Returns the file in which its requests stand, one a line.
    """
    head = (
        f"DATA = json.loads({json.dumps(json.dumps(DATA))})\n"
        "def make(name):\n    open(os.path.join(request['folder'], name), 'wb').write(name.encode())\n"
    )

    def use(script: str) -> Path:
        command, log = child_script(head + script)
        monkeypatch.setattr(pipeline_runner, "PIPELINE", command)
        return log

    return use
