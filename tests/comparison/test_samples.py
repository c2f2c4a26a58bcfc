"""A sample comparison for an account that has nothing yet: asked for, made for real, opened, and deleted again."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client

from jobs_app.kinds import subjects_of
from jobs_app.models import Job, JobStatus
from jobs_app.runner import run_queue
from media_app.uploads import quota
from media_app.videos.models import RenditionKind, Video
from sessions_app.comparison.models import ComparisonSession
from sessions_app.comparison.samples import services as samples
from sessions_app.comparison.samples.services import SAMPLE_KIND
from tests.contract.places import browser as browser_of
from tests.support.api import BASE, Api
from tests.support.footage import write_pictures
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media", "running_keeper")]
ASK = "/compare/sample"


@pytest.fixture
def browser(owner: User) -> Client:
    return browser_of(owner)


def test_it_is_asked_for_once_and_home_shows_how_far_it_is(browser: Client, owner: User) -> None:
    assert ASK in browser.get("/").content.decode()
    for _ in range(2):
        answer = browser.post(ASK)
        assert (answer.status_code, answer["Location"]) == (302, "/")
    job = Job.objects.get()
    assert (job.kind, job.owner, job.status) == (SAMPLE_KIND, owner, JobStatus.QUEUED)
    assert "Create a sample comparison" in browser.get("/").content.decode()


def test_neither_a_link_nor_somebody_who_is_not_signed_in_makes_one(browser: Client) -> None:
    assert browser.get(ASK).status_code == 405
    assert Client().post(ASK)["Location"].startswith("/login")
    assert not Job.objects.exists()


def test_it_plays_three_views_in_step_and_can_be_deleted(browser: Client, api: Api, owner: User, media: Path) -> None:
    browser.post(ASK)
    run_queue("render")
    job = Job.objects.get(kind=SAMPLE_KIND)
    assert job.status == JobStatus.COMPLETED, (job.error, list(job.events.values_list("name", "data")))
    session = ComparisonSession.objects.get(pk=job.result["session_id"])
    assert browser.post(ASK)["Location"] == subjects_of([job])[job.pk].href == f"/compare/{session.pk}"
    shown = api.get(f"{BASE}/{session.pk}").json()["session"]
    assert [vod["name"] for vod in shown["vods"]] == ["Kestrel's view", "Juno's stream", "Vanta's view"]
    # One match, seen from three moments on; it opens when all have begun.
    offsets = [vod["offset"] for vod in shown["vods"]]
    assert offsets == pytest.approx([0.0, 3.4, 6.9], abs=0.02)
    assert shown["global_time"] > max(offsets)
    videos = Video.objects.filter(owner=owner)
    assert all((media / video.location).stat().st_size == video.file_size > 1_000_000 for video in videos)
    assert [video.tags for video in videos] == [["sample"]] * 3
    assert all(video.renditions.filter(kind=RenditionKind.POSTER).exists() for video in videos)
    assert api.delete(f"{BASE}/{session.pk}").status_code == 200
    for video in videos:
        assert api.delete(f"/api/v1/library/{video.pk}?purge=true").status_code == 200
    assert not any(path.is_file() for path in media.rglob("videos/**/*"))
    assert subjects_of([job])[job.pk].href == ""


@pytest.mark.parametrize("allowed", [0, 1], ids=["before it is made", "while it is made"])
def test_at_the_limit(browser: Client, owner: User, media: Path, allowed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """allowed: how often it is asked whether one more may be made before the answer is no."""
    answers = [10] * allowed + [0]
    monkeypatch.setattr("sessions_app.comparison.services.limits_of", lambda user: {"max_sessions": answers.pop(0)})
    # Smaller recordings: what they show is nothing to this.
    monkeypatch.setattr(samples, "run_answering", lambda context, argv, request, **_: small(Path(request["folder"])))
    browser.post(ASK)
    run_queue("render")
    job = Job.objects.get(kind=SAMPLE_KIND)
    assert (job.status, (job.error or {}).get("type")) == (JobStatus.FAILED, "session_limit")
    assert answers == []
    assert not Video.objects.exists()
    assert not any(path.is_file() for path in media.rglob("videos/**/*"))


def test_its_videos_count_towards_the_storage(
    browser: Client, api: Api, owner: User, media: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """A user who deletes the comparison and keeps its videos has no storage for another sample."""
    monkeypatch.setattr(samples, "run_answering", lambda context, argv, request, **_: small(Path(request["folder"])))
    browser.post(ASK)
    run_queue("render")
    assert api.delete(f"{BASE}/{ComparisonSession.objects.get().pk}").status_code == 200
    files = set(media.rglob("videos/**/*.mp4"))
    limits = {**settings.TIER_LIMITS["free"], "max_storage_bytes": quota.storage_bytes(owner.pk) + 10}
    settings.TIER_LIMITS = {**settings.TIER_LIMITS, "free": limits}
    browser.post(ASK)
    run_queue("render")
    job = Job.objects.filter(kind=SAMPLE_KIND).latest("created_at")
    assert (job.status, (job.error or {}).get("type")) == (JobStatus.FAILED, "storage_full")
    assert not ComparisonSession.objects.exists()
    assert (Video.objects.count(), set(media.rglob("videos/**/*.mp4"))) == (3, files)


def small(folder: Path) -> dict[str, list[dict[str, object]]]:
    made: list[dict[str, object]] = []
    for number in range(3):
        write_pictures(folder / f"{number}.mp4", [np.zeros((64, 64, 3), np.uint8)] * 10, fps=Fraction(10))
        made.append({"file": f"{number}.mp4", "name": f"View {number}", "offset": number / 2})
    return {"recordings": made}
