"""The document's own flow, call by call as its sample code makes them: on the file system and on S3."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs_app.runner import run_queue
from media_app.uploads import cleanup
from media_app.uploads.models import Upload
from sessions_app.challenges import challenges, merges
from sessions_app.challenges.models import Challenge, MergeSession
from tests.challenges.conftest import SEED, as_json_texts, as_repeated
from tests.support.s3 import Bucket
from tests.support.s3 import get as get_elsewhere
from tests.support.sockets import ask as ask_rows
from tests.support.stored import files_in
from tests.support.streams import Answer, ask
from tests.uploads.forms import FORM, Part, form_of
from vodplatform.accounts import jwt
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("running_keeper"), pytest.mark.full]
Clips = dict[str, bytes]


class App:
    """The document's client: what each of its functions sends."""

    def __init__(self, user: User, files: Sequence[bytes] = ()) -> None:
        self.headers = {"Authorization": f"Bearer {jwt.issue(user, ['read', 'write']).access}"}
        self.files = files

    async def fetch(self, method: str, path: str, parts: list[Part] | None = None, body: Any = None) -> Answer:
        headers, content = dict(self.headers), b""
        if parts is not None:
            headers, content = {**headers, **FORM}, form_of(parts)
        elif body is not None:
            headers["Content-Type"], content = "application/json", json.dumps(body).encode()
        return await ask(method, path, headers, content)

    async def initiate(self, written: str, **more: Any) -> dict[str, Any]:
        """1.1: ``createFormData``, as either of its usual forms writes lists."""
        request = {**SEED, "video_file_sizes": [len(content) for content in self.files], **more}
        parts: list[Part] = [*(as_repeated if written == "repeated" else as_json_texts)(request)]
        answer = await self.fetch("POST", "/api/v1/challenge-videos/upload-for-merge/initiate", parts)
        assert answer.status == 201, answer.content
        body: dict[str, Any] = answer.json()
        return body

    async def upload(self, session: dict[str, Any], *, drop: bool = False) -> Answer:
        """2.1: each chunk to the upload's address, then its completion. drop: the first of them is lost on its way."""
        content, size = self.files[session["video_index"]], session["chunk_size"]
        chunks = [content[start : start + size] for start in range(0, len(content), size)]
        assert len(chunks) == session["total_chunks"]
        for number, chunk in enumerate(chunks[1:] if drop else chunks, int(drop)):
            answer = await self.chunk(session, number, chunk)
            assert answer.status == 200, answer.content
        if drop:
            # "Resume capability"
            status = (await self.fetch("GET", session["upload_url"].replace("/chunk", "/status"))).json()
            assert status["remaining_chunks"] == [0]
            for number in status["remaining_chunks"]:
                assert (await self.chunk(session, number, chunks[number])).status == 200
        return await self.fetch("POST", f"/api/v1/challenge-videos/upload/{session['session_id']}/complete")

    async def chunk(self, session: dict[str, Any], number: int, chunk: bytes) -> Answer:
        parts: list[Part] = [("chunk_number", str(number)), ("chunk", chunk, "blob")]
        return await self.fetch("POST", session["upload_url"], parts)

    async def poll(self, merge_id: str) -> dict[str, Any]:
        body: dict[str, Any] = (
            await self.fetch("GET", f"/api/v1/challenge-videos/merge-session/{merge_id}/status")
        ).json()
        return body

    async def create(self, sessions: list[dict[str, Any]], merged: dict[str, Any]) -> Answer:
        seconds = SEED["video_durations"]
        request = {
            "title": "My Challenge",
            "statements": [
                {"media_file_id": one["session_id"], "duration_seconds": seconds[one["video_index"]]}
                for one in sessions
            ],
            "lie_statement_index": 1,
            "is_merged_video": True,
            "merged_video_metadata": {
                "total_duration": merged["total_duration"], "segments": merged["segments"],
                "video_file_id": merged["video_file_id"], "compression_applied": True,
            },
        }  # fmt: skip
        return await self.fetch("POST", "/api/v1/challenges", body=request)

    async def play(self, challenge_id: str) -> dict[str, Any]:
        """5.1, 5.2: the segments, then an address for the device."""
        segments = (await self.fetch("GET", f"/api/v1/challenges/{challenge_id}/segments")).json()
        path = f"/api/v1/media/optimized/{segments['video_file_id']}?device_type=mobile&prefer_signed=true"
        return {**segments, **(await self.fetch("GET", path)).json()}


@pytest.fixture
def app(owner: User, clip_files: Clips) -> App:
    return App(owner, [clip_files[name] for name in ("large", "2", "3")])


@pytest.fixture
def player(other: User) -> App:
    return App(other)


async def whole_flow(app: App, player: App, written: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """From the first call to the last; what the merge became, and what the player is given."""
    begun = await app.initiate(written, chunk_size=65_536)
    assert (begun["estimated_merge_time_seconds"], begun["status"]) == (34.28, "initiated")
    sessions = begun["upload_sessions"]
    assert [one["total_chunks"] for one in sessions] == [-(-len(content) // 65_536) for content in app.files]
    done = await asyncio.gather(*(app.upload(session, drop=session["video_index"] == 0) for session in sessions))
    assert [(answer.status, answer.json()["status"]) for answer in done] == [(200, "completed")] * 3
    assert [answer.json()["media_file_id"] for answer in done] == [one["session_id"] for one in sessions]
    merge_id = begun["merge_session_id"]
    assert (await app.poll(merge_id))["overall_status"] == "queued"
    await ask_rows(run_queue, "merge")
    body = await app.poll(merge_id)
    assert body["overall_status"] == "completed", body
    merged = body["merged_video"]
    made = await app.create(sessions, merged)
    assert made.status == 201, made.content
    challenge_id = made.json()["id"]
    assert (await player.fetch("GET", f"/api/v1/challenges/{challenge_id}")).status == 404
    assert (await app.fetch("POST", f"/api/v1/challenges/{challenge_id}/publish")).status == 200
    playing = await player.play(challenge_id)
    assert playing["segments"] == merged["segments"]
    assert playing["supports_range"] is True
    guess = await player.fetch("POST", f"/api/v1/challenges/{challenge_id}/guesses", body={"statement_index": 1})
    assert guess.json() == {"correct": True, "lie_statement_index": 1}
    return body, playing


@pytest.mark.parametrize("written", ["json", "repeated"])
async def test_on_the_file_system(app: App, player: App, media: Path, written: str) -> None:
    body, playing = await whole_flow(app, player, written)
    assert playing["delivery_type"] == "local_signed"
    whole = await ask("GET", playing["streaming_url"])
    assert (whole.status, len(whole.content)) == (200, body["merged_video"]["file_size"])
    begin = await ask("GET", playing["streaming_url"], {"range": "bytes=0-99"})
    assert (begin.status, begin.content) == (206, whole.content[:100])
    assert whole.content[4:8] == b"ftyp"
    assert whole.content.index(b"moov") < whole.content.index(b"mdat")
    assert [name.split("/")[0] for name in files_in(media)] == ["renditions", "videos"]


@pytest.mark.services
class TestOnS3:
    @pytest.fixture(autouse=True)
    def _bucket(self, s3_storage: Bucket) -> Iterator[None]:
        self.bucket = s3_storage
        yield

    async def test_the_same(self, app: App, player: App, owner: User) -> None:
        body, playing = await whole_flow(app, player, "json")
        assert playing["delivery_type"] == "s3_signed"
        status, _, content = await asyncio.to_thread(get_elsewhere, playing["streaming_url"])
        assert (status, len(content)) == (200, body["merged_video"]["file_size"])
        keys = await asyncio.to_thread(self.bucket.keys)
        assert [key.split("/")[0] for key in keys] == ["renditions", "videos"]
        assert await asyncio.to_thread(self.bucket.unfinished) == []
        challenge = await ask_rows(Challenge.objects.get)
        await ask_rows(lambda: challenges.delete(challenge, owner))
        await ask_rows(lambda: merges.delete(MergeSession.objects.get(), owner))
        assert await asyncio.to_thread(self.bucket.keys) == []

    async def test_a_bucket_that_is_away_is_waited_for(self, app: App) -> None:
        begun = await app.initiate("json", chunk_size=65_536)
        for session in begun["upload_sessions"]:
            assert (await app.upload(session)).status == 200
        self.bucket.faults.answer_503()
        await ask_rows(run_queue, "merge")
        body = await app.poll(begun["merge_session_id"])
        assert (body["overall_status"], body["error_type"]) == ("processing", None)
        assert "Trying again" in body["message"]
        self.bucket.faults.heal()

    async def test_given_up_while_it_is_away_the_bytes_go_later(self, app: App) -> None:
        begun = await app.initiate("json", chunk_size=65_536)
        assert (await app.upload(begun["upload_sessions"][1])).status == 200
        self.bucket.faults.answer_503()
        path = f"/api/v1/challenge-videos/merge-session/{begun['merge_session_id']}/cancel"
        assert (await app.fetch("POST", path)).json()["overall_status"] == "cancelled"
        self.bucket.faults.heal()
        await ask_rows(cleanup.expire_uploads)
        assert await asyncio.to_thread(self.bucket.keys) == []
        assert await ask_rows(Upload.objects.reserved().count) == 0
