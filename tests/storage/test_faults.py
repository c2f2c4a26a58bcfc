"""S3 that is ill: every call says so in bounded time, nothing half is left to be taken for whole, and it heals."""

import io
import os
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from django.db import connection

from media_app.storage import files as store
from tests.support.s3 import Bucket, storage_of
from vodplatform.core.files import storage
from vodplatform.core.processes.child_pool import caller_gone

KEY = "videos/5f0c/match.mp4"
CONTENT = b"0123456789" * 100

# One attempt of the impatient store, and what two of them with their pauses may take; seconds.
ATTEMPT_SECONDS = 0.5
LONGEST_SECONDS = 15.0
MIB = 1024**2


@pytest.fixture
def bucket(s3: Bucket, settings: Any) -> Bucket:
    """A bucket with one file; the store that it is waits half a second where the settings' own waits ten."""
    storage = storage_of(s3.environment, connect_timeout=ATTEMPT_SECONDS, read_timeout=ATTEMPT_SECONDS)
    settings.STORAGES = {**settings.STORAGES, "default": storage}
    s3.client().put_object(Bucket=s3.name, Key=KEY, Body=CONTENT)
    return s3


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A file to be stored; larger than what is sent in one piece."""
    path = tmp_path / "made.mp4"
    path.write_bytes(os.urandom(20 * MIB))
    return path


pytestmark = pytest.mark.services
CALLS: dict[str, Callable[[Path], object]] = {
    "size": lambda folder: store.size(KEY), "exists": lambda folder: store.exists(KEY),
    "read": lambda folder: list(store.read_chunks(KEY)), "local copy": lambda folder: store.local_copy(KEY, folder),
    "put stream": lambda folder: store.put_stream("new", io.BytesIO(CONTENT)),
    "delete": lambda folder: store.delete(KEY), "delete folder": lambda folder: store.delete_folder("videos/"),
    "list": lambda folder: list(store.files("videos/")), "begin parts": lambda folder: store.begin_multipart("new"),
    "put part": lambda folder: store.put_part("new", "some-upload", 1, io.BytesIO(CONTENT), len(CONTENT)),
    "copy part": lambda folder: store.copy_part("new", "some-upload", 1, KEY, len(CONTENT)),
    "finish parts": lambda folder: store.finish_multipart("new", "some-upload", [store.Part(1, "etag", 5)]),
    "abort parts": lambda folder: store.abort_multipart("new", "some-upload"),
}  # fmt: skip
FAULTS: dict[str, Callable[[Bucket], None]] = {
    "503": lambda bucket: bucket.faults.answer_503(), "hang": lambda bucket: bucket.faults.hang(),
    "cut": lambda bucket: bucket.faults.cut(), "refused": lambda bucket: bucket.faults.refuse(),
}  # fmt: skip


# Each call once, and each fault at a call that reads and at one that writes; `make test-all` has all of both.
SOME = {*((call, "cut") for call in CALLS), *((call, fault) for call in ("size", "put part") for fault in FAULTS)}
CASES = [
    pytest.param(call, fault, marks=[] if (call, fault) in SOME else [pytest.mark.exhaustive])
    for call in CALLS
    for fault in FAULTS
]


@pytest.mark.parametrize(("call", "fault"), CASES)
def test_every_call_says_that_the_store_is_unavailable(bucket: Bucket, tmp_path: Path, call: str, fault: str) -> None:
    assert store.size(KEY) == len(CONTENT)  # there is a connection already: that one breaks, too
    FAULTS[fault](bucket)
    counted = storage.failures.labels("unavailable")._value.get()
    begun = time.monotonic()
    with pytest.raises(store.StoreUnavailable) as refused:
        CALLS[call](tmp_path)
    assert time.monotonic() - begun < LONGEST_SECONDS
    assert storage.failures.labels("unavailable")._value.get() > counted
    assert refused.value.type.status == 503
    assert bucket.name not in refused.value.message
    assert bucket.keys() == [KEY]


@pytest.mark.parametrize("fault", ["503", "hang", "cut"])
def test_it_heals_by_itself(bucket: Bucket, fault: str) -> None:
    FAULTS[fault](bucket)
    with pytest.raises(store.StoreUnavailable):
        store.size(KEY)
    bucket.faults.heal()
    begun = time.monotonic()
    while time.monotonic() - begun < 2 * storage.SILENT_SECONDS:
        with suppress(store.StoreUnavailable):
            assert b"".join(store.read_chunks(KEY)) == CONTENT
            return
    pytest.fail("it does not heal")


def test_after_one_that_got_no_answer_nothing_else_waits(bucket: Bucket, made: Path) -> None:
    """What tidies up behind a request would wait as long as the request did."""
    bucket.faults.hang()
    with pytest.raises(store.StoreUnavailable):
        store.begin_multipart("new")
    asked = len(bucket.faults.requests)
    for call in (
        lambda: store.delete_folder("videos/"), lambda: store.delete(KEY), lambda: store.put_file("new", made),
    ):  # fmt: skip
        with pytest.raises(store.StoreUnavailable):
            call()
    assert len(bucket.faults.requests) == asked


@pytest.mark.parametrize("fault", ["answer_503", "hang", "cut"])
def test_one_failure_is_not_noticed(bucket: Bucket, fault: str) -> None:
    assert store.size(KEY) == len(CONTENT)
    getattr(bucket.faults, fault)(times=1)
    assert b"".join(store.read_chunks(KEY)) == CONTENT
    assert bucket.faults.struck == 1


class TestInTheMiddle:
    @pytest.mark.parametrize("fault", ["hang", "cut"])
    def test_a_read_that_breaks_off_is_not_an_end(self, bucket: Bucket, fault: str) -> None:
        bucket.client().put_object(Bucket=bucket.name, Key="large", Body=os.urandom(8 * MIB))
        reading = store.read_chunks("large")
        got = len(next(reading))
        FAULTS[fault](bucket)
        begun = time.monotonic()
        with pytest.raises(store.StoreUnavailable):
            got += sum(map(len, reading))
        assert got < 8 * MIB
        assert time.monotonic() - begun < LONGEST_SECONDS

    @pytest.mark.parametrize("fault", ["hang", "cut"])
    def test_a_copy_for_a_job_is_whole_or_not_there(self, bucket: Bucket, tmp_path: Path, fault: str) -> None:
        folder = tmp_path / "job"
        folder.mkdir()
        bucket.client().put_object(Bucket=bucket.name, Key="large", Body=os.urandom(20 * MIB))
        bucket.faults.cut(after_bytes=2 * MIB) if fault == "cut" else FAULTS[fault](bucket)
        with pytest.raises(store.StoreUnavailable):
            store.local_copy("large", folder)
        assert list(folder.iterdir()) == []

    @pytest.mark.parametrize("fault", ["503", "cut"])
    def test_a_file_that_cannot_be_sent_stays_where_it_is(self, bucket: Bucket, made: Path, fault: str) -> None:
        bucket.faults.cut(after_bytes=10 * MIB) if fault == "cut" else FAULTS[fault](bucket)
        with pytest.raises(store.StoreUnavailable):
            store.put_file("videos/new.mp4", made)
        assert made.stat().st_size == 20 * MIB
        assert bucket.keys() == [KEY]


def test_a_bucket_that_is_not_there_is_a_fault_and_no_empty_library(bucket: Bucket, settings: Any) -> None:
    environment = {**bucket.environment, "AWS_STORAGE_BUCKET_NAME": "nobodys-bucket"}
    settings.STORAGES = {**settings.STORAGES, "default": storage_of(environment)}
    with pytest.raises(store.StoreUnavailable):
        list(store.files("videos/"))
    with pytest.raises(store.StoreUnavailable):
        store.put_stream("new", io.BytesIO(CONTENT))


@pytest.mark.parametrize(("status", "code", "is_gone"), [
    # Swift says NoSuchKey of a multipart upload that was finished.
    *((404, code, True) for code in ("NoSuchUpload", "NoSuchKey", "404", "NotFound", "NoSuchVersion")),
    (404, "NoSuchBucket", False), (403, "AccessDenied", False), (500, "InternalError", False),
])  # fmt: skip
def test_what_is_gone(bucket: Bucket, status: int, code: str, is_gone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is gone counts as given up or deleted."""
    error = ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "any")
    client = Mock(abort_multipart_upload=Mock(side_effect=error), delete_object=Mock(side_effect=error))
    monkeypatch.setattr(store, "_client", lambda: client)
    for call in (lambda: store.abort_multipart(KEY, "some-upload"), lambda: store.delete(KEY)):
        with nullcontext() if is_gone else pytest.raises(store.StoreUnavailable):
            call()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_request_that_waits_for_the_store_keeps_no_connection_to_the_database(bucket: Bucket) -> None:
    connection.ensure_connection()
    assert store.stat(KEY) and connection.connection is not None
    token = caller_gone.set(threading.Event())  # as the web server does
    try:
        assert store.stat(KEY) and connection.connection is None
    finally:
        caller_gone.reset(token)
