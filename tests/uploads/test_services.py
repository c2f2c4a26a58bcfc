"""Uploads as rows: names, room, ends, and what the sweep does with those whose time is over."""

import os
import time
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from hypothesis import given
from hypothesis import strategies as st

from media_app.uploads import cleanup, quota, services
from media_app.uploads.models import Upload
from media_app.videos.models import Video
from media_app.videos.services import delete_video
from tests.support.factories import make_user, make_video
from tests.support.stored import files_in
from tests.uploads.conftest import begin, content_of, raises, sink_of, video_of
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

pytestmark = [pytest.mark.both, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]
SIZE = 20_000
VIDEO = video_of(SIZE)
WEEK = timedelta(days=8)


def write(upload: Upload, content: bytes) -> None:
    sink = sink_of(upload)
    sink.write(content)
    sink.sync()
    sink.close()
    sink.lock.release()


def arrived(owner: User, **fields: Any) -> Upload:
    """One whose bytes are all there."""
    upload = begin(owner, **fields)
    write(upload, VIDEO)
    return upload


def age(upload: Upload, by: timedelta = timedelta(seconds=1)) -> None:
    Upload.objects.filter(pk=upload.pk).update(expires_at=Now() - by)


class TestNames:
    @pytest.mark.parametrize(("name", "clean"), [
        ("a.mp4", "a.mp4"), ("../../etc/passwd", "passwd"), ("C:\\Users\\x\\a.mp4", "a.mp4"), ("", "unnamed"),
        ("a\0b.mp4", "ab.mp4"), ("a\r\nSet-Cookie: x.mp4", "aSet-Cookie: x.mp4"), ("...", "unnamed"),
        (" . ", "unnamed"), ("\u202egpj.mp4", "gpj.mp4"), ("\u05d0\u05d1.mp4", "\u05d0\u05d1.mp4"),
        ("é.mp4", "é.mp4"), ("dir/", "unnamed"),
        ("x" * 300 + ".mp4", "x" * 251 + ".mp4"), ("x" * 300, "x" * 255), ("a." + "x" * 300, "a." + "x" * 253),
    ])  # fmt: skip
    def test_a_name_is_for_people_to_read(self, name: str, clean: str) -> None:
        assert services.clean_name(name) == clean

    @given(st.text(max_size=600))
    def test_whatever_comes(self, name: str) -> None:
        clean = services.clean_name(name)
        assert 0 < len(clean) <= 255
        assert not set("/\\\0\r\n") & set(clean)
        clean.encode()


class TestRoom:
    def test_what_is_on_its_way_and_what_is_stored_count_together(self, owner: User) -> None:
        begin(owner, size=1000)
        make_video(owner, source="stored", file_size=500)
        arrived(owner)
        assert services.complete(Upload.objects.get(size=SIZE)).status == "completed"
        assert quota.storage_bytes(owner.pk) == 1000 + 500 + SIZE
        assert quota.finished_bytes(owner.pk) == 500 + SIZE

    def test_what_has_ended_gives_its_room_back(self, owner: User, other: User) -> None:
        begin(other, size=1000)
        for end in (services.cancel, lambda upload: services.fail(upload, DomainError("not_a_video"))):
            end(begin(owner, size=1000))
            assert quota.storage_bytes(owner.pk) == 0

    def test_uploads_of_today(self, owner: User) -> None:
        begin(owner)
        begin(owner, is_partial=True)
        old = begin(owner)
        Upload.objects.filter(pk=old.pk).update(created_at=Now() - timedelta(days=1))
        assert services.uploads_today(owner.pk) == 1


class TestEnds:
    def test_completed_it_becomes_a_video_once(self, owner: User, media: Path) -> None:
        upload = begin(owner)
        write(upload, VIDEO[:-1])
        with raises("upload_unfinished"):
            services.complete(upload)
        write(Upload.objects.get(), VIDEO[-1:])
        first, second = services.complete(upload), services.complete(upload)
        assert (first.resource_id, first.taken_up) == (second.resource_id, True)
        assert Video.objects.get().location == first.key
        assert content_of(media, first) == VIDEO

    @pytest.mark.parametrize("end", ["completed", "failed", "expired"])
    def test_what_has_ended_is_not_given_up(self, owner: User, end: str) -> None:
        upload = arrived(owner)
        if end == "completed":
            services.complete(upload)
        elif end == "failed":
            services.fail(upload, DomainError("not_a_video"))
        else:
            age(upload)
            Upload.objects.update(offset=0)
            cleanup.expire_uploads()
        upload.refresh_from_db()
        with raises("upload_expired" if end == "expired" else "upload_finished"):
            services.cancel(upload)


class TestExpiry:
    def test_what_is_over_ends_and_its_bytes_go(self, owner: User, media: Path) -> None:
        live, over = begin(owner), begin(owner)
        for upload in (live, over):
            write(upload, VIDEO[:100])
        age(over)
        assert cleanup.expire_uploads() == 1
        over.refresh_from_db()
        assert over.status == "expired"
        assert files_in(media) == [live.key]
        assert cleanup.expire_uploads() == 0

    def test_what_came_whole_is_completed_instead(self, owner: User) -> None:
        arrived(owner)
        cleanup.expire_uploads()
        assert Upload.objects.get().status == "completed"
        assert Video.objects.count() == 1

    def test_a_form_that_nobody_reads_any_more_goes_after_an_hour(self, owner: User, media: Path) -> None:
        left, present = (begin(owner, "multipart") for _ in range(2))
        write(left, VIDEO[:100])
        Upload.objects.filter(pk=left.pk).update(updated_at=Now() - timedelta(hours=2))
        assert cleanup.expire_uploads() == 1
        present.refresh_from_db()
        assert (present.status, files_in(media)) == ("initiated", [])

    def test_whoever_makes_many_keeps_it_from_nobody(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cleanup, "BATCH", 2)
        first = begin(owner)
        age(first, timedelta(hours=1))
        for _ in range(5):
            age(begin(make_user()))
        monkeypatch.setattr(cleanup, "MAX_BATCHES", 1)
        assert cleanup.expire_uploads() == 2
        first.refresh_from_db()
        assert first.status == "expired"
        monkeypatch.setattr(cleanup, "MAX_BATCHES", 50)
        assert cleanup.expire_uploads() == 4

    def test_what_is_over_takes_no_room_while_the_sweep_has_not_come(self, owner: User, settings: Any) -> None:
        settings.UPLOADS_AT_ONCE = 1
        age(begin(owner))
        assert quota.storage_bytes(owner.pk) == 0
        begin(owner)
        with raises("upload_limit"):
            begin(owner)

    def test_partial_uploads_that_are_not_joined_count_as_unfinished(self, owner: User, settings: Any) -> None:
        settings.UPLOADS_AT_ONCE = 1
        part = services.complete(begin(owner, size=0, is_partial=True))
        with raises("upload_limit"):
            begin(owner, size=0, is_partial=True)
        services.cancel(part)
        begin(owner)

    def test_a_cancelled_upload_keeps_no_metadata(self, owner: User) -> None:
        upload = begin(owner, metadata={"title": "x"}, header="note " + "eA==" * 4000)
        assert upload.metadata["header"]
        services.cancel(upload)
        upload.refresh_from_db()
        assert upload.metadata == {}

    def test_a_row_that_its_job_may_need_again_stays_as_long_as_the_job(self, owner: User, settings: Any) -> None:
        settings.JOB_RETENTION_DAYS = 30
        upload = begin(owner)
        values = {"status": "completed", "taken_up": True, "multipart_id": "on S3"}
        Upload.objects.filter(pk=upload.pk).update(**values, expires_at=Now() - timedelta(days=36))
        cleanup.expire_uploads()
        assert Upload.objects.exists()
        Upload.objects.filter(pk=upload.pk).update(expires_at=Now() - timedelta(days=38))
        cleanup.expire_uploads()
        assert not Upload.objects.exists()

    def test_tombstones_go_after_a_week(self, owner: User) -> None:
        over, finished = begin(owner), arrived(owner)
        services.complete(finished)
        age(over)
        cleanup.expire_uploads()
        assert Upload.objects.count() == 2
        for upload in (over, finished):
            age(upload, WEEK)
        cleanup.expire_uploads()
        assert Upload.objects.count() == 0
        assert Video.objects.count() == 1

    def test_pieces_that_wait_to_be_joined_are_kept(self, owner: User, media: Path) -> None:
        parts = [arrived(owner, is_partial=True) for _ in range(2)]
        for part in parts:
            services.complete(part)
        whole = services.concatenate(owner, [part.pk for part in parts], purpose="library", filename="a.mp4")
        for upload in Upload.objects.all():
            age(upload, WEEK)
        assert cleanup.expire_uploads() == 0
        assert (Upload.objects.count(), len(files_in(media))) == (3, 2)
        services.drop_pieces(whole)
        cleanup.expire_uploads()
        assert (Upload.objects.count(), files_in(media)) == (0, [])

    def test_those_of_a_video_that_is_deleted_before_are_forgotten(self, owner: User, media: Path) -> None:
        part = arrived(owner, is_partial=True)
        services.complete(part)
        whole = services.concatenate(owner, [part.pk], purpose="library", filename="a.mp4")
        delete_video(Video.objects.get(pk=whole.resource_id), owner)
        assert files_in(media) == []
        services.delete_uploads_of(uuid.uuid4())

    def test_what_a_killed_process_left_on_its_way_to_s3_goes(self, settings: Any, tmp_path: Path) -> None:
        settings.DATA_DIR = tmp_path
        folder = quota.scratch_folder()
        old, new = folder / "old", folder / "new"
        for path in (old, new):
            path.write_bytes(b"x")
        os.utime(old, (time.time() - 7200,) * 2)
        cleanup.sweep_scratch()
        assert [path.name for path in folder.iterdir()] == ["new"]


def test_few_uploads_of_an_owner_are_looked_at_at_once(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_LOOKED_AT", 1)
    with services._limit_inspections(owner.pk), raises("upload_locked"), services._limit_inspections(owner.pk):
        pass
    with services._limit_inspections(uuid.uuid4()), services._limit_inspections(owner.pk):
        assert len(services._looking) == 2
    assert not services._looking
