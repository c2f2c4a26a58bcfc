"""What the tests of merges and challenges share: clips that can be merged, and a phone that sends them."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse

from jobs_app.models import Job
from jobs_app.runner import run_queue
from sessions_app.challenges import actors, upload_handlers
from sessions_app.challenges.models import Challenge, MergeSession
from tests.av.statements import statement
from tests.support.api import Api
from tests.support.factories import make_challenge
from tests.uploads.forms import FORM, Part, form_of
from vodplatform.accounts.models import User

MERGES = "/api/v1/challenge-videos"
INITIATE = f"{MERGES}/upload-for-merge/initiate"
CHALLENGES = "/api/v1/challenges"
CHUNK = 65_536

# The request of the document's sample code.
SEED: dict[str, Any] = {
    "video_count": 3, "video_filenames": ["statement1.mp4", "statement2.mp4", "statement3.mp4"],
    "video_file_sizes": [5_000_000, 4_500_000, 5_500_000], "video_durations": [15.0, 12.5, 18.2],
    "video_mime_types": ["video/mp4", "video/mp4", "video/mp4"], "challenge_title": "My Challenge",
}  # fmt: skip


@pytest.fixture(scope="session")
def clip_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of small clips, by what is special about them; those with a number agree with each other."""
    folder = tmp_path_factory.mktemp("statements")

    def made(number: int, **options: Any) -> bytes:
        options.setdefault("seconds", 0.6)
        return statement(folder, number, **options).path.read_bytes()

    found = {str(number): made(number) for number in (1, 2, 3)}
    whole = made(4, seconds=2.0)
    found |= {
        "large": made(5, size=(960, 540), seconds=1.0),
        "tiny": made(6, seconds=0.04),
        "odd": made(7, size=(334, 186)),
        "silent": made(8, sound=None),
        "text": b"This is a shopping list: bread, milk, a 4 K monitor.\n" * 40,
        "picture": b"\x89PNG\r\n\x1a\n" + bytes(5000),
        "cut": whole[: len(whole) // 2],
    }
    # Where it is cut in the middle of its data nobody sees it who does not read all of it.
    at = whole.index(b"mdat") + 4000
    found["broken"] = whole[:at] + bytes(len(whole) // 2) + whole[at + len(whole) // 2 :]
    return found


@pytest.fixture
def unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clips are as if they were too large to be looked at before the merge: any bytes are taken for one."""
    monkeypatch.setattr(upload_handlers, "MAX_BYTES", 0)


@pytest.fixture
def child(
    monkeypatch: pytest.MonkeyPatch, child_script: Callable[[str], tuple[list[str], Path]]
) -> Callable[..., Path]:
    """Put a script in the place of the merge's child; returns the file in which its requests stand, one a line."""

    def use(script: str) -> Path:
        command, log = child_script(script)
        monkeypatch.setattr(actors, "WORK", command)
        return log

    return use


def as_json_texts(asked: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, json.dumps(value) if isinstance(value, list) else str(value)) for name, value in asked.items()]


def as_repeated(asked: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, str(one))
        for name, value in asked.items()
        for one in (value if isinstance(value, list) else [value])
    ]  # fmt: skip


def begin(api: Api, contents: Sequence[bytes], names: Sequence[str] = (), **changes: Any) -> dict[str, Any]:
    count = len(contents)
    usual = {
        "video_count": count, "video_filenames": [*names] or [f"statement{number + 1}.mp4" for number in range(count)],
        "video_file_sizes": [len(content) for content in contents], "video_durations": [0.6] * count,
        "video_mime_types": ["video/mp4"] * count, "chunk_size": CHUNK,
    }  # fmt: skip
    response = api.post(INITIATE, {**usual, **changes})
    assert response.status_code == 201, response.content
    body: dict[str, Any] = response.json()
    return body


def send_chunk(api: Api, sid: str, number: int, content: bytes, *, checksum: str = "") -> HttpResponse:
    parts: list[Part] = [("chunk_number", str(number)), ("chunk", content, "blob")]
    if checksum:
        parts.append(("checksum", checksum))
    path = f"{MERGES}/upload/{sid}/chunk"
    return api.send("POST", path, raw=form_of(parts), content_type=FORM["Content-Type"])


def send(api: Api, sid: str, content: bytes, chunk_size: int = CHUNK) -> None:
    for number in range(-(-len(content) // chunk_size)):
        piece = content[number * chunk_size : (number + 1) * chunk_size]
        response = send_chunk(api, sid, number, piece, checksum=hashlib.sha256(piece).hexdigest())
        assert response.status_code == 200, response.content


def complete(api: Api, sid: str) -> HttpResponse:
    return api.post(f"{MERGES}/upload/{sid}/complete")


def ids_of(begun: dict[str, Any]) -> list[str]:
    return [one["session_id"] for one in begun["upload_sessions"]]


def deliver(api: Api, contents: Sequence[bytes], names: Sequence[str] = (), **changes: Any) -> str:
    """Begin a merge and send all of its clips; the merge's id."""
    begun = begin(api, contents, names, **changes)
    for sid, content in zip(ids_of(begun), contents, strict=True):
        send(api, sid, content)
        response = complete(api, sid)
        assert response.status_code == 200, response.content
    return str(begun["merge_session_id"])


def status_of(api: Api, merge_id: str) -> dict[str, Any]:
    response = api.get(f"{MERGES}/merge-session/{merge_id}/status")
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    return body


def metadata_of(api: Api, merge_id: str) -> dict[str, Any]:
    """What a client was told of the merged video, as it says it again."""
    found = status_of(api, merge_id)["merged_video"]
    return {name: found[name] for name in ("video_file_id", "total_duration", "segments", "compression_applied")}


def merged(api: Api, contents: Sequence[bytes], **changes: Any) -> dict[str, Any]:
    """The status of a merge whose clips were sent and that a worker has run."""
    merge_id = deliver(api, contents, **changes)
    run_queue("merge")
    return status_of(api, merge_id)


def session_of(merge_id: Any) -> MergeSession:
    return MergeSession.objects.with_state().get(pk=merge_id)


def job_of(merge_id: Any) -> Job:
    return Job.objects.get(merges=merge_id)


def statements_of(session: MergeSession | str, **more: Any) -> dict[str, Any]:
    """What makes a challenge of a merge."""
    clips = session_of(getattr(session, "pk", session)).clips.all()
    statements = [{"media_file_id": str(clip.pk), "duration_seconds": 2.0} for clip in clips]
    usual = {"title": "Three things", "statements": statements, "lie_statement_index": 1, "is_merged_video": True}
    return {**usual, **more}


@pytest.fixture
def challenge(owner: User) -> Challenge:
    """A published challenge whose lie is the second statement."""
    return make_challenge(owner, is_published=True)
