"""The store does the same on a file system and on S3."""

import errno
import io
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from django.core.files.storage import default_storage

from media_app.storage import files as store
from tests.support.s3 import Bucket
from tests.support.stored import put_bytes
from tests.support.waiting import wait_until

KEY = "videos/5f0c/A match (1) ünïcode + & #.mp4"
CONTENT = b"0123456789" * 100
Place = Path | Bucket
NewFile = Callable[..., Path]


def content_of(place: Place, key: str) -> bytes:
    """What lies under a key, looked at past the store."""
    return (place / key).read_bytes() if isinstance(place, Path) else place.content(key)


def keys_of(place: Place) -> list[str]:
    """Every key there is, looked at past the store."""
    if isinstance(place, Bucket):
        return place.keys()
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())


@pytest.mark.parametrize("content", [b"", b"x", CONTENT, pytest.param(os.urandom(20 * 1024**2 + 7), id="many parts")])
def test_the_bytes_are_there_and_the_source_is_gone(place: Place, new_file: NewFile, content: bytes) -> None:
    path = new_file(content)
    store.put_file(KEY, path, "video/mp4")
    assert content_of(place, KEY) == b"".join(store.read_chunks(KEY)) == content
    assert store.size(KEY) == len(content)
    assert keys_of(place) == [KEY]
    assert not path.exists()
    with pytest.raises(FileNotFoundError):
        store.put_file("videos/none.mp4", path)
    assert keys_of(place) == [KEY]
    assert store.is_local() is isinstance(place, Path)
    assert (store.free_bytes() is None) is isinstance(place, Bucket)
    if isinstance(place, Bucket):
        assert place.client().head_object(Bucket=place.name, Key=KEY)["ContentType"] == "video/mp4"
    # Files that Django's own storage has saved can be read, too.
    assert b"".join(store.read_chunks(default_storage.save("jobs/a/b/c.jpg", io.BytesIO(content)))) == content


class TestReading:
    def test_any_range(self, place: Place) -> None:
        put_bytes(KEY, CONTENT)
        for start, stop in (
            (0, None), (0, 1000), (0, 1), (999, 1000), (999, None), (250, 750), (0, 5000), (500, 500), (0, 0),
            (1000, None), (5000, None),
        ):  # fmt: skip
            assert b"".join(store.read_chunks(KEY, start, stop)) == CONTENT[start:stop], (start, stop)

    def test_it_comes_in_pieces_as_small_as_wanted(self, place: Place) -> None:
        content = os.urandom(3 * store.READ_BYTES + 1)
        put_bytes(KEY, content)
        pieces = list(store.read_chunks(KEY))
        assert max(map(len, pieces)) <= store.READ_BYTES
        assert b"".join(pieces) == content
        pieces = list(store.read_chunks(KEY, 1, 1000, piece=300))
        assert [len(piece) for piece in pieces] == [300, 300, 300, 99]
        assert b"".join(pieces) == content[1:1000]

    def test_whoever_stops_early_leaves_nothing_open(self, place: Place) -> None:
        put_bytes(KEY, os.urandom(4 * store.READ_BYTES))
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            reading = store.read_chunks(KEY)
            next(reading)
            reading.close()  # type: ignore[attr-defined]
        # Each would hold one, and two of the proxy's, which ends a little later.
        assert wait_until(lambda: len(os.listdir("/proc/self/fd")) < before + 10)

    def test_a_copy_for_a_job_has_the_bytes(self, place: Place, tmp_path: Path) -> None:
        put_bytes(KEY, CONTENT)
        folder = tmp_path / "job"
        folder.mkdir()
        path = store.local_copy(KEY, folder)
        assert path.read_bytes() == CONTENT
        assert path.suffix == ".mp4"
        assert path.is_relative_to(folder) is isinstance(place, Bucket)
        assert len(list(folder.iterdir())) == isinstance(place, Bucket)


def test_they_are_the_file_s(place: Place) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    put_bytes(KEY, CONTENT)
    facts = store.stat(KEY)
    assert facts.size == len(CONTENT)
    assert before <= facts.modified <= datetime.now(UTC) + timedelta(seconds=2)
    assert facts.modified.utcoffset() == timedelta(0)
    assert facts.etag.startswith('"')
    assert facts.etag.endswith('"')
    assert store.stat(KEY) == facts
    if isinstance(place, Bucket):
        head = place.client().head_object(Bucket=place.name, Key=KEY)
        assert facts == store.FileMetadata(len(CONTENT), head["ETag"], head["LastModified"])
    put_bytes("videos/other.mp4", CONTENT[::-1])
    assert store.stat("videos/other.mp4").etag != facts.etag


@pytest.mark.services
class TestBeingTold:
    """Whoever waits for a long way to or from the store hears of it, and may end it."""

    CONTENT = os.urandom(20 * 1024**2 + 7)

    def test_what_is_told_adds_up_to_the_file(self, s3_storage: Bucket, new_file: NewFile, tmp_path: Path) -> None:
        told: list[tuple[int, int]] = []

        def tell(count: int) -> None:
            told.append((threading.get_ident(), count))

        store.put_file(KEY, new_file(self.CONTENT), on_progress=tell)
        store.local_copy(KEY, tmp_path, tell)
        assert sum(count for _, count in told) == 2 * len(self.CONTENT)
        assert {thread for thread, _ in told} == {threading.get_ident()}

    def test_a_transfer_that_stands_still_is_ended(self, s3_storage: Bucket, new_file: NewFile, tmp_path: Path) -> None:
        put_bytes(KEY, self.CONTENT)
        path, folder = new_file(self.CONTENT), tmp_path / "job"
        folder.mkdir()

        def break_off(count: int) -> None:
            s3_storage.heal()  # what waits for S3 in its threads ends too, before its time is over
            raise _Enough

        for transfer in (
            lambda: store.put_file("videos/new.mp4", path, on_progress=break_off),
            lambda: store.local_copy(KEY, folder, break_off),
        ):
            s3_storage.faults.hang()
            with pytest.raises(_Enough):
                transfer()
        assert path.stat().st_size == len(self.CONTENT)
        assert s3_storage.keys() == [KEY]
        assert list(folder.iterdir()) == []

    def test_an_upload_that_is_ended_leaves_nothing_at_s3(self, s3_storage: Bucket, new_file: NewFile) -> None:
        path = new_file(self.CONTENT)

        def tell(count: int) -> None:
            # All of it, but the last answer, is on its way by now at the soonest.
            if s3_storage.faults.sent > 10 * 1024**2:
                raise _Enough

        with pytest.raises(_Enough):
            store.put_file(KEY, path, on_progress=tell)
        assert path.stat().st_size == len(self.CONTENT)
        assert s3_storage.unfinished() == []


class _Enough(Exception):
    pass


class TestMissing:
    def test_each_call_says_so(self, place: Place, tmp_path: Path) -> None:
        put_bytes("videos/there.mp4", CONTENT)
        folder = tmp_path / "job"
        folder.mkdir()
        for key in ("videos/none.mp4", "none", "videos", "videos/there.mp4/x"):
            assert not store.exists(key)
            for call in (
                lambda key=key: store.size(key), lambda key=key: list(store.read_chunks(key)),
                lambda key=key: list(store.read_chunks(key, 5, 6)), lambda key=key: store.local_copy(key, folder),
            ):  # fmt: skip
                with pytest.raises(FileNotFoundError):
                    call()
        assert list(folder.iterdir()) == []
        assert list(store.files("none/")) == []

    @pytest.mark.parametrize("key", ["../outside.mp4", "videos/../../outside.mp4", "/etc/hostname"])
    def test_no_key_leads_out(self, media: Path, tmp_path: Path, key: str) -> None:
        (tmp_path / "outside.mp4").write_bytes(CONTENT)
        for call in (store.size, lambda key: list(store.read_chunks(key)), lambda key: store.local_copy(key, tmp_path)):
            with pytest.raises(FileNotFoundError):
                call(key)
        store.delete(key)
        assert (tmp_path / "outside.mp4").read_bytes() == CONTENT


class TestDeleting:
    def test_it_is_gone_and_again_is_harmless(self, place: Place) -> None:
        put_bytes(KEY, CONTENT)
        put_bytes("videos/other.mp4", CONTENT)
        store.delete(KEY)
        store.delete(KEY)
        assert keys_of(place) == ["videos/other.mp4"]

    def test_a_folder_goes_with_all_below_it_and_nothing_beside(self, place: Place) -> None:
        for key in ("uploads/a/000001", "uploads/a/000002", "uploads/a/b/c", "uploads/ab/000001", "uploads/a.mp4"):
            put_bytes(key, CONTENT)
        assert store.delete_folder("uploads/a/") == 3
        assert keys_of(place) == ["uploads/a.mp4", "uploads/ab/000001"]
        assert store.delete_folder("uploads/a/") == 0

    def test_nobody_deletes_everything_by_mistake(self, place: Place) -> None:
        put_bytes(KEY, CONTENT)
        for prefix in ("", "/", "videos", "//"):
            with pytest.raises(AssertionError):
                store.delete_folder(prefix)
        assert keys_of(place) == [KEY]


class TestListing:
    def test_files_come_with_size_and_time(self, place: Place) -> None:
        before = datetime.now(UTC) - timedelta(seconds=2)
        for number in range(3):
            put_bytes(f"uploads/a/{number:06d}", b"x" * number)
        put_bytes("uploads/b/000000", CONTENT)
        found = sorted(store.files("uploads/a/"), key=lambda file: file.key)
        assert [(file.key, file.size) for file in found] == [(f"uploads/a/{n:06d}", n) for n in range(3)]
        for file in found:
            assert before <= file.modified <= datetime.now(UTC) + timedelta(seconds=2)
        assert len(list(store.files("uploads/"))) == 4

    @pytest.mark.services
    def test_more_than_a_page_of_s3_is_listed(self, s3_storage: Bucket) -> None:
        client = s3_storage.client()
        for number in range(1005):
            client.put_object(Bucket=s3_storage.name, Key=f"many/{number:04d}", Body=b"")
        assert len(list(store.files("many/"))) == 1005


@pytest.mark.services
class TestParts:
    """S3 alone: a file that comes in parts."""

    PART = store.MIN_PART_BYTES

    def test_parts_become_one_file(self, s3_storage: Bucket) -> None:
        content = [os.urandom(self.PART), os.urandom(self.PART + 1), b"the last may be short"]
        upload = store.begin_multipart(KEY)
        parts = [
            store.put_part(KEY, upload, number, io.BytesIO(body), len(body))
            for number, body in enumerate(content, start=1)
        ]
        assert s3_storage.keys() == []
        assert [part.size for part in parts] == [len(body) for body in content]
        store.finish_multipart(KEY, upload, parts)
        assert s3_storage.content(KEY) == b"".join(content)

    def test_a_part_sent_again_replaces_the_first(self, s3_storage: Bucket) -> None:
        upload = store.begin_multipart(KEY)
        for body in (b"torn", b"whole"):
            part = store.put_part(KEY, upload, 1, io.BytesIO(body), len(body))
        for _ in range(2):  # finishing twice is harmless
            store.finish_multipart(KEY, upload, [part])
        assert s3_storage.content(KEY) == b"whole"

    def test_files_of_the_store_become_parts_unread(self, s3_storage: Bucket) -> None:
        content = [os.urandom(self.PART), b"tail"]
        for number, body in enumerate(content):
            put_bytes(f"uploads/ü #+/{number:06d}", body)
        upload = store.begin_multipart(KEY)
        received = s3_storage.faults.received
        parts = [
            store.copy_part(KEY, upload, number + 1, f"uploads/ü #+/{number:06d}", len(body))
            for number, body in enumerate(content)
        ]
        store.finish_multipart(KEY, upload, parts)
        assert s3_storage.faults.received - received < 20_000
        assert s3_storage.content(KEY) == b"".join(content)

    def test_what_was_given_up_says_so(self, s3_storage: Bucket) -> None:
        upload = store.begin_multipart(KEY)
        parts = [store.put_part(KEY, upload, 1, io.BytesIO(b"all"), 3)]
        with pytest.raises(FileNotFoundError):
            store.copy_part(KEY, upload, 2, "uploads/none", 5)
        for _ in range(2):
            store.abort_multipart(KEY, upload)
        assert s3_storage.unfinished() == []
        with pytest.raises((store.StoreUnavailable, FileNotFoundError)):
            store.finish_multipart(KEY, upload, parts)


def test_threads_do_not_get_in_each_other_s_way(place: Place, new_file: NewFile) -> None:
    def work(number: int) -> bool:
        content, key = bytes([number]) * 200_000, f"uploads/t/{number:06d}"
        store.put_file(key, new_file(content, f"{number}.mp4"))
        return b"".join(store.read_chunks(key)) == content

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
    assert len(keys_of(place)) == 8


class TestFullDisk:
    def test_a_file_too_large_leaves_nothing_and_the_next_fits(self, small_disk: Path, new_file: NewFile) -> None:
        path = new_file(os.urandom(2 * 1024**2))
        with pytest.raises(store.StoreFull) as refused:
            store.put_file(KEY, path)
        assert refused.value.type.status == 503
        assert path.exists()
        assert keys_of(small_disk) == []
        store.put_file(KEY, new_file(CONTENT))
        assert content_of(small_disk, KEY) == CONTENT

    def test_from_another_file_system_it_is_copied_and_may_be_ended(self, small_disk: Path, new_file: NewFile) -> None:
        path = new_file(CONTENT)
        with pytest.raises(_Enough):
            store.put_file(KEY, path, on_progress=Mock(side_effect=_Enough))
        assert path.read_bytes() == CONTENT
        assert keys_of(small_disk) == []
        told: list[int] = []
        store.put_file(KEY, path, on_progress=told.append)
        assert sum(told) == len(CONTENT)
        assert content_of(small_disk, KEY) == CONTENT
        assert keys_of(small_disk) == [KEY]
        assert not path.exists()


@pytest.mark.parametrize(("error", "becomes"), [
    *((OSError(number, "no room"), store.StoreFull) for number in (errno.ENOSPC, errno.EDQUOT)),
    *((OSError(number, "sick"), store.StoreUnavailable) for number in (errno.EIO, errno.EROFS, errno.ESTALE)),
    (OSError(errno.ETIMEDOUT, "slow"), store.StoreUnavailable),
    (ZeroDivisionError(), ZeroDivisionError),  # a fault of ours stays one
], ids=repr)  # fmt: skip
def test_what_a_storage_raises_is_told_apart(error: Exception, becomes: type[Exception]) -> None:
    with pytest.raises(becomes), store.storage_errors():
        raise error


@pytest.mark.services
def test_all_threads_share_one_client(s3_storage: Bucket) -> None:
    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(lambda _: store._client(), range(8)))
    assert len({id(client) for client in clients}) == 1
    put_bytes("a", b"bytes")
    assert store.size("a") == 5
