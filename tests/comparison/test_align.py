"""POST /api/sessions/multi-vod/{id}/align and …/timer-preview: what is refused, and what becomes of it."""

import json
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models.functions import Now
from pytest_check import check

from jobs_app import services
from jobs_app.context import JobFailed
from jobs_app.models import Job, JobStatus
from jobs_app.runner import run_queue
from media_app.storage import files as store
from media_app.videos.models import Rendition, RenditionKind, Video
from sessions_app.comparison import actors
from sessions_app.comparison.alignment import services as alignments
from sessions_app.comparison.models import Alignment, ComparisonSession
from tests.conftest import Library
from tests.support.api import BASE, Api, refused, session_of, vod_of
from tests.support.catalogue import make_catalogue_video
from tests.support.factories import make_session, make_video
from tests.support.s3 import Bucket
from vodplatform.accounts.models import User
from vodplatform.core.processes.process import Access

pytestmark = pytest.mark.django_db
BOX = {"vod_id": "vod-1", "time": 3.5, "x": 0.4, "y": 0.02, "width": 0.2, "height": 0.08}
TIMER = {"vod_id": "vod-1", "time": 20, "x": 0.35, "y": 0, "width": 0.3, "height": 0.2}  # in the recordings of `match`


@pytest.fixture
def url(session: ComparisonSession) -> str:
    return f"{BASE}/{session.session_id}/align"


class TestAsking:
    def test_method_box_and_game_are_handed_on(
        self, api: Api, owner: User, session: ComparisonSession, url: str
    ) -> None:
        whole = BOX | {"x": 0, "y": 0, "width": 1, "height": 1, "time": 0}
        for method, roi, game in (
            ("timer_ocr", BOX, "valorant"), ("timer_ocr", whole, "apex"), ("timer_ocr", None, "csgo"),
            ("audio", None, "auto"), ("auto", None, "speedrun"),
        ):  # fmt: skip
            answer = api.post(url, {"method": method, "roi": roi, "game": game})
            assert answer.status_code == 202, answer.content
            job = Job.objects.get(pk=answer.json()["job_id"])
            assert (job.status, job.owner, job.kind) == ("queued", owner, alignments.ALIGN_KIND)
            params = job.params
            assert (params["method"], params["roi"], params["game"]) == (method, roi, game)
            assert [video["vod_id"] for video in params["videos"]] == ["vod-1", "vod-2", "vod-3"]
            alignment = Alignment.objects.get(job=job)
            assert (alignment.session, alignment.method) == (session, method)

    def test_a_box_of_an_unknown_vod_or_outside_the_frame_or_the_video_is_refused(self, api: Api, url: str) -> None:
        refused(api.post(url, {"method": "timer_ocr", "roi": BOX | {"vod_id": "vod-9"}}), 400, "unknown_vod")
        for change in ({"x": 0.9}, {"width": 0.7}, {"height": 0.99}, {"width": 0}, {"height": 0}, {"time": 600.5}):
            with check(str(change)):
                refused(api.post(url, {"method": "timer_ocr", "roi": BOX | change}), 400, "invalid")
        assert not (Job.objects.exists() or Alignment.objects.exists())


@pytest.fixture
def recorded(owner: User, library: Library) -> ComparisonSession:
    paths = [str(library.crew / name) for name in ("plain.mp4", "other.mp4")]
    return make_session(owner, videos=[make_video(owner, duration=5, location=path) for path in paths])


def stand_in(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let a small program do the aligner's part: ``code`` sees the request as ``request``."""
    program = f"import json, os, sys, pathlib, signal, time\nrequest = json.load(sys.stdin)\n{code}"
    monkeypatch.setattr(alignments, "ALIGNER", [sys.executable, "-c", program])


@pytest.mark.usefixtures("running_keeper")
@pytest.mark.django_db(transaction=True)
class TestRunning:
    """What becomes of the job, by a stand-in for the aligner."""

    def run(self, api: Api, session: ComparisonSession) -> dict[str, Any]:
        base = f"{BASE}/{session.session_id}"
        job_id = api.post(f"{base}/align", {"method": "timer_ocr"}).json()["job_id"]
        run_queue("align")
        return api.get(f"{base}/alignments/{job_id}").json()

    def test_it_gets_the_files_and_its_evidence_is_kept(
        self, api: Api, recorded: ComparisonSession, library: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        code = """
pathlib.Path(request["evidence_dir"], "one.jpg").write_bytes(b"picture")
print(json.dumps({"progress": 50, "message": "Reading"}))
found = {"vod_id": "vod-2", "offset": -1.5, "confidence": 0.9, "error_bound": 0.02, "agreeing": 3, "samples": 4,
         "note": "", "readings": [{"time": 1, "text": json.dumps(request["videos"]), "value": 2}],
         "evidence": [{"vod_id": "vod-2", "time": 1.0, "text": "0:01", "file": "one.jpg"}]}
print(json.dumps({"result": {"reference": "vod-1", "proposals": [found], "refused": []}}))
"""
        stand_in(monkeypatch, code)
        # Offsets are found without pictures all the same.
        fault = JobFailed("not_found", "The file no longer exists.")
        monkeypatch.setattr(actors, "make_poster", Mock(side_effect=fault))
        body = self.run(api, recorded)
        assert (body["status"], body["progress"], body["refused"]) == ("completed", 100, None)
        found = body["proposals"][0]
        assert (found["vod_id"], found["offset"], found["confidence"]) == ("vod-2", -1.5, 0.9)
        assert json.loads(found["readings"][0]["text"]) == [
            {"vod_id": "vod-1", "path": str(library.crew / "plain.mp4")},
            {"vod_id": "vod-2", "path": str(library.crew / "other.mp4")},
        ]
        picture = Api().get(found["evidence_urls"][0])
        assert (picture.status_code, picture.content, picture["Content-Type"]) == (200, b"picture", "image/jpeg")

    def test_an_aligner_that_gives_no_answer_fails_the_job(
        self, api: Api, recorded: ComparisonSession, monkeypatch: pytest.MonkeyPatch, settings: Any
    ) -> None:
        stand_in(monkeypatch, 'print(json.dumps({"error": {"type": "x", "message": "vod-2 cannot be read."}}))')
        body = self.run(api, recorded)
        assert (body["status"], body["proposals"]) == ("failed", [])
        assert body["error"] == {"type": "vod_unreadable", "message": "vod-2 cannot be read."}
        stand_in(monkeypatch, "pass")
        assert self.run(api, recorded)["error"]["type"] == "server_error"
        settings.CHILD_SECONDS = 0.5
        stand_in(monkeypatch, "import time; time.sleep(100)")
        body = self.run(api, recorded)
        assert body["status"] == "failed"
        assert "longer" in body["error"]["message"]


@pytest.mark.full
@pytest.mark.usefixtures("running_keeper")
@pytest.mark.django_db(transaction=True)
def test_a_match_aligns_to_the_frame(api: Api, owner: User, library: Library, match: tuple[Path, Path, float]) -> None:
    first, second, truth = match
    for path in (first, second):
        (library.crew / path.name).hardlink_to(path)
    vods = [
        {"vod_id": name, "name": name, "path": str(library.crew / path.name)}
        for name, path in (("a", first), ("b", second))
    ]
    base = f"{BASE}/{session_of(api.post(BASE, {'vods': vods}), 201)['session_id']}"
    job_id = api.post(f"{base}/align", {"method": "auto"}).json()["job_id"]
    assert run_queue("align") == 1
    body = api.get(f"{base}/alignments/{job_id}").json()
    assert (body["status"], body["refused"], body["method"]) == ("completed", None, "auto")
    # Lists show files of a folder by pictures that are made on this occasion.
    assert Rendition.objects.filter(kind=RenditionKind.POSTER).count() == 2
    found = body["proposals"][0]
    assert found["vod_id"] == "b"
    assert abs(found["offset"] - truth) <= 0.002
    assert 0.95 < found["confidence"] <= 1
    assert found["readings"]
    by_timer, by_sound = found["findings"]
    assert (by_timer["method"], by_sound["method"]) == ("timer_ocr", "audio")
    assert abs(by_timer["offset"] - truth) <= 1 / 30
    assert found["confidence"] > max(by_timer["confidence"], by_sound["confidence"])
    kinds = {item["kind"]: Api().get(item["url"]) for item in found["evidence"]}
    assert {kind: answer.content[:4] for kind, answer in kinds.items()} == {
        "frame": b"\xff\xd8\xff\xe0", "outline": b"\x89PNG", "sample": b"RIFF",
    }  # fmt: skip
    shown = session_of(api.post(f"{base}/alignments/{job_id}/apply", {}))
    vod = vod_of(shown, "b")
    assert (vod["offset"], vod["offset_source"]) == (found["offset"], "audio")
    assert vod["offset_confidence"] == found["confidence"]
    assert shown["auto_sync_result"]["method"] == "auto"
    preview = api.post(f"{base}/timer-preview", {"roi": {**TIMER, "vod_id": "a"}, "times": [10, 20]})
    assert preview.status_code == 200, preview.content
    readings = preview.json()["readings"]
    assert {reading["vod_id"] for reading in readings} == {"a", "b"}
    assert any(reading["value"] is not None for reading in readings)
    assert default_storage.exists(f"previews/{shown['session_id']}")
    assert Job.objects.get(pk=job_id).status == JobStatus.COMPLETED


def test_only_so_many_are_kept(api: Api, session: ComparisonSession, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignments, "MAX_ALIGNMENTS", 3)
    ids = [api.post(url, {"method": "timer_ocr"}).json()["job_id"] for _ in range(5)]
    assert {str(job.pk) for job in Job.objects.all()} == set(ids[2:])
    assert session.alignments.count() == 3
    refused(api.get(f"{BASE}/{session.session_id}/alignments/{ids[0]}"), 404, "alignment_not_found")


def test_the_child_is_told_of_easyocrs_weights_and_may_read_them(settings: Any, tmp_path: Path) -> None:
    settings.EASYOCR_MODELS = tmp_path
    asked: list[tuple[dict[str, Any], Access]] = []

    def run(argv: list[str], *, stdin: bytes, access: Access) -> list[dict[str, Any]]:
        asked.append((json.loads(stdin), access))
        return [{"result": {}}]

    for reader in ("easyocr", "rapidocr"):
        alignments.run_aligner({"op": "preview", "reader": reader, "videos": []}, run)
    (easyocr, its_access), (rapidocr, other_access) = asked
    assert easyocr["models"] == str(tmp_path)
    assert list(its_access.reads) == [str(tmp_path)]
    assert "models" not in rapidocr
    assert list(other_access.reads) == []


# Answers with the request in the first reading's text, and one picture.
ECHO = """
pathlib.Path(request["crop_dir"], "vod-1-0.jpg").write_bytes(b"crop")
readings = [
    {"vod_id": "vod-1", "time": 1.0, "text": json.dumps(request), "value": 83.0, "confidence": 0.9,
     "crop": "vod-1-0.jpg"},
    {"vod_id": "vod-2", "time": 1.0, "text": "", "value": None, "confidence": 0.0, "crop": None},
]
print(json.dumps({"result": {"readings": readings}}))
"""


class TestPreview:
    """POST /api/sessions/multi-vod/{id}/timer-preview."""

    @pytest.fixture
    def url(self, recorded: ComparisonSession) -> str:
        return f"{BASE}/{recorded.session_id}/timer-preview"

    def test_it_answers_what_the_box_reads_and_replaces_the_pictures_of_the_last_preview(
        self, api: Api, recorded: ComparisonSession, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand_in(monkeypatch, ECHO)
        response = api.post(url, {"roi": BOX})
        assert response.status_code == 200, response.content
        assert response.json()["ok"] is True
        first, second = response.json()["readings"]
        assert (first["vod_id"], first["time"], first["value"], first["confidence"]) == ("vod-1", 1.0, 83.0, 0.9)
        assert (second["value"], second["crop_url"]) == (None, None)
        picture = Api().get(first["crop_url"])
        assert (picture.status_code, picture.content) == (200, b"crop")
        again = api.post(url, {"roi": BOX}).json()["readings"][0]["crop_url"]
        assert Api().get(again).status_code == 200
        assert Api().get(first["crop_url"]).status_code == 404
        assert len(default_storage.listdir(f"previews/{recorded.session_id}")[0]) <= 2

    def test_the_moments_are_each_vods_own(self, api: Api, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        stand_in(monkeypatch, ECHO)
        for times, expected in (
            ([1, 2.5], [[1, 2.5], [1, 2.5]]), ({"vod-1": [1], "vod-2": [2, 3]}, [[1], [2, 3]]), (None, [None, None]),
            ([], [None, None]),
        ):  # fmt: skip
            readings = api.post(url, {"roi": BOX, "times": times}).json()["readings"]
            request = json.loads(readings[0]["text"])
            assert [video["times"] for video in request["videos"]] == expected

    def test_a_preview_that_fails_says_why_and_leaves_no_scratch_folder(
        self, api: Api, url: str, library: Library, monkeypatch: pytest.MonkeyPatch, settings: Any
    ) -> None:
        stand_in(monkeypatch, 'print(json.dumps({"error": {"type": "x", "message": "vod-1 is damaged."}}))')
        assert refused(api.post(url, {"roi": BOX}), 400, "vod_unreadable")["error"] == "vod-1 is damaged."
        stand_in(monkeypatch, "os.kill(os.getpid(), signal.SIGSEGV)")
        refused(api.post(url, {"roi": BOX}), 400, "vod_unreadable")
        stand_in(monkeypatch, "raise RuntimeError")
        refused(api.post(url, {"roi": BOX}, fails=True), 500, "server_error")
        with monkeypatch.context() as patch:
            stand_in(patch, "time.sleep(60)")
            patch.setattr("sessions_app.comparison.alignment.services.PREVIEW_SECONDS", 0.5)
            refused(api.post(url, {"roi": BOX}, fails=True), 503, "unavailable")
        stand_in(monkeypatch, ECHO)
        assert api.post(url, {"roi": BOX}).status_code == 200
        (library.crew / "other.mp4").unlink()
        assert "vod-2" in refused(api.post(url, {"roi": BOX}), 400, "vod_file_not_found")["error"]
        assert list((settings.DATA_DIR / "tmp").glob("preview-*")) == []

    def test_a_bad_box_or_moment_is_refused(self, api: Api, url: str) -> None:
        for body in ({}, {"roi": None}, {"roi": BOX | {"width": 0}}, {"roi": BOX | {"time": 5.1}}):
            refused(api.post(url, body), 400, "invalid")
        lists = ([1] * 9, [-1], [604_801], ["1"], [True], [None], [[1]])
        for times in (7, "1", True, *lists, {"vod-1": 1}, {"vod-1": [1] * 9}, {"vod-1": [-1]}, {"vod-1": None}):
            with check(str(times)):
                refused(api.post(url, {"roi": BOX, "times": times}), 400, "invalid")
        refused(api.post(url, {"roi": BOX | {"vod_id": "vod-9"}}), 400, "unknown_vod")
        refused(api.post(url, {"roi": BOX, "times": {"vod-1": [1], "vod-9": [1]}}), 400, "unknown_vod")

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("change", [{"is_hidden": True}, {"deleted_at": Now()}, {"status": "failed"}])
    def test_a_catalogue_video_that_is_shown_no_more_is_not_read_any_more(
        self, api: Api, admin_api: Api, owner: User, moderator: User, library: Library, monkeypatch: pytest.MonkeyPatch,
        change: dict[str, Any],
    ) -> None:  # fmt: skip
        """A session that was made while it was there stays, and so does its place in it; its pictures do not."""
        stand_in(monkeypatch, ECHO)
        stored = default_storage.save("shown.mp4", ContentFile((library.crew / "plain.mp4").read_bytes()))
        shown = make_catalogue_video(moderator, location=stored, duration=5)
        own = make_video(owner, duration=5, location=str(library.crew / "other.mp4"))
        session = make_session(owner, videos=[shown, own])
        url = f"{BASE}/{session.session_id}"
        assert api.post(f"{url}/timer-preview", {"roi": BOX}).status_code == 200
        Video.objects.filter(pk=shown.pk).update(**change)
        refused(api.post(f"{url}/timer-preview", {"roi": BOX}), 400, "vod_file_not_found")
        asked = api.post(f"{url}/align", {"method": "timer_ocr"})
        assert asked.status_code == 202
        run_queue("align")
        job = Job.objects.get(pk=asked.json()["job_id"])
        assert (job.status, job.error["type"]) == ("failed", "vod_file_not_found")
        if "status" not in change:
            assert admin_api.post(f"{url}/timer-preview", {"roi": BOX}).status_code == 200


@pytest.mark.full
@pytest.mark.services
@pytest.mark.usefixtures("running_keeper")
@pytest.mark.django_db(transaction=True)
class TestOnS3:
    """Videos that lie in a bucket: of each a part is read, and nothing is copied."""

    @pytest.fixture
    def base(
        self, owner: User, s3_storage: Bucket, match: tuple[Path, Path, float], monkeypatch: pytest.MonkeyPatch
    ) -> str:
        """The address of a comparison of two recordings in the bucket."""
        videos = []
        for path in match[:2]:
            key = f"videos/{path.name}"
            s3_storage.client().upload_file(str(path), s3_storage.name, key)
            videos.append(make_video(owner, location=key, source="stored", duration=60, file_size=path.stat().st_size))
        monkeypatch.setattr(store, "local_copy", lambda *given, **named: pytest.fail("a file was copied"))
        session = make_session(owner, videos=videos)
        s3_storage.faults.received = 0
        return f"{BASE}/{session.session_id}"

    @pytest.mark.parametrize("method", ["timer_ocr", "auto"])
    def test_bucket_videos_are_aligned(self, api: Api, base: str, method: str, match: tuple[Path, Path, float]) -> None:
        job_id = api.post(f"{base}/align", {"method": method}).json()["job_id"]
        assert run_queue("align") == 1
        body = api.get(f"{base}/alignments/{job_id}").json()
        assert (body["status"], body["refused"]) == ("completed", None)
        assert abs(body["proposals"][0]["offset"] - match[2]) <= 1 / 30

    def test_it_reads_little(self, api: Api, base: str, s3_storage: Bucket, match: tuple[Path, Path, float]) -> None:
        preview = api.post(f"{base}/timer-preview", {"roi": TIMER, "times": [20]})
        assert preview.status_code == 200, preview.content
        assert any(reading["value"] is not None for reading in preview.json()["readings"])
        assert 0 < s3_storage.faults.received < sum(path.stat().st_size for path in match[:2]) / 2

    def test_outages_delay_it(self, api: Api, base: str, s3_storage: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        job_id = api.post(f"{base}/align", {"method": "timer_ocr"}).json()["job_id"]
        run_aligner = actors.run_aligner

        def break_meanwhile(*given: Any) -> Any:
            s3_storage.faults.answer_503()
            return run_aligner(*given)

        monkeypatch.setattr(actors, "run_aligner", break_meanwhile)
        monkeypatch.setattr("jobs_app.outage.ASK_SECONDS", 0.0)
        run_queue("align")
        job = Job.objects.get(pk=job_id)
        assert (job.status, job.attempt, job.error) == ("waiting", 0, None)
        monkeypatch.setattr(actors, "run_aligner", run_aligner)
        s3_storage.heal()
        Job.objects.filter(pk=job_id).update(run_at=job.created_at)
        services.queue_due(job.pk)
        run_queue("align")
        assert Job.objects.get(pk=job_id).status == "completed"

    def test_a_file_that_is_gone_is_named(self, api: Api, base: str, s3_storage: Bucket) -> None:
        for key in [*s3_storage.keys()]:
            s3_storage.client().delete_object(Bucket=s3_storage.name, Key=key)
        body = refused(api.post(f"{base}/timer-preview", {"roi": TIMER}), 400, "vod_file_not_found")
        assert body["error"].startswith("vod-1: ")


def test_the_timer_alone_does_not_place_a_recording_that_was_interrupted() -> None:
    def result() -> dict[str, Any]:
        parts = {"readings": [], "evidence": [], "findings": []}
        proposals = [{"vod_id": name, "offset": at, "method": method, **parts} for name, at, method in (
            ("a", 0.0, "timer_ocr"), ("b", 9.5, "timer_ocr"), ("c", 3.25, "audio"))]  # fmt: skip
        return {"reference": "a", "proposals": proposals, "refused": None}

    broken = Video(recording={"breaks": [{"at": 20.0, "jump": None, "track": ""}], "reasons": ["breaks"]})
    whole, videos = result(), {name: Video() for name in "abc"}
    alignments.refuse_interrupted(whole, videos)
    assert whole == result()
    for name in ("a", "b"):
        found = result()
        alignments.refuse_interrupted(found, videos | {name: broken})
        assert [one["vod_id"] for one in found["proposals"]] == ["a", "c"]
        (refusal,) = found["refused"]
        assert (refusal["vod_id"], refusal["reason"]) == ("b", "not_one_recording")
        assert f"{name} was interrupted. The recording was interrupted at 0:20" in refusal["message"]
        assert "+9.500 s" in refusal["message"]
