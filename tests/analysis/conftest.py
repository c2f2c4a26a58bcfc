"""What the tests of analysis sessions share: rows, and a pipeline that does what a test says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sessions_app.analysis import running
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


MakeAnalysis = Callable[..., AnalysisSession]


@pytest.fixture(name="make_analysis")
def _make_analysis(media: Path) -> MakeAnalysis:
    """Make a session with its job, and a file of its own in the store of the test."""
    return make_analysis


def again(session: AnalysisSession) -> AnalysisSession:
    return AnalysisSession.objects.with_state().get(pk=session.pk)


@pytest.fixture
def pipeline(
    monkeypatch: pytest.MonkeyPatch, child_script: Callable[[str], tuple[list[str], Path]]
) -> Callable[[str], Path]:
    """Put a script in the place of the pipelines' child: it finds results as ``DATA`` and makes files by ``make``.

    Returns the file in which its requests stand, one a line.
    """
    head = (
        f"DATA = json.loads({json.dumps(json.dumps(DATA))})\n"
        "def make(name):\n    open(os.path.join(request['folder'], name), 'wb').write(name.encode())\n"
    )

    def use(script: str) -> Path:
        command, log = child_script(head + script)
        monkeypatch.setattr(running, "PIPELINE", command)
        return log

    return use
