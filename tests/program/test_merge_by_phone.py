"""Statements sent from a phone on a bad line to the running program become one video; the seed's own calls, by curl."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.av.statements import Statement, packets_of
from tests.support.merges import (
    ENDS_SECONDS,
    begin,
    check_segments,
    judge,
    make_alike,
    make_unlike,
    nothing_is_left_over,
    paths_of,
    phone_of,
)
from tests.support.phone import CHALLENGES, HALF, MERGES, UNHEARD, UNSENT, UPLOADS
from tests.support.program import Place, Program, manage
from tests.support.program_files import stored
from tests.support.senders import sha256_of
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> list[Statement]:
    return make_alike(tmp_path_factory.mktemp("alike"))


@pytest.fixture(scope="module")
def unlike(tmp_path_factory: pytest.TempPathFactory) -> list[Statement]:
    return make_unlike(tmp_path_factory.mktemp("unlike"))


def rows_of(place: Place) -> list[int]:
    """How many merges, uploads and challenges there are."""
    tables = ("merging_mergesession", "uploads_upload", "merging_challenge")
    return [place.query(f"SELECT count(*) FROM {table}")[0][0] for table in tables]


def arrived(place: Place, upload: str) -> str:
    """The SHA-256 of what the program has of an upload, its chunks in order."""
    rows = place.query("SELECT key FROM uploads_uploadchunk WHERE upload_id = ? ORDER BY number", UUID(upload))
    digest = hashlib.sha256()
    for (key,) in rows:
        digest.update(stored(place, key).read_bytes())
    return digest.hexdigest()


def test_a_phone_whose_every_third_request_is_lost_gets_the_right_video(
    program: Program, alike: list[Statement], unlike: list[Statement], tmp_path: Path
) -> None:
    phone, place = phone_of(program), program.place
    worker = wait_until(program.worker, 30)
    assert worker is not None
    begun, before = [], rows_of(place)
    # What has come is looked at before it is merged.
    place.stop_between_writes(worker)
    try:
        for clips in (alike, unlike):
            begun.append(begin(phone, clips, challenge_title="Two truths, one lie"))
            phone.send(begun[-1], paths_of(clips))
            for one in begun[-1]["upload_sessions"]:
                assert one["total_chunks"] == -(-clips[one["video_index"]].path.stat().st_size // one["chunk_size"])
                assert arrived(place, one["session_id"]) == sha256_of(clips[one["video_index"]].path)
            assert phone.complete(begun[-1]) == [one["session_id"] for one in begun[-1]["upload_sessions"]]
            assert phone.status(begun[-1]["merge_session_id"])["overall_status"] == "queued"
    finally:
        # Others need it too.
        worker.resume()
    first, second = (
        judge(phone, program, one, clips, tmp_path) for one, clips in zip(begun, (alike, unlike), strict=True)
    )
    # Those that agree are as they were, picture by picture.
    assert packets_of(first) == [packet for clip in alike for packet in packets_of(clip.path)]
    states = [phone.status(one["merge_session_id"])["merged_video"] for one in begun]
    assert [state["compression_applied"] for state in states] == [False, True]
    assert sha256_of(first) != sha256_of(second)
    # Nothing was made twice because its answer had been lost.
    assert [now - then for now, then in zip(rows_of(place), before, strict=True)] == [2, 6, 2]
    nothing_is_left_over(place)
    assert '"level": "ERROR"' not in program.log.read_text()
    # The line was as bad as it was meant to be. Polls count too: a quick merge is asked about less often.
    assert set(phone.dropped) == {UNSENT, HALF, UNHEARD}
    assert min(phone.dropped.values()) >= 10


@dataclass(frozen=True, slots=True)
class Curl:
    """curl with somebody's JWT."""

    address: str
    token: str

    def __call__(self, path: str, *words: str) -> tuple[int, Any]:
        """Status and body."""
        program = shutil.which("curl")
        assert program, "curl is missing"
        argv = [
            program, "-sS", "-w", "\\n%{http_code}", "-H", f"Authorization: Bearer {self.token}", *words,
            self.address + path,
        ]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=True)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body) if body.startswith(("{", "[")) else body


@pytest.fixture
def curl(program: Program) -> Curl:
    """Of a new account that has signed in as the seed's app does."""
    where = ("--data-dir", str(program.place.data_dir))
    made = manage("create_account", f"caller-{secrets.token_hex(4)}", *where, environment=program.place.environment)
    assert made.returncode == 0, made.stderr
    account = json.loads(made.stdout)
    words = json.dumps({name: account[name] for name in ("username", "password")})
    done = subprocess.run(
        ["curl", "-sS", "-H", "Content-Type: application/json", "-d", words, f"{program.address}/api/auth/jwt"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return Curl(program.address, json.loads(done.stdout)["access"])


def form_of(fields: Mapping[str, Any], *, repeated: bool) -> list[str]:
    """What `createFormData` makes of the seed's request: lists as JSON, or each entry a field of the list's name."""
    words = []
    for name, value in fields.items():
        if not isinstance(value, list):
            words += ["-F", f"{name}={value}"]
        elif repeated:
            words += [word for entry in value for word in ("-F", f"{name}={entry}")]
        else:
            words += ["-F", f"{name}={json.dumps(value)}"]
    return words


@pytest.mark.parametrize("repeated", [False, True], ids=["lists as JSON", "lists as repeated fields"])
def test_the_seeds_flow_works_as_its_sample_code_calls_it(
    curl: Curl, alike: list[Statement], tmp_path: Path, *, repeated: bool
) -> None:
    """Phases 1 to 5 of the fifth seed, in its order and with its fields; chunks of the size that it answers with."""
    request: dict[str, Any] = {
        "video_count": 3,
        "video_filenames": ["statement1.mp4", "statement2.mp4", "statement3.mp4"],
        "video_file_sizes": [clip.path.stat().st_size for clip in alike],
        "video_durations": [15.0, 12.5, 18.2],
        "video_mime_types": ["video/mp4", "video/mp4", "video/mp4"],
        "challenge_title": "My Challenge",
    }
    status, begun = curl(f"{MERGES}/upload-for-merge/initiate", *form_of(request, repeated=repeated))
    assert (status, begun["status"], begun["estimated_merge_time_seconds"]) == (201, "initiated", 34.28)
    for index, session in enumerate(begun["upload_sessions"]):
        assert (session["video_index"], session["filename"]) == (index, request["video_filenames"][index])
        assert session["upload_url"] == f"{UPLOADS}/{session['session_id']}/chunk"
        assert session["chunk_size"] == 1_048_576
        content = alike[index].path.read_bytes()
        for number in range(session["total_chunks"]):
            piece = tmp_path / "chunk"
            piece.write_bytes(content[number * session["chunk_size"] :][: session["chunk_size"]])
            status, state = curl(session["upload_url"], "-F", f"chunk_number={number}", "-F", f"chunk=@{piece}")
            assert (status, number in state["uploaded_chunks"]) == (200, True), state
        base = f"{UPLOADS}/{session['session_id']}"
        assert curl(f"{base}/status")[1]["progress_percent"] == 100.0
        status, completed = curl(f"{base}/complete", "-X", "POST")
        assert (status, completed["status"], completed["media_file_id"]) == (200, "completed", session["session_id"])
        assert curl(f"{base}/status")[1]["status"] == "completed"

    def is_over() -> Any:
        _, state = curl(f"{MERGES}/merge-session/{begun['merge_session_id']}/status")
        assert state["overall_status"] in ("queued", "processing", "completed"), state
        return state if state["overall_status"] == "completed" else None

    merged = wait_until(is_over, ENDS_SECONDS, "the end of the merge")["merged_video"]
    challenge_request = {
        "title": "My Challenge",
        "statements": [
            {"media_file_id": session["session_id"], "duration_seconds": seconds}
            for session, seconds in zip(begun["upload_sessions"], (15.0, 12.5, 18.2), strict=True)
        ],
        "lie_statement_index": 1,
        "is_merged_video": True,
        "merged_video_metadata": {
            "total_duration": merged["total_duration"],
            "segments": merged["segments"],
            "video_file_id": merged["video_file_id"],
            # The sample says so whatever was done.
            "compression_applied": True,
        },
    }
    words = ["-H", "Content-Type: application/json", "-d", json.dumps(challenge_request)]
    status, challenge = curl(CHALLENGES, *words)
    assert (status, challenge["status"], challenge["title"]) == (201, "draft", "My Challenge"), challenge
    _, segments = curl(f"{CHALLENGES}/{challenge['id']}/segments")
    _, streaming = curl(f"/api/v1/media/optimized/{segments['video_file_id']}?device_type=mobile&prefer_signed=true")
    assert (streaming["delivery_type"], streaming["supports_range"]) == ("local_signed", True)
    played = tmp_path / "played.mp4"
    assert curl(streaming["streaming_url"], "-o", str(played))[0] == 200
    check_segments(played, segments["segments"], alike)
    assert curl(streaming["streaming_url"], "-o", str(tmp_path / "part"), "-H", "Range: bytes=0-99")[0] == 206
    assert (tmp_path / "part").read_bytes() == played.read_bytes()[:100]
