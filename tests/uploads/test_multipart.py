"""``POST /api/v1/library``: a form with a file, streamed past Django into the store, and the view's own answer."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import OperationalError

from jobs_app.models import Job
from media_app.uploads import asgi, quota
from media_app.uploads.models import Upload
from media_app.uploads.protocols import multipart, multipart_parser
from media_app.videos.models import Video
from tests.support.sockets import ask as ask_rows
from tests.support.stored import files_in
from tests.support.streams import Answer, Request, ask
from tests.uploads.conftest import end, fill_up, peak_of, video_of
from tests.uploads.forms import FORM, Part, form_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]
URL = "/api/v1/library"
SIZE = 200_000
VIDEO = video_of(SIZE)
FILE: Part = ("file", VIDEO, "Räder.mp4")
AGAIN = {"Idempotency-Key": "once"}


async def post(key: str, *parts: Part, headers: dict[str, str] | None = None) -> Answer:
    return await ask("POST", URL, {**FORM, **(headers or {})}, form_of(parts), key=key)


async def nothing_left(media: Path) -> None:
    """No bytes, no video, no room taken."""
    assert files_in(media) == []
    assert await ask_rows(lambda: (Video.objects.count(), Upload.objects.reserved().count())) == (0, 0)


class TestTaken:
    @pytest.mark.parametrize("name", ["file", "video"])
    async def test_a_file_becomes_a_video(self, key: str, media: Path, name: str) -> None:
        answer = await post(key, (name, VIDEO, "Räder.mp4"))
        assert answer.status == 201, answer
        body = answer.json()
        assert (body["title"], body["file_size"], body["mime_type"]) == ("Räder", SIZE, "video/mp4")
        assert (body["status"], body["tags"]) == ("processing", [])
        assert (media / body["file_path"]).read_bytes() == VIDEO
        upload = await ask_rows(Upload.objects.get)
        assert (upload.front, upload.status, upload.size) == ("multipart", "completed", SIZE)
        assert upload.sha256 == hashlib.sha256(VIDEO).hexdigest()
        assert body["id"] == str(upload.resource_id)

    @pytest.mark.parametrize("is_first", [True, False])
    async def test_its_fields_may_come_before_or_after_it(self, key: str, is_first: bool) -> None:
        fields: list[Part] = [("title", "  A  title "), ("tags", "one"), ("tags", "two")]
        body = form_of([FILE, *fields] if is_first else [*fields, FILE])
        answer = await ask("POST", f"{URL}/", FORM, body, key=key)
        assert (answer.json()["title"], answer.json()["tags"]) == ("A title", ["one", "two"])

    @pytest.mark.parametrize(("tags", "kept"), [('["a", "b", "a"]', ["a", "b"]), ("one", ["one"]), ("[]", [])])
    async def test_tags_may_be_a_json_list(self, key: str, tags: str, kept: list[str]) -> None:
        assert (await post(key, FILE, ("tags", tags))).json()["tags"] == kept

    async def test_it_may_come_without_its_length(self, key: str, small_limits: None) -> None:
        body = form_of([FILE])
        request = Request("POST", URL, FORM, key=key)
        for start in range(0, len(body), 7_001):
            await request.give(body[start : start + 7_001])
        await request.give(b"", last=True)
        assert (await request.answer()).status == 201
        assert await ask_rows(lambda: quota.storage_bytes(Upload.objects.get().owner_id)) == SIZE

    async def test_one_request_id_is_used_for_all_of_it(self, key: str, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level("INFO", logger="vodplatform.event"):
            answer = await post(key, FILE)
        lines = [record for record in caplog.records if record.getMessage() == "request"]
        assert [(line.data["route"], line.data["status"]) for line in lines] == [("api/v1/library", 201)]  # type: ignore[attr-defined]
        assert answer.headers["x-request-id"]


class TestRefused:
    async def test_what_is_no_video(self, key: str, media: Path) -> None:
        (await post(key, ("file", b"<html>" * 10_000, "film.mp4"))).refused(415, "not_a_video")
        await nothing_left(media)

    @pytest.mark.parametrize(("parts", "field"), [
        ([("file", b"", "film.mp4")], "file"), ([("title", "Alone")], "file"),
        ([FILE, ("video", VIDEO, "b.mp4")], "video"), ([("clip", VIDEO, "b.mp4")], "clip"),
        ([FILE, ("title", "x" * 256)], "title"), ([FILE, ("tags", "[1]")], "tags"), ([FILE, ("tags", "[")], "tags"),
    ])  # fmt: skip
    async def test_missing_extra_or_wrong_parts(self, key: str, media: Path, parts: list[Part], field: str) -> None:
        assert field in (await post(key, *parts)).refused(400, "invalid")["errors"]
        await nothing_left(media)

    async def test_fields_that_are_no_text_or_too_long(self, key: str, media: Path) -> None:
        (await post(key, FILE, ("title", "a\0b"))).refused(400, "parse_error")
        body = form_of([FILE, ("title", "MARK")]).replace(b"MARK", b"\xff\xfe")
        assert "title" in (await ask("POST", URL, FORM, body, key=key)).refused(400, "invalid")["errors"]
        (await post(key, FILE, ("title", "x" * 70_000))).refused(413, "too_large")
        (await post(key, *[(f"field-{number}", "x" * 50_000) for number in range(10)])).refused(413, "too_large")
        await nothing_left(media)

    @pytest.mark.parametrize("cut", [10, 150, 100_000, SIZE + 100, -10])
    async def test_a_form_that_ends_too_early(self, key: str, media: Path, cut: int) -> None:
        (await ask("POST", URL, FORM, form_of([FILE])[:cut], key=key)).refused(400, "bad_request")
        await nothing_left(media)

    async def test_a_form_that_does_not_end(self, key: str, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(asgi, "LINGER_SECONDS", 0.1)
        request = Request("POST", URL, FORM, key=key)
        await request.give(form_of([FILE]))
        while not request.has_answered:
            await request.give(b"x" * 50_000)
        (await request.answer()).refused(400, "bad_request")
        await nothing_left(media)

    @pytest.mark.parametrize("is_stopped", [True, False])
    async def test_a_cut_or_stopped_request_leaves_nothing(self, key: str, media: Path, is_stopped: bool) -> None:
        request = Request("POST", URL, FORM, key=key, length=10**6)
        await request.give(form_of([FILE])[:100_000])
        assert len(files_in(media)) == 1
        await end(request, is_stopped=is_stopped)
        while is_stopped and files_in(media):
            await asyncio.sleep(0.01)
        await nothing_left(media)

    async def test_without_a_form_it_is_the_views_to_refuse(self, key: str) -> None:
        answer = await ask("POST", URL, {"Content-Type": "application/json"}, b"{}", key=key)
        assert "file" in answer.refused(400, "invalid")["errors"]
        (await ask("POST", URL, {"Content-Type": "text/plain"}, b"x", key=key)).refused(415, "unsupported_media_type")


class TestLimits:
    async def test_a_file_of_exactly_the_limit_is_taken(self, key: str, small_limits: None) -> None:
        request = Request("POST", URL, FORM, key=key, length=(1 << 20) + multipart_parser.MAX_OVERHEAD_BYTES + 1)
        request.hang_up()  # it is refused before anything is read
        body = (await request.answer()).refused(413, "too_large")
        assert (body["limit"], body["error"]) == (1 << 20, "The file is larger than your limit of 1 MiB.")
        assert (await post(key, ("file", video_of(1 << 20), "a.mp4"))).status == 201
        again = (await post(key, ("file", video_of((1 << 20) + 1), "a.mp4"))).refused(413, "too_large")
        assert again["error"] == body["error"]
        assert (await post(key, ("file", video_of(1 << 20), "a.mp4"))).status == 201
        (await post(key, FILE)).refused(413, "storage_full")

    async def test_without_a_length_413_comes_on_the_way(self, key: str, media: Path, small_limits: None) -> None:
        request = Request("POST", URL, FORM, key=key)
        body = form_of([("file", video_of(3 << 20), "a.mp4")])
        given = 0
        while not request.task.done() and given < len(body):
            await request.give(body[given : given + 100_000])
            given += 100_000
            if request.has_answered:
                break
        request.hang_up()
        (await request.answer()).refused(413, "too_large")
        assert given < 2 << 20
        await nothing_left(media)

    async def test_a_full_disk_is_503(self, key: str, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            fill_up(patch, 100_000)
            (await post(key, FILE)).refused(503, "disk_full")
        await nothing_left(media)
        assert (await post(key, FILE)).status == 201

    async def test_no_database_at_the_end_is_503(self, key: str, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The upload leaves nothing behind."""
        with monkeypatch.context() as patch:
            patch.setattr("media_app.videos.upload_handlers.enqueue", Mock(side_effect=OperationalError("gone")))
            (await post(key, FILE)).refused(503, "unavailable")
        await nothing_left(media)

    @pytest.mark.parametrize(("content", "statuses"), [(VIDEO, {201}), (b"no video", {400, 415})])
    async def test_counts_once(self, key: str, media: Path, settings: Any, content: bytes, statuses: set[int]) -> None:
        """Each upload counts once among the changes of a minute."""
        settings.THROTTLES_ON, settings.THROTTLES = True, {**settings.THROTTLES, "write": 3}
        answers = [await post(key, ("file", content, "a.mp4")) for _ in range(4)]
        assert {answer.status for answer in answers[:3]} <= statuses
        answers[3].refused(429, "throttled")
        taken = 3 if statuses == {201} else 0
        assert (await ask_rows(Upload.objects.count), len(files_in(media))) == (taken, taken)


class TestIdempotency:
    async def test_the_same_again_gets_the_first_answer(self, key: str, media: Path) -> None:
        first = await post(key, FILE, ("title", "T"), headers=AGAIN)
        second = await post(key, ("title", "T"), ("file", VIDEO, "other name.mp4"), headers=AGAIN)
        assert (first.status, second.status, first.json()["id"]) == (201, 201, second.json()["id"])
        assert second.headers["idempotency-replayed"] == "true"
        assert await ask_rows(lambda: (Video.objects.count(), Job.objects.count())) == (1, 1)
        assert len(files_in(media)) == 1

    @pytest.mark.parametrize("parts", [
        [("file", video_of(SIZE, 1), "a.mp4")], [FILE, ("title", "Other")], [("video", VIDEO, "a.mp4")],
    ], ids=["other bytes", "another field", "another name"])  # fmt: skip
    async def test_other_content_is_a_conflict(self, key: str, media: Path, parts: list[Part]) -> None:
        assert (await post(key, FILE, headers=AGAIN)).status == 201
        (await post(key, *parts, headers=AGAIN)).refused(409, "idempotency_mismatch")
        assert len(files_in(media)) == 1

    async def test_the_same_again_needs_no_room(self, key: str, settings: Any) -> None:
        first = await post(key, FILE, headers=AGAIN)
        for change in ({"max_storage_bytes": SIZE + 1}, {"max_upload_bytes": SIZE}):
            limits = {**settings.TIER_LIMITS["free"], **change}
            settings.TIER_LIMITS = {**settings.TIER_LIMITS, "free": limits}
            second = await post(key, FILE, headers=AGAIN)
            assert (second.status, second.json()["id"]) == (201, first.json()["id"])
            assert second.headers["idempotency-replayed"] == "true"
        settings.DISK_RESERVE_BYTES = 1 << 60
        assert (await post(key, FILE, headers=AGAIN)).status == 201
        assert await ask_rows(Upload.objects.count) == 1

        (await post(key, FILE, headers={"Idempotency-Key": "another"})).refused(503, "disk_full")
        limits = {**settings.TIER_LIMITS["free"], "max_upload_bytes": SIZE - 1}
        settings.TIER_LIMITS = {**settings.TIER_LIMITS, "free": limits}
        (await post(key, FILE, headers=AGAIN)).refused(413, "too_large")

    async def test_an_answer_that_is_lost_is_not_invented(self, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(multipart, "is_answered", lambda *args: True)
            (await post(key, FILE, headers=AGAIN)).refused(503, "unavailable")
        assert (await post(key, FILE, headers=AGAIN)).status == 201

    async def test_two_at_once_make_one_video(self, key: str, media: Path) -> None:
        answers = await asyncio.gather(*(post(key, FILE, headers=AGAIN) for _ in range(4)))
        assert {answer.status for answer in answers} <= {201, 409}
        assert await ask_rows(Video.objects.count) == 1
        assert len(files_in(media)) == 1


async def test_memory_stays_flat_however_much_comes(key: str) -> None:
    size = 64 * 1024**2
    body = form_of([("file", VIDEO, "a.mp4")])
    head, tail = body[:-40], body[-40:]
    request = Request("POST", URL, FORM, key=key, length=len(body) + size)
    await request.give(head)
    peak = await peak_of(request, bytes(262_144), size)
    await request.give(tail, last=True)
    assert (await request.answer()).status == 201
    assert peak < 4 * 1024**2
