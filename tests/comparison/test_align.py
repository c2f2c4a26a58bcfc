"""POST /api/sessions/multi-vod/{id}/align: what is queued, what is refused, and one run from end to end."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from pytest_check import check

from jobs_app.context import JobFailed
from jobs_app.models import Job, JobStatus
from jobs_app.runner import run_queue
from media_app.videos.models import Rendition, RenditionKind
from sessions_app.comparison import actors, alignments
from sessions_app.comparison.models import Alignment, ComparisonSession, OffsetChange
from tests.conftest import Library
from tests.support.api import BASE, NOT_FINITE, NOT_NUMBERS, Api, refused, session_of, vod_of
from tests.support.factories import make_session, make_video
from tests.support.soundscapes import Take, scene, write
from vodplatform.accounts.models import User
from vodplatform.base.processes.process import Access

pytestmark = pytest.mark.django_db
BOX = {"vod_id": "vod-1", "time": 3.5, "x": 0.4, "y": 0.02, "width": 0.2, "height": 0.08}


@pytest.fixture
def session(owner: User) -> ComparisonSession:
    return make_session(owner)


@pytest.fixture
def url(session: ComparisonSession) -> str:
    return f"{BASE}/{session.session_id}/align"


def nothing_was_queued() -> bool:
    return not (Job.objects.exists() or Alignment.objects.exists())


class TestAsking:
    def test_the_answer_names_the_job(self, api: Api, owner: User, session: ComparisonSession, url: str) -> None:
        response = api.post(url, {"method": "timer_ocr"})
        assert response.status_code == 202
        assert response.json()["ok"] is True
        job = Job.objects.get(pk=response.json()["job_id"])
        assert (job.status, job.owner, job.kind) == ("queued", owner, alignments.ALIGN_KIND)
        assert Alignment.objects.get(job=job).session == session
        session.refresh_from_db()
        assert session.revision == 1

    def test_method_box_and_game_are_handed_on(self, api: Api, url: str) -> None:
        whole = BOX | {"x": 0, "y": 0, "width": 1, "height": 1, "time": 0}
        for method, roi, game in (
            ("timer_ocr", BOX, "valorant"), ("timer_ocr", whole, "apex"), ("timer_ocr", None, "csgo"),
            ("audio", None, "auto"), ("auto", None, "speedrun"),
        ):  # fmt: skip
            answer = api.post(url, {"method": method, "roi": roi, "game": game})
            assert answer.status_code == 202, answer.content
            params = Job.objects.get(pk=answer.json()["job_id"]).params
            assert (params["method"], params["roi"], params["game"]) == (method, roi, game)
            assert [video["vod_id"] for video in params["videos"]] == ["vod-1", "vod-2", "vod-3"]
            assert Alignment.objects.get(job_id=answer.json()["job_id"]).method == method

    def test_an_unknown_method_game_or_vod_is_refused(self, api: Api, url: str) -> None:
        for bad in (None, "", "ocr", 1, True, [], {}):
            refused(api.post(url, {"method": bad}), 400, "invalid")
            refused(api.post(url, {"method": "timer_ocr", "game": bad}), 400, "invalid")
        refused(api.post(url, {}), 400, "invalid")
        refused(api.post(url, {"method": "timer_ocr", "roi": BOX | {"vod_id": "vod-9"}}), 400, "unknown_vod")
        assert nothing_was_queued()

    def test_a_box_outside_the_frame_or_the_video_is_refused(self, api: Api, url: str) -> None:
        changes: list[dict[str, Any]] = [
            {"x": -0.01}, {"y": 1.01}, {"x": 0.9}, {"width": 0.7}, {"height": 0.99}, {"width": 0}, {"height": 0},
            {"width": -0.1}, {"x": 1}, {"time": -1}, {"time": 604_801}, {"time": 600.5}, {"vod_id": 7},
            {"vod_id": None}, {"vod_id": ""},
        ]  # fmt: skip
        parts = [{key: side for key, side in BOX.items() if key != name} for name in BOX]
        for roi in (*(BOX | change for change in changes), *parts, [], "box", 7, True, {}):
            with check(str(roi)):
                refused(api.post(url, {"method": "timer_ocr", "roi": roi}), 400, "invalid")
        assert nothing_was_queued()

    @pytest.mark.parametrize("name", ["time", "x", "y", "width", "height"])
    def test_a_side_that_is_no_number_is_refused(self, api: Api, url: str, name: str) -> None:
        for value in (*NOT_NUMBERS, *NOT_FINITE):
            sides = ", ".join(f'"{key}": {value if key == name else json.dumps(side)}' for key, side in BOX.items())
            with check(value[:20]):
                assert api.post(url, raw=f'{{"method": "timer_ocr", "roi": {{{sides}}}}}').status_code == 400
        assert nothing_was_queued()


def stand_in(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let a small program do the aligner's part: ``code`` sees the request as ``request``."""
    program = f"import json, os, sys, pathlib, signal\nrequest = json.load(sys.stdin)\n{code}"
    monkeypatch.setattr(alignments, "ALIGNER", [sys.executable, "-c", program])


@pytest.mark.usefixtures("running_keeper")
@pytest.mark.django_db(transaction=True)
class TestRunning:
    """What becomes of the job, by a stand-in for the aligner."""

    @pytest.fixture
    def session(self, owner: User, library: Library) -> ComparisonSession:
        names = ("plain.mp4", "other.mp4")
        return make_session(
            owner, videos=[make_video(owner, duration=3, location=str(library.crew / name)) for name in names]
        )

    def run(self, api: Api, session: ComparisonSession) -> dict[str, Any]:
        base = f"{BASE}/{session.session_id}"
        job_id = api.post(f"{base}/align", {"method": "timer_ocr"}).json()["job_id"]
        run_queue("align")
        return api.get(f"{base}/alignments/{job_id}").json()

    def test_it_gets_the_files_and_its_evidence_is_kept(
        self, api: Api, session: ComparisonSession, library: Library, monkeypatch: pytest.MonkeyPatch
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
        body = self.run(api, session)
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
        self, api: Api, session: ComparisonSession, monkeypatch: pytest.MonkeyPatch, settings: Any
    ) -> None:
        stand_in(monkeypatch, 'print(json.dumps({"error": {"type": "x", "message": "vod-2 cannot be read."}}))')
        body = self.run(api, session)
        assert (body["status"], body["proposals"]) == ("failed", [])
        assert body["error"] == {"type": "vod_unreadable", "message": "vod-2 cannot be read."}
        stand_in(monkeypatch, "pass")
        assert self.run(api, session)["error"]["type"] == "server_error"
        settings.CHILD_SECONDS = 0.5
        stand_in(monkeypatch, "import time; time.sleep(100)")
        body = self.run(api, session)
        assert body["status"] == "failed"
        assert "longer" in body["error"]["message"]

    def test_an_aligner_that_is_killed_is_started_again_and_fails_in_the_end(
        self, api: Api, session: ComparisonSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand_in(monkeypatch, "os.kill(os.getpid(), signal.SIGSEGV)")
        body = self.run(api, session)
        assert (body["status"], body["error"]["type"]) == ("failed", "job_crashed")
        job = Job.objects.get()
        assert (job.attempt, job.max_attempts) == (3, 3)

    def test_a_file_that_went_away_is_named(
        self, api: Api, session: ComparisonSession, library: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (library.crew / "other.mp4").unlink()
        body = self.run(api, session)
        assert body["error"]["type"] == "vod_file_not_found"
        assert "vod-2" in body["error"]["message"]

    def test_two_recordings_without_a_timer_are_refused(self, api: Api, session: ComparisonSession) -> None:
        body = self.run(api, session)
        assert (body["status"], body["proposals"]) == ("completed", [])
        assert "vod-2" in body["refused"]["vod_ids"]
        assert body["refused"]["reason"]
        assert len(body["refused"]["message"]) > 10
        url = f"{BASE}/{session.session_id}/alignments/{body['job_id']}/apply"
        refused(api.post(url, {}), 409, "nothing_to_apply")
        assert not OffsetChange.objects.exists()


@pytest.mark.full
@pytest.mark.usefixtures("running_keeper")
@pytest.mark.django_db(transaction=True)
def test_a_match_is_aligned_to_the_frame(
    api: Api, owner: User, library: Library, match: tuple[Path, Path, float]
) -> None:
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
    preview = api.post(
        f"{base}/timer-preview",
        {"roi": {"vod_id": "a", "time": 20, "x": 0.35, "y": 0, "width": 0.3, "height": 0.2}, "times": [10, 20]},
    )
    assert preview.status_code == 200, preview.content
    readings = preview.json()["readings"]
    assert {reading["vod_id"] for reading in readings} == {"a", "b"}
    assert any(reading["value"] is not None for reading in readings)
    assert default_storage.exists(f"previews/{shown['session_id']}")
    assert Job.objects.get(pk=job_id).status == JobStatus.COMPLETED


@pytest.mark.usefixtures("running_keeper")
@pytest.mark.django_db(transaction=True)
def test_two_recordings_are_aligned_by_their_sound(
    api: Api, owner: User, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*given: Any, **share: Any) -> None:
        raise JobFailed("not_found", "The file no longer exists.")

    monkeypatch.setattr(actors, "make_poster", gone)  # offsets are found without pictures all the same
    game, takes = scene(11, 70), {"a": Take(5, 40), "b": Take(21.25, 40, noise_seed=2)}
    for name, take in takes.items():
        path = write(take, game, tmp_path / name, picture=True)
        (library.crew / path.name).hardlink_to(path)
    vods = [{"vod_id": name, "name": name, "path": str(library.crew / f"{name}.mp4")} for name in takes]
    base = f"{BASE}/{session_of(api.post(BASE, {'vods': vods}), 201)['session_id']}"
    job_id = api.post(f"{base}/align", {"method": "audio"}).json()["job_id"]
    assert run_queue("align") == 1
    body = api.get(f"{base}/alignments/{job_id}").json()
    assert (body["status"], body["refused"], body["method"]) == ("completed", None, "audio")
    found = body["proposals"][0]
    assert found["offset"] == pytest.approx(16.25, abs=1e-3)
    assert (found["vod_id"], found["method"], found["drift_ppm"]) == ("b", "audio", 0)
    kinds = {item["kind"]: Api().get(item["url"]) for item in found["evidence"]}
    assert {kind: answer["Content-Type"] for kind, answer in kinds.items()} == {
        "outline": "image/png", "sample": "audio/wav",
    }  # fmt: skip
    assert kinds["outline"].content[:4] == b"\x89PNG"
    vod = vod_of(session_of(api.post(f"{base}/alignments/{job_id}/apply", {})), "b")
    assert (vod["offset"], vod["offset_source"]) == (found["offset"], "audio")


def test_a_session_keeps_so_many_alignments(
    api: Api, session: ComparisonSession, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
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
