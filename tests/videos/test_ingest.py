"""Taking an uploaded file in: from its bytes to a video that plays, with pictures; and how that can fail."""

import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import F

from jobs_app import leases
from jobs_app import services as jobs
from jobs_app.models import Job, JobStatus
from jobs_app.runner import run_queue
from media_app.storage import files as store
from media_app.uploads import quota, scan
from media_app.uploads import services as uploads
from media_app.uploads.models import Upload
from media_app.videos import ingest, rendition_quota, services, upload_handlers, work_limit
from media_app.videos.models import Rendition, Video
from tests.support.clamav import FILE_BYTES, Clamd
from tests.support.clips import render_clip
from tests.support.s3 import Bucket
from tests.uploads.conftest import opened
from tests.videos.sending import again, job_of, upload_in_chunks
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lease_keeper"), pytest.mark.full]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds, H.264 and AAC."""
    return render_clip(tmp_path_factory.mktemp("clips") / "match.mp4", seconds=6.0)


@pytest.fixture
def take(owner: User, tmp_path: Path) -> Callable[..., Video]:
    def run(path: Path, filename: str = "match.mp4") -> Video:
        copy = tmp_path / uuid.uuid4().hex
        shutil.copyfile(path, copy)
        video = upload_handlers.import_file(owner, copy, filename=filename)
        run_queue("ingest")
        return again(video)

    return run


def test_it_plays_and_has_pictures(take: Callable[..., Video], clip: Path) -> None:
    video = take(clip)
    assert (video.state, job_of(video).status) == ("ready", "completed"), job_of(video).error
    assert (video.title, video.mime_type, video.codec) == ("match", "video/mp4", "h264")
    assert (video.width, video.height, video.fps) == (320, 180, 30)
    assert video.duration == pytest.approx(6.0, abs=0.1)
    assert video.sha256 == hashlib.sha256(clip.read_bytes()).hexdigest()
    made = {(rendition.kind, rendition.name) for rendition in video.renditions.all()}
    assert made == {("poster", ""), ("sprite", ""), ("peaks", ""), ("hls", "source")}
    for rendition in video.renditions.all():
        assert rendition.folder.startswith(f"renditions/{video.pk}/")
        assert all(default_storage.exists(rendition.key_of(role)) for role in rendition.files)
    assert not Job.objects.filter(kind="render").exists()  # nothing is smaller than 180 lines


def test_smaller_sizes_have_less_priority(owner: User, take: Callable[..., Video], clip: Path, settings: Any) -> None:
    settings.HLS_RUNGS = [720, 120]
    video = take(clip)
    job = Job.objects.get(kind="render")
    assert (job.status, job.params["tasks"], job.priority) == ("queued", [{"do": "hls", "rung": 120}], -10)
    run_queue("render")
    rungs = {rendition.name: rendition.height for rendition in video.renditions.filter(kind="hls")}
    assert rungs == {"source": 180, "120": 120}


def test_one_that_browsers_cannot_play_gets_a_full_size_rendition(take: Callable[..., Video], tmp_path: Path) -> None:
    video = take(render_clip(tmp_path / "old.avi", codec="mpeg4", seconds=2.0, sound=False), "old.avi")
    assert (video.state, video.mime_type) == ("ready", "video/x-msvideo")
    run_queue("render")
    assert [rung.name for rung in video.renditions.filter(kind="hls")] == ["180"]


@pytest.mark.parametrize("kind", ["proxy", "silent"])
def test_renditions_on_demand(take: Callable[..., Video], clip: Path, kind: str) -> None:
    video = take(clip)
    services.request_rendition(video, kind)
    run_queue("render")
    made = video.renditions.get(kind=kind)
    assert made.mime_type == "video/mp4"
    assert default_storage.size(made.key_of("video")) == made.size


def test_the_frame_that_is_chosen_becomes_the_poster(take: Callable[..., Video], clip: Path) -> None:
    video = take(clip)
    before = video.renditions.get(kind="poster").key_of("image")
    pictures = []
    for time in (1.0, 5.0):
        _, job = services.request_rendition(video, "poster", time)
        assert job is not None
        assert job.is_short
        run_queue("render")
        after = video.renditions.get(kind="poster").key_of("image")
        pictures.append(default_storage.open(after).read())
        assert after != before
        assert not default_storage.exists(before)
        before = after
    assert pictures[0] != pictures[1]


def test_more_work_than_the_plan_allows_plays_unencoded(take: Callable[..., Video], clip: Path, settings: Any) -> None:
    settings.HLS_RUNGS = [120]
    work = work_limit.gigapixels(take(clip))
    assert Job.objects.filter(kind="render").count() == 1
    free = settings.TIER_LIMITS["free"] | {"max_video_gigapixels": work / 2}
    settings.TIER_LIMITS = settings.TIER_LIMITS | {"free": free}
    video = take(clip)
    assert video.state == "ready"
    assert {row.kind for row in video.renditions.all()} == {"poster", "hls", "sprite", "peaks"}
    assert Job.objects.filter(kind="render").count() == 1
    with pytest.raises(DomainError) as caught:
        services.request_rendition(video, "proxy")
    assert (caught.value.type.name, caught.value.extra["limit"]) == ("work_limit", work / 2)


def test_renditions_of_an_account_have_a_limit(take: Callable[..., Video], clip: Path, settings: Any) -> None:
    settings.HLS_RUNGS = [120]
    first = take(clip)
    run_queue("render")
    used = sum(row.size for row in first.renditions.filter(kind="hls"))
    free = settings.TIER_LIMITS["free"] | {"max_storage_bytes": used // rendition_quota.MAX_UNCOUNTED}
    settings.TIER_LIMITS = settings.TIER_LIMITS | {"free": free}
    with pytest.raises(DomainError) as caught:
        services.request_rendition(first, "proxy")
    assert (caught.value.type.name, caught.value.extra["used"]) == ("storage_full", used)
    Job.objects.update(status=JobStatus.QUEUED, admitted=True)  # a job that was queued before the limit was reached
    first.renditions.filter(name="120").update(name="119")
    run_queue("render")
    assert Job.objects.get(kind="render").error["type"] == "storage_full"  # type: ignore[index]
    Rendition.objects.update(size=F("size") + 1)
    video = take(clip)
    assert (video.state, job_of(video).status) == ("ready", "completed"), job_of(video).error
    assert {row.kind for row in video.renditions.all()} == {"poster", "sprite", "peaks"}
    assert Job.objects.filter(kind="render").count() == 1


def test_a_clip_without_a_size_is_not_what_exceeds_the_limit(owner: User, settings: Any) -> None:
    settings.TIER_LIMITS = settings.TIER_LIMITS | {"free": settings.TIER_LIMITS["free"] | {"max_video_gigapixels": 1.0}}
    facts = {"width": 0, "height": 0, "fps": (30, 1), "duration": 3.0}
    assert work_limit.refusal(owner, facts, beside=2.0) is None


def test_the_work_of_a_video_is_its_pixels_times_its_frames() -> None:
    facts = {"width": 1920, "height": 1080, "fps": (60, 1), "duration": 7200.0}
    assert work_limit.gigapixels(facts) == pytest.approx(895.8, abs=0.1)
    assert work_limit.gigapixels(facts | {"fps": (0, 1)}) == pytest.approx(895.8 / 60, abs=0.1)


def test_a_refusal_says_how_long_it_may_be(owner: User) -> None:
    day = {"width": 1920, "height": 1080, "fps": (30, 1), "duration": 12 * 3600.0}
    refusal = work_limit.refusal(owner, day)
    assert refusal is not None
    assert (refusal.message, refusal.extra) == (
        "Your plan allows at most 4:27 h of video at this resolution and frame rate.", {"limit": 1000, "work": 2687.386}
    )  # fmt: skip
    assert work_limit.refusal(owner, day | {"duration": 4 * 3600.0}) is None
    hour = work_limit.refusal(owner, day, beside=900.0)
    assert hour is not None
    assert "at most 26 min" in hour.message


NO_VIDEOS = {
    "text": b"hello " * 200,
    "a playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n" * 20,
    "a concat script": b"ffconcat version 1.0\nfile /etc/passwd\n" * 40,
    "a page": b"<!doctype html><script>alert(1)</script>" * 40,
    "an empty MP4": b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"\0" * 1000,
}


@pytest.mark.parametrize("name", [*NO_VIDEOS, "a video that is cut short"])
def test_a_file_of_no_video_has_a_reason(take: Callable[..., Video], clip: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "fake.mp4"
    path.write_bytes(NO_VIDEOS.get(name) or clip.read_bytes()[:-4000])
    video = take(path)
    assert video.state == "failed"
    assert job_of(video).error["type"] == "vod_unreadable"
    assert not video.renditions.exists()


def test_a_file_that_is_gone_fails(owner: User, clip: Path, tmp_path: Path) -> None:
    shutil.copyfile(clip, tmp_path / "copy")
    video = upload_handlers.import_file(owner, tmp_path / "copy", filename="a.mp4")
    default_storage.delete(video.location)
    run_queue("ingest")
    assert (again(video).state, job_of(video).error["type"]) == ("failed", "not_found")


def test_an_absent_store_is_waited_for(take: Callable[..., Video], clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "local_original_path", Mock(side_effect=store.StoreUnavailable("gone")))
    video = take(clip)
    assert (video.state, job_of(video).status) == ("processing", JobStatus.WAITING)


@pytest.mark.parametrize("is_beside_what_it_kept", [True, False])
def test_files_not_kept_are_swept(take: Callable[..., Video], clip: Path, is_beside_what_it_kept: bool) -> None:
    video = take(clip)
    services.sweep_renditions()  # what other tests have left
    poster = video.renditions.get(kind="poster")
    folder = f"renditions/{video.pk}/{uuid.uuid4().hex}/poster/"
    if is_beside_what_it_kept:
        folder = poster.folder.replace("/poster/", "/dub/")
    lost, kept = default_storage.save(f"{folder}lost.mp4", ContentFile(b"lost")), poster.key_of("image")
    assert services.sweep_renditions() == 1
    assert (default_storage.exists(lost), default_storage.exists(kept)) == (False, True)


def test_a_sweep_spares_an_attempt(take: Callable[..., Video], clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep deletes nothing that a running attempt keeps."""
    video = take(clip)
    poster = video.renditions.get(kind="poster")
    held = leases.held_tokens
    video.renditions.exclude(pk=poster.pk).delete()
    Rendition.objects.filter(pk=poster.pk).update(folder="renditions/elsewhere/")

    def keeps_and_ends(tokens: Iterable[uuid.UUID]) -> set[uuid.UUID]:
        """Of an attempt that keeps its last and ends while its lease is looked for."""
        found = held(tokens)
        Rendition.objects.filter(pk=poster.pk).update(folder=poster.folder)
        return found

    monkeypatch.setattr(leases, "held_tokens", keeps_and_ends)
    services.sweep_renditions()
    assert default_storage.exists(poster.key_of("image"))


class TestScanner:
    @pytest.fixture(autouse=True)
    def _configured(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(scan, "is_configured", lambda: True)
        monkeypatch.setattr(scan, "ping", lambda: None)

    def test_a_finding_ends_it(self, take: Callable[..., Video], clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(scan, "scan", lambda path, told: "Eicar-Signature")
        video, job = take(clip), Job.objects.get()
        assert (video.state, job.status, job.error["type"]) == ("failed", "failed", "malware_found")
        assert "Eicar-Signature" in job.error["message"]
        # The video keeps the finding when its job is deleted.
        jobs.delete(job)
        video = again(video)
        assert (video.state, video.status, video.error_type) == ("failed", "failed", "malware_found")
        assert "Eicar-Signature" in video.error_message

    def test_it_is_waited_for(self, take: Callable[..., Video], clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(scan, "scan", Mock(side_effect=scan.ScannerDown("not there")))
        video = take(clip)
        assert (video.state, job_of(video).status) == ("processing", JobStatus.WAITING)
        monkeypatch.setattr(scan, "scan", lambda path, told: None)
        jobs.wake_waiting(job_of(video).pk)
        run_queue("ingest")
        assert again(video).state == "ready"

    def test_one_that_the_real_scanner_cannot_read_whole_is_not_taken_in(
        self, clamd: Clamd, take: Callable[..., Video], clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        long = Path(shutil.copyfile(clip, tmp_path / "long.mp4"))
        with long.open("ab") as file:
            file.write((FILE_BYTES + 8).to_bytes(4, "big") + b"free" + bytes(FILE_BYTES))
        video = take(long)
        assert (video.state, video.error_type, job_of(video).error["type"]) == ("failed", "not_scanned", "not_scanned")
        assert "MaxFileSize" in job_of(video).error["message"]


class TestPieces:
    def test_chunks_are_joined_and_go_and_count_once(self, owner: User, clip: Path, tmp_path: Path) -> None:
        content, before = clip.read_bytes(), quota.storage_bytes(owner.pk)
        upload = upload_in_chunks(owner, content, tmp_path, 65_536)
        assert quota.storage_bytes(owner.pk) - before == len(content)
        uploads.complete(upload)
        assert quota.storage_bytes(owner.pk) - before == len(content)
        run_queue("ingest")
        video = again(Video.objects.get(pk=upload.resource_id))
        assert (video.state, video.sha256) == ("ready", hashlib.sha256(content).hexdigest())
        assert list(store.files(f"uploads/{upload.pk}/")) == []
        assert Upload.objects.get(pk=upload.pk).chunks.count() == 0
        assert quota.storage_bytes(owner.pk) - before == len(content)

    @pytest.mark.parametrize(
        ("metadata", "type"), [({}, "not_found"), ({"sha256": "0" * 64}, "checksum_mismatch")], ids=["gone", "another"]
    )
    def test_lost_or_wrong(self, owner: User, clip: Path, tmp_path: Path, metadata: dict[str, str], type: str) -> None:
        """A lost piece or a wrong whole fails the upload."""
        upload = upload_in_chunks(owner, clip.read_bytes(), tmp_path, 1 << 22, metadata=metadata)
        if not metadata:
            store.delete(upload.chunks.get().key)
        uploads.complete(upload)
        run_queue("ingest")
        video = again(Video.objects.get(pk=upload.resource_id))
        assert (video.state, job_of(video).error["type"]) == ("failed", type)

    def test_s3_parts_become_one_video_deleted_as_one(self, owner: User, clip: Path, s3_storage: Bucket) -> None:
        """Parts on S3 become one video; deleting the video deletes all of them."""
        size = 20 * 1024**2
        content = clip.read_bytes() + size.to_bytes(4) + b"free" + bytes(size - 8)  # a box that players skip
        upload, sink = opened(owner, len(content))
        sink.write(content)
        sink.sync()
        sink.close()
        uploads.complete(Upload.objects.get(pk=upload.pk))
        run_queue("ingest")
        video = again(Video.objects.get())
        assert (video.state, job_of(video).status) == ("ready", "completed"), job_of(video).error
        assert video.sha256 == hashlib.sha256(content).hexdigest()
        assert s3_storage.content(video.location) == content
        assert {row.kind for row in video.renditions.all()} == {"poster", "sprite", "peaks", "hls"}
        for row in video.renditions.all():
            assert all(row.key_of(role) in s3_storage.keys(row.folder) for role in row.files)
        assert (s3_storage.keys("uploads/"), s3_storage.unfinished()) == ([], [])
        services.delete_video(video, owner)
        assert s3_storage.keys() == []
