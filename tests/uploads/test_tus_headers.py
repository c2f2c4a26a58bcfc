"""``/api/v1/uploads/tus/``: what each request has to say and each answer says; every header missing and wrong."""

import asyncio
import base64
import uuid
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client as Browser

from media_app.uploads import cleanup
from media_app.uploads.models import Upload
from media_app.videos.models import Video
from tests.support.sockets import ask as ask_rows
from tests.support.streams import ask
from tests.uploads.conftest import content_of, video_of
from tests.uploads.tus import BASE, BYTES, SPEAKS, Client, id_of, row_of
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]
SIZE = 50_000
VIDEO = video_of(SIZE)


class TestOptions:
    @pytest.mark.parametrize("address", [BASE, BASE[:-1], f"{BASE}{uuid.UUID(int=1)}"])
    async def test_it_says_what_is_spoken_here_to_anybody(self, address: str) -> None:
        answer = await ask("OPTIONS", address)
        assert (answer.status, answer.content) == (204, b"")
        assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
        wanted = {"creation", "creation-with-upload", "expiration", "checksum", "termination", "concatenation"}
        assert set(answer.headers["tus-extension"].split(",")) == wanted
        assert {"sha1", "sha256"} <= set(answer.headers["tus-checksum-algorithm"].split(","))
        assert int(answer.headers["tus-max-size"]) == 20 * 1024**3

    async def test_who_is_signed_in_is_told_the_limit_of_the_tier(self, key: str) -> None:
        answer = await ask("OPTIONS", BASE, key=key)
        assert int(answer.headers["tus-max-size"]) == 512 * 1024**2


class TestVersion:
    async def test_another_version_or_none_is_412(self, client: Client) -> None:
        address = await client.created(SIZE)
        cases = [(method, None) for method in ("POST", "HEAD", "PATCH", "DELETE")]
        for method, version in [*cases, *(("PATCH", one) for one in ("", "0.2.2", "1.0", "1.0.0, 1.0.0", "2.0.0"))]:
            headers = {"Content-Type": BYTES["Content-Type"], "Upload-Length": "5", "Upload-Offset": "0"}
            headers |= {} if version is None else {"Tus-Resumable": version}
            answer = await ask(method, BASE if method == "POST" else address, headers, b"bytes", key=client.key)
            answer.refused(412, "precondition_failed")
            assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"

    async def test_every_answer_says_which_version_it_speaks(self, client: Client) -> None:
        address = await client.created(SIZE)
        answers = [
            await ask("GET", address), await ask("POST", BASE), await ask("HEAD", address, SPEAKS),
            await client.head(address), await client.head(f"{BASE}{uuid.uuid4()}"), await client.patch(address, 5, b""),
            await client.patch(address, 0, VIDEO), await client.delete(address), await client.create(None),
        ]  # fmt: skip
        assert [answer.headers["tus-resumable"] for answer in answers] == ["1.0.0"] * len(answers)
        assert [answer.status for answer in answers] == [405, 412, 401, 200, 404, 409, 204, 409, 400]


class TestCreation:
    async def test_an_upload_is_made_and_its_address_is_a_path(self, client: Client) -> None:
        answer = await client.create(SIZE, filename="Räder.mp4", filetype="video/mp4")
        assert (answer.status, answer.content) == (201, b"")
        assert answer.headers["location"].startswith(BASE)
        upload = await row_of(answer.headers["location"])
        assert (upload.size, upload.filename, upload.content_type) == (SIZE, "Räder.mp4", "video/mp4")
        assert (upload.purpose, upload.status) == ("library", "initiated")
        expires = parsedate_to_datetime(answer.headers["upload-expires"])
        assert abs((upload.expires_at - expires).total_seconds()) < 1

    @pytest.mark.parametrize(("size", "header", "value"), [
        (None, "Upload-Length", None), (None, "Upload-Length", "-1"), (None, "Upload-Length", str(2**63)),
        (None, "Upload-Defer-Length", "1"), (SIZE, "Upload-Metadata", "filename !"),
        (SIZE, "Upload-Metadata", "filename YQBi"), (SIZE, "Upload-Concat", ""),
        (SIZE, "Upload-Concat", "final;/a /b"), (SIZE, "Idempotency-Key", ""), (SIZE, "Idempotency-Key", "a b"),
        (SIZE, "Idempotency-Key", "x" * 256), (0, "size", None),
    ])  # fmt: skip
    async def test_a_bad_header_is_400(self, client: Client, size: int | None, header: str, value: str | None) -> None:
        """An empty file, too."""
        answer = await client.create(size, {} if value is None else {header: value})
        assert header in answer.refused(400, "invalid")["errors"]

    @pytest.mark.parametrize(("metadata", "field"), [
        ({"purpose": "nothing"}, "purpose"), ({"title": "x" * 256}, "title"), ({"tags": "[1]"}, "tags"),
        ({"tags": "[broken"}, "tags"), ({"sha256": "abc"}, "sha256"), ({"sha256": "g" * 64}, "sha256"),
    ])  # fmt: skip
    async def test_metadata_that_cannot_be_are_400(self, client: Client, metadata: dict[str, str], field: str) -> None:
        assert field in (await client.create(SIZE, **metadata)).refused(400, "invalid")["errors"]

    async def test_what_is_said_of_the_file_becomes_the_video(self, client: Client) -> None:
        """Only people read its name."""
        said = {"filename": "../a.mp4", "title": "  A  title ", "tags": '["one", "two", "one"]', "sha256": "A" * 64}
        address = await client.created(SIZE, **said)
        assert (await client.patch(address, 0, VIDEO)).status == 204
        upload = await row_of(address)
        assert (upload.filename, Path(upload.key).parent) == ("a.mp4", Path("videos", str(upload.resource_id)))
        video = await ask_rows(lambda: Video.objects.get(pk=upload.resource_id))
        assert (video.title, video.tags, upload.metadata["sha256"]) == ("A title", ["one", "two"], "a" * 64)

    async def test_there_is_an_end_to_unfinished_uploads(self, client: Client, settings: object) -> None:
        settings.UPLOADS_AT_ONCE = 2  # type: ignore[attr-defined]
        addresses = [await client.created(SIZE) for _ in range(2)]
        assert (await client.create(SIZE)).refused(409, "upload_limit")["limit"] == 2
        assert (await client.delete(addresses[0])).status == 204
        assert (await client.create(SIZE)).status == 201


class TestCreationWithUpload:
    @pytest.mark.parametrize("count", [0, 20_000, SIZE])
    async def test_the_first_bytes_come_along(self, client: Client, media: Path, count: int) -> None:
        answer = await client.create(SIZE, BYTES, VIDEO[:count])
        assert answer.status == 201
        address = answer.headers["location"]
        assert await client.offset(address) == count
        if count:
            assert answer.headers["upload-offset"] == str(count)
        if count < SIZE:
            assert "upload-expires" in answer.headers
            assert (await client.patch(address, count, VIDEO[count:])).status == 204
        upload = await row_of(address)
        assert (upload.status, content_of(media, upload)) == ("completed", VIDEO)
        if count == SIZE:
            assert answer.headers["x-resource-id"] == str(upload.resource_id)

    async def test_bytes_of_another_kind_are_415_and_more_than_announced_413(self, client: Client) -> None:
        (await client.create(SIZE, {"Content-Type": "video/mp4"}, b"bytes")).refused(415, "unsupported_media_type")
        (await client.create(10, BYTES, VIDEO[:11])).refused(413, "too_large")
        assert await ask_rows(Upload.objects.count) == 0

    async def test_a_refusal_says_where_the_upload_is_nevertheless(self, client: Client) -> None:
        wrong = {"Upload-Checksum": f"sha1 {base64.b64encode(bytes(20)).decode()}"}
        answer = await client.create(SIZE, {**BYTES, **wrong}, VIDEO[:1000])
        answer.refused(460, "upload_checksum_mismatch")
        address = answer.headers["location"]
        assert await client.offset(address) == 0
        assert (await client.patch(address, 0, VIDEO)).status == 204


class TestCreationAgain:
    """The same creation with the same Idempotency-Key: an answer was lost."""

    KEY = {"Idempotency-Key": "one"}

    async def test_it_is_the_same_upload(self, client: Client) -> None:
        first = await client.create(SIZE, self.KEY, filename="a.mp4")
        again = await client.create(SIZE, self.KEY, filename="a.mp4")
        assert (first.status, again.status) == (201, 201)
        assert first.headers["location"] == again.headers["location"]
        assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
        assert await ask_rows(Upload.objects.count) == 1

    async def test_without_a_key_or_with_another_one_it_is_another(self, client: Client, other_key: str) -> None:
        for headers in ({}, {}, self.KEY, {"Idempotency-Key": "two"}):
            assert (await client.create(SIZE, headers)).status == 201
        assert (await Client(other_key).create(SIZE, self.KEY)).status == 201
        assert await ask_rows(Upload.objects.count) == 5
        (await client.create(SIZE + 1, self.KEY)).refused(409, "idempotency_mismatch")
        for more in ({"Idempotency-Cancel": "true"}, {}):
            (await client.create(SIZE, {"Idempotency-Key": "three", **more})).refused(409, "idempotency_cancelled")

    async def test_bytes_that_came_along_are_not_taken_twice(self, client: Client, media: Path) -> None:
        for _ in range(2):
            answer = await client.create(SIZE, {**BYTES, **self.KEY}, VIDEO[:1000])
            assert (answer.status, answer.headers["upload-offset"]) == (201, "1000")
        assert (await client.patch(answer.headers["location"], 1000, VIDEO[1000:])).status == 204
        assert content_of(media, await row_of(answer.headers["location"])) == VIDEO

    async def test_what_was_refused_is_looked_at_anew(self, client: Client, settings: Any) -> None:
        settings.DISK_RESERVE_BYTES = 1 << 60
        answer = await client.create(SIZE, self.KEY)
        answer.refused(503, "disk_full")
        assert int(answer.headers["retry-after"]) > 0
        settings.DISK_RESERVE_BYTES = 0
        assert (await client.create(SIZE, self.KEY)).status == 201

    async def test_at_once_it_is_one(self, client: Client) -> None:
        answers = await asyncio.gather(*(client.create(SIZE, self.KEY) for _ in range(8)))
        assert {answer.status for answer in answers} <= {201, 409}
        assert await ask_rows(Upload.objects.count) == 1


async def test_head_says_how_far_it_is(client: Client) -> None:
    address = await client.created(SIZE, filename="a.mp4", odd="", title="Grüße")
    await client.patch(address, 0, VIDEO[:12_345])
    answer = await client.head(address)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert (answer.headers["upload-offset"], answer.headers["upload-length"]) == ("12345", str(SIZE))
    assert answer.headers["upload-metadata"] == "filename YS5tcDQ=,odd,title R3LDvMOfZQ=="
    assert "upload-expires" in answer.headers
    assert "upload-concat" not in answer.headers


class TestPatch:
    async def test_bytes_arrive(self, client: Client, media: Path) -> None:
        address = await client.created(SIZE, filename="x.mp4")

        none = await client.patch(f"{address}/", 0, b"")
        assert (none.status, none.headers["upload-offset"]) == (204, "0")
        first = await client.patch(address, 0, VIDEO[:30_000])
        assert (first.status, first.content, first.headers["upload-offset"]) == (204, b"", "30000")
        assert "upload-expires" in first.headers
        assert "x-resource-id" not in first.headers
        last = await client.patch(address, 30_000, VIDEO[30_000:])
        assert (last.status, last.headers["upload-offset"]) == (204, str(SIZE))
        upload = await row_of(address)
        assert last.headers["x-resource-id"] == str(upload.resource_id)
        assert (upload.status, upload.mime_type) == ("completed", "video/mp4")
        assert content_of(media, upload) == VIDEO
        told = (await client.head(address)).headers
        assert (told["upload-offset"], told["x-resource-id"]) == (str(SIZE), str(upload.resource_id))
        assert "upload-expires" not in told
        video = await ask_rows(lambda: Video.objects.get(pk=upload.resource_id))
        assert (video.location, video.file_size, video.status) == (upload.key, SIZE, "processing")

    @pytest.mark.parametrize("kind", [None, "", "application/octet-stream", "video/mp4", "application/offset"])
    async def test_another_content_type_is_415(self, client: Client, kind: str | None) -> None:
        address = await client.created(SIZE)
        headers = {**SPEAKS, "Upload-Offset": "0"} | ({} if kind is None else {"Content-Type": kind})
        (await ask("PATCH", address, headers, VIDEO, key=client.key)).refused(415, "unsupported_media_type")
        assert await client.offset(address) == 0

    @pytest.mark.parametrize(("name", "headers"), [
        ("Upload-Offset", {}), ("Upload-Offset", {"Upload-Offset": "-1"}),
        ("Upload-Checksum", {"Upload-Offset": "0", "Upload-Checksum": ""}),
        ("Upload-Checksum", {"Upload-Offset": "0", "Upload-Checksum": "crc32 AAAA"}),
    ])  # fmt: skip
    async def test_a_bad_header_is_400(self, client: Client, name: str, headers: dict[str, str]) -> None:
        address = await client.created(SIZE)
        body = (await ask("PATCH", address, BYTES | headers, VIDEO, key=client.key)).refused(400, "invalid")
        assert name in body["errors"]
        assert await client.offset(address) == 0

    @pytest.mark.parametrize("offset", [0, 9_999, 10_001, SIZE, SIZE * 9])
    async def test_another_offset_is_409_and_names_the_right_one(self, client: Client, offset: int) -> None:
        address = await client.created(SIZE)
        await client.patch(address, 0, VIDEO[:10_000])
        answer = await client.patch(address, offset, VIDEO[10_000:])
        assert answer.refused(409, "upload_conflict")["offset"] == 10_000
        assert answer.headers["upload-offset"] == "10000"
        assert await client.offset(address) == 10_000

    async def test_more_than_announced_is_413_before_any_of_it_is_read(self, client: Client) -> None:
        address = await client.created(SIZE)
        request = client.patching(address, 0, SIZE + 1)
        request.hang_up()
        (await request.answer()).refused(413, "too_large")

    async def test_more_than_announced_is_413_when_it_comes_without_its_length(self, client: Client) -> None:
        address = await client.created(SIZE)
        request = client.patching(address, 0)
        await request.give(VIDEO)
        await request.give(b"one more", last=True)
        (await request.answer()).refused(413, "too_large")
        assert await client.offset(address) == SIZE

    async def test_the_last_one_once_more_is_answered_again_and_nothing_more_is_taken(self, client: Client) -> None:
        """tuspy sends an empty PATCH when the answer to the last one was lost."""
        address = await client.created(SIZE)
        first = await client.patch(address, 0, VIDEO)
        again = await client.patch(address, SIZE, b"")
        assert (again.status, again.headers["upload-offset"]) == (204, str(SIZE))
        assert again.headers["x-resource-id"] == first.headers["x-resource-id"]
        assert await ask_rows(Video.objects.count) == 1
        assert (await client.patch(address, 0, VIDEO)).refused(409, "upload_finished")["status"] == "completed"

    async def test_another_method_may_stand_in_a_header(self, client: Client) -> None:
        address = await client.created(SIZE)
        headers = {**BYTES, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
        assert (await ask("POST", address, headers, VIDEO[:10], key=client.key)).status == 204
        headers = {**SPEAKS, "X-HTTP-Method-Override": "DELETE"}
        assert (await ask("POST", address, headers, key=client.key)).status == 204
        assert (await row_of(address)).status == "cancelled"

    async def test_what_is_no_video_is_415_as_soon_as_that_shows(self, client: Client, media: Path) -> None:
        address = await client.created(10_000_000, filename="holiday.mp4", filetype="video/mp4")
        request = client.patching(address, 0, 10_000_000)
        await request.give(b"ffconcat version 1.0\nfile /etc/passwd\n" * 200)
        await request.until_taken()
        (await request.answer()).refused(415, "not_a_video")
        upload = await row_of(address)
        assert (upload.status, upload.error_type) == ("failed", "not_a_video")
        assert not any(path.is_file() for path in media.rglob("*"))
        (await client.patch(address, 0, VIDEO)).refused(409, "upload_finished")
        assert (await client.head(address)).status == 409


async def test_of_a_terminated_upload_nothing_is_left(client: Client, media: Path) -> None:
    address = await client.created(SIZE)
    await client.patch(address, 0, VIDEO[:1000])
    assert any(path.is_file() for path in media.rglob("*"))
    answer = await client.delete(address)
    assert (answer.status, answer.content) == (204, b"")
    assert not any(path.is_file() for path in media.rglob("*"))
    for again in (
        await client.head(address), await client.patch(address, 1000, VIDEO[1000:]), await client.delete(address),
    ):  # fmt: skip
        assert again.status == 404


async def test_after_its_time_it_is_410_and_its_bytes_go(client: Client, media: Path) -> None:
    address = await client.created(SIZE)
    await client.patch(address, 0, VIDEO[:1000])
    await ask_rows(lambda: Upload.objects.filter(pk=id_of(address)).update(expires_at=Now()))
    for swept in (0, 1):
        assert await ask_rows(cleanup.expire_uploads) == 1 if swept else True
        for answer in (await client.head(address), await client.patch(address, 1000, VIDEO[1000:])):
            assert answer.status == 410
    assert not any(path.is_file() for path in media.rglob("*"))


class TestWhoMay:
    async def test_a_browser_needs_its_protection_token(self, owner: User) -> None:
        cookie = await ask_rows(session_cookie, owner)
        headers = {**SPEAKS, "Upload-Length": "5"}
        both, right = f"{cookie}; csrftoken={'c' * 32}", {"X-CSRFToken": "c" * 32}
        for given, is_taken in (
            ({"Cookie": cookie}, False), ({"Cookie": both}, False), ({"Cookie": both, "X-CSRFToken": "d" * 32}, False),
            ({"Cookie": both, **right, "Origin": "http://evil.example"}, False), ({"Cookie": both, **right}, True),
            ({"Cookie": both, **right, "Origin": "http://vod.example"}, True),
        ):  # fmt: skip
            answer = await ask("POST", BASE, headers | given)
            if is_taken:
                assert answer.status == 201
                assert (await ask("HEAD", answer.headers["location"], SPEAKS | {"Cookie": cookie})).status == 200
            else:
                answer.refused(403, "csrf_failed")

    async def test_another_host_signs_in_nobody(self, client: Client, settings: Any) -> None:
        settings.ALLOWED_HOSTS = ["vod.example"]
        answer = await ask("POST", BASE, {**SPEAKS, "Upload-Length": "5", "Host": "evil.example"}, key=client.key)
        assert answer.status == 401

    async def test_writes_are_counted_and_bytes_are_not(self, client: Client, settings: object) -> None:
        settings.THROTTLES_ON = True  # type: ignore[attr-defined]
        settings.THROTTLES = {**settings.THROTTLES, "write": 2}  # type: ignore[attr-defined]
        address = await client.created(SIZE)
        assert (await client.create(SIZE)).status == 201
        answer = await client.create(SIZE)
        assert answer.refused(429, "throttled")["retry_after"] == int(answer.headers["retry-after"])
        for offset in range(0, 500, 100):
            assert (await client.patch(address, offset, VIDEO[offset : offset + 100])).status == 204


async def test_a_request_id_is_accepted_and_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="vodplatform.event"):
        answer = await client.create(SIZE, {"X-Request-ID": "number-7"})
    assert answer.headers["x-request-id"] == "number-7"
    lines = {record.getMessage(): record for record in caplog.records}
    assert lines["request"].data["route"] == "api/v1/uploads/tus"
    assert lines["request"].data["status"] == 201
    assert lines["video.upload.start"].data["bytes"] == SIZE


def session_cookie(user: User) -> str:
    browser = Browser()
    browser.force_login(user)
    return f"sessionid={browser.cookies['sessionid'].value}"
