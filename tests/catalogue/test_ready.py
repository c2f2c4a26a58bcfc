"""``PUT …/ready``: a catalogue video may be watched before all of its file has been looked at, but never unscanned."""

from pathlib import Path
from typing import Any

import pytest

from jobs_app.models import Job
from jobs_app.runner import run_queue
from jobs_app.services import cancel
from media_app.uploads.models import Upload
from media_app.videos.models import Video
from tests.catalogue.sending import ALIASES, canonical, part_of, send
from tests.support.api import NOT_FINITE, NOT_NUMBERS, Api, refused
from tests.support.clamav import Clamd
from tests.support.sockets import ask as ask_rows
from tests.uploads.conftest import video_of
from vodplatform.accounts.models import User
from vodplatform.core.models import AuditEntry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media", "lease_keeper", "no_pictures")]


@pytest.fixture
def ready(moderator: User, bare: Video) -> str:
    return f"/api/v1/videos/{bare.pk}/ready"


@pytest.fixture
async def sent(moderator_key: str, bare: Video, clips: Path) -> Video:
    """The video with a file that waits to be taken in."""
    assert (await send(moderator_key, canonical(bare), part_of(clips / "plain.mp4"))).status == 201
    return bare


async def put(api: Api, url: str, body: Any = None) -> Any:
    return await ask_rows(lambda: api.put(url, body))


async def test_moderators_read_what_clients_report(moderator_api: Api, ready: str, sent: Video) -> None:
    nothing = await ask_rows(lambda: moderator_api.get(ready).json())
    assert (nothing["processingResults"], nothing["reported_at"], nothing["videoId"]) == (None, None, str(sent.pk))
    for results in ({"a": 1}, {"b": [2, None]}):
        # The second is kept though the video is ready already.
        assert (await put(moderator_api, ready, {"processingResults": results})).status_code == 200
        report = await ask_rows(lambda: moderator_api.get(ready).json())
        assert report["processingResults"] == results


async def test_the_told_length_holds_until_known(moderator: User, moderator_api: Api, ready: str, sent: Video) -> None:
    """It is ready with the length that was told, until the file's own is known."""
    response = await put(moderator_api, ready, {"duration": 120, "processingResults": {"codec": "h264"}})
    body = response.json()
    assert (response.status_code, body["status"], body["duration"], body["version"]) == (200, "ready", 120, 1)
    entry = await ask_rows(lambda: AuditEntry.objects.get(action="video.ready"))
    assert (entry.actor_id, entry.data["results"]) == (str(moderator.pk), {"codec": "h264"})
    await ask_rows(run_queue, "ingest")
    report = await ask_rows(lambda: moderator_api.get(ready).json())
    assert (report["processingResults"], report["reported_by"]) == ({"codec": "h264"}, str(moderator.pk))
    again = (await put(moderator_api, ready, {"duration": 500})).json()
    assert (again["status"], again["duration"]) == ("ready", 3)
    assert await ask_rows(lambda: AuditEntry.objects.filter(action="video.ready").count()) == 1


@pytest.mark.parametrize("state", ["no file", "gone", "cancelled", "in pieces"])
async def test_it_requires_its_whole_file(moderator_api: Api, ready: str, sent: Video, media: Path, state: str) -> None:
    video = Video.objects.filter(pk=sent.pk)
    if state == "no file":
        await ask_rows(lambda: video.update(status="uploading", location="", job=None))
    elif state == "gone":
        (media / (await ask_rows(video.get)).location).unlink()
    elif state == "cancelled":
        await ask_rows(lambda: cancel(Job.objects.get()))
    else:
        await ask_rows(lambda: video.update(location=f"uploads/{Upload.objects.get().pk}/"))
    type = "video_no_file" if state in ("no file", "gone") else "video_not_ready"
    refused(await put(moderator_api, ready, {"duration": 1}), 409, type)
    refused(await put(moderator_api, ALIASES[0], {"videoId": str(sent.pk)}), 409, type)


async def test_it_requires_a_file_that_is_read(moderator_api: Api, moderator_key: str, ready: str, bare: Video) -> None:
    await send(moderator_key, canonical(bare), ("video", video_of(50_000), "damaged.mp4"))
    await ask_rows(run_queue, "ingest")
    body = refused(await put(moderator_api, ready, {}), 409, "video_not_ready")
    assert "cut short" in body["error"] or "read" in body["error"]
    assert (await ask_rows(lambda: Video.objects.with_state().get(pk=bare.pk))).state == "failed"


class TestScanned:
    async def test_what_was_scanned_before_the_answer_may_be_watched(
        self, clamd: Clamd, moderator_api: Api, moderator_key: str, ready: str, bare: Video, clips: Path
    ) -> None:
        await send(moderator_key, canonical(bare), part_of(clips / "plain.mp4"))
        assert (await put(moderator_api, ready, {})).json()["status"] == "ready"

    async def test_what_waits_for_the_scanner_may_not(
        self, clamd: Clamd, moderator_api: Api, moderator_key: str, ready: str, bare: Video, clips: Path
    ) -> None:
        clamd.stop()
        assert (await send(moderator_key, canonical(bare), part_of(clips / "plain.mp4"))).status == 201
        refused(await put(moderator_api, ready, {}), 409, "video_not_ready")
        await ask_rows(run_queue, "ingest")
        refused(await put(moderator_api, ready, {}), 409, "video_not_ready")
        assert (await ask_rows(lambda: Video.objects.get(pk=bare.pk))).status == "processing"
        assert (await ask_rows(Job.objects.get)).status == "waiting"


class TestRefused:
    @pytest.mark.parametrize("text", [
        *(f'{{"duration": {one}}}' for one in [*NOT_NUMBERS, *NOT_FINITE, "-1", "604801"] if one != "null"),
        *(f'{{"processingResults": {one}}}' for one in ("[]", '"x"', f'{{"a": "{"x" * 70_000}"}}')), "[]", '"x"',
    ], ids=lambda text: text[:40])  # fmt: skip
    async def test_bodies_that_cannot_be(self, moderator_api: Api, ready: str, sent: Video, text: str) -> None:
        response = await ask_rows(lambda: moderator_api.put(ready, raw=text))
        assert response.status_code == 400
        assert (await ask_rows(lambda: Video.objects.get(pk=sent.pk))).status == "processing"

    @pytest.mark.parametrize("body", [{}, {"videoId": "x"}, {"videoId": 1}, {"videoId": None}, [], None])
    async def test_no_video_named(self, moderator_api: Api, body: Any) -> None:
        response = await put(moderator_api, ALIASES[0], body)
        assert response.status_code == 400
