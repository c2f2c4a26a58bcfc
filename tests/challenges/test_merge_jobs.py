"""The job of a merge: what it makes and leaves, and each way in which it can fail, be given up and be run again.

Faults come from what really makes them where that can be had: damaged clips, an ffmpeg that hangs, a limit on how large
files may grow, a child that is killed.
"""

import errno
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings as django_settings
from django.core.files.storage import default_storage
from django.db.models.functions import Now

from jobs_app import leases
from jobs_app import services as jobs
from jobs_app.models import Job
from jobs_app.runner import run_queue
from media_app.uploads import cleanup
from media_app.uploads.models import Upload
from media_app.videos import ingest
from media_app.videos.models import Rendition, Video, VideoScope
from sessions_app.challenges import actors, merges
from sessions_app.challenges.models import MergeSession
from tests.challenges.conftest import CHALLENGES, MERGES, deliver, job_of, merged, session_of, statements_of, status_of
from tests.contract.places import browser
from tests.support.api import Api, refused
from tests.support.clamav import Clamd, infect
from tests.support.engine import open_to_children
from tests.support.factories import make_challenge, make_merge
from tests.support.stored import files_in
from tests.support.waiting import wait_until
from vodplatform.accounts.models import User

pytestmark = [
    pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media", "running_keeper"), pytest.mark.full,
]  # fmt: skip
Clips = dict[str, bytes]
Child = Callable[[str], Path]
MERGE_CHILD = [sys.executable, "-m", "media_app.av.merge"]


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def in_thread() -> threading.Thread:
    thread = threading.Thread(target=run_queue, args=("merge",))
    thread.start()
    return thread


def scratch_of(merge_id: str) -> list[Path]:
    return list(Path(django_settings.DATA_DIR, "tmp").glob(f"job-*-{session_of(merge_id).job_id.hex}-*"))


def act(api: Api, merge_id: str, what: str) -> Any:
    return api.post(f"{MERGES}/merge-session/{merge_id}/{what}")


def due(merge_id: str) -> None:
    Job.objects.filter(merges=merge_id).update(run_at=Now() - timedelta(seconds=1))
    assert jobs.queue_due(job_of(merge_id).pk)


def contents_of(media: Path, merge_id: str) -> bytes:
    video = Video.objects.get(pk=merge_id)
    return (media / video.location).read_bytes()


class TestWhatItMakes:
    def test_like_clips_are_merged(self, api: Api, admin_api: Api, owner: User, media: Path, clip_files: Clips) -> None:
        def timed() -> float:
            lines = admin_api.client.get("/metrics", headers=admin_api.headers).content.decode().splitlines()
            found = [line for line in lines if line.startswith('vod_merge_seconds_count{picture="copied"')]
            return float(found[0].rsplit(" ", 1)[1]) if found else 0.0

        before = timed()
        body = merged(api, [clip_files["1"], clip_files["2"], clip_files["3"]], challenge_title="My three")
        assert body["overall_status"] == "completed", body
        assert (body["progress"], body["retry_available"], body["error_type"]) == (100.0, False, None)
        found = body["merged_video"]
        assert found["compression_applied"] is False
        ends = [0.0, *(one["end_time"] for one in found["segments"])]
        for index, one in enumerate(found["segments"]):
            assert one["statement_index"] == index
            assert one["start_time"] == ends[index]
            assert one["duration"] == pytest.approx(one["end_time"] - one["start_time"])
            assert one["duration"] == pytest.approx(0.6, abs=0.04)
        assert found["total_duration"] == pytest.approx(ends[-1], abs=0.05)
        video = Video.objects.get(pk=found["video_file_id"])
        assert (video.owner, video.place, video.status, video.title) == (owner, VideoScope.SESSION, "ready", "My three")
        assert (video.width, video.height, video.codec) == (224, 126, "h264")
        merge_id = body["merge_session_id"]
        assert found["file_size"] == video.file_size == len(contents_of(media, merge_id))
        assert api.get("/api/v1/me").json()["usage"]["storage_bytes"] == video.file_size
        assert [name.split("/")[0] for name in files_in(media)] == ["renditions", "videos"]
        assert scratch_of(merge_id) == []
        row = Rendition.objects.get(video=merge_id)
        assert row.kind == "poster"
        assert default_storage.exists(row.key_of("image"))
        job = api.get(f"/api/v1/jobs/{body['job_id']}").json()
        assert (job["kind"], job["status"], job["progress"]) == ("merge", "completed", 100.0)
        assert (job["result"]["merge_session_id"], job["result"]["compression_applied"]) == (merge_id, False)
        session = session_of(merge_id)
        assert session.took_seconds is not None
        assert 0 < session.took_seconds < 120
        assert session.source_seconds == pytest.approx(1.8, abs=0.15)
        assert timed() == before + 1

    def test_it_gets_the_ladder_of_any_other_video(self, api: Api, clip_files: Clips, settings: Any) -> None:
        settings.HLS_RUNGS = [720, 90]
        video = merged(api, [clip_files["1"], clip_files["2"]])["merged_video"]["video_file_id"]
        job = Job.objects.get(kind="render")
        rungs = [{"do": "hls", "rung": rung} for rung in ("source", 90)]
        assert (job.params["tasks"], job.params["video_id"], job.priority) == (rungs, video, -10)
        run_queue("render")
        made = Rendition.objects.filter(video=video, kind="hls")
        assert {row.name: row.height for row in made} == {"source": 126, "90": 90}

    def test_loudness_is_levelled_where_that_is_asked(self, api: Api, clip_files: Clips) -> None:
        body = merged(api, [clip_files["1"], clip_files["2"]], level_loudness=True)
        assert body["overall_status"] == "completed", body
        assert body["merged_video"]["compression_applied"] is True


class TestMediaAtFault:
    def test_what_the_probe_does_not_see_the_merge_names(self, api: Api, media: Path, clip_files: Clips) -> None:
        body = merged(api, [clip_files["1"], clip_files["broken"], clip_files["odd"]])
        assert body["overall_status"] == "failed", body
        assert (body["error_type"] in ("clip_unreadable", "merge_failed"), body["retry_available"]) == (True, False)
        assert "Clip 2 (" in body["error_message"]
        assert "statement2.mp4" in body["error_message"]
        assert body["failed_at"].endswith("Z")
        assert files_in(media) == []
        assert [one["status"] for one in body["uploads"]] == ["failed"] * 3
        merge_id = body["merge_session_id"]
        refused(act(api, merge_id, "retry"), 409, "merge_not_retryable")
        refused(api.post(f"/api/v1/jobs/{body['job_id']}/retry"), 409, "not_retryable")
        assert api.get("/api/v1/me").json()["usage"]["storage_bytes"] == 0
        refused(api.post(CHALLENGES, statements_of(merge_id)), 409, "merge_unfinished")

    @pytest.mark.usefixtures("unseen")
    def test_clips_that_nobody_looked_at_before_are_named_too(self, api: Api, media: Path, clip_files: Clips) -> None:
        names = ["a.mp4", "b.mp4", "x" * 250 + ".mp4"]
        body = merged(api, [clip_files["1"], clip_files["2"], clip_files["text"]], names=names)
        assert (body["overall_status"], body["error_type"]) == ("failed", "clip_unreadable")
        assert body["error_message"].startswith("Clip 3 (")
        assert len(body["error_message"]) < 1000
        assert (body["retry_available"], files_in(media)) == (False, [])

    @pytest.mark.parametrize("is_probed", [True, False], ids=["looked at side by side", "not looked at"])
    def test_clips_are_no_more_work_than_the_plan_allows(
        self, api: Api, clip_files: Clips, settings: Any, request: pytest.FixtureRequest, is_probed: bool
    ) -> None:
        if not is_probed:
            request.getfixturevalue("unseen")
        merge = deliver(api, [clip_files["1"], clip_files["2"]])
        assert all((merges.GIGAPIXELS in upload.metadata) is is_probed for upload in Upload.objects.all())
        free = settings.TIER_LIMITS["free"] | {"max_video_gigapixels": 1e-6}
        settings.TIER_LIMITS = settings.TIER_LIMITS | {"free": free}
        run_queue("merge")
        body = status_of(api, merge)
        assert (body["overall_status"], body["error_type"], body["retry_available"]) == ("failed", "work_limit", False)

    @pytest.mark.parametrize("of", ["the merged video", "clips that nobody looked at before"])
    def test_a_killed_probe_fails_nothing(
        self, api: Api, media: Path, clip_files: Clips, monkeypatch: pytest.MonkeyPatch,
        request: pytest.FixtureRequest, of: str,
    ) -> None:  # fmt: skip
        if of != "the merged video":
            request.getfixturevalue("unseen")
        merge_id = deliver(api, [clip_files["1"], clip_files["2"]])
        before = files_in(media)
        killed = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
        monkeypatch.setattr("media_app.videos.ingest.PROBE", killed)
        run_queue("merge")
        assert job_of(merge_id).status == "waiting"
        assert files_in(media) == before

    @pytest.mark.parametrize("script", ["os._exit(3)", "raise RuntimeError('broken')", "say(progress=5)"])
    def test_a_broken_child_fails_and_can_be_retried(self, api: Api, media: Path, child: Child, script: str) -> None:
        merge = make_merge(User.objects.get(username="owner"), status="queued")
        child(script)
        run_queue("merge")
        body = status_of(api, str(merge.pk))
        assert (body["overall_status"], body["retry_available"]) == ("failed", True)
        assert len(files_in(media)) == 3


class TestTime:
    def test_a_duration_that_lies_buys_no_time(
        self, api: Api, clip_files: Clips, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Two clips of a second that are said to last a week may not keep a place in the lane for a week.

        The ffmpeg that hangs is ended with the merge.
        """
        settings.CHILD_SECONDS = 2.0
        monkeypatch.setattr(actors, "WORK_SECONDS_PER_SECOND", 0.5)
        merge_id = deliver(api, [clip_files["1"], clip_files["odd"]], video_durations=[604_800.0, 604_800.0])
        log, program = tmp_path / "sleepers", tmp_path / "ffmpeg"
        program.write_text(f"#!/bin/sh\necho $$ >> {log}\nexec sleep 600\n")
        program.chmod(0o755)
        open_to_children(tmp_path, monkeypatch)
        monkeypatch.setattr(actors, "WORK", [shutil.which("env"), f"IMAGEIO_FFMPEG_EXE={program}", *MERGE_CHILD])
        thread = in_thread()
        thread.join(30)
        ended = not thread.is_alive()
        act(api, merge_id, "cancel")
        thread.join(30)
        assert ended
        assert status_of(api, merge_id)["error_type"] == "timeout"
        sleepers = [int(line) for line in log.read_text().split()]
        assert sleepers
        wait_until(lambda: not any(is_alive(pid) for pid in sleepers))


class TestPassingFaults:
    @pytest.mark.parametrize("other", ["2", "odd"], ids=["copied", "encoded"])
    def test_a_disk_that_fills_up_under_the_merge(
        self, api: Api, media: Path, clip_files: Clips, monkeypatch: pytest.MonkeyPatch, other: str
    ) -> None:
        merge_id = deliver(api, [clip_files["1"], clip_files[other]])
        before = files_in(media)
        with monkeypatch.context() as patch:
            limit = [shutil.which("prlimit"), "--fsize=6000", *MERGE_CHILD]
            patch.setattr(actors, "WORK", limit)
            run_queue("merge")
            job = job_of(merge_id)
            assert (job.status, job.retries) == ("waiting", 1), job.error
            body = status_of(api, merge_id)
            assert (body["overall_status"], body["error_type"]) == ("processing", None)
            assert "Trying again automatically" in body["message"]
            for status in ("waiting", "waiting", "failed"):
                due(merge_id)
                run_queue("merge")
                assert job_of(merge_id).status == status
        body = status_of(api, merge_id)
        assert (body["overall_status"], body["error_type"], body["retry_available"]) == ("failed", "disk_full", True)
        assert files_in(media) == before
        assert scratch_of(merge_id) == []
        assert act(api, merge_id, "retry").status_code == 200
        run_queue("merge")
        assert status_of(api, merge_id)["overall_status"] == "completed"

    @pytest.mark.parametrize("fault", ["copy_file_range", "rename", "no ffmpeg"])
    def test_a_disk_that_is_full_before_or_behind_it_or_no_ffmpeg_is_waited_for(
        self, api: Api, media: Path, clip_files: Clips, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: str
    ) -> None:
        merge_id = deliver(api, [clip_files["1"], clip_files["odd" if fault == "no ffmpeg" else "2"]])
        before = files_in(media)

        def full(*given: Any, **named: Any) -> Any:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            if fault == "no ffmpeg":
                env = shutil.which("env")
                patch.setattr(actors, "WORK", [env, f"IMAGEIO_FFMPEG_EXE={tmp_path / 'nothing'}", *MERGE_CHILD])
            else:
                patch.setattr(os, fault, full)
            run_queue("merge")
        job = job_of(merge_id)
        assert (job.status, job.retries) == ("waiting", 1), job.error
        assert files_in(media) == before
        assert not Video.objects.exists()
        due(merge_id)
        run_queue("merge")
        assert status_of(api, merge_id)["overall_status"] == "completed"

    def test_a_killed_child_is_tried_again_with_growing_delay(self, api: Api, owner: User, child: Child) -> None:
        merge = make_merge(owner, status="queued")
        child("os.kill(os.getpid(), 9)")
        delays = []
        for _ in range(3):
            run_queue("merge")
            job = job_of(merge.pk)
            assert job.status == "waiting"
            assert job.run_at is not None
            delays.append((job.run_at - Job.objects.annotate(now=Now()).get(pk=job.pk).now).total_seconds())
            due(str(merge.pk))
        run_queue("merge")
        body = status_of(api, str(merge.pk))
        assert (body["error_type"], body["retry_available"]) == ("out_of_memory", True)
        # 5 s, 20 s, 80 s …, each give or take a quarter.
        assert delays[0] < delays[1] < delays[2]

    def test_after_a_passing_failure_the_clips_stay_until_they_expire(self, api: Api, owner: User, media: Path) -> None:
        merge = make_merge(owner, status="failed", error={"type": "timeout", "message": "It took too long."})
        cleanup.expire_uploads()
        assert len(files_in(media)) == 3
        Upload.objects.update(expires_at=Now())
        cleanup.expire_uploads()
        assert files_in(media) == []
        body = status_of(api, str(merge.pk))
        assert (body["overall_status"], body["retry_available"]) == ("failed", False)
        refused(act(api, str(merge.pk), "retry"), 409, "merge_not_retryable")

    def test_a_clip_whose_bytes_are_gone_is_named(self, api: Api, owner: User, media: Path) -> None:
        merge = make_merge(owner, status="queued")
        shutil.rmtree(media / "uploads" / str(merge.clips.all()[1].pk))
        run_queue("merge")
        body = status_of(api, str(merge.pk))
        assert (body["overall_status"], body["retry_available"]) == ("failed", False)
        assert "statement2.mp4" in body["error_message"]

    def test_merged_only_once(self, api: Api, media: Path, clip_files: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
        merge_id = deliver(api, [clip_files["1"], clip_files["2"]])

        def dies(*given: Any, **share: Any) -> None:
            raise SystemExit("as if it were killed")

        with monkeypatch.context() as patch:
            patch.setattr(actors, "make_poster", dies)
            with pytest.raises(SystemExit):
                run_queue("merge")
        content = contents_of(media, merge_id)
        job = job_of(merge_id)
        assert job.lease_token is not None
        assert leases.record_crash(leases.Lease(job.pk, job.lease_token), "it was killed")
        run_queue("merge")
        assert status_of(api, merge_id)["overall_status"] == "completed"
        assert contents_of(media, merge_id) == content
        assert [name for name in files_in(media) if name.startswith("uploads")] == []

    def test_a_failed_poster_is_made_again(self, api: Api, clip_files: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
        merge_id = deliver(api, [clip_files["1"], clip_files["2"]])
        make_poster = actors.make_poster

        def in_the_way(context: Any, video: Video, path: Path, folder: Path, **share: Any) -> None:
            monkeypatch.setattr(actors, "make_poster", make_poster)
            run_child = context.run_child

            def run(*given: Any, **how: Any) -> Any:
                (folder / "stills" / "poster").touch()
                return run_child(*given, **how)

            monkeypatch.setattr(context, "run_child", run)
            make_poster(context, video, path, folder, **share)

        monkeypatch.setattr(actors, "make_poster", in_the_way)
        run_queue("merge")
        assert (job_of(merge_id).status, job_of(merge_id).attempt) == ("waiting", 1)
        due(merge_id)
        run_queue("merge")
        assert status_of(api, merge_id)["overall_status"] == "completed"
        assert [row.kind for row in Rendition.objects.all()] == ["poster"]


class TestScanned:
    def test_a_virus_removes_all(self, api: Api, media: Path, clip_files: Clips, clamd: Clamd, tmp_path: Path) -> None:
        clip = tmp_path / "infected.mp4"
        clip.write_bytes(clip_files["2"])
        body = merged(api, [clip_files["1"], infect(clip).read_bytes()])
        assert (body["overall_status"], body["error_type"]) == ("failed", "malware_found"), body
        assert body["error_message"].startswith("Clip 2 (statement2.mp4): ")
        assert (body["retry_available"], files_in(media)) == (False, [])

    def test_an_absent_scanner_is_waited_for(self, api: Api, clip_files: Clips, clamd: Clamd, settings: Any) -> None:
        merge_id = deliver(api, [clip_files["1"], clip_files["2"]])
        address, settings.CLAMD = settings.CLAMD, "/nowhere/clamd.sock"
        run_queue("merge")
        body = status_of(api, merge_id)
        assert (body["overall_status"], job_of(merge_id).status) == ("processing", "waiting")
        assert "scanner" in body["message"]
        settings.CLAMD = address
        due(merge_id)
        run_queue("merge")
        assert status_of(api, merge_id)["overall_status"] == "completed"


class TestGivenUp:
    @pytest.mark.parametrize("way", ["cancel", "delete clip", "delete merge", "cancel job"])
    def test_it_leaves_nothing(self, api: Api, owner: User, media: Path, child: Child, settings: Any, way: str) -> None:
        settings.JOB_PROGRESS_SECONDS = 0.0
        merge = make_merge(owner, status="queued")
        merge_id, clip = str(merge.pk), merge.clips.all()[0].pk
        pids = media.parent / "pids"
        child(
            f"open(request['target'], 'wb').write(b'half')\nopen({str(pids)!r}, 'w').write(str(os.getpid()))\n"
            "say(progress=50, message='Joining')\ntime.sleep(600)"
        )
        thread = in_thread()
        wait_until(lambda: job_of(merge_id).progress > 40)
        body = status_of(api, merge_id)
        assert (body["overall_status"], body["message"]) == ("processing", "Joining")
        assert 50 < body["progress"] < 100
        folders = scratch_of(merge_id)
        assert folders
        began = time.monotonic()
        answer = {
            "cancel": lambda: act(api, merge_id, "cancel"),
            "delete clip": lambda: api.delete(f"{MERGES}/upload/{clip}"),
            "delete merge": lambda: api.delete(f"{MERGES}/merge-session/{merge_id}"),
            "cancel job": lambda: api.post(f"/api/v1/jobs/{body['job_id']}/cancel"),
        }[way]()
        assert answer.status_code == 200, answer.content
        thread.join(60)
        assert not thread.is_alive()
        assert time.monotonic() - began < 30
        assert not is_alive(int(pids.read_text()))
        assert files_in(media) == []
        assert not any(folder.exists() for folder in folders)
        assert not Video.objects.exists()
        if way == "delete merge":
            assert (MergeSession.objects.count(), Job.objects.count(), Upload.objects.reserved().count()) == (0, 0, 0)
            return
        body = status_of(api, merge_id)
        assert (body["overall_status"], body["retry_available"], body["merged_video"]) == ("cancelled", False, None)
        assert [one["status"] for one in body["uploads"]] == ["cancelled"] * 3
        assert (body["error_type"], body["error_message"]) == (None, None)
        assert act(api, merge_id, "cancel").status_code == 200
        refused(act(api, merge_id, "retry"), 409, "merge_not_retryable")
        refused(api.post(f"/api/v1/jobs/{body['job_id']}/retry"), 409, "not_retryable")

    def test_while_its_poster_is_drawn_nothing_stays(
        self, api: Api, media: Path, clip_files: Clips, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The video is kept by then, and the job is not at its end."""
        merge_id = deliver(api, [clip_files["1"], clip_files["2"]])
        asleep = tmp_path / "asleep.py"
        asleep.write_text("import time\ntime.sleep(600)\n")
        open_to_children(tmp_path, monkeypatch)
        monkeypatch.setattr(ingest, "INGEST", [sys.executable, str(asleep)])
        thread = in_thread()
        wait_until(lambda: Video.objects.filter(pk=merge_id).exists(), 20)
        body = status_of(api, merge_id)
        assert body["overall_status"] == "processing"
        refused(api.post(CHALLENGES, statements_of(merge_id)), 409, "merge_unfinished")
        assert act(api, merge_id, "cancel").status_code == 200
        thread.join(60)
        assert not thread.is_alive()
        body = status_of(api, merge_id)
        assert (body["overall_status"], body["merged_video"]) == ("cancelled", None)
        assert not Video.objects.exists()
        assert files_in(media) == []
        refused(api.post(CHALLENGES, statements_of(merge_id)), 409, "merge_unfinished")
        MergeSession.objects.update(expires_at=Now() - timedelta(days=8))
        assert merges.expire() == 1

    def test_a_missing_poster_is_no_failure(self, api: Api, clip_files: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ingest, "INGEST", [sys.executable, "-c", "raise SystemExit(3)"])
        body = merged(api, [clip_files["1"], clip_files["2"]])
        assert (body["overall_status"], body["merged_video"]["poster_url"]) == ("completed", None)


class TestTheQueue:
    def test_it_cannot_be_paused_nor_deleted_alone(self, owner: User, api: Api) -> None:
        live, over = make_merge(owner, status="queued"), make_merge(owner, status="completed")
        refused(api.post(f"/api/v1/jobs/{live.job_id}/pause"), 409, "not_pausable")
        refused(api.delete(f"/api/v1/jobs/{over.job_id}"), 409, "job_in_use")

    def test_the_page_of_jobs_leads_to_it(self, owner: User) -> None:
        waiting = make_merge(owner, status="queued", title="Kept words")
        challenge = make_challenge(owner, title="Told words")
        text = browser(owner).get("/jobs").content.decode()
        assert "Kept words" in text
        assert f"/challenges/new?merge={waiting.pk}" in text
        assert f"/challenges/{challenge.pk}" in text

    def test_four_run_at_once_of_whoever(self, other: User, moderator: User, owner: User) -> None:
        for person in (owner, owner, other, other, moderator):
            make_merge(person, status="queued")
        running = [leases.claim("merge", "worker") for _ in range(5)]
        assert [job is not None for job in running] == [True] * 4 + [False]
