"""What the tests of analysis sessions share: rows, a pipeline that does what a test says, and a worker's keeper."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs_app.running import keeper
from sessions_app.analysis import handlers
from sessions_app.analysis.models import AnalysisSession
from tests.support.factories import make_analysis

DATA = {
    "summary": "1 highlight, 5 s.", "duration": 20.0, "method": "signals", "warnings": [], "edges": [],
    "segments": [
        {"index": 0, "start_time": 0.0, "end_time": 10.0, "score": 0.1, "description": "Quiet.", "signals": {}},
        {"index": 1, "start_time": 10.0, "end_time": 20.0, "score": 0.9, "description": "=HYPERLINK()", "signals": {}},
    ],
    "highlights": [{"start_time": 12.0, "end_time": 17.0, "score": 0.9, "description": "Loud.", "segment": 1}],
    "curves": {"step": 0.5, "score": [], "sound": [], "motion": []},
}  # fmt: skip


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    """The store of this test, a folder of its own."""
    place = tmp_path / "media"
    place.mkdir()
    storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(place)}}
    settings.STORAGES = {**settings.STORAGES, "default": storage}
    return place


@pytest.fixture
def running_keeper(settings: Any) -> Iterator[None]:
    """The thread that keeps leases, looking about twenty times a second."""
    settings.JOB_CONTROL_SECONDS = 0.05
    keeper.start()
    yield
    keeper.stop()
    assert keeper.join(10)
    keeper._stop.clear()


MakeAnalysis = Callable[..., AnalysisSession]


@pytest.fixture(name="make_analysis")
def _make_analysis(media: Path) -> MakeAnalysis:
    """Make a session with its job, and a file of its own in the store of the test."""
    return make_analysis


def again(session: AnalysisSession) -> AnalysisSession:
    return AnalysisSession.objects.with_state().get(pk=session.pk)


def files_in(media: Path) -> list[str]:
    return sorted(str(path.relative_to(media)) for path in media.rglob("*") if path.is_file())


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """Put a script in the place of the pipelines' child: it finds its request as ``request`` and writes lines by
    ``say``. Returns the file in which the requests that came stand, one a line."""
    log = tmp_path / "requests"

    def use(script: str) -> Path:
        head = (
            "import json, os, sys, time\n"
            "request = json.load(sys.stdin)\n"
            f"open({str(log)!r}, 'a').write(json.dumps(request) + '\\n')\n"
            "def say(**line):\n    print(json.dumps(line), flush=True)\n"
            f"DATA = json.loads({json.dumps(json.dumps(DATA))})\n"
            "def make(name):\n    open(os.path.join(request['folder'], name), 'wb').write(name.encode())\n"
        )
        path = tmp_path / "pipeline.py"
        path.write_text(head + script)
        monkeypatch.setattr(handlers, "PIPELINE", [sys.executable, str(path)])
        return log

    return use
