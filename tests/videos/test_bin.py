"""The bin of the library: deleted videos are visible only there, until they are restored (contract section 4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import DEFAULT, patch

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import F
from django.test import Client
from pytest_check import check

from jobs_app.models import Job, JobStatus
from media_app.uploads import quota
from media_app.videos.models import Video, VideoStatus
from media_app.videos.services import empty_bin
from sessions_app.comparison import services as comparisons
from sessions_app.comparison.models import ComparisonSession
from sessions_app.comparison.proxies import proxy_urls
from tests.contract.places import browser
from tests.support.api import BASE, Api, refused, session_of
from tests.support.factories import make_analysis, make_job, make_session, make_text_track, make_video
from tests.videos.test_list import titles
from tests.videos.test_video import make_stored
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db
LIBRARY = "/api/v1/library"


@pytest.fixture
def video(owner: User) -> Video:
    video = make_stored(owner)
    Video.objects.filter(pk=video.pk).update(title="Round 7", tags=["final"])
    return video


@pytest.fixture
def url(video: Video) -> str:
    return f"{LIBRARY}/{video.pk}"


def test_it_goes_to_the_bin_and_comes_back_as_it_was(api: Api, owner: User, video: Video, url: str) -> None:
    before, used = api.get(url).json(), quota.storage_bytes(owner.pk)
    answer = api.delete(url)
    assert (answer.status_code, set(answer.json())) == (200, {"ok", "deleted_at", "purge_at"})
    shown = api.get(f"{LIBRARY}?bin=true").json()["videos"]
    deleted = (str(video.pk), answer.json()["deleted_at"], answer.json()["purge_at"])
    assert [(one["id"], one["deleted_at"], one["purge_at"]) for one in shown] == [deleted]
    video.refresh_from_db()
    assert video.purge_at is not None and video.deleted_at is not None
    assert video.purge_at - video.deleted_at == timedelta(days=14)
    assert (titles(api), quota.storage_bytes(owner.pk)) == ([], used)
    restored = api.post(f"{url}/restore").json()
    for moving in ("updated_at", "video_url"):
        del before[moving], restored[moving]
    assert restored == before
    assert (titles(api), titles(api, "bin=true")) == (["Round 7"], [])
    assert api.post(f"{url}/restore").status_code == 200


def test_in_the_bin_it_is_nowhere_else(
    api: Api, admin_api: Api, other_api: Api, owner: User, video: Video, url: str, client: Client
) -> None:
    track, job = make_text_track(video), make_job(owner, "failed", kind="ingest", params={"video_id": str(video.pk)})
    api.delete(url)
    body = {"vods": [{"vod_id": f"vod-{number}", "video_id": str(video.pk)} for number in range(2)]}
    analysis = {"video_id": str(video.pk), "analysis_type": "highlights"}
    refused(other_api.post(f"{url}/restore"), 404, "not_found")
    refused(other_api.delete(f"{url}?purge=true"), 404, "not_found")
    client.force_login(owner)
    for one in (api, admin_api):
        calls: list[tuple[str, str, Any]] = [
            ("GET", url, None), ("PATCH", url, {"title": "x"}), ("DELETE", url, None),
            ("POST", f"{url}/renditions", {"kind": "proxy"}),
            ("GET", f"/api/v1/text-tracks?video_id={video.pk}", None), ("GET", f"/api/v1/text-tracks/{track.pk}", None),
            ("GET", f"/api/v1/media/optimized/{video.pk}", None), ("GET", f"/api/v1/videos/{video.pk}", None),
        ]  # fmt: skip
        for method, path, sent in calls:
            with check(f"{method} {path}"):
                assert one.send(method, path, sent).status_code == 404
        refused(one.post(BASE, body), 400, "video_not_found")
        refused(one.post("/api/v1/video/upload", analysis), 400, "video_not_found")
    refused(api.post(f"/api/v1/jobs/{job.pk}/retry"), 409, "not_retryable")
    assert client.get(f"/watch/{video.pk}").status_code == 404
    for page in ("/", "/library", "/compare?new"):
        with check(page):
            assert "final" not in client.get(page).content.decode()


@pytest.mark.django_db(transaction=True)
def test_it_is_deleted_when_asked_or_overdue(api: Api, owner: User, video: Video, url: str, settings: Any) -> None:
    late = make_stored(owner)
    for one in (video, late):
        api.delete(f"{LIBRARY}/{one.pk}")
    assert empty_bin() == 0
    assert api.delete(f"{url}?purge=true").status_code == 200
    assert not default_storage.exists(video.location)
    refused(api.post(f"{url}/restore"), 404, "not_found")
    Video.objects.filter(pk=late.pk).update(deleted_at=F("deleted_at") - timedelta(days=14))
    assert empty_bin() == 1
    assert not Video.objects.exists()
    assert not default_storage.exists(late.location)
    assert quota.storage_bytes(owner.pk) == 0
    settings.BIN_DAYS = 0
    last = make_stored(owner)
    answer = api.delete(f"{LIBRARY}/{last.pk}").json()
    assert answer["deleted_at"] == answer["purge_at"]
    assert not Video.objects.exists()
    assert not default_storage.exists(last.location)


def is_gone(session: ComparisonSession) -> bool:
    """Return whether the comparison has a gap instead of its first video."""
    return bool(proxy_urls(session, session.owner)[0]["is_gone"])


@pytest.mark.django_db(transaction=True)
def test_comparisons_have_a_gap_until_it_is_back(api: Api, owner: User, video: Video, url: str) -> None:
    session = make_session(owner, videos=[video, make_video(owner)], name="Final")
    body = refused(api.delete(url), 409, "video_in_use")
    assert body["sessions"] == [{"session_id": session.pk, "name": "Final"}]
    before = session_of(api.get(f"{BASE}/{session.pk}"))
    assert api.delete(f"{url}?leave_gaps=true").status_code == 200
    gap = session_of(api.get(f"{BASE}/{session.pk}"))
    assert gap["revision"] == before["revision"] + 1
    assert is_gone(session)
    copy = session_of(api.post(f"{BASE}/{session.pk}/duplicate"), 201)
    api.post(f"{url}/restore")
    for row in ComparisonSession.objects.filter(pk__in=[session.pk, copy["session_id"]]):
        assert not is_gone(row)
    # After the video is deleted for good, the gap stays.
    api.delete(f"{url}?leave_gaps=true")
    assert api.delete(f"{url}?purge=true").status_code == 200
    last = session_of(api.get(f"{BASE}/{session.pk}"))
    assert [vod["duration"] for vod in last["vods"]] == [vod["duration"] for vod in before["vods"]]
    assert is_gone(session)


@pytest.mark.django_db(transaction=True)
def test_each_comparison_is_changed_in_a_transaction_of_its_own(api: Api, owner: User, video: Video, url: str) -> None:
    """Otherwise a video of many comparisons would lock the database for long."""
    make_session(owner, videos=[video, make_video(owner)])
    with patch.object(comparisons, "edit_session", wraps=comparisons.edit_session) as edit:
        edit.side_effect = lambda *_, **__: pytest.fail("in a transaction") if connection.in_atomic_block else DEFAULT
        assert api.delete(f"{url}?leave_gaps=true").status_code == api.post(f"{url}/restore").status_code == 200
    assert edit.call_count == 2


def test_its_work_is_cancelled_and_starts_again(api: Api, owner: User) -> None:
    job = make_job(owner, "queued", kind="ingest")
    video = make_video(owner, status=VideoStatus.PROCESSING, job=job)
    Job.objects.filter(pk=job.pk).update(params={"video_id": str(video.pk)})
    api.delete(f"{LIBRARY}/{video.pk}")
    job.refresh_from_db()
    assert job.status == JobStatus.CANCELLED
    assert api.post(f"{LIBRARY}/{video.pk}/restore").json()["status"] == "processing"
    job.refresh_from_db()
    assert job.status == JobStatus.QUEUED


def test_what_uses_videos_is_listed(api: Api, other: User, owner: User, video: Video) -> None:
    second = make_video(owner)
    session = make_session(owner, videos=[video, second], name="Final")
    analysis = make_analysis(owner, status=JobStatus.COMPLETED, video=video, name="Best moments")
    make_session(other, videos=[make_video(other)] * 2)
    expected = [
        {"kind": "comparison", "name": "Final", "url": f"/compare/{session.pk}"},
        {"kind": "analysis", "name": "Best moments", "url": f"/analysis/{analysis.pk}"},
    ]
    found = api.get(f"{LIBRARY}/uses?video_ids={video.pk},{second.pk}").json()
    assert found == {"uses": expected, "total": 2}
    for wrong in ("x", ",".join([str(video.pk)] * 101)):
        refused(api.get(f"{LIBRARY}/uses?video_ids={wrong}"), 400, "invalid")


def test_an_admin_sees_restores_and_purges_it(admin_person: User, api: Api, video: Video, url: str) -> None:
    api.delete(url)
    staff = browser(admin_person)
    page = "/admin/catalog/video/"
    assert "in the bin" in staff.get(f"{page}?bin=1").content.decode().lower()
    assert "Round 7" not in staff.get(f"{page}?bin=0").content.decode()
    staff.post(page, {"action": "restore", "_selected_action": str(video.pk)})
    assert titles(api) == ["Round 7"]
    api.delete(url)
    staff.post(page, {"action": "delete_selected", "_selected_action": str(video.pk), "post": "yes"})
    assert not Video.objects.exists()
