"""A video whose file programs read differently: a copy is made once, and everything plays and reads that."""

import os
from pathlib import Path
from typing import Any

import pytest

from jobs_app.context import JobFailed
from jobs_app.models import Job, JobStatus
from jobs_app.runner import run_queue
from media_app.av.probe import probe
from media_app.storage import files as store
from media_app.streaming.resolve import OpenFile, Pending, Request, find_stream
from media_app.videos import services, upload_handlers
from media_app.videos.child_inputs import open_child_inputs
from media_app.videos.local import readable_path
from media_app.videos.media_urls import stream_url
from media_app.videos.models import RenditionKind, Video
from media_app.videos.recordings import notes_of
from media_app.videos.services import CopyPending, local_playable_path, reference_videos, request_rendition
from tests.av.statements import statement
from tests.conftest import Library
from tests.support.api import Api, refused
from tests.support.clips import render_clip
from tests.support.footage import convert
from tests.uploads.conftest import raises
from tests.videos.sending import again, job_of
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lease_keeper"), pytest.mark.full]


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A transport stream of 2 s and of 2 s whose timestamps begin again."""
    folder = tmp_path_factory.mktemp("twice")
    clip = render_clip(folder / "a.mp4")
    return 2 * convert(clip, folder / "a.ts", "-c", "copy").read_bytes()


@pytest.fixture
def referenced(library: Library, owner: User, twice: bytes) -> Video:
    path = library.crew / "twice.ts"
    path.write_bytes(twice)
    return reference_videos(owner, [str(path)])[0]


@pytest.fixture
def uploaded(owner: User, tmp_path: Path, twice: bytes) -> Video:
    (tmp_path / "sent").write_bytes(twice)
    video = upload_handlers.import_file(owner, tmp_path / "sent", filename="twice.ts")
    run_queue("ingest")
    return again(video)


def played(video: Video, **options: str) -> tuple[str, bytes]:
    """The type and the bytes that the door of the signed address gives."""
    query = {"sig": stream_url(video).partition("?sig=")[2], **options}
    found = find_stream(Request("GET", "stream", {"video_id": str(video.pk)}, query, {}), None)
    assert isinstance(found.content, Pending)
    file = found.content.load()
    assert isinstance(file, OpenFile)
    with os.fdopen(file.descriptor, "rb") as content:
        return found.content_type, content.read()


BROKEN = ["The recording was interrupted at 0:02, for an unknown time."]


def test_an_uploaded_one_plays_a_copy(uploaded: Video, api: Api, owner: User, twice: bytes, tmp_path: Path) -> None:
    assert uploaded.state == "ready", job_of(uploaded).error
    assert uploaded.duration == pytest.approx(4.0, abs=0.1)
    assert (uploaded.mime_type, uploaded.file_size, notes_of(uploaded)) == ("video/mp2t", len(twice), BROKEN)
    copy = uploaded.renditions.get(kind=RenditionKind.NORMALIZED)
    assert local_playable_path(uploaded, tmp_path, viewer=None) == store.local_path(copy.key_of("video"))
    with open_child_inputs([uploaded], viewer=owner) as files:
        assert files.paths == [str(store.local_path(copy.key_of("video")))]
    shown = api.get(f"/api/v1/library/{uploaded.pk}").json()
    assert (shown["notes"], shown["mime_type"]) == (BROKEN, "video/mp2t")
    kind, content = played(uploaded)
    assert (kind, content[4:8]) == ("video/mp4", b"ftyp")
    assert played(uploaded, download="1") == ("video/mp2t", twice)
    chosen = api.get(f"/api/v1/media/optimized/{uploaded.pk}").json()
    assert chosen["delivery_type"] in ("local_signed", "hls")


def test_one_in_a_library_folder_waits_for_its_copy(referenced: Video, owner: User, api: Api, tmp_path: Path) -> None:
    assert referenced.duration == pytest.approx(4.0, abs=0.1)
    job = Job.objects.get()
    assert (job.kind, job.params) == ("normalize", {"video_id": str(referenced.pk)})
    with pytest.raises(CopyPending), open_child_inputs([referenced], viewer=owner):
        pass
    with raises("video_not_ready"):
        played(referenced)
    refused(api.get(f"/api/v1/media/optimized/{referenced.pk}"), 409, "video_not_ready")
    assert request_rendition(referenced, "normalized") == (None, job)
    run_queue("ingest")
    video = again(referenced)
    assert (video.duration, notes_of(video)) == (pytest.approx(4.0, abs=0.1), BROKEN)
    assert local_playable_path(video, tmp_path, viewer=owner).suffix == ".mp4"
    assert played(video)[0] == "video/mp4"
    assert request_rendition(video, "normalized")[0] is not None
    owner.groups.clear()
    with pytest.raises(DomainError, match="Nothing was found at this address"):
        played(again(video))
    with pytest.raises(FileNotFoundError):
        local_playable_path(again(video), tmp_path, viewer=None)


def test_a_job_that_needs_the_copy_waits_and_keeps_what_it_has_saved(referenced: Video, owner: User) -> None:
    services.request_rendition(referenced, "proxy")
    job = Job.objects.get(kind="render")
    Job.objects.filter(pk=job.pk).update(checkpoint={"kept": 1})
    run_queue("render")
    job.refresh_from_db()
    assert (job.status, job.checkpoint) == (JobStatus.WAITING, {"kept": 1})
    assert job.message == "Waiting for a playable copy"


def test_one_that_cannot_be_copied_says_why(referenced: Video, owner: User, tmp_path: Path) -> None:
    Path(referenced.location).write_bytes(b"G" + bytes(5000))
    run_queue("ingest")
    with pytest.raises(JobFailed, match="This video file cannot be read"):
        local_playable_path(referenced, tmp_path, viewer=None)
    with pytest.raises(DomainError, match="No playable copy could be created: This video file cannot be read"):
        played(referenced)
    assert Job.objects.count() == 1


def test_a_plain_one_has_none(owner: User, library: Library) -> None:
    video = reference_videos(owner, [str(library.crew / "plain.mp4")])[0]
    assert (video.recording, notes_of(video)) == ({}, [])
    assert not Job.objects.exists()
    with raises("invalid"):
        request_rendition(video, "normalized")


def test_commands_read_a_copy_too(library: Library, twice: bytes, tmp_path: Path) -> None:
    plain, odd = library.crew / "plain.mp4", tmp_path / "odd.ts"
    odd.write_bytes(twice)
    assert readable_path(plain, tmp_path / "copy")[0] == plain
    path, video = readable_path(odd, tmp_path / "copy")
    assert path.is_relative_to(tmp_path / "copy")
    assert (path.read_bytes()[4:8], notes_of(video)) == (b"ftyp", BROKEN)
    odd.write_bytes(b"G" + bytes(5000))
    assert readable_path(odd, tmp_path / "copy")[0] == odd


def test_a_replacement_has_a_copy_of_its_own(uploaded: Video) -> None:
    former = services.copy_name(uploaded)
    assert services.copy_name(Video(location="videos/another.ts")) != former


def recording(**more: Any) -> Video:
    whole = {
        "reasons": ["cut"], "duration": 62.0, "breaks": [], "sizes": [], "clock_start": 0.0, "claimed_duration": None,
        "picture_end": 62.0, "sound_end": 62.0,
    }  # fmt: skip
    return Video(recording=whole | more)


@pytest.mark.parametrize(
    ("found", "sentences"),
    [
        ({}, ["The recording ends abruptly. It is shown up to its last complete frame."]),
        ({"claimed_duration": 125.0}, ["The end of the recording is missing: it ends at 1:02 instead of 2:05."]),
        ({"reasons": [], "clock_start": 7200.0}, ["The recording's own clock starts at 2:00:00; here it starts "
            "at 0:00."]),
        ({"reasons": [], "picture_end": 1.5}, ["The picture ends at 0:02; the sound continues."]),
        ({"reasons": [], "sound_end": 30.0}, ["The sound ends at 0:30; the picture continues."]),
        ({"reasons": [], "sound_end": None}, []),
        ({"reasons": [], "sound_end": 30.0, "is_complete": False}, []),
        (
            {"reasons": [], "breaks": [{"at": 20.0, "jump": 3600.0, "track": "audio"}]},
            ["The sound was interrupted at 0:20. According to the recording's clock, 1:00:00 is missing."],
        ),
        (
            {"reasons": [], "sizes": [[640, 360], [854, 480]]},
            ["The resolution changes during the recording. It is always shown at 854×480."],
        ),
    ],
)  # fmt: skip
def test_what_people_are_told(found: dict[str, Any], sentences: list[str]) -> None:
    assert notes_of(recording(**found)) == sentences


def test_an_early_end_of_a_track_is_told_and_needs_no_copy(library: Library, owner: User, tmp_path: Path) -> None:
    clip = statement(tmp_path, 1, seconds=4.0)
    silent = convert(clip.path, library.crew / "odd.mp4", "-c:v", "copy", "-af", "atrim=0:2")
    [video] = reference_videos(owner, [str(silent)])
    assert played(video)[1] == silent.read_bytes()
    assert not Job.objects.exists()
    with pytest.raises(DomainError, match="not valid"):
        request_rendition(video, "normalized")
    columns, plain = (services.columns_of(probe(path).as_json()) for path in (silent, clip.path))
    assert (notes_of(Video(**columns)), plain["recording"]) == (["The sound ends at 0:02; the picture continues."], {})


def test_of_many_breaks_the_first_are_told() -> None:
    breaks = [{"at": 10.0 * number, "jump": None, "track": ""} for number in range(14)]
    assert notes_of(recording(reasons=[], breaks=breaks))[10:] == ["The recording was interrupted 4 more times."]
