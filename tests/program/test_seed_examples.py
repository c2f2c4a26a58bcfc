"""The example requests of the catalogue's first document, as it prints them, by curl against the running program."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.factories import PASSWORD
from tests.support.program import Program, clean_environment, manage
from tests.support.waiting import wait_until

pytestmark = pytest.mark.services
# As they stand there; the address goes before the path, and an id into the place of ``uuid``.
CREATE = r"""curl -X POST /videos \
  -H "Authorization: Bearer $TOKEN" \
  -H "Content-Type: application/json" \
  -d '{"title": "Test Video", "category": "Training"}'"""
UPLOAD = r"""curl -X POST /videos-upload \
  -H "Authorization: Bearer $TOKEN" \
  -F "videoId=uuid" \
  -F "video=@video.mp4" """
SYNC = r"""curl -X POST /sync \
  -H "Authorization: Bearer $TOKEN" \
  -H "Content-Type: application/json" \
  -d '{"video_id": "uuid", "client_vector_clock": {"user1": 3}}'"""
TAKE_IN_SECONDS = 60.0


def token_of_a_moderator(program: Program) -> str:
    environment = program.place.environment | {"VOD_DATA_DIR": str(program.place.data_dir)}
    words = ("create_account", "moderator", "--role", "moderator", "--password-stdin")
    assert manage(*words, environment=environment, stdin=PASSWORD).returncode == 0
    body = {"username": "moderator", "password": PASSWORD}
    return str(httpx.post(f"{program.address}/api/auth/jwt", json=body, timeout=30).json()["access"])


def run(example: str, base: str, key: str, folder: Path, video_id: str = "uuid") -> tuple[int, dict[str, Any]]:
    """Status and body of what a shell makes of an example."""
    command = example.replace("curl -X POST /", f"curl -sS -w '\\n%{{http_code}}' -X POST {base}/")
    ended = subprocess.run(
        ["bash", "-c", command.replace("uuid", video_id)], cwd=folder, env=clean_environment({"TOKEN": key}),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    body, _, status = ended.stdout.rpartition("\n")
    return int(status), json.loads(body)


def test_they_work_as_printed(program: Program, clips: Path, tmp_path: Path) -> None:
    key = token_of_a_moderator(program)
    shutil.copyfile(clips / "plain.mp4", tmp_path / "video.mp4")
    for base in (program.address, f"{program.address}/functions/v1"):
        walk(program, base, key, tmp_path)


def walk(program: Program, base: str, key: str, folder: Path) -> None:
    """The examples in order, and what belongs between them, at addresses that begin like this."""
    status, made = run(CREATE, base, key, folder)
    assert (status, made["title"], made["category"], made["version"]) == (201, "Test Video", "Training", 1)
    video_id = made["id"]
    status, answer = run(UPLOAD, base, key, folder, video_id)
    assert status in (200, 201), answer
    status, answer = run(SYNC, base, key, folder, video_id)
    assert (status, answer["sync_type"], answer["action"]) == (200, "equal", "none")
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        wait_until(lambda: _is_ready(client, base, video_id), TAKE_IN_SECONDS, "a file that is taken in")
        ready = client.put(f"{base}/videos-upload", json={"videoId": video_id, "duration": 120})
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        change = {"title": "Updated Title", "vector_clock": {}, "version": 1}
        changed = client.put(f"{base}/videos-update/{video_id}", json=change)
        assert (changed.status_code, changed.json()["version"]) == (200, 2)
    # Its bytes are there for anybody, by the address in the answer.
    shown = httpx.get(f"{base}/videos-update/{video_id}", timeout=30).json()
    assert httpx.get(program.address + shown["video_url"], timeout=30).content == (folder / "video.mp4").read_bytes()


def _is_ready(client: httpx.Client, base: str, video_id: str) -> bool:
    status = client.get(f"{base}/videos-update/{video_id}").json()["status"]
    assert status != "failed"
    return bool(status == "ready")
