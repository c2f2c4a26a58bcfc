"""What does not fit together between rows and the store is found, nothing else is, and it is mended."""

import os
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models.functions import Now

from jobs_app.models import Job, JobStatus
from media_app.catalogue import realtime
from media_app.storage import files as store
from media_app.uploads.models import Upload, UploadProtocol, UploadStatus
from media_app.videos import consistency, services
from media_app.videos.models import Rendition, Video, VideoScope, VideoSource, VideoStatus
from tests.conftest import Library
from tests.support.factories import lease_of, make_job, make_rendition, make_video
from tests.support.s3 import Bucket
from tests.support.stored import put_bytes
from vodplatform.accounts.models import User
from vodplatform.core.models import AuditEntry

pytestmark = [pytest.mark.both, pytest.mark.django_db]
TWO_HOURS = 7200


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The store in both of its forms. On S3 nobody can make a file older: there the hour is none."""
    if request.param == "s3":
        monkeypatch.setattr(consistency, "GRACE", timedelta(seconds=-5))
        return request.getfixturevalue("s3_storage")
    return request.getfixturevalue("media")


@pytest.fixture
def put(place: Any) -> Callable[[str], str]:
    def make(key: str, age: float = TWO_HOURS) -> str:
        put_bytes(key, b"0123456789")
        if isinstance(place, Path):
            os.utime(place / key, (time.time() - age,) * 2)
        return key

    return make


def make_stored(owner: User, put: Callable[[str], str] | None = None, **fields: Any) -> Video:
    """A video of the store; its file is there when ``put`` is given."""
    video_id = uuid.uuid4()
    values = {"id": video_id, "source": VideoSource.STORED, "location": f"videos/{video_id}/a.mp4", **fields}
    video = make_video(owner, **values)
    if put:
        put(video.location)
    return video


def make_upload(owner: User, status: str, *, front: str = UploadProtocol.TUS, **fields: Any) -> Upload:
    chunked = {"chunk_size": 10} if front == UploadProtocol.CHUNKS else {}
    return Upload.objects.create(
        owner=owner, front=front, purpose="library", filename="a.mp4", size=100, status=status,
        expires_at=Now() + timedelta(hours=1), **chunked, **fields,
    )  # fmt: skip


def keys(found: consistency.Leftovers) -> set[str]:
    return {file.key for file in found.files}


class TestLostVideos:
    def test_one_whose_file_is_gone_fails_with_a_reason_until_it_is_back(self, owner: User, put: Any) -> None:
        make_stored(owner, put)
        assert consistency.mark_lost() == ([], [])
        lost = make_stored(owner)
        assert consistency.lost_videos() == [lost]
        assert consistency.mark_lost() == ([lost], [])
        lost.refresh_from_db()
        told = (lost.status, lost.error_type, lost.error_message)
        assert told == ("failed", "vod_file_not_found", "The file no longer exists.")
        assert AuditEntry.objects.filter(action="video.lost", target_id=str(lost.pk)).exists()
        assert consistency.lost_videos() == []
        put(lost.location)
        assert consistency.mark_lost() == ([], [lost])
        lost.refresh_from_db()
        assert (lost.status, lost.error_type, lost.error_message) == ("ready", "", "")

    def test_one_that_was_replaced_is_not_lost(self, owner: User, put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        make_stored(owner, put)
        video, look = make_stored(owner), consistency._is_there

        def replaced(row: Video) -> bool | None:
            Video.objects.filter(pk=video.pk).update(location=put(f"videos/{video.pk}/b.mp4"))
            return look(row)

        monkeypatch.setattr(consistency, "_is_there", replaced)
        assert consistency.mark_lost() == ([], [])
        video.refresh_from_db()
        assert video.status == "ready"

    def test_catalogue_watchers_are_told(self, moderator: User, put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        told: list[dict[str, Any]] = []
        monkeypatch.setattr(realtime, "publish_on_commit", lambda groups, message: told.append(message))
        make_stored(moderator, put)
        lost = make_stored(moderator, place=VideoScope.CATALOGUE)
        consistency.mark_lost()
        assert [message["event"] for message in told] == ["DELETE", "UPDATE", "UPDATE"]
        told.clear()
        put(lost.location)
        consistency.mark_lost()
        assert [message["event"] for message in told] == ["INSERT", "UPDATE", "UPDATE"]

    @pytest.mark.parametrize("status", [VideoStatus.UPLOADING, VideoStatus.PROCESSING, VideoStatus.FAILED])
    def test_one_that_was_never_ready_is_its_job_s_matter(self, owner: User, place: Any, status: str) -> None:
        make_stored(owner, status=status)
        assert consistency.lost_videos() == []

    def test_another_failure_is_not_healed(self, owner: User, put: Any) -> None:
        video = make_stored(owner, put, status=VideoStatus.FAILED, error_type="malware_found")
        consistency.mark_lost()
        video.refresh_from_db()
        assert video.status == "failed"

    def test_an_empty_store_is_not_believed(self, owner: User, place: Any) -> None:
        video = make_stored(owner)
        with pytest.raises(consistency.WrongInstallation):
            consistency.mark_lost()
        video.refresh_from_db()
        assert video.status == "ready"

    def test_a_store_that_is_away_is_not_believed(self, owner: User, s3_storage: Bucket) -> None:
        video = make_stored(owner)
        s3_storage.faults.answer_503()
        looks = (consistency.lost_videos, consistency.mark_lost, consistency.leftovers, consistency.lost_renditions)
        for look in looks:
            with pytest.raises(store.StoreUnavailable):
                look()
        video.refresh_from_db()
        assert video.status == "ready"


class TestLostReferences:
    def reference(self, owner: User, path: Path) -> Video:
        return make_video(owner, location=str(path))

    def test_one_on_a_disk_that_is_not_mounted_is_named_and_not_marked(self, owner: User, library: Library) -> None:
        video = self.reference(owner, library.crew / "plain.mp4")
        for path in library.crew.iterdir():
            path.unlink()
        assert consistency.lost_videos() == [video]
        assert consistency.mark_lost() == ([], [])
        library.crew.rmdir()
        assert consistency.mark_lost() == ([], [])

    def test_a_disk_that_gives_an_error_lost_nothing(self, owner: User, library: Library, settings: Any) -> None:
        """A name that is too long stands for a disk that has gone away: asking for it is an error, not a no."""
        gone = self.reference(owner, library.crew / "none.mp4")
        unknown = self.reference(owner, library.crew / f"{'x' * 300}.mp4")
        settings.LIBRARY_ROOTS = [*settings.LIBRARY_ROOTS, (library.crew / ("y" * 300), frozenset())]
        assert consistency.lost_videos() == [gone]
        assert not consistency.has_content(library.crew / ("y" * 300))
        Video.objects.filter(pk=unknown.pk).update(status=VideoStatus.FAILED, error_type=consistency.GONE)
        assert consistency.mark_lost() == ([gone], [])

    def test_owners_take_no_more_queries(self, owner: User, library: Library, django_assert_num_queries: Any) -> None:
        gone = [self.reference(owner, library.crew / f"none-{number}.mp4") for number in range(5)]
        self.reference(owner, library.staff / "plain.mp4")  # a file that the owner may no longer use is not lost
        with django_assert_num_queries(1):
            assert {video.pk for video in consistency.lost_videos()} == {video.pk for video in gone}
        assert {video.pk for video in consistency.mark_lost()[0]} == {video.pk for video in gone}


class TestLostRenditions:
    def test_one_is_shown_no_more_and_made_again(self, owner: User, put: Any) -> None:
        video = make_stored(owner, put)
        kept, lost = make_rendition(video, "poster"), make_rendition(video, "hls", "720")
        put(kept.key_of("image"))
        assert consistency.lost_renditions() == [lost]
        assert consistency.mark_lost_renditions() == ([lost], [])
        assert consistency.mark_lost_renditions() == ([], [])
        assert list(video.renditions.all()) == [kept]
        job = Job.objects.get()
        assert (job.kind, job.owner) == ("render", owner)
        assert job.params == {"video_id": str(video.pk), "tasks": [{"do": "hls", "rung": 720}]}

    @pytest.mark.parametrize(
        ("kind", "name", "task"),
        [("poster", "", {"do": "poster"}), ("hls", "source", {"do": "hls", "rung": "source"}), ("proxy", "", None)],
    )
    def test_each_by_name_those_on_demand_wait(self, owner: User, put: Any, kind: str, name: str, task: Any) -> None:
        make_rendition(make_stored(owner, put), kind, name)
        consistency.mark_lost_renditions()
        assert not Rendition.objects.exists()
        assert [job.params["tasks"] for job in Job.objects.all()] == ([[task]] if task else [])

    def test_one_whose_files_are_back_is_shown_again_and_its_files_stay_meanwhile(self, owner: User, put: Any) -> None:
        video = make_stored(owner, put)
        lost = make_rendition(video, "proxy")
        consistency.mark_lost_renditions()
        put(lost.key_of("video"))
        assert not consistency.leftovers()
        assert services.sweep_renditions() == 0
        assert consistency.mark_lost_renditions() == ([], [lost])
        assert list(video.renditions.all()) == [lost]

    def test_a_new_one_replaces_the_lost_one(self, owner: User, put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        lost = make_rendition(make_stored(owner, put), "poster")
        look = consistency._renditions

        def made_meanwhile() -> Any:
            found = look()
            Rendition.objects.filter(pk=lost.pk).update(folder="renditions/x/y/poster/")
            return found

        monkeypatch.setattr(consistency, "_renditions", made_meanwhile)
        assert consistency.mark_lost_renditions() == ([], [])
        assert Rendition.objects.get() == lost


class TestManyLost:
    def test_it_says_how_many_are_out_of_sight(self, owner: User, put: Any) -> None:
        for number in range(4):
            video = make_stored(owner, put if number < 2 else None)
            make_rendition(video, "poster")
        assert consistency.describe_mass_loss() == "2 of 4 videos and 4 of 4 renditions"

    def test_a_few_are_not_many(self, owner: User, put: Any) -> None:
        make_stored(owner)
        assert consistency.describe_mass_loss() == ""
        for _ in range(19):
            make_stored(owner, put)
        make_stored(owner)
        assert consistency.describe_mass_loss() == ""


class TestLeftovers:
    def test_what_a_row_names_stays(self, owner: User, put: Any) -> None:
        video = make_stored(owner, put)
        put(make_rendition(video, "poster").key_of("image"))
        put("jobs/somebody/else/s.jpg")
        assert not consistency.leftovers()
        assert not consistency.remove_leftovers()

    def test_what_nothing_names_goes(self, owner: User, put: Any, place: Any) -> None:
        kept = make_stored(owner, put).location
        nobodys = {
            put(f"videos/{uuid.uuid4()}/a.mp4"), put("videos/strange"), put(f"videos/{uuid.uuid4()}/.a.mp4.part"),
            put(f"uploads/{uuid.uuid4()}/000001"), put(f"renditions/{uuid.uuid4()}/{uuid.uuid4().hex}/poster/p.jpg"),
            put("renditions/odd"), put(kept.replace("a.mp4", "attempt.mp4")),
        }  # fmt: skip
        assert keys(consistency.leftovers()) == nobodys
        assert keys(consistency.remove_leftovers()) == nobodys
        assert not consistency.leftovers()
        assert [file.key for file in store.files("videos/")] == [kept]

    @pytest.mark.parametrize("place", ["local"], indirect=True)
    def test_what_was_written_to_within_the_hour_stays(self, owner: User, put: Any) -> None:
        put("videos/x/young.mp4", age=3500)
        put("videos/x/old.mp4", age=3700)
        assert keys(consistency.leftovers()) == {"videos/x/old.mp4"}

    @pytest.mark.parametrize("status", [UploadStatus.INITIATED, UploadStatus.UPLOADING, UploadStatus.COMPLETED])
    def test_what_an_upload_has_sent_so_far_stays(self, owner: User, put: Any, status: str) -> None:
        chunked = make_upload(owner, status, front=UploadProtocol.CHUNKS)
        put(f"uploads/{chunked.pk}/000001")
        whole = make_upload(owner, status, key=f"videos/{uuid.uuid4()}/a.mp4")
        put(whole.key)
        put(f"uploads/{whole.pk}/tail-10")
        assert not consistency.leftovers()

    @pytest.mark.parametrize("status", [UploadStatus.FAILED, UploadStatus.CANCELLED, UploadStatus.EXPIRED])
    def test_what_is_left_of_one_that_ended_goes(self, owner: User, put: Any, status: str) -> None:
        ended = make_upload(owner, status, key=f"videos/{uuid.uuid4()}/a.mp4")
        assert keys(consistency.leftovers()) == set()
        left = {put(ended.key), put(f"uploads/{ended.pk}/000001")}
        assert keys(consistency.leftovers()) == left

    def test_what_is_made_of_a_video_at_work_stays(self, owner: User, put: Any) -> None:
        taken_in = make_stored(owner, status=VideoStatus.PROCESSING, location="uploads/x/")
        put(f"videos/{taken_in.pk}/joined.mp4")
        again = make_stored(owner, put, job=make_job(owner, JobStatus.PROCESSING, kind="ingest"))
        put(f"videos/{again.pk}/joined.mp4")
        assert not consistency.leftovers()

    def test_what_a_running_attempt_makes_stays_until_its_lease_is_over(self, owner: User, put: Any) -> None:
        video = make_stored(owner, put)
        job = make_job(owner, JobStatus.PROCESSING, kind="render")
        key = put(f"renditions/{video.pk}/{lease_of(job).token.hex}/sprite/sprite.jpg")
        assert not consistency.leftovers()
        Job.objects.filter(pk=job.pk).update(lease_token=uuid.uuid4())
        assert keys(consistency.leftovers()) == {key}

    def test_what_stands_beside_a_rendition_that_is_kept_goes(self, owner: User, put: Any) -> None:
        rendition = make_rendition(make_stored(owner, put), "poster")
        put(rendition.key_of("image"))
        left = put(rendition.folder.replace("/poster/", "/dub/") + "dub.mp4")
        assert keys(consistency.leftovers()) == {left}

    def test_a_database_that_knows_nothing_deletes_nothing(self, owner: User, put: Any) -> None:
        key = put("videos/x/a.mp4")
        with pytest.raises(consistency.WrongInstallation):
            consistency.remove_leftovers()
        assert store.exists(key)


class TestUnfinishedOnS3:
    @pytest.fixture(autouse=True)
    def _no_grace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(consistency, "GRACE", timedelta(seconds=-5))

    @pytest.mark.parametrize("is_hourly", [True, False])
    def test_parts_that_nobody_knows_are_given_up(self, owner: User, s3_storage: Bucket, is_hourly: bool) -> None:
        put_bytes(make_stored(owner).location, b"x")
        mine = make_upload(owner, UploadStatus.UPLOADING, key="videos/a/a.mp4")
        mine.multipart_id = store.begin_multipart(mine.key)
        mine.save()
        busy = make_stored(owner, status=VideoStatus.PROCESSING)
        kept = {mine.key, f"videos/{busy.pk}/joined.mp4", "somebody-elses/a.mp4"}
        for key in (f"videos/{busy.pk}/joined.mp4", "somebody-elses/a.mp4", "videos/nobodys/a.mp4"):
            store.begin_multipart(key)
        assert [item.key for item in consistency.leftovers().unfinished] == ["videos/nobodys/a.mp4"]
        if is_hourly:
            call_command("expire")
        else:
            consistency.remove_leftovers()
        assert set(s3_storage.unfinished()) == kept

    def test_a_database_that_knows_nothing_gives_none_up(self, owner: User, s3_storage: Bucket) -> None:
        store.begin_multipart("videos/nobodys/a.mp4")
        with pytest.raises(consistency.WrongInstallation):
            consistency.abort_unfinished()
        call_command("expire")
        assert s3_storage.unfinished() == ["videos/nobodys/a.mp4"]

    @pytest.mark.parametrize("place", ["renditions/{video}/{token}/hls-720/media.mp4", "jobs/{job}/{token}/cut.mp4"])
    def test_those_of_a_running_attempt_are_left_alone(self, owner: User, s3_storage: Bucket, place: str) -> None:
        video = make_stored(owner)
        put_bytes(video.location, b"x")
        job = make_job(owner, JobStatus.PROCESSING, kind="render")
        token = lease_of(job).token.hex
        key = place.format(video=video.pk, job=job.pk, token=token)
        store.begin_multipart(key)
        assert consistency.abort_unfinished() == 0
        assert not consistency.leftovers()
        Job.objects.filter(pk=job.pk).update(lease_token=uuid.uuid4())
        assert consistency.abort_unfinished() == 1
        assert s3_storage.unfinished() == []

    def test_young_ones_are_left_alone(self, owner: User, s3_storage: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        # This server says of each that it was begun in 2010.
        monkeypatch.setattr(consistency, "GRACE", timedelta(days=36_500))
        store.begin_multipart("videos/nobodys/a.mp4")
        assert not consistency.leftovers()
