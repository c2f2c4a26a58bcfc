"""Every door on S3: parts and tails, what a cut, a take-over and an ill S3 leave; a real server, with faults made."""

import asyncio
import base64
import hashlib
import itertools
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import connection
from django.db.models.functions import Now

from media_app.storage import files as store
from media_app.uploads import assemble, cleanup, services, writers
from media_app.uploads.models import Upload
from media_app.uploads.pace import Pace
from media_app.uploads.protocols import tus
from media_app.videos.models import Video
from media_app.videos.services import delete_video
from tests.support.s3 import Bucket, storage_of
from tests.support.sockets import ask as ask_rows
from tests.support.stored import put_bytes
from tests.support.streams import ask
from tests.uploads.conftest import begin, fill_up, opened, raises, sink_of, until, video_of
from tests.uploads.forms import FORM, form_of
from tests.uploads.tus import Client, row_of
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.full, pytest.mark.services, pytest.mark.django_db(transaction=True)]
MIB = 1 << 20
PART = writers.MIN_PART_BYTES
SIZE = 2 * PART + 3 * MIB + 5
VIDEO = video_of(SIZE)
Heal = Callable[[], None]


@pytest.fixture
def bucket(s3_storage: Bucket, settings: Any, tmp_path: Path) -> Bucket:
    """The store of this test; what gathers on its way there does so in a folder of the test's."""
    settings.DATA_DIR = tmp_path
    return s3_storage


async def whole_of(bucket: Bucket, upload: Upload) -> bytes:
    """The file that a completed upload becomes, as the job makes it."""
    await ask_rows(assemble.finish_multipart_uploads, upload)
    return await ask_rows(bucket.content, upload.key)


async def taken(client: Client, address: str, content: bytes, step: int) -> None:
    for start in range(0, len(content), step):
        answer = await client.patch(address, start, content[start : start + step])
        assert answer.status == 204, answer


def checksum_of(content: bytes) -> dict[str, str]:
    return {"Upload-Checksum": f"sha256 {base64.b64encode(hashlib.sha256(content).digest()).decode()}"}


async def concatenated(client: Client, *cuts: int) -> Upload:
    """Return an upload of VIDEO that is concatenated from parts between these positions."""
    addresses = []
    for start, stop in itertools.pairwise((0, *cuts, SIZE)):
        addresses.append(await client.created(stop - start, {"Upload-Concat": "partial"}))
        await taken(client, addresses[-1], VIDEO[start:stop], 7 * MIB)
    answer = await client.create(None, {"Upload-Concat": f"final;{' '.join(addresses)}"})
    return await row_of(answer.headers["location"])


class TestTus:
    async def test_one_patch_becomes_parts(self, client: Client, bucket: Bucket) -> None:
        address = await client.created(SIZE, filename="a.mp4")
        assert (await client.patch(address, 0, VIDEO)).status == 204
        upload = await row_of(address)
        assert [size for _, _, size in upload.parts] == [PART, PART, SIZE - 2 * PART]
        assert await whole_of(bucket, upload) == VIDEO
        assert await ask_rows(lambda: Video.objects.get().location) == upload.key
        assert bucket.keys() == [upload.key]
        assert bucket.unfinished() == []
        assert bucket.type_of(upload.key) == "video/mp4"

    @pytest.mark.parametrize("step", [5 * MIB + 1, PART, 3 * PART])
    async def test_less_than_a_part_waits_in_an_object(self, client: Client, bucket: Bucket, step: int) -> None:
        address = await client.created(SIZE)
        await taken(client, address, VIDEO, step)
        upload = await row_of(address)
        assert [size for _, _, size in upload.parts[:-1]] == [PART] * (len(upload.parts) - 1)
        assert await whole_of(bucket, upload) == VIDEO
        assert bucket.keys() == [upload.key]

    async def test_a_few_bytes_at_a_time(self, client: Client, bucket: Bucket) -> None:
        address, offset = await client.created(SIZE), 0
        for size in (1, 10, 4085, 1, 100_000, 1_000_000):
            assert (await client.patch(address, offset, VIDEO[offset : offset + size])).status == 204
            offset += size
            assert await client.offset(address) == offset
            [tail] = bucket.keys()
            assert bucket.content(tail) == VIDEO[:offset]
        assert (await client.patch(address, offset, VIDEO[offset:])).status == 204
        assert await whole_of(bucket, await row_of(address)) == VIDEO

    async def test_many_small_ones_wait(self, client: Client, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        pace = Pace(at_once=3, seconds=1.0)
        monkeypatch.setattr(tus, "BUCKET_PACE", pace)
        address = await client.created(SIZE, filename="a.mp4")
        for start in (0, 2 * MIB, 4 * MIB):  # large pieces do not count
            assert (await client.patch(address, start, VIDEO[start : start + 2 * MIB])).status == 204
        begun = time.monotonic()
        for start in range(6 * MIB, 6 * MIB + 5):
            assert (await client.patch(address, start, VIDEO[start : start + 1])).status == 204
        assert time.monotonic() - begun > 1
        pace._full_at = {user: until + 60 for user, until in pace._full_at.items()}
        answer = await client.patch(address, 6 * MIB + 5, VIDEO[6 * MIB + 5 : 6 * MIB + 6])
        assert (answer.status, int(answer.headers["retry-after"]) > 0) == (429, True)
        assert (await row_of(address)).offset == 6 * MIB + 5

    async def test_a_patch_that_is_cut_keeps_what_arrived(self, client: Client, bucket: Bucket, tmp_path: Path) -> None:
        address = await client.created(SIZE)
        request = client.patching(address, 0, SIZE)
        for start in range(0, PART + 3 * MIB, MIB):
            await request.give(VIDEO[start : start + MIB])
        # The gathered bytes are in an unnamed file, which a killed process cannot leave behind.
        assert list((tmp_path / "tmp" / "uploads").iterdir()) == []
        await request.gone()
        assert await client.offset(address) == PART + 3 * MIB
        assert (await client.patch(address, PART + 3 * MIB, VIDEO[PART + 3 * MIB :])).status == 204
        assert await whole_of(bucket, await row_of(address)) == VIDEO

    async def test_a_checksum_holds_for_all_or_nothing(self, client: Client, bucket: Bucket) -> None:
        address = await client.created(SIZE)
        wrong = checksum_of(b"other")
        (await client.patch(address, 0, VIDEO, wrong)).refused(460, "upload_checksum_mismatch")
        assert await client.offset(address) == 0
        # The first request ends with a whole part, and the file does not: all may leave before the end.
        for start, stop in ((0, 2 * PART), (2 * PART, SIZE)):
            answer = await client.patch(address, start, VIDEO[start:stop], checksum_of(VIDEO[start:stop]))
            assert (answer.status, answer.headers["upload-offset"]) == (204, str(stop))
        assert await whole_of(bucket, await row_of(address)) == VIDEO

    async def test_with_a_checksum_parts_leave_early_and_none_counts(self, client: Client, bucket: Bucket) -> None:
        address = await client.created(SIZE)
        request = client.patching(address, 0, SIZE, checksum_of(VIDEO))
        for start in range(0, SIZE - MIB, MIB):
            await request.give(VIDEO[start : start + MIB])
        await until(lambda: sum("partNumber=" in line for line in bucket.faults.requests) >= 2)
        assert (await row_of(address)).offset == 0
        await request.give(VIDEO[SIZE // MIB * MIB :], last=True)
        answer = await request.answer()
        assert (answer.status, answer.headers["upload-offset"]) == (204, str(SIZE))
        assert await whole_of(bucket, await row_of(address)) == VIDEO

    async def test_a_full_disk_is_503(self, client: Client, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        address = await client.created(SIZE)
        with monkeypatch.context() as patch:
            is_full = fill_up(patch, 2_000_000)
            request = client.patching(address, 0, SIZE)
            for start in range(0, SIZE, 700_000):
                await request.give(VIDEO[start : start + 700_000])
                if request.task.done() or is_full():
                    break
            request.hang_up()
            (await request.answer()).refused(503, "disk_full")
        assert await client.offset(address) == 1_400_000
        assert (await client.patch(address, 1_400_000, VIDEO[1_400_000:])).status == 204
        assert await whole_of(bucket, await row_of(address)) == VIDEO

    async def test_no_connection_is_held(self, client: Client, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        """No request holds a database connection while S3 takes its time."""
        held: list[tuple[str, bool]] = []

        def noting(name: str) -> None:
            call = getattr(store, name)

            def noted(*args: Any, **kwargs: Any) -> Any:
                held.append((name, connection.connection is not None))
                return call(*args, **kwargs)

            monkeypatch.setattr(store, name, noted)

        names = {
            "put_stream", "read_chunks", "begin_multipart", "put_part", "abort_multipart", "delete_folder", "delete",
        }  # fmt: skip
        for name in names:
            noting(name)
        address = await client.created(SIZE)
        for start, stop in ((0, 1000), (1000, PART + 2000), (PART + 2000, PART + 3000)):
            assert (await client.patch(address, start, VIDEO[start:stop])).status == 204
        assert (await client.delete(address)).status == 204
        assert {name for name, _ in held} == names
        assert [name for name, is_held in held if is_held] == []

    @pytest.mark.parametrize("end", ["given up", "no video", "deleted"])
    async def test_what_has_ended_leaves_nothing(self, client: Client, bucket: Bucket, owner: User, end: str) -> None:
        address = await client.created(SIZE)
        if end == "no video":
            (await client.patch(address, 0, b"no video" * 2_000_000)).refused(415, "not_a_video")
        else:
            content = VIDEO if end == "deleted" else VIDEO[: PART + 100]
            assert (await client.patch(address, 0, content)).status == 204
            assert len(bucket.unfinished()) == 1
            if end == "deleted":
                await ask_rows(lambda: delete_video(Video.objects.get(), owner))
            else:
                assert (await client.delete(address)).status == 204
        assert (bucket.keys(), bucket.unfinished()) == ([], [])

    async def test_a_tail_that_is_gone_is_told(self, client: Client, bucket: Bucket) -> None:
        address = await client.created(SIZE)
        await client.patch(address, 0, VIDEO[:1000])
        [tail] = bucket.keys()
        bucket.delete(tail)
        (await client.patch(address, 1000, VIDEO[1000:])).refused(410, "upload_lost")

    async def test_an_undeletable_tail(self, client: Client, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        """A tail that could not be deleted goes with the pieces."""
        address = await client.created(SIZE)
        await client.patch(address, 0, VIDEO[:1000])
        with monkeypatch.context() as patch:
            patch.setattr(store, "delete", Mock(side_effect=store.StoreUnavailable))
            assert (await client.patch(address, 1000, VIDEO[1000:])).status == 204
        assert len(bucket.keys("uploads/")) == 1
        upload = await row_of(address)
        await ask_rows(services.drop_pieces, upload)
        assert bucket.keys("uploads/") == []
        assert await whole_of(bucket, upload) == VIDEO

    async def test_concatenated_parts_are_joined_on_s3(self, client: Client, bucket: Bucket, tmp_path: Path) -> None:
        upload = await concatenated(client, 6 * MIB, 18 * MIB)
        shares: list[float] = []
        stop = Mock(side_effect=ZeroDivisionError)
        with pytest.raises(ZeroDivisionError):
            await ask_rows(lambda: assemble.assemble(upload, "videos/whole.mp4", tmp_path, stop))
        assert bucket.unfinished() == []
        await ask_rows(lambda: assemble.assemble(upload, "videos/whole.mp4", tmp_path, shares.append))
        assert bucket.content("videos/whole.mp4") == VIDEO
        assert shares[-1] == 1
        await ask_rows(services.drop_pieces, upload)
        assert (bucket.keys(), bucket.unfinished()) == (["videos/whole.mp4"], [])

    async def test_a_large_part_of_a_concatenation_is_copied_in_pieces(
        self, client: Client, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """S3 copies 5 GiB at most by one call."""
        monkeypatch.setattr(assemble, "MAX_COPY_BYTES", 6 * MIB)
        upload = await concatenated(client, 17 * MIB)
        shares: list[float] = []
        before = len(bucket.faults.requests)
        await ask_rows(lambda: assemble.assemble(upload, "videos/whole.mp4", tmp_path, shares.append))
        assert sum("partNumber=" in line for line in bucket.faults.requests[before:]) == 4
        assert bucket.content("videos/whole.mp4") == VIDEO
        assert bucket.type_of("videos/whole.mp4") == "video/mp4"
        assert len(shares) == 4
        assert shares == sorted(shares)


class TestTakenOver:
    def test_a_late_part_changes_nothing(self, owner: User, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        upload, stopped = opened(owner, SIZE)
        stopped.write(VIDEO[:PART])
        stopped.flush_due()
        stopped.write(bytes(PART))
        put_part, late = store.put_part, []

        def stop(*part: Any) -> None:
            """The process stands still before a byte of the part has left."""
            late.extend(part)
            raise store.StoreUnavailable

        with monkeypatch.context() as patch, pytest.raises(store.StoreUnavailable):
            patch.setattr(store, "put_part", stop)
            stopped.flush_due()
        Upload.objects.update(lock_until=Now())
        sink = sink_of(upload)
        sink.write(VIDEO[PART:])
        sink.sync()
        put_part(*late)
        with pytest.raises(writers.LockLost):
            stopped.sync()
        stopped.close()
        sink.close()
        whole = services.complete(Upload.objects.get())
        assemble.finish_multipart_uploads(whole)
        assert bucket.content(whole.key) == VIDEO

    @pytest.mark.parametrize("size", [1000, PART])
    def test_a_tail_or_a_part_that_nobody_noted_is_deleted(self, owner: User, bucket: Bucket, size: int) -> None:
        _, sink = opened(owner, SIZE)
        sink.write(VIDEO[:size])
        Upload.objects.update(lock_token=None)
        with pytest.raises(writers.LockLost):
            sink.sync()
        sink.close()
        assert (bucket.keys(), bucket.unfinished()) == ([], [])

    def test_an_upload_that_has_used_up_its_numbers_is_lost(self, owner: User, bucket: Bucket) -> None:
        _, sink = opened(owner, SIZE, part_number=store.MAX_PARTS)
        sink.write(VIDEO[:PART])
        with raises("upload_lost"):
            sink.sync()
        sink.close()


class TestChunks:
    async def test_chunks_are_joined_at_s3(self, key: str, owner: User, bucket: Bucket, tmp_path: Path) -> None:
        """Chunks become the file without passing through this program again."""
        chunk = 6 * MIB
        upload = await ask_rows(lambda: begin(owner, "chunks", size=SIZE, chunk_size=chunk))
        numbers = [3, 0, 2, 1, 2, 0]

        async def send(number: int) -> int:
            content = VIDEO[number * chunk : (number + 1) * chunk]
            body = form_of([("chunk_number", str(number)), ("chunk", content, "blob")])
            return (await ask("POST", f"/api/v1/uploads/{upload.pk}/chunk", FORM, body, key=key)).status

        assert await asyncio.gather(*(send(number) for number in numbers)) == [200] * 6
        assert len(bucket.keys()) == 4
        assert list((tmp_path / "tmp" / "uploads").iterdir()) == []
        assert (await ask("POST", f"/api/v1/uploads/{upload.pk}/complete", key=key)).status == 200
        await ask_rows(lambda: assemble.assemble(upload, "videos/whole.mp4", tmp_path, lambda share: None))
        assert bucket.content("videos/whole.mp4") == VIDEO
        await ask_rows(services.drop_pieces, upload)
        assert bucket.keys() == ["videos/whole.mp4"]

    async def test_small_ones_are_joined_here(self, owner: User, bucket: Bucket, tmp_path: Path) -> None:
        def fill() -> Upload:
            upload = begin(owner, "chunks", size=5 * MIB, chunk_size=MIB)
            for number in range(5):
                put_bytes(f"uploads/{upload.pk}/{number}", VIDEO[number * MIB : (number + 1) * MIB])
                services.store_chunk_row(upload, number, MIB, "0" * 64, f"uploads/{upload.pk}/{number}")
            return services.complete(upload)

        upload = await ask_rows(fill)
        shares: list[float] = []
        await ask_rows(lambda: assemble.assemble(upload, "videos/whole.mp4", tmp_path, shares.append))
        assert bucket.content("videos/whole.mp4") == VIDEO[: 5 * MIB]
        assert shares == sorted(shares)
        assert shares[-1] == 1


async def test_a_form_becomes_parts_too_and_leaves_nothing_where_it_is_refused(key: str, bucket: Bucket) -> None:
    body = form_of([("file", VIDEO, "a.mp4"), ("title", "x" * 300)])
    (await ask("POST", "/api/v1/library", FORM, body, key=key)).refused(400, "invalid")
    assert (bucket.keys(), bucket.unfinished()) == ([], [])
    answer = await ask("POST", "/api/v1/library", FORM, form_of([("file", VIDEO, "a.mp4")]), key=key)
    assert answer.status == 201
    upload = await ask_rows(Upload.objects.get)
    assert upload.sha256 == hashlib.sha256(VIDEO).hexdigest()
    assert await whole_of(bucket, upload) == VIDEO


class TestIll:
    """S3 that answers 503, or nothing, or breaks off: bounded, told, and gone on with."""

    @pytest.fixture
    def heal(self, bucket: Bucket, settings: Any) -> Heal:
        """End the fault and the hurry: a loaded machine needs more than a second for what has to succeed."""
        patient = settings.STORAGES

        def end() -> None:
            bucket.heal()
            settings.STORAGES = patient

        return end

    @pytest.fixture
    def hurried(self, bucket: Bucket, settings: Any, heal: Heal) -> Bucket:
        storage = storage_of(bucket.environment, connect_timeout=1, read_timeout=1)
        settings.STORAGES = {**settings.STORAGES, "default": storage}
        return bucket

    @pytest.mark.parametrize("fault", ["answer_503", "hang", "cut"])
    async def test_a_patch_is_503_and_goes_on(self, client: Client, hurried: Bucket, heal: Heal, fault: str) -> None:
        address = await client.created(SIZE)
        await client.patch(address, 0, VIDEO[: PART + 1000])
        getattr(hurried.faults, fault)()
        began = time.monotonic()
        answer = await client.patch(address, PART + 1000, VIDEO[PART + 1000 :])
        answer.refused(503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert time.monotonic() - began < 20
        heal()
        offset = await client.offset(address)
        assert offset >= PART + 1000
        assert (await client.patch(address, offset, VIDEO[offset:])).status == 204
        assert await whole_of(hurried, await row_of(address)) == VIDEO

    @pytest.mark.parametrize("fault", ["answer_503", "hang"])
    async def test_a_chunk_is_retried(
        self, key: str, owner: User, hurried: Bucket, heal: Heal, fault: str, tmp_path: Path
    ) -> None:
        size = 100_000
        upload = await ask_rows(lambda: begin(owner, "chunks", size=size, chunk_size=size))
        body = form_of([("chunk_number", "0"), ("chunk", VIDEO[:size], "blob")])
        getattr(hurried.faults, fault)()
        answer = await ask("POST", f"/api/v1/uploads/{upload.pk}/chunk", FORM, body, key=key)
        answer.refused(503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert list((tmp_path / "tmp" / "uploads").iterdir()) == []
        heal()
        answer = await ask("POST", f"/api/v1/uploads/{upload.pk}/chunk", FORM, body, key=key)
        assert (answer.status, answer.json()["remaining_chunks"]) == (200, [])

    @pytest.mark.parametrize("end", ["cancel", "expire"])
    async def test_what_is_left_is_deleted_later(self, client: Client, hurried: Bucket, heal: Heal, end: str) -> None:
        address = await client.created(SIZE)
        await client.patch(address, 0, VIDEO[: PART + 1000])
        if end == "expire":
            await ask_rows(lambda: Upload.objects.update(expires_at=Now() - timedelta(days=8)))
        hurried.faults.answer_503()
        if end == "cancel":
            assert (await client.delete(address)).status == 204
            await ask_rows(lambda: Upload.objects.update(expires_at=Now() - timedelta(days=8)))
        await ask_rows(cleanup.expire_uploads)
        upload = await row_of(address)
        assert (upload.status, len(hurried.keys()), len(hurried.unfinished())) == ("expired", 1, 1)
        heal()
        await ask_rows(cleanup.expire_uploads)
        assert (hurried.keys(), hurried.unfinished()) == ([], [])
        assert await ask_rows(Upload.objects.count) == 0

    async def test_the_lock_is_kept_while_s3_lets_wait(self, client: Client, hurried: Bucket, heal: Heal) -> None:
        address = await client.created(SIZE)
        request = client.patching(address, 0, SIZE)
        await request.give(VIDEO[:MIB])
        before = (await row_of(address)).lock_until
        hurried.faults.hang()
        for start in range(MIB, PART + MIB, MIB):
            await request.give(VIDEO[start : start + MIB])

        async def is_renewed() -> bool:
            assert not request.has_answered
            now = (await row_of(address)).lock_until
            return bool(before and now and now - before > timedelta(seconds=1))

        await until(is_renewed)
        heal()
        await request.gone()
