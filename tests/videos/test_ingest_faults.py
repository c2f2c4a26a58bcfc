"""What goes wrong while a file is taken in: whose fault it is, what is tried again, and that a cancelled job ends."""

import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs_app import services as jobs
from jobs_app.context import JobContext, LeaseLost
from jobs_app.models import Job, JobStatus
from jobs_app.runner import run_queue
from media_app.storage import files as store
from media_app.videos import actors, ingest, services, upload_handlers
from media_app.videos.models import Video
from tests.support.factories import make_job
from tests.support.s3 import Bucket
from tests.videos.sending import again, job_of
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("lease_keeper")]
END_SECONDS = 20.0


@pytest.fixture
def put(owner: User, clips: Path, tmp_path: Path) -> Callable[[], Video]:
    """Puts a video into the store whose file has yet to be taken in."""

    def make() -> Video:
        copy = Path(shutil.copyfile(clips / "plain.mp4", tmp_path / "copy.mp4"))
        return upload_handlers.import_file(owner, copy, filename="match.mp4")

    return make


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors, "MADE_AT_ONCE", [])


def shell(script: str) -> list[str]:
    return ["bash", "-c", script]


class TestCancelled:
    """A step that waits for somebody else ends when the job does; a worker's thread that does not would end the
    worker.
    """

    @pytest.fixture
    def lane(self) -> Iterator[threading.Thread]:
        thread = threading.Thread(target=run_queue, args=("ingest",), daemon=True)
        yield thread
        thread.join(END_SECONDS)

    def ends(self, lane: threading.Thread, video: Video) -> None:
        jobs.cancel(job_of(video))
        lane.join(END_SECONDS)
        assert not lane.is_alive()
        assert job_of(video).status == JobStatus.CANCELLED

    def test_while_the_original_is_fetched(
        self, s3_storage: Bucket, put: Any, lane: threading.Thread, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        video, hung, stopped = put(), threading.Event(), threading.Event()
        fetch = store.local_copy

        def hanging(key: str, folder: Path, told: Callable[[int], None]) -> Path:
            def watched(moved: int) -> None:
                try:
                    told(moved)
                except LeaseLost:
                    stopped.set()
                    raise

            s3_storage.faults.hang()
            hung.set()
            return fetch(key, folder, watched)

        monkeypatch.setattr(store, "local_copy", hanging)
        lane.start()
        assert hung.wait(END_SECONDS)
        jobs.cancel(job_of(video))
        assert stopped.wait(END_SECONDS)
        s3_storage.faults.heal()
        lane.join(END_SECONDS)
        assert not lane.is_alive()

    def test_while_a_picture_is_kept(
        self, s3_storage: Bucket, put: Any, lane: threading.Thread, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(actors, "MADE_AT_ONCE", [{"do": "poster"}])
        video, hung = put(), threading.Event()
        keep = store.put_file

        def hanging(*args: Any) -> None:
            s3_storage.faults.hang()
            hung.set()
            keep(*args)

        monkeypatch.setattr(store, "put_file", hanging)
        lane.start()
        assert hung.wait(END_SECONDS)
        self.ends(lane, video)

    def test_while_the_scanner_reads(
        self, put: Any, lane: threading.Thread, settings: Any, tmp_path: Path, no_pictures: None
    ) -> None:
        """A clamd that takes the file and says no more."""
        settings.CLAMD = str(tmp_path / "clamd")
        asked = threading.Event()
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(settings.CLAMD)
            listening.listen()

            def serve() -> None:
                held = []
                while not asked.is_set():
                    connection, _ = listening.accept()
                    held.append(connection)
                    if connection.recv(64).startswith(b"zPING"):
                        connection.sendall(b"PONG\0")
                    else:
                        asked.set()
                done.wait(2 * END_SECONDS)

            done = threading.Event()
            server = threading.Thread(target=serve, daemon=True)
            server.start()
            video = put()
            lane.start()
            assert asked.wait(END_SECONDS)
            self.ends(lane, video)
            done.set()
            server.join(END_SECONDS)


class TestWhoseFaultItIs:
    @pytest.mark.parametrize(("probe", "type"), [
        (["/nowhere/python"], "unavailable"), (shell("kill -KILL $$"), "out_of_memory"),
    ], ids=["cannot be started", "killed by others"])  # fmt: skip
    def test_ours_is_tried_again(
        self, put: Any, monkeypatch: pytest.MonkeyPatch, no_pictures: None, probe: list[str], type: str
    ) -> None:
        video = put()
        with monkeypatch.context() as patched:
            patched.setattr(ingest, "PROBE", probe)
            run_queue("ingest")
        assert (again(video).state, job_of(video).status) == ("processing", "waiting")
        assert job_of(video).events.filter(name="retrying").values_list("data", flat=True)[0]["type"] == type
        jobs.wake_waiting(job_of(video).pk)
        run_queue("ingest")
        assert again(video).state == "ready"

    @pytest.mark.parametrize("probe", [shell("kill -SEGV $$"), shell("exit 3"), shell("echo hello")])
    def test_the_files_is_told(self, put: Any, monkeypatch: pytest.MonkeyPatch, probe: list[str]) -> None:
        monkeypatch.setattr(ingest, "PROBE", probe)
        video = put()
        run_queue("ingest")
        assert (again(video).state, job_of(video).error["type"]) == ("failed", "vod_unreadable")

    def test_a_killed_picture_is_tried_once_more_then_left_out(self, put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(actors, "MADE_AT_ONCE", [{"do": "poster"}])
        monkeypatch.setattr(actors, "WORK", shell("kill -KILL $$"))
        video = put()
        run_queue("ingest")
        assert (again(video).state, job_of(video).status) == ("ready", "waiting")
        jobs.wake_waiting(job_of(video).pk)
        run_queue("ingest")
        assert job_of(video).status == "completed"
        assert [item["kind"] for item in job_of(video).result["left_out"]] == ["poster"]

    @pytest.mark.parametrize(
        ("type", "status"),
        [("disk_full", "waiting"), ("unavailable", "waiting"), ("out_of_memory", "waiting"), ("bad_request", "failed"),
         ("vod_unreadable", "failed")],
    )  # fmt: skip
    def test_only_transient_is_retried(self, put: Any, monkeypatch: pytest.MonkeyPatch, type: str, status: str) -> None:
        said = f'{{"error": {{"type": "{type}", "message": "So it is."}}}}'
        monkeypatch.setattr(actors, "WORK", shell(f"echo '{said}'"))
        video = put()
        run_queue("ingest")
        assert (again(video).state, job_of(video).status) == ("ready", status)

    def test_after_the_last_try_the_row_says_why(self, put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ingest, "PROBE", ["/nowhere/python"])
        video = put()
        run_queue("ingest")
        Job.objects.filter(pk=video.job_id).update(retries=actors.ingest_video.max_retries)
        jobs.wake_waiting(job_of(video).pk)
        run_queue("ingest")
        video = again(video)
        assert (video.status, video.error_type, job_of(video).status) == ("failed", "unavailable", "failed")


def test_a_failure_outlives_its_job_and_ends_with_a_retry(put: Any, settings: Any, no_pictures: None) -> None:
    settings.MAX_VIDEO_SECONDS = 1
    video, deleted = put(), put()
    run_queue("ingest")
    for found in (again(video), again(deleted)):
        assert (found.status, found.error_type) == ("failed", "video_too_long")
        assert found.error_message.endswith("hours.")
    jobs.delete(job_of(deleted))
    deleted = again(deleted)
    assert (deleted.job, deleted.state, deleted.error_type) == (None, "failed", "video_too_long")
    jobs.retry(job_of(video))
    assert again(video).state == "processing"
    settings.MAX_VIDEO_SECONDS = 500
    run_queue("ingest")
    video = again(video)
    assert (video.status, video.error_type, video.error_message) == ("ready", "", "")


class TestDeletedMeanwhile:
    def test_a_job_that_has_just_ended_is_no_reason_to_keep_the_video(self, put: Any, no_pictures: None) -> None:
        video = put()
        seen = Video.objects.select_related("job").get(pk=video.pk)
        run_queue("ingest")
        assert seen.job
        assert seen.job.status == "queued"
        services.delete_video(seen, seen.owner)
        assert not Video.objects.exists()

    def test_no_job_is_begun_for_a_video_that_is_gone(self, owner: User, put: Any, settings: Any) -> None:
        settings.HLS_RUNGS = [120]
        video = put()
        job = make_job(owner, JobStatus.PROCESSING, kind="ingest", params={"video_id": str(video.pk)})
        context = JobContext(job)
        services.delete_video(video, owner)
        with pytest.raises(LeaseLost):
            ingest.plan_rungs(context, video, {"width": 320, "height": 180})
        assert not Job.objects.filter(kind="render").exists()


@pytest.mark.parametrize(("rungs", "expected"), [
    ([1080, 720], [1080, 720]), ([720, 480], [1080, 720, 480]),
], ids=["is in the list already", "is not in the list"])  # fmt: skip
def test_unstreamable_is_full_size(owner: User, put: Any, settings: Any, rungs: list[int], expected: list[int]) -> None:
    """What cannot be streamed gets one rendition of full size."""
    settings.HLS_RUNGS = rungs
    video = put()
    job = make_job(owner, JobStatus.PROCESSING, kind="ingest", params={"video_id": str(video.pk)})
    ingest.plan_rungs(JobContext(job), video, {"width": 3840, "height": 2160}, full=True)
    tasks = Job.objects.get(kind="render").params["tasks"]
    assert [task["rung"] for task in tasks] == expected


def test_without_a_scanner_nothing_is_fetched(s3_storage: Bucket, put: Any, settings: Any, tmp_path: Path) -> None:
    settings.CLAMD = str(tmp_path / "nobody")
    video = put()
    s3_storage.faults.requests.clear()
    run_queue("ingest")
    assert (again(video).state, job_of(video).status) == ("processing", "waiting")
    assert not [line for line in s3_storage.faults.requests if video.location in line]


def test_what_is_sent_to_s3_has_its_type(s3_storage: Bucket, put: Any) -> None:
    video = put()
    run_queue("ingest")
    rows = {row.kind: row for row in again(video).renditions.all()}
    wanted = {
        ("poster", "image"): "image/jpeg", ("sprite", "vtt"): "text/vtt", ("peaks", "json"): "application/json",
        ("hls", "playlist"): "application/vnd.apple.mpegurl", ("hls", "media"): "video/mp4",
    }  # fmt: skip
    assert {(kind, role): s3_storage.type_of(rows[kind].key_of(role)) for kind, role in wanted} == wanted


def test_the_child_needs_no_ffmpeg_for_pictures(put: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a program that makes streams the pictures are there all the same, and the rest is tried again."""
    none = tmp_path / "none"
    code = f"import imageio_ffmpeg as i; i.get_ffmpeg_exe = lambda: {str(none)!r}; import runpy; "
    code += "runpy.run_module('media_app.av.ingest', run_name='__main__')"
    monkeypatch.setattr(actors, "WORK", [sys.executable, "-c", code])
    video = put()
    run_queue("ingest")
    made = {row.kind for row in again(video).renditions.all()}
    assert made == {"poster", "sprite", "peaks"}
    assert (again(video).state, job_of(video).status) == ("ready", "waiting")
