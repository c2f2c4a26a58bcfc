"""A file that replaces another: what goes once it is taken in, what comes back when it cannot be, who is told."""

import hashlib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from jobs_app import services as jobs
from jobs_app.context import JobFailed, TransientFault
from jobs_app.models import Job
from jobs_app.runner import run_queue
from media_app.catalogue import realtime, upload_handlers
from media_app.storage import files as store
from media_app.uploads import services as uploads
from media_app.uploads.models import Upload, UploadProtocol
from media_app.videos import actors, consistency, ingest, services
from media_app.videos.models import Video, VideoScope, VideoSource, VideoStatus
from tests.support.factories import make_rendition, make_video
from tests.support.stored import put_bytes
from tests.videos.sending import again, upload_in_chunks
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lease_keeper")]


@pytest.fixture(autouse=True)
def _only_the_poster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors, "MADE_AT_ONCE", [{"do": "poster"}])


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What watchers of the catalogue are told, in order: one entry for each audience."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(realtime, "publish_on_commit", lambda groups, message: found.append(message))
    return found


@pytest.fixture
def video(moderator: User) -> Video:
    return make_video(
        moderator, place=VideoScope.CATALOGUE, location="", file_size=0, mime_type="", source=VideoSource.STORED,
        status=VideoStatus.UPLOADING, duration=0,
    )  # fmt: skip


@pytest.fixture
def coming(moderator: User, video: Video) -> Upload:
    """The next file of the video, of which a part has come."""
    upload = uploads.begin_upload(
        moderator, front=UploadProtocol.TUS, purpose="catalogue", filename="next.mp4", size=1000,
        metadata={"video_id": str(video.pk)},
    )  # fmt: skip
    put_bytes(upload.key, b"the beginning")
    return upload


@pytest.fixture
def send(moderator: User, video: Video, tmp_path: Path) -> Callable[..., Upload]:
    def run(path: Path) -> Upload:
        about = {"purpose": "catalogue", "metadata": {"video_id": str(video.pk)}}
        upload = upload_in_chunks(moderator, path.read_bytes(), tmp_path, 1 << 22, **about)
        Upload.objects.filter(pk=upload.pk).update(mime_type="video/mp4")
        upload.refresh_from_db()
        uploads.complete(upload)
        return upload

    return run


@pytest.fixture
def first(video: Video, send: Callable[..., Upload], clips: Path) -> Video:
    """The video with its first file, 3 s long, and a picture that somebody gave."""
    send(clips / "plain.mp4")
    run_queue("ingest")
    found = again(video)
    assert (found.state, found.duration) == ("ready", pytest.approx(3.0, abs=0.1)), found.job and found.job.error
    put_bytes(f"thumbnails/{video.pk}/1_thumb.jpg", b"given")
    make_rendition(video, "thumbnail", folder=f"thumbnails/{video.pk}/", files={"image": "1_thumb.jpg"})
    return found


def files_of(video: Video, kind: str) -> list[str]:
    return [file.key for file in store.files(f"{kind}/{video.pk}/")]


def test_a_new_file_deletes_the_former_with_renditions(first: Video, send: Callable[..., Upload], clips: Path) -> None:
    poster = first.renditions.get(kind="poster")
    make_rendition(first, "hls", "720", folder=f"renditions/{first.pk}/old/hls-720/")
    put_bytes(f"renditions/{first.pk}/old/hls-720/media.mp4", b"old")
    send(clips / "third.mp4")
    assert files_of(first, "videos") == [first.location]
    run_queue("ingest")
    now = again(first)
    assert (now.state, now.duration) == ("ready", pytest.approx(4.0, abs=0.1)), now.job and now.job.error
    assert files_of(first, "videos") == [now.location] != [first.location]
    assert now.sha256 == hashlib.sha256((clips / "third.mp4").read_bytes()).hexdigest()
    made = {row.kind: row for row in now.renditions.all()}
    assert set(made) == {"poster", "thumbnail"}
    assert made["poster"].pk != poster.pk
    assert files_of(first, "renditions") == [made["poster"].key_of("image")]
    assert store.exists(made["thumbnail"].key_of("image"))


def test_what_is_on_its_way_for_the_same_video_stays(
    first: Video, coming: Upload, send: Callable[..., Upload], clips: Path
) -> None:
    given_up = f"videos/{first.pk}/1.mp4"
    put_bytes(given_up, b"of an attempt")
    send(clips / "third.mp4")
    run_queue("ingest")
    now = again(first)
    assert now.state == "ready", now.job and now.job.error
    assert sorted(files_of(first, "videos")) == sorted([now.location, coming.key])


def test_what_is_on_its_way_goes_with_its_video(video: Video, moderator: User, coming: Upload) -> None:
    services.delete_video(video, moderator)
    coming.refresh_from_db()
    assert (coming.status, files_of(video, "videos")) == ("cancelled", [])


def test_one_that_was_overtaken_by_another_goes_back_to_the_last_that_was_taken_in(
    first: Video, send: Callable[..., Upload], clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_jobs = upload_handlers._end_jobs

    def overtaken(video_id: uuid.UUID) -> Job | None:
        found = end_jobs(video_id)
        monkeypatch.setattr(upload_handlers, "_end_jobs", end_jobs)
        send(clips / "third.mp4")
        return found

    bad = tmp_path / "bad.mp4"
    bad.write_bytes((clips / "plain.mp4").read_bytes()[:-4000])
    monkeypatch.setattr(upload_handlers, "_end_jobs", overtaken)
    send(bad)
    statuses = Job.objects.filter(kind="ingest").values_list("status", flat=True)
    assert sorted(statuses) == ["cancelled", "completed", "queued"]
    run_queue("ingest")
    now = again(first)
    assert (now.state, now.location) == ("ready", first.location)
    assert files_of(first, "videos") == [first.location]


def test_two_replacing(first: Video, send: Callable[..., Upload], clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is deleted beside a file that another one has replaced meanwhile."""
    listed = store.files

    def replaced(prefix: str) -> Any:
        found = [*listed(prefix)]
        if prefix.startswith("videos/"):
            monkeypatch.setattr(store, "files", listed)
            newer = f"videos/{first.pk}/newer.mp4"
            put_bytes(newer, b"newer")
            Video.objects.filter(pk=first.pk).update(location=newer)
            return [*listed(prefix)]
        return found

    send(clips / "third.mp4")
    monkeypatch.setattr(store, "files", replaced)
    run_queue("ingest")
    assert f"videos/{first.pk}/newer.mp4" in files_of(first, "videos")


def test_a_bad_one_leaves_the_former(first: Video, send: Callable[..., Upload], clips: Path, tmp_path: Path) -> None:
    """A file that cannot be taken in leaves the former one as it was, and says why."""
    bad = tmp_path / "bad.mp4"
    bad.write_bytes((clips / "plain.mp4").read_bytes()[:-4000])
    before = {name: getattr(first, name) for name in ("location", "file_size", "duration", "sha256", "width")}
    send(bad)
    assert again(first).state == "processing"
    run_queue("ingest")
    now = again(first)
    assert now.job
    assert (now.state, now.job.status, now.error_type) == ("ready", "failed", "vod_unreadable")
    assert now.error_message
    assert {name: getattr(now, name) for name in before} == before
    assert files_of(first, "videos") == [first.location]
    assert {row.kind for row in now.renditions.all()} == {"poster", "thumbnail"}
    assert not actors.VideoJobs().inputs_exist(now.job)


def test_no_way_back(first: Video, send: Callable[..., Upload], clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is taken in stays, whatever becomes of the rest."""
    send(clips / "third.mp4")
    with monkeypatch.context() as patched:
        # The former file and what was made of it are gone when the first attempt ends.
        patched.setattr(actors, "_make", Mock(side_effect=TransientFault("unavailable", "Not now.")))
        run_queue("ingest")
    assert again(first).state == "ready"
    job = Job.objects.get(pk=again(first).job_id)
    Job.objects.filter(pk=job.pk).update(run_at=job.created_at)
    jobs.queue_due(job.pk)
    with monkeypatch.context() as patched:
        patched.setattr(ingest, "facts_of", Mock(side_effect=JobFailed("vod_unreadable", "It took too long.")))
        run_queue("ingest")
    now = again(first)
    assert now.job
    assert (now.job.status, now.duration) == ("failed", pytest.approx(4.0, abs=0.1))
    assert files_of(first, "videos") == [now.location] != [first.location]
    assert actors.VideoJobs().inputs_exist(now.job)


def test_a_cancelled_one_leaves_the_former_afterwards(first: Video, send: Callable[..., Upload], clips: Path) -> None:
    send(clips / "third.mp4")
    job = Job.objects.get(pk=again(first).job_id)
    assert consistency.restore_files_of_dead_jobs() == 0
    jobs.cancel(job)
    assert again(first).state == "failed"
    assert consistency.restore_files_of_dead_jobs() == 1
    now = again(first)
    assert (now.state, now.location, now.error_type) == ("ready", first.location, "cancelled")
    assert consistency.restore_files_of_dead_jobs() == 0
    assert files_of(first, "videos") == [first.location]


def test_watchers_are_told(video: Video, send: Callable[..., Upload], clips: Path, told: list[dict[str, Any]]) -> None:
    """They hear when the video can be played, and of its pictures."""
    send(clips / "plain.mp4")
    told.clear()
    run_queue("ingest")
    states = [message["new"]["status"] for message in told]
    assert states[0] == "processing"  # its address, once its pieces are one
    assert states[-1] == "ready"
    assert [message["event"] for message in told if message["old"] is None] == ["INSERT"]
    assert told[-1]["new"]["poster_url"]
    assert any(message["new"]["status"] == "ready" and not message["new"]["poster_url"] for message in told)
