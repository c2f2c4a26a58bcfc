"""tus under bad luck: cut, doubled, interrupted, killed, stopped, checked, full; what arrived before stays."""

import asyncio
import base64
import errno
import hashlib
import os
import random
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import OperationalError
from django.db.models import F
from django.db.models.functions import Now

from jobs_app.models import Job
from media_app.uploads import asgi, services, writers
from media_app.uploads.models import Upload
from media_app.uploads.pace import Pace
from media_app.uploads.protocols import tus
from media_app.videos.models import Video
from tests.support.sockets import ask as ask_rows
from tests.support.stored import files_in
from tests.uploads.conftest import content_of, end, fill_up, opened, peak_of, sink_of, until, video_of
from tests.uploads.tus import Client, id_of, row_of
from vodplatform.core.files.storage import StoreFull

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]
SIZE = 300_000
VIDEO = video_of(SIZE)


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that is renewed and runs out ten times as fast."""
    for name in ("LOCK_SECONDS", "RENEW_SECONDS", "SPARE_SECONDS", "SYNC_SECONDS"):
        monkeypatch.setattr(writers, name, getattr(writers, name) / 10)
    monkeypatch.setattr(asgi, "RENEW_SECONDS", writers.RENEW_SECONDS)
    monkeypatch.setattr(tus, "LOCK_WAIT_SECONDS", tus.LOCK_WAIT_SECONDS / 10)


async def test_many_small_requests_wait(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tus, "LOCAL_PACE", Pace(at_once=1, seconds=60.0))
    address = await client.created(SIZE)
    assert (await client.patch(address, 0, VIDEO[:1])).status == 204
    answer = await client.patch(address, 1, VIDEO[1:2])
    assert (answer.status, int(answer.headers["retry-after"]) > 30) == (429, True)


class TestCuts:
    async def test_as_often_as_it_is_cut_or_the_server_stops(self, client: Client, media: Path) -> None:
        address, chance, offset = await client.created(SIZE), random.Random(7), 0
        while offset < SIZE:
            request = client.patching(address, offset, SIZE - offset)
            stop = min(SIZE, offset + chance.randrange(1, 60_000))
            await request.give(VIDEO[offset:stop])
            if stop < SIZE:
                await end(request, is_stopped=chance.random() < 0.5)
            else:
                await request.gone()
            offset = await client.offset(address)
            assert offset == stop
        upload = await row_of(address)
        assert (upload.status, content_of(media, upload)) == ("completed", VIDEO)
        assert await ask_rows(Video.objects.count) == 1

    async def test_bytes_become_durable_while_arriving(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(writers, "FLUSH_BYTES", 50_000)
        monkeypatch.setattr(writers, "SYNC_BYTES", 100_000)
        address = await client.created(SIZE)
        request = client.patching(address, 0, SIZE)
        for start in range(0, 250_000, 10_000):
            await request.give(VIDEO[start : start + 10_000])
        while (await row_of(address)).offset < 200_000:
            await asyncio.sleep(0.01)
        await request.give(VIDEO[250_000:], last=True)
        assert (await request.answer()).status == 204

    async def test_a_silent_client_is_told_to_ask(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(asgi, "IDLE_SECONDS", 0.3)
        monkeypatch.setattr(asgi, "LINGER_SECONDS", 0.3)
        address = await client.created(SIZE)
        request = client.patching(address, 0, SIZE)
        await request.give(VIDEO[:1000])
        (await request.answer()).refused(409, "upload_conflict")
        assert await client.offset(address) == 1000


@pytest.mark.both
class TestTwoAtOnce:
    async def test_the_second_patch_ends_the_first_one(self, client: Client, media: Path, short_waits: None) -> None:
        address = await client.created(SIZE)
        first = client.patching(address, 0, SIZE)
        await first.give(VIDEO[:100_000])
        second = client.patching(address, 100_000, SIZE - 100_000)
        await second.give(VIDEO[100_000:], last=True)
        assert (await second.answer()).status == 204
        first.hang_up()
        (await first.answer()).refused(423, "upload_locked")
        assert content_of(media, await row_of(address)) == VIDEO

    async def test_head_waits_for_what_is_on_its_way(self, client: Client, short_waits: None) -> None:
        address = await client.created(SIZE)
        request = client.patching(address, 0, SIZE)
        await request.give(VIDEO[:77_777])
        assert await client.offset(address) == 77_777
        request.hang_up()
        (await request.answer()).refused(423, "upload_locked")

    async def test_a_lock_that_is_held_is_423_after_a_while(self, client: Client, short_waits: None) -> None:
        address = await client.created(SIZE)
        await ask_rows(lambda: Upload.objects.filter(pk=id_of(address)).update(lock_until=Now() + timedelta(hours=1)))
        (await client.patch(address, 0, VIDEO)).refused(423, "upload_locked")
        assert (await client.head(address)).status == 423
        assert (await row_of(address)).lock_wanted

    async def test_a_killed_one_blocks_nobody_for_long(self, client: Client, media: Path, short_waits: None) -> None:
        address = await client.created(SIZE)
        assert await ask_rows(writers.acquire, (await row_of(address)).pk) is not None
        assert (await client.patch(address, 0, VIDEO)).status == 204
        assert content_of(media, await row_of(address)) == VIDEO

    async def test_ten_at_once_write_the_bytes_of_one(self, client: Client, media: Path, short_waits: None) -> None:
        address = await client.created(SIZE)
        answers = await asyncio.gather(*(client.patch(address, 0, VIDEO) for _ in range(10)))
        statuses = sorted(answer.status for answer in answers)
        assert statuses[0] == 204
        assert set(statuses[1:]) <= {409, 423}
        assert content_of(media, await row_of(address)) == VIDEO
        assert await ask_rows(lambda: (Video.objects.count(), Job.objects.count())) == (1, 1)

    async def test_of_many_at_once_no_more_begin_than_there_is_room(self, client: Client, small_limits: None) -> None:
        answers = await asyncio.gather(*(client.create(1 << 20) for _ in range(8)))
        assert sorted(answer.status for answer in answers) == [201] * 2 + [413] * 6

    async def test_ten_at_once_that_end_the_upload_make_one_video(self, client: Client) -> None:
        address = await client.created(SIZE)
        await client.patch(address, 0, VIDEO[:-1])
        await ask_rows(lambda: Upload.objects.filter(pk=id_of(address)).update(offset=F("size")))
        answers = await asyncio.gather(*(client.head(address) for _ in range(10)))
        assert {answer.status for answer in answers} == {200}
        assert await ask_rows(lambda: (Video.objects.count(), Job.objects.count())) == (1, 1)

    async def test_termination_ends_a_running_patch(self, client: Client, media: Path, short_waits: None) -> None:
        address = await client.created(SIZE)
        request = client.patching(address, 0, SIZE)
        await request.give(VIDEO[:100_000])
        assert (await client.delete(address)).status == 204
        request.hang_up()
        (await request.answer()).refused(423, "upload_locked")
        assert files_in(media) == []


@pytest.mark.both
class TestStopped:
    async def test_who_lost_the_lock_is_told_so_and_moves_nothing(self, client: Client, short_waits: None) -> None:
        address = await client.created(SIZE)
        stopped = client.patching(address, 0, SIZE)
        await stopped.give(VIDEO[:100_000])
        # Somebody found the lock run out, and took it.
        theirs = uuid.uuid4()
        soon = Now() + timedelta(seconds=0.4)
        await ask_rows(lambda: Upload.objects.update(lock_token=theirs, lock_until=soon))
        await until(lambda: stopped.has_answered)
        stopped.hang_up()
        (await stopped.answer()).refused(423, "upload_locked")
        upload = await row_of(address)
        assert (upload.offset, upload.lock_token) == (0, theirs)
        assert await client.offset(address) == 0

    def test_a_write_that_was_on_its_way_harms_nobody(self, client: Client, media: Path, owner: Any) -> None:
        upload, stopped = opened(owner, SIZE)
        stopped.write(VIDEO[:100_000])
        stopped.sync()
        stopped.write(VIDEO[100_000:150_000])
        Upload.objects.update(lock_until=Now())
        sink = sink_of(upload)
        other = VIDEO[:100_000] + video_of(SIZE, seed=1)[100_000:]
        sink.write(other[100_000:])
        sink.sync()
        # The system call that the stop had interrupted.
        stopped.write(VIDEO[150_000:])
        with pytest.raises(writers.LockLost):
            stopped.sync()
        stopped.close()
        sink.close()
        assert services.complete(Upload.objects.get()).status == "completed"
        assert content_of(media, Upload.objects.get()) == other

    def test_after_a_long_stop_nothing_is_written(self, owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        _, sink = opened(owner, SIZE)
        sink.lock.renewed_at -= writers.LOCK_SECONDS + 1
        assert sink.must_wait()
        with pytest.raises(writers.LockLost):
            sink.write(VIDEO[:1000])
        sink.close()


class TestCopies:
    """Whoever finds the file held by one that was stopped goes on in a copy."""

    @pytest.fixture
    def held(self, owner: Any) -> Iterator[tuple[Upload, writers.Lock]]:
        """An upload whose file a stopped writer has open, and the lock of the next writer."""
        upload, stopped = opened(owner, SIZE)
        stopped.write(VIDEO[:100_000])
        stopped.sync()
        Upload.objects.update(lock_until=Now())
        lock = writers.acquire(upload.pk)
        assert lock is not None
        yield Upload.objects.get(), lock
        stopped.close()

    @pytest.mark.parametrize("call", ["open", "copy_file_range", "fsync"])
    def test_one_that_cannot_be_made_leaves_nothing(
        self, held: tuple[Upload, writers.Lock], media: Path, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        before = len(os.listdir("/proc/self/fd"))
        real = getattr(os, call)

        def full(*args: Any) -> Any:
            if call == "open" and not args[1] & os.O_EXCL:
                return real(*args)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch, pytest.raises(StoreFull):
            patch.setattr(os, call, full)
            writers.open_writer(*held)
        assert len(os.listdir("/proc/self/fd")) == before
        assert files_in(media) == [held[0].key]

    def test_who_loses_the_lock_meanwhile_leaves_nothing(self, held: tuple[Upload, writers.Lock], media: Path) -> None:
        Upload.objects.update(lock_token=uuid.uuid4())
        with pytest.raises(writers.LockLost):
            writers.open_writer(*held)
        assert files_in(media) == [held[0].key]


class TestChecksum:
    @staticmethod
    def of(content: bytes, name: str = "sha1") -> dict[str, str]:
        return {"Upload-Checksum": f"{name} {base64.b64encode(hashlib.new(name, content).digest()).decode()}"}

    @pytest.mark.parametrize("name", ["sha1", "sha256", "md5"])
    async def test_bytes_that_fit_are_taken(self, client: Client, media: Path, name: str) -> None:
        address = await client.created(SIZE)
        for start, stop in ((0, 100_000), (100_000, SIZE)):
            answer = await client.patch(address, start, VIDEO[start:stop], self.of(VIDEO[start:stop], name))
            assert (answer.status, answer.headers["upload-offset"]) == (204, str(stop))
        assert content_of(media, await row_of(address)) == VIDEO

    async def test_early_disk_writes_do_not_count(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(writers, "FLUSH_BYTES", 50_000)
        monkeypatch.setattr(writers, "MAX_WAITING_BYTES", 100_000)
        flushed, fdatasync = [], os.fdatasync

        def flush(descriptor: int) -> None:
            fdatasync(descriptor)
            flushed.append(os.fstat(descriptor).st_size)

        monkeypatch.setattr(os, "fdatasync", flush)
        address = await client.created(SIZE)
        request = client.patching(address, 0, SIZE, self.of(VIDEO))
        async with asyncio.timeout(20):
            for start in range(0, 250_000, 10_000):
                await request.give(VIDEO[start : start + 10_000])
        await until(lambda: flushed and 250_000 - flushed[-1] < 100_000)
        assert (await row_of(address)).offset == 0
        await request.give(VIDEO[250_000:], last=True)
        assert (await request.answer()).status == 204

    async def test_of_bytes_that_do_not_fit_nothing_is_kept(self, client: Client, media: Path) -> None:
        address = await client.created(SIZE)
        await client.patch(address, 0, VIDEO[:50_000])
        answer = await client.patch(address, 50_000, VIDEO[50_000:], self.of(VIDEO))
        answer.refused(460, "upload_checksum_mismatch")
        assert await client.offset(address) == 50_000
        assert (await client.patch(address, 50_000, VIDEO[50_000:])).status == 204
        assert content_of(media, await row_of(address)) == VIDEO

    async def test_first_bytes_are_judged_once_their_checksum_fits(self, client: Client) -> None:
        address = await client.created(SIZE)
        (await client.patch(address, 0, b"x" * SIZE, self.of(VIDEO))).refused(460, "upload_checksum_mismatch")
        assert await client.offset(address) == 0
        (await client.patch(address, 0, b"x" * SIZE, self.of(b"x" * SIZE))).refused(415, "not_a_video")

    @pytest.mark.parametrize("is_stopped", [True, False])
    async def test_of_a_patch_that_is_cut_or_stopped_nothing_is_kept(self, client: Client, is_stopped: bool) -> None:
        address = await client.created(SIZE)
        request = client.patching(address, 0, SIZE, self.of(VIDEO))
        await request.give(VIDEO[:200_000])
        await end(request, is_stopped=is_stopped)
        assert await client.offset(address) == 0


@pytest.mark.both
class TestTrouble:
    async def test_a_full_disk_is_503(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        address = await client.created(SIZE)
        is_full = fill_up(monkeypatch, 200_000)
        request = client.patching(address, 0, SIZE)
        for start in range(0, SIZE, 10_000):
            await request.give(VIDEO[start : start + 10_000])
            if request.task.done() or is_full():
                break
        request.hang_up()
        answer = await request.answer()
        answer.refused(503, "disk_full")
        assert int(answer.headers["retry-after"]) > 0
        monkeypatch.undo()
        offset = await client.offset(address)
        assert offset == 200_000
        assert (await client.patch(address, offset, VIDEO[offset:])).status == 204

    async def test_an_absent_database_is_503_and_heals(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        address = await client.created(SIZE)
        with monkeypatch.context() as patch:
            patch.setattr(services, "find", Mock(side_effect=OperationalError("gone")))
            answer = await client.patch(address, 0, VIDEO)
            answer.refused(503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
        assert (await client.patch(address, 0, VIDEO)).status == 204

    async def test_a_database_that_goes_away_in_the_middle_costs_no_byte_that_was_told(
        self, client: Client, media: Path, short_waits: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        address = await client.created(SIZE)
        await client.patch(address, 0, VIDEO[:50_000])
        request = client.patching(address, 50_000, SIZE - 50_000)
        await request.give(VIDEO[50_000:100_000])
        with monkeypatch.context() as patch:
            patch.setattr(writers.Lock, "renew", Mock(side_effect=OperationalError("gone")))
            await until(lambda: request.has_answered)
        request.hang_up()
        (await request.answer()).refused(503, "unavailable")
        offset = await client.offset(address)
        assert offset >= 50_000
        assert (await client.patch(address, offset, VIDEO[offset:])).status == 204
        assert content_of(media, await row_of(address)) == VIDEO

    async def test_a_file_that_is_gone_is_told_and_the_upload_is_over(self, client: Client, media: Path) -> None:
        address = await client.created(SIZE)
        await client.patch(address, 0, VIDEO[:50_000])
        (media / (await row_of(address)).key).unlink()
        (await client.patch(address, 50_000, VIDEO[50_000:])).refused(410, "upload_lost")
        assert (await row_of(address)).status == "failed"

    async def test_a_job_row_that_fails_keeps_the_upload(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        address = await client.created(SIZE)
        with monkeypatch.context() as patch:
            patch.setattr("media_app.videos.upload_handlers.enqueue", Mock(side_effect=OperationalError("gone")))
            (await client.patch(address, 0, VIDEO)).refused(503, "unavailable")
        upload = await row_of(address)
        assert (upload.status, upload.offset) == ("uploading", SIZE)
        assert (await client.head(address)).headers["x-resource-id"]


async def test_memory_stays_flat_however_much_comes(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 64 * 1024**2
    address = await client.created(size)
    request = client.patching(address, 0, size)
    await request.give(VIDEO[:262_144])
    peak = await peak_of(request, bytes(262_144), size - 262_144)
    await request.give(b"", last=True)
    assert (await request.answer()).status == 204
    assert peak < 4 * 1024**2
