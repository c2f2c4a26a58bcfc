"""kill −9 of the worker between a catalogue file's answer and its taking in, and in the middle of that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.crash.test_uploads_survive import START_SECONDS, TAKE_IN_SECONDS, frozen_child, orphans, stored, taken_in
from tests.support.clips import render_clip
from tests.support.program import Program, manage, wait_for
from tests.support.senders import sha256_of


def moderator(program: Program) -> httpx.Client:
    """A client of a new moderator's."""
    environment, where = program.place.environment, ("--data-dir", str(program.place.data_dir))
    made = manage("create_account", "mod", "--role", "moderator", *where, environment=environment)
    assert made.returncode == 0, made.stderr
    key = manage("create_token", "mod", *where, environment=environment).stdout.strip()
    return httpx.Client(base_url=program.address, headers={"Authorization": f"Token {key}"}, timeout=60)


def send(client: httpx.Client, video: str, path: Path) -> dict[str, Any]:
    """The video as it is once the form with its file has been answered."""
    answer = client.post(f"/api/v1/videos/{video}/file", files={"video": (path.name, path.read_bytes(), "video/mp4")})
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_file_that_was_answered_is_taken_in_whatever_happens_to_the_worker(program: Program, tmp_path: Path) -> None:
    first, second = (render_clip(tmp_path / f"{name}.mp4", seconds=name) for name in (3, 5))
    place = program.place
    worker = wait_for(program.worker, START_SECONDS)
    assert worker is not None
    with moderator(program) as client:
        video = client.post("/api/v1/videos", json={"title": "Grand final"}).json()["id"]
        # Nobody takes it in before it is killed.
        place.stop_between_writes(worker)
        body = send(client, video, first)
        worker.kill()
        assert taken_in(program, video) == sha256_of(first)
        wait_for(lambda: place.job(body["job_id"])["status"] == "completed", TAKE_IN_SECONDS, "the end of the job")
        # Killed in the middle of what is made of the file that takes the first one's place.
        body = send(client, video, second)
        child, worker = frozen_child(program), program.worker()
        assert worker is not None
        worker.kill()
        wait_for(lambda: not child.is_running(), 5, "the end of the worker's child")
        wait_for(lambda: place.job(body["job_id"])["status"] == "completed", TAKE_IN_SECONDS, "the end of the job")
        assert taken_in(program, video) == sha256_of(second)
        shown = client.get(f"/api/v1/videos/{video}").json()
        assert (shown["status"], shown["duration"], shown["file_path"]) == ("ready", 5, body["file_path"])
        files = [path.name for path in stored(place, f"videos/{video}").iterdir()]
        assert files == [Path(body["file_path"]).name]
        assert not {key for key in orphans(place) if key.startswith(("videos/", "uploads/"))}
