"""POST /api/sessions/multi-vod/{id}/timer-preview."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models.functions import Now
from pytest_check import check

from jobs_app.models import Job
from jobs_app.runner import run_queue
from media_app.videos.models import Video
from sessions_app.comparison.models import ComparisonSession
from tests.comparison.test_align import BOX, stand_in
from tests.conftest import Library
from tests.support.api import BASE, Api, refused
from tests.support.catalogue import make_catalogue_video
from tests.support.factories import make_session, make_video
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db
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


@pytest.fixture
def session(owner: User, library: Library) -> ComparisonSession:
    names = ("plain.mp4", "other.mp4")
    return make_session(owner, videos=[make_video(owner, duration=5, location=str(library.crew / n)) for n in names])


@pytest.fixture
def url(session: ComparisonSession) -> str:
    return f"{BASE}/{session.session_id}/timer-preview"


def test_it_answers_what_the_box_reads_and_replaces_the_pictures_of_the_last_preview(
    api: Api, session: ComparisonSession, url: str, monkeypatch: pytest.MonkeyPatch
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
    assert len(default_storage.listdir(f"previews/{session.session_id}")[0]) <= 2


def test_the_moments_are_each_vods_own(api: Api, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, ECHO)
    for times, expected in (
        ([1, 2.5], [[1, 2.5], [1, 2.5]]),
        ({"vod-1": [1], "vod-2": [2, 3]}, [[1], [2, 3]]),
        (None, [None, None]),
        ([], [None, None]),
    ):
        readings = api.post(url, {"roi": BOX, "times": times}).json()["readings"]
        request = json.loads(readings[0]["text"])
        assert [video["times"] for video in request["videos"]] == expected


def test_real_frames_without_a_timer_read_as_nothing(api: Api, url: str) -> None:
    response = api.post(url, {"roi": BOX, "times": [0.5, 1.0]})
    assert response.status_code == 200, response.content
    readings = response.json()["readings"]
    assert [(reading["vod_id"], round(reading["time"], 1)) for reading in readings] == [
        ("vod-1", 0.5), ("vod-1", 1.0), ("vod-2", 0.5), ("vod-2", 1.0)
    ]  # fmt: skip
    assert {reading["value"] for reading in readings} == {None}


def test_a_preview_that_fails_says_why_and_leaves_no_scratch_folder(
    api: Api, url: str, library: Library, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    stand_in(monkeypatch, 'print(json.dumps({"error": {"type": "x", "message": "vod-1 is damaged."}}))')
    assert refused(api.post(url, {"roi": BOX}), 400, "vod_unreadable")["error"] == "vod-1 is damaged."
    stand_in(monkeypatch, "os.kill(os.getpid(), signal.SIGSEGV)")
    refused(api.post(url, {"roi": BOX}), 400, "vod_unreadable")
    stand_in(monkeypatch, "raise RuntimeError")
    refused(api.post(url, {"roi": BOX}, fails=True), 500, "server_error")
    stand_in(monkeypatch, ECHO)
    assert api.post(url, {"roi": BOX}).status_code == 200
    (library.crew / "other.mp4").unlink()
    assert "vod-2" in refused(api.post(url, {"roi": BOX}), 400, "vod_file_not_found")["error"]
    assert list((settings.DATA_DIR / "tmp").glob("preview-*")) == []


def test_a_bad_box_or_moment_is_refused(api: Api, url: str) -> None:
    for body in ({}, {"roi": None}, {"roi": []}, {"roi": {}}):
        refused(api.post(url, body), 400, "invalid")
    for change in ({"x": 0.9}, {"width": 0}, {"time": -1}, {"time": 5.1}, {"height": 2}):
        refused(api.post(url, {"roi": BOX | change}), 400, "invalid")
    lists = ([1] * 9, [-1], [604_801], ["1"], [True], [None], [[1]])
    for times in (7, "1", True, *lists, {"vod-1": 1}, {"vod-1": [1] * 9}, {"vod-1": [-1]}, {"vod-1": None}):
        with check(str(times)):
            refused(api.post(url, {"roi": BOX, "times": times}), 400, "invalid")
    refused(api.post(url, {"roi": BOX | {"vod_id": "vod-9"}}), 400, "unknown_vod")
    refused(api.post(url, {"roi": BOX, "times": {"vod-1": [1], "vod-9": [1]}}), 400, "unknown_vod")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", [{"is_hidden": True}, {"deleted_at": Now()}, {"status": "failed"}])
def test_a_catalogue_video_that_is_shown_no_more_is_not_read_any_more(
    api: Api, admin_api: Api, owner: User, moderator: User, library: Library, monkeypatch: pytest.MonkeyPatch,
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
