"""Taking files in where the store is S3: from the sink's parts to a video with pictures, and back out."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from jobs_app.runner import run_queue
from media_app.store import files as store
from media_app.uploads import services as uploads
from media_app.uploads import sinks
from media_app.uploads.models import Upload, UploadFront
from media_app.videos import services
from media_app.videos.models import Video
from tests.support.clips import render_clip
from tests.support.s3 import Bucket
from vodplatform.accounts.models import User

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("lease_keeper"),
    pytest.mark.full,
    pytest.mark.services,
]
MIB = 1024**2


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds, and 20 MiB that say nothing: a box that players skip."""
    path = render_clip(tmp_path_factory.mktemp("clips") / "match.mp4", seconds=3.0)
    size = 20 * MIB
    with path.open("ab") as file:
        file.write(size.to_bytes(4, "big") + b"free" + b"\0" * (size - 8))
    return path


@pytest.fixture(autouse=True)
def bucket(s3_storage: Bucket) -> Bucket:
    return s3_storage


def begin(owner: User, size: int, front: str = UploadFront.TUS, **fields: Any) -> Upload:
    return uploads.begin(owner, front=front, purpose="library", filename="match.mp4", size=size, **fields)


def send(upload: Upload, content: bytes) -> Upload:
    lock = sinks.acquire(upload.pk)
    assert lock
    sink = sinks.open_sink(Upload.objects.get(pk=upload.pk), lock)
    try:
        for start in range(0, len(content), 65_536):
            sink.write(content[start : start + 65_536])
            if sink.is_due():
                sink.flush_due()
        sink.sync()
    finally:
        sink.close()
        lock.release()
    return Upload.objects.get(pk=upload.pk)


def test_parts_of_any_size_become_one_video(owner: User, clip: Path, bucket: Bucket) -> None:
    content = clip.read_bytes()
    upload = begin(owner, len(content))
    sizes, position = [3 * MIB, 100, 9 * MIB, 1, len(content)], 0
    for size in sizes:
        upload = send(upload, content[position : position + size])
        position = upload.offset
        assert position == min(len(content), sum(sizes[: sizes.index(size) + 1]))
    uploads.complete(upload)
    run_queue("ingest")
    video = Video.objects.with_state().get(pk=upload.resource_id)
    assert video.job
    assert (video.state, video.job.status) == ("ready", "completed"), video.job.error
    assert video.sha256 == hashlib.sha256(content).hexdigest()
    assert bucket.content(video.location) == content
    assert {row.kind for row in video.renditions.all()} == {"poster", "sprite", "peaks", "hls"}
    for row in video.renditions.all():
        assert all(row.key_of(role) in bucket.keys(row.folder) for role in row.files)
    assert bucket.keys("uploads/") == []
    assert bucket.unfinished() == []
    services.delete_video(video, owner)
    assert bucket.keys() == []


def test_a_tail_that_could_not_be_deleted_goes_with_the_upload(
    owner: User, clip: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = clip.read_bytes()
    upload = send(begin(owner, len(content)), content[:1000])

    def away(key: str) -> None:
        raise store.StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(store, "delete", away)
        upload = send(upload, content[1000:])
    assert len(bucket.keys("uploads/")) == 1
    uploads.complete(upload)
    run_queue("ingest")
    assert Video.objects.with_state().get(pk=upload.resource_id).state == "ready"
    assert bucket.keys("uploads/") == []
