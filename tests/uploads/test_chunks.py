"""The chunk protocol: ``POST …/chunk`` at both addresses, in any order, in parallel, again and again, and wrong."""

import asyncio
import errno
import hashlib
import json
import os
import random
import threading
import time
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.db.models.functions import Now

from media_app.uploads import assemble, cleanup
from media_app.uploads.models import Upload, UploadChunk
from media_app.uploads.pace import Pace
from media_app.uploads.protocols import chunks
from media_app.videos.models import Video
from tests.support.sockets import ask as ask_rows
from tests.support.stored import files_in
from tests.support.streams import Answer, Request, ask
from tests.uploads.conftest import begin, end, until, video_of
from tests.uploads.forms import FORM, Part, form_of, part_of
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]
CHUNK = 64 * 1024
SIZE = 3 * CHUNK + 1000
VIDEO = video_of(SIZE)
BASES = ["/api/v1/uploads", "/api/v1/challenge-videos/upload"]


@pytest.fixture(params=BASES)
def base(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def upload(owner: User) -> Upload:
    return begin(owner, "chunks", size=SIZE, chunk_size=CHUNK, metadata={"title": "T"})


def chunk_of(number: int) -> bytes:
    return VIDEO[number * CHUNK : (number + 1) * CHUNK]


def fields_of(number: int | str, content: bytes, *, checksum: str | None = None) -> list[Part]:
    fields: list[Part] = [("chunk_number", str(number)), ("chunk", content, "blob")]
    return [*fields, ("checksum", checksum)] if checksum is not None else fields


async def send(key: str, upload: Any, parts: list[Part], base: str = BASES[0]) -> Answer:
    return await ask("POST", f"{base}/{getattr(upload, 'pk', upload)}/chunk", FORM, form_of(parts), key=key)


async def send_chunk(key: str, upload: Upload, number: int, base: str = BASES[0]) -> Answer:
    return await send(key, upload, fields_of(number, chunk_of(number)), base)


async def complete(key: str, upload: Upload, base: str = BASES[0]) -> Answer:
    return await ask("POST", f"{base}/{upload.pk}/complete", key=key)


async def state(upload: Upload) -> Upload:
    return await ask_rows(lambda: Upload.objects.get(pk=upload.pk))


class TestArriving:
    async def test_a_chunk_is_answered_with_the_state(self, key: str, upload: Upload, base: str) -> None:
        answer = await send_chunk(key, upload, 2, base)
        assert answer.status == 200
        body = answer.json()
        assert (await ask("GET", f"{base}/{upload.pk}/status", key=key)).json() == body
        assert (await ask("POST", f"{base}/{upload.pk}/resume", key=key)).json() == body
        assert body.pop("expires_at").endswith("Z")
        assert body == {
            "session_id": str(upload.pk), "status": "uploading", "uploaded_chunks": [2], "remaining_chunks": [0, 1, 3],
            "total_chunks": 4, "progress_percent": round(100 * CHUNK / SIZE, 1),
        }  # fmt: skip

    @pytest.mark.both
    async def test_in_any_order_they_become_the_file(self, key: str, upload: Upload, media: Path, base: str) -> None:
        numbers = [*range(4), *range(4)]
        random.Random(3).shuffle(numbers)
        answers = await asyncio.gather(*(send_chunk(key, upload, number, base) for number in numbers))
        assert {answer.status for answer in answers} == {200}
        assert len(files_in(media)) == 4  # what came twice is kept once
        done = await complete(key, upload, base)
        body = done.json()
        assert (body["status"], body["media_file_id"], body["remaining_chunks"]) == ("completed", str(upload.pk), [])
        assert body["progress_percent"] == 100.0
        row = await state(upload)
        assert done.headers["x-resource-id"] == str(row.resource_id)
        video = await ask_rows(lambda: Video.objects.get(pk=row.resource_id))
        assert (video.title, video.file_size, video.mime_type) == ("T", SIZE, "video/mp4")
        await ask_rows(lambda: assemble.assemble(row, "videos/whole.mp4", media, lambda share: None))
        assert (media / "videos/whole.mp4").read_bytes() == VIDEO

    @pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 2, 0)])
    async def test_fields_in_any_order_others_ignored(self, key: str, upload: Upload, order: tuple[int, ...]) -> None:
        fields = [*fields_of(3, chunk_of(3), checksum=hashlib.sha256(chunk_of(3)).hexdigest()), ("other", "x")]
        assert (await send(key, upload, [fields[number] for number in order])).status == 200

    async def test_a_body_may_be_torn_anywhere(self, key: str, upload: Upload) -> None:
        whole, chance = form_of(fields_of(0, chunk_of(0))), random.Random(5)
        request = Request("POST", f"{BASES[0]}/{upload.pk}/chunk", FORM, key=key)
        start = 0
        while start < len(whole):
            step = chance.choice([1, 2, 3, 70, 5000])
            await request.give(whole[start : start + step])
            start += step
        await request.give(b"", last=True)
        assert (await request.answer()).status == 200
        assert await ask_rows(lambda: UploadChunk.objects.get().sha256) == hashlib.sha256(chunk_of(0)).hexdigest()

    @pytest.mark.parametrize("is_stopped", [True, False])
    async def test_half_a_chunk_leaves_nothing(self, key: str, upload: Upload, media: Path, is_stopped: bool) -> None:
        request = Request("POST", f"{BASES[0]}/{upload.pk}/chunk", FORM, key=key, length=10**6)
        await request.give(form_of(fields_of(0, chunk_of(0)))[:30_000])
        assert len(files_in(media)) == 1
        await end(request, is_stopped=is_stopped)
        assert files_in(media) == []

    async def test_without_its_doors_the_program_takes_chunks_too(self, key: str, upload: Upload) -> None:
        from django.core.files.uploadedfile import SimpleUploadedFile
        from django.test import Client

        def post() -> Any:
            data = {"chunk_number": "0", "chunk": SimpleUploadedFile("blob", chunk_of(0))}
            return Client(headers={"Authorization": f"Token {key}"}).post(f"{BASES[0]}/{upload.pk}/chunk", data)

        response = await ask_rows(post)
        assert (response.status_code, response.json()["uploaded_chunks"]) == (200, [0])


class TestWrong:
    @pytest.mark.parametrize("number", ["4", "99", "-1", "1.0", "one", "", "1e0", "\u0661", "9" * 30])
    async def test_a_number_out_of_range(self, key: str, upload: Upload, media: Path, number: str) -> None:
        (await send(key, upload, fields_of(number, chunk_of(0)))).refused(400, "chunk_invalid")
        assert files_in(media) == []

    @pytest.mark.parametrize(
        ("number", "content"),
        [(0, b""), (0, chunk_of(0)[:-1]), (0, chunk_of(0) + b"x"), (3, chunk_of(0)), (3, chunk_of(3) + b"x")],
    )
    async def test_a_wrong_size(self, key: str, upload: Upload, media: Path, number: int, content: bytes) -> None:
        (await send(key, upload, fields_of(number, content))).refused(400, "chunk_invalid")
        assert files_in(media) == []

    async def test_a_wrong_checksum(self, key: str, upload: Upload, media: Path) -> None:
        fields = fields_of(0, chunk_of(0), checksum="0" * 64)
        assert (await send(key, upload, fields)).refused(400, "checksum_mismatch")["chunk_number"] == 0
        for checksum in ("", "abc", "g" * 64):
            (await send(key, upload, fields_of(0, chunk_of(0), checksum=checksum))).refused(400, "invalid")
        assert files_in(media) == []
        digest = hashlib.sha256(chunk_of(0)).hexdigest().upper()
        assert (await send(key, upload, fields_of(0, chunk_of(0), checksum=digest))).status == 200

    async def test_other_bytes_under_the_same_number(self, key: str, upload: Upload, media: Path) -> None:
        assert (await send_chunk(key, upload, 1)).status == 200
        body = (await send(key, upload, fields_of(1, b"x" * CHUNK))).refused(409, "chunk_conflict")
        assert body["chunk_number"] == 1
        assert [(media / key).read_bytes() for key in files_in(media)] == [chunk_of(1)]

    @pytest.mark.both
    async def test_of_other_bytes_that_come_at_once_one_stays(self, key: str, upload: Upload, media: Path) -> None:
        others = [bytes([number]) * CHUNK for number in range(6)]
        answers = await asyncio.gather(*(send(key, upload, fields_of(1, content)) for content in others))
        assert sorted(answer.status for answer in answers) == [200, 409, 409, 409, 409, 409]
        [name] = files_in(media)
        assert (media / name).read_bytes() == others[[answer.status for answer in answers].index(200)]

    @pytest.mark.parametrize("body", [
        b"", b"no form", form_of(fields_of(0, chunk_of(0)))[:-20], part_of(("chunk_number", "0")),
        form_of([("chunk_number", "\0")]) + b"x" * 100_000, form_of([]), form_of([("chunk_number", "0")]),
        form_of([("chunk", chunk_of(0), "blob")]), form_of([*fields_of(0, chunk_of(0)), ("chunk", b"x", "b")]),
    ])  # fmt: skip
    async def test_what_is_no_form_or_lacks_parts(self, key: str, upload: Upload, media: Path, body: bytes) -> None:
        answer = await ask("POST", f"{BASES[0]}/{upload.pk}/chunk", FORM, body, key=key)
        assert answer.status == 400
        assert answer.json()["type"] in ("bad_request", "chunk_invalid")
        assert files_in(media) == []

    @pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary="])
    async def test_a_form_without_its_boundary(self, key: str, upload: Upload, kind: str) -> None:
        url = f"{BASES[0]}/{upload.pk}/chunk"
        (await ask("POST", url, {"Content-Type": kind}, b"x", key=key)).refused(400, "bad_request")
        answer = await ask("POST", url, {"Content-Type": "text/plain"}, b"{}", key=key)
        answer.refused(415, "unsupported_media_type")

    async def test_a_field_that_is_too_long(self, key: str, upload: Upload) -> None:
        (await send(key, upload, [("chunk_number", "0" * 100_000)])).refused(413, "too_large")
        many: list[Part] = [(f"field-{number}", "x") for number in range(200)]
        (await send(key, upload, many)).refused(400, "bad_request")

    async def test_a_first_chunk_that_is_no_video_ends_the_upload(self, key: str, upload: Upload, media: Path) -> None:
        assert (await send_chunk(key, upload, 2)).status == 200
        (await send(key, upload, fields_of(0, b"\x89PNG\r\n\x1a\n" + bytes(CHUNK - 8)))).refused(415, "not_a_video")
        row = await state(upload)
        assert (row.status, row.error_type) == ("failed", "not_a_video")
        assert files_in(media) == []
        assert (await send_chunk(key, upload, 1)).refused(409, "upload_finished")["status"] == "failed"
        (await complete(key, upload)).refused(409, "upload_finished")
        (await ask("POST", f"{BASES[0]}/{upload.pk}/resume", key=key)).refused(409, "upload_finished")


class TestEnds:
    async def test_it_is_not_completed_before_all_have_come(self, key: str, upload: Upload) -> None:
        await send_chunk(key, upload, 1)
        body = (await complete(key, upload)).refused(409, "chunk_missing")
        assert (body["missing_chunks"], body["missing_count"]) == ([0, 2, 3], 3)

    @pytest.mark.both
    async def test_completed_again_it_says_the_same(self, key: str, upload: Upload) -> None:
        for number in range(4):
            await send_chunk(key, upload, number)
        answers = await asyncio.gather(*(complete(key, upload) for _ in range(10)))
        assert {answer.status for answer in answers} == {200}
        assert (await complete(key, upload)).json() == answers[0].json()
        assert await ask_rows(Video.objects.count) == 1
        (await send_chunk(key, upload, 0)).refused(409, "upload_finished")
        assert (await ask("GET", f"{BASES[0]}/{upload.pk}/status", key=key)).json()["uploaded_chunks"] == [0, 1, 2, 3]

    async def test_after_its_time_it_is_410(self, key: str, upload: Upload, media: Path, base: str) -> None:
        await send_chunk(key, upload, 1)
        await ask_rows(lambda: Upload.objects.update(expires_at=Now()))
        for is_swept in (False, True):
            if is_swept:
                assert await ask_rows(cleanup.expire_uploads) == 1
                assert (files_in(media), await ask_rows(UploadChunk.objects.exists)) == ([], False)
            (await send_chunk(key, upload, 1, base)).refused(410, "upload_expired")
            (await complete(key, upload, base)).refused(410, "upload_expired")
            (await ask("POST", f"{base}/{upload.pk}/resume", key=key)).refused(410, "upload_expired")
            assert (await ask("GET", f"{base}/{upload.pk}/status", key=key)).json()["status"] == "expired"

    @pytest.mark.both
    async def test_cancelled_it_deletes_its_chunks(self, key: str, upload: Upload, media: Path, base: str) -> None:
        await send_chunk(key, upload, 1)
        request = Request("POST", f"{base}/{upload.pk}/chunk", FORM, key=key)
        whole = form_of(fields_of(0, chunk_of(0)))
        await request.give(whole[:30_000])
        answer = await ask("DELETE", f"{base}/{upload.pk}", key=key)
        assert (answer.status, answer.json()["status"]) == (200, "cancelled")
        await request.give(whole[30_000:], last=True)
        (await request.answer()).refused(409, "upload_finished")
        assert files_in(media) == []
        assert (await ask("DELETE", f"{base}/{upload.pk}", key=key)).status == 200
        assert (await ask("GET", f"{base}/{upload.pk}/status", key=key)).json()["status"] == "cancelled"
        (await send_chunk(key, upload, 1, base)).refused(409, "upload_finished")
        (await complete(key, upload, base)).refused(409, "upload_finished")


async def test_a_stop_keeps_the_chunk(key: str, upload: Upload, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, may_go_on, fdatasync = threading.Event(), threading.Event(), os.fdatasync

    def slow(descriptor: int) -> None:
        entered.set()
        assert may_go_on.wait(20)
        fdatasync(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)
    request = Request("POST", f"{BASES[0]}/{upload.pk}/chunk", FORM, key=key)
    await request.give(form_of(fields_of(0, chunk_of(0))), last=True)
    await asyncio.to_thread(entered.wait, 20)
    request.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request.task
    may_go_on.set()
    await until(lambda: ask_rows(UploadChunk.objects.exists))
    row = await ask_rows(UploadChunk.objects.get)
    assert (media / row.key).read_bytes() == chunk_of(0)


class TestRoom:
    async def test_only_so_many_come_at_a_time(self, key: str, upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(chunks, "MAX_AT_ONCE", 2)
        requests = [Request("POST", f"{BASES[0]}/{upload.pk}/chunk", FORM, key=key) for _ in range(2)]
        for number, request in enumerate(requests):
            await request.give(form_of(fields_of(number, chunk_of(number)))[:30_000])
        answer = await send_chunk(key, upload, 2)
        answer.refused(429, "throttled")
        assert int(answer.headers["retry-after"]) > 0
        for number, request in enumerate(requests):
            await request.give(form_of(fields_of(number, chunk_of(number)))[30_000:], last=True)
            assert (await request.answer()).status == 200
        assert (await send_chunk(key, upload, 2)).status == 200

    async def test_only_some_of_a_users_chunks_are_stored_at_a_time(
        self, key: str, upload: Upload, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chunks, "MAX_STORED_AT_ONCE", 2)
        guard, running, most, store_chunk = threading.Lock(), 0, 0, chunks.store_chunk

        def slow(*args: Any) -> dict[str, object]:
            nonlocal running, most
            with guard:
                running += 1
                most = max(most, running)
            time.sleep(0.1)
            try:
                return store_chunk(*args)
            finally:
                with guard:
                    running -= 1

        monkeypatch.setattr(chunks, "store_chunk", slow)
        answers = await asyncio.gather(*(send_chunk(key, upload, number) for number in [0, 1, 2, 0, 1, 2]))
        assert [answer.status for answer in answers] == [200] * 6
        assert most == 2

    async def test_small_ones_wait(self, key: str, upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(chunks, "PACE", Pace(at_once=1, seconds=60.0))
        assert (await send_chunk(key, upload, 0)).status == 200
        answer = await send_chunk(key, upload, 1)
        assert (answer.status, int(answer.headers["retry-after"]) > 30) == (429, True)
        monkeypatch.setattr(chunks, "SMALL_BYTES", CHUNK)
        assert (await send_chunk(key, upload, 1)).status == 200

    async def test_a_nearly_full_disk_takes_none(self, key: str, upload: Upload, media: Path, settings: Any) -> None:
        settings.DISK_RESERVE_BYTES = 1 << 60
        (await send_chunk(key, upload, 0)).refused(503, "disk_full")
        assert files_in(media) == []


async def test_the_answer_is_written_beside_the_loop(key: str, upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    """With many chunks it is long."""
    threads, dumps = [], json.dumps

    def noted(*args: Any, **kwargs: Any) -> str:
        threads.append(threading.current_thread())
        return dumps(*args, **kwargs)

    monkeypatch.setattr(json, "dumps", noted)
    assert (await send_chunk(key, upload, 0)).status == 200
    assert threading.current_thread() not in threads


async def test_an_upload_that_was_begun_by_tus_is_not_there(key: str, owner: User) -> None:
    other = await ask_rows(begin, owner)
    (await send(key, other, fields_of(0, chunk_of(0)))).refused(404, "upload_not_found")


async def test_a_full_disk_is_503(key: str, upload: Upload, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", Mock(side_effect=[30_000, full]))
        answer = await send_chunk(key, upload, 0)
        answer.refused(503, "disk_full")
        assert answer.headers["retry-after"]
    assert files_in(media) == []
    assert (await send_chunk(key, upload, 0)).status == 200
