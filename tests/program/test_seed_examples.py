"""The example requests of the catalogue's first document, as it prints them, by curl against the running program."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.factories import PASSWORD
from tests.support.program import PROJECT_ROOT, Place, Program, clean_environment
from tests.support.waiting import wait_until

pytestmark = pytest.mark.full
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


def account(place: Place, role: str) -> None:
    """An account of the role's name."""
    subprocess.run(
        [sys.executable, str(PROJECT_ROOT / "manage.py"), "create_account", role, "--role", role, "--password-stdin"],
        env=clean_environment(place.environment | {"VOD_DATA_DIR": str(place.data_dir)}),
        input=PASSWORD, text=True, check=True, capture_output=True, timeout=60,
    )  # fmt: skip


def token(program: Program, name: str) -> str:
    answer = httpx.post(f"{program.address}/api/auth/jwt", json={"username": name, "password": PASSWORD}, timeout=30)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access"])


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
    for role in ("moderator", "admin"):
        account(program.place, role)
    keys = {role: token(program, role) for role in ("moderator", "admin")}
    shutil.copyfile(clips / "plain.mp4", tmp_path / "video.mp4")
    for base in (program.address, f"{program.address}/functions/v1"):
        walk(program, base, keys, tmp_path)


def walk(program: Program, base: str, keys: dict[str, str], folder: Path) -> None:
    """The examples in order, and what belongs between and after them, at addresses that begin like this."""
    status, made = run(CREATE, base, keys["moderator"], folder)
    assert (status, made["title"], made["category"], made["version"]) == (201, "Test Video", "Training", 1)
    video_id = made["id"]
    status, answer = run(UPLOAD, base, keys["moderator"], folder, video_id)
    assert status in (200, 201), answer
    status, answer = run(SYNC, base, keys["moderator"], folder, video_id)
    assert (status, answer["sync_type"], answer["action"]) == (200, "equal", "none")
    with httpx.Client(headers={"Authorization": f"Bearer {keys['moderator']}"}, timeout=30) as client:
        wait_until(lambda: _is_ready(client, base, video_id), TAKE_IN_SECONDS, "a file that is taken in")
        ready = client.put(f"{base}/videos-upload", json={"videoId": video_id, "duration": 120})
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        page = client.get(f"{base}/videos?search={quote('test')}&status=ready").json()
        assert [video["id"] for video in page["videos"]] == [video_id]
        change = {"title": "Updated Title", "vector_clock": {}, "version": 1}
        changed = client.put(f"{base}/videos-update/{video_id}", json=change)
        assert (changed.status_code, changed.json()["version"]) == (200, 2)
        stale = client.put(f"{base}/videos-update/{video_id}", json=change)
        assert (stale.status_code, stale.json()["conflict_type"]) == (409, "vector_clock_mismatch")
        state = client.get(f"{base}/sync", params={"video_id": video_id, "since": "2026-01-01T00:00:00Z"}).json()
        assert (state["server_version"], len(state["operations"])) == (2, 1)
        assert client.delete(f"{base}/videos-delete/{video_id}").status_code == 403
    # Its bytes are there for anybody, by the address in the answer.
    shown = httpx.get(f"{base}/videos-update/{video_id}", timeout=30).json()
    assert httpx.get(program.address + shown["video_url"], timeout=30).content == (folder / "video.mp4").read_bytes()
    admin = {"Authorization": f"Bearer {keys['admin']}"}
    gone = httpx.delete(f"{base}/videos-delete/{video_id}?hard=true", headers=admin, timeout=30)
    assert (gone.status_code, set(gone.json())) == (200, {"message"})
    assert httpx.get(f"{base}/videos-update/{video_id}", timeout=30).status_code == 404
    assert not (program.place.data_dir / "media" / "videos" / video_id).exists()


def _is_ready(client: httpx.Client, base: str, video_id: str) -> bool:
    status = client.get(f"{base}/videos-update/{video_id}").json()["status"]
    assert status != "failed"
    return bool(status == "ready")
