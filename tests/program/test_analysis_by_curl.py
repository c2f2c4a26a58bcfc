"""The way of docs/analysis.md with curl, against the running program."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.clips import render_clip
from tests.support.program import Program
from tests.support.waiting import wait_until

BASE = "/api/v1/video"
ENDS_SECONDS = 120

pytestmark = pytest.mark.services


def test_upload_poll_results_and_cleanup(program: Program, tmp_path: Path) -> None:
    def curl(path: str, *words: str) -> tuple[int, Any]:
        """Status and body of what curl gets with these words and a path."""
        head = ["-H", f"Authorization: Token {program.place.key}"]
        argv = ["curl", "-sS", "-w", "\\n%{http_code}", *head, *words, program.address + path]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=True)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body) if body.startswith(("{", "[")) else body

    video = render_clip(tmp_path / "match.mp4", seconds=30.0)
    form = ["-F", f"video=@{video}", "-F", "analysis_type=highlights", "-F", 'params={"segment_length": 5}']
    status, started = curl(f"{BASE}/upload", *form)
    assert (status, started["status"], started["warnings"]) == (202, "queued", [])
    session = started["sessionId"]
    seen: list[tuple[str, float]] = []

    def is_over() -> bool:
        _, state = curl(f"{BASE}/status/{session}")
        seen.append((state["status"], state["progress"]))
        return bool(state["status"] in ("completed", "failed"))

    wait_until(is_over, ENDS_SECONDS, "the end of the analysis")
    assert seen[-1] == ("completed", 100.0)
    assert [progress for _, progress in seen] == sorted(progress for _, progress in seen)
    status, results = curl(f"{BASE}/results/{session}")
    assert (status, results["sessionId"], results["status"]) == (200, session, "completed")
    data = results["data"]
    assert {"summary", "duration", "segments", "highlights", "highlight_video_url", "thumbnails"} <= set(data)
    assert len(data["segments"]) == 6
    assert curl(f"{BASE}/results/{session}.csv?kind=segments")[1].count("\n") == 7
    status, answer = curl(f"{BASE}/cleanup/{session}", "-X", "DELETE")
    assert (status, answer) == (200, {"message": "Session cleaned up successfully"})
    assert curl(f"{BASE}/status/{session}")[0] == 404
