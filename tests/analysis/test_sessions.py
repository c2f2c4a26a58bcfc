"""Analysis sessions over the API and in the admin: status, results, cancel, cleanup, list, expiry. No pipeline runs."""

import csv
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from jobs_app import services as jobs
from jobs_app.models import Job, JobStatus
from media_app.videos.models import Rendition, Video
from sessions_app.analysis import services
from sessions_app.analysis.models import AnalysisSession
from tests.analysis.conftest import DATA, DONE, Make, again
from tests.contract.places import browser
from tests.support.api import Api, refused
from tests.support.factories import make_rendition, make_video
from tests.support.stored import files_in
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.models import AuditEntry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]
BASE = "/api/v1/video"


def pass_time(session: AnalysisSession, **fields: Any) -> None:
    AnalysisSession.objects.filter(pk=session.pk).update(**fields)


class TestStatus:
    @pytest.mark.parametrize(("job", "status"), [
        ({}, "queued"),
        ({"status": JobStatus.PAUSED}, "queued"),
        ({"status": JobStatus.WAITING, "started_at": Now()}, "processing"),
        ({"status": JobStatus.PAUSED, "started_at": Now()}, "processing"),
        ({"status": JobStatus.COMPLETED}, "completed"),
        ({"status": JobStatus.FAILED, "error": {"type": "no_video", "message": "No."}}, "failed"),
        ({"status": JobStatus.CANCELLED}, "cancelled"),
    ])  # fmt: skip
    def test_it_follows_from_the_job(self, api: Api, make_analysis: Make, job: dict[str, Any], status: str) -> None:
        session = make_analysis(**job)
        body = api.get(f"{BASE}/status/{session.pk}").json()
        assert (body["sessionId"], body["status"], body["job_id"]) == (str(session.pk), status, str(session.job_id))
        assert (body["analysis_type"], body["params"]["segment_length"]) == ("highlights", 10.0)
        assert body["job_status"] == job.get("status", "queued")
        listed = api.get(f"{BASE}/sessions?status={status}").json()["sessions"]
        assert [one["sessionId"] for one in listed] == [str(session.pk)]

    def test_progress_estimate_and_failure_are_shown(self, api: Api, make_analysis: Make) -> None:
        session = make_analysis(
            status=JobStatus.PROCESSING, progress=25, message="Analyzing segment 13/20",
            started_at=Now() - timedelta(seconds=30), seconds_left=91.25,
        )  # fmt: skip
        body = api.get(f"{BASE}/status/{session.pk}").json()
        assert (body["progress"], body["message"]) == (25.0, "Analyzing segment 13/20")
        assert body["eta_seconds"] == 91.2
        paused = make_analysis(status=JobStatus.PAUSED, progress=25, seconds_left=91.25, started_at=Now())
        assert api.get(f"{BASE}/status/{paused.pk}").json()["eta_seconds"] is None
        error = {"type": "no_video", "message": "This file has no video track."}
        failed = make_analysis(status=JobStatus.FAILED, error=error)
        body = api.get(f"{BASE}/status/{failed.pk}").json()
        assert (body["error"], body["message"]) == (error, error["message"])
        body = refused(api.get(f"{BASE}/results/{failed.pk}"), 422, "analysis_failed")
        assert (body["error"], body["message"], body["reason"]) == ("Analysis failed", error["message"], "no_video")
        assert body["sessionId"] == str(failed.pk)

    def test_nobody_else_sees_it_but_admins(
        self, other_api: Api, admin_api: Api, moderator_api: Api, ready: Make
    ) -> None:
        session = ready()
        for name in ("status", "results"):
            assert admin_api.get(f"{BASE}/{name}/{session.pk}").status_code == 200
            for stranger in (other_api, moderator_api):
                refused(stranger.get(f"{BASE}/{name}/{session.pk}"), 404, "session_not_found")


class TestResults:
    def test_data_has_addresses(self, api: Api, anonymous: Api, ready: Make) -> None:
        session = ready()
        body = api.get(f"{BASE}/results/{session.pk}").json()
        assert (body["sessionId"], body["status"]) == (str(session.pk), "completed")
        data = body["data"]
        assert (data["summary"], data["segments"]) == (DATA["summary"], DATA["segments"])
        assert data["highlight_video_url"].endswith("/reel.mp4")
        assert data["thumbnails"] == [data["highlights"][0]["thumbnail_url"]]
        assert b"".join(anonymous.get(data["thumbnails"][0])) == b"picture"

    @pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.CANCELLED, JobStatus.PROCESSING])
    def test_before_the_end_is_none(self, api: Api, make_analysis: Make, status: str) -> None:
        session = make_analysis(status=status, progress=12.5, started_at=Now())
        body = refused(api.get(f"{BASE}/results/{session.pk}"), 400, "results_not_ready")
        assert (body["error"], body["progress"]) == ("Results not ready", 12.5)
        assert body["status"] == ("cancelled" if status == JobStatus.CANCELLED else "processing")

    def test_as_a_table_no_cell_is_a_formula(self, api: Api, ready: Make) -> None:
        session = ready()
        answer = api.get(f"{BASE}/results/{session.pk}.csv?kind=segments", headers={"Accept": "text/csv"})
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
        assert [row["end_time"] for row in rows] == ["10.0", "20.0"]
        assert rows[1]["description"] == "'=HYPERLINK()"

    def test_repetitions_are_a_table_too(self, api: Api, make_analysis: Make) -> None:
        session = make_analysis(kind="workout", **DONE)
        times = [{"start": 1.0, "turn": 2.0, "end": 3.5}]
        data = {"exercises": [{"name": "squat", "rep_times": times}], "total_repetitions": 1}
        pass_time(session, data=data)
        answer = api.get(f"{BASE}/results/{session.pk}.csv")
        (row,) = csv.DictReader(io.StringIO(answer.content.decode()))
        assert (row["exercise"], row["repetition"], row["seconds"]) == ("squat", "1", "2.5")
        refused(api.get(f"{BASE}/results/{session.pk}.csv?kind=segments"), 400, "invalid")
        assert api.get(f"{BASE}/results/{session.pk}").json()["data"]["preview_url"] is None


class TestCancel:
    def test_its_file_is_deleted(self, api: Api, media: Path, make_analysis: Make) -> None:
        session = make_analysis()
        expected = {"sessionId": str(session.pk), "status": "cancelled", "message": "Processing cancelled successfully"}
        for _ in range(2):
            assert api.post(f"{BASE}/cancel/{session.pk}").json() == expected
        assert files_in(media) == []
        assert not Video.objects.exists()
        assert api.get(f"{BASE}/status/{session.pk}").json()["status"] == "cancelled"

    def test_after_the_end_it_is_a_conflict(self, api: Api, owner: User, make_analysis: Make, ready: Make) -> None:
        session = ready()
        body = refused(api.post(f"{BASE}/cancel/{session.pk}"), 409, "job_finished")
        assert (body["sessionId"], body["status"]) == (str(session.pk), "completed")
        video = make_video(owner)
        api.post(f"{BASE}/cancel/{make_analysis(video=video).pk}")
        assert Video.objects.filter(pk=video.pk).exists()

    def test_whoever_cancels_the_job_cancels_the_session(self, api: Api, media: Path, make_analysis: Make) -> None:
        session = make_analysis()
        assert api.post(f"/api/v1/jobs/{session.job_id}/cancel").status_code == 200
        assert files_in(media) == []
        refused(api.post(f"/api/v1/jobs/{session.job_id}/retry"), 409, "not_retryable")


def test_the_estimate_is_measured_after_some_runs(client: Client, owner: User, make_analysis: Make) -> None:
    for seconds in (1, 4, 5, 6, 900):
        session = make_analysis(**DONE)
        assert services.work_factors() == {"highlights": 0.1, "workout": 0.5}
        began = F("finished_at") - timedelta(seconds=seconds)
        Job.objects.filter(pk=session.job_id).update(started_at=began)
        if seconds == 1:
            client.force_login(owner)
            assert '"factors": {"highlights": 0.1, "workout": 0.5}' in client.get("/analysis").content.decode()
    assert services.work_factors() == {"highlights": pytest.approx(5 / 20, abs=0.01), "workout": 0.5}


class TestCleanup:
    def test_nothing_is_left(self, api: Api, media: Path, ready: Make) -> None:
        session = ready()
        assert len(files_in(media)) == 3
        answer = api.delete(f"{BASE}/cleanup/{session.pk}")
        assert answer.json() == {"message": "Session cleaned up successfully"}
        assert files_in(media) == []
        assert not (AnalysisSession.objects.exists() or Job.objects.exists() or Video.objects.exists())
        refused(api.get(f"{BASE}/status/{session.pk}"), 404, "session_not_found")
        refused(api.delete(f"{BASE}/cleanup/{session.pk}"), 404, "session_not_found")

    def test_a_library_video_stays(self, api: Api, owner: User, media: Path, ready: Make) -> None:
        video = make_video(owner)
        mine, others = (ready(video=video) for _ in range(2))
        api.delete(f"{BASE}/cleanup/{mine.pk}")
        assert [row.name for row in video.renditions.all()] == [others.rendition_name]
        assert api.get(f"{BASE}/results/{others.pk}").json()["data"]["highlight_video_url"]
        assert api.delete(f"/api/v1/library/{video.pk}?purge=true").status_code == 200
        data = api.get(f"{BASE}/results/{others.pk}").json()["data"]
        assert (data["highlight_video_url"], len(data["segments"])) == (None, 2)


class TestExpiry:
    def test_a_tombstone_is_left(self, api: Api, media: Path, make_analysis: Make, ready: Make) -> None:
        session, young = ready(), make_analysis()
        pass_time(session, expires_at=Now() - timedelta(seconds=1))
        for _ in range(2):  # before the files are gone, and after
            body = api.get(f"{BASE}/status/{session.pk}").json()
            assert (body["status"], body["source"], body["eta_seconds"]) == ("expired", None, None)
            refused(api.get(f"{BASE}/results/{session.pk}"), 410, "session_expired")
            refused(api.get(f"{BASE}/results/{session.pk}.csv"), 410, "session_expired")
            refused(api.post(f"{BASE}/cancel/{session.pk}"), 410, "session_expired")
            services.expire()
        assert files_in(media) == [f"videos/{young.pk}/whole.mp4"]
        assert [job.pk for job in Job.objects.all()] == [young.job_id]
        [listed] = api.get(f"{BASE}/sessions?status=expired").json()["sessions"]
        assert listed["sessionId"] == str(session.pk)

    def test_keeping_needs_and_lasts_while_its_video(self, api: Api, owner: User, media: Path, ready: Make) -> None:
        of_own_file = ready()
        refused(api.post(f"{BASE}/keep/{of_own_file.pk}", {"keep": True}), 409, "not_keepable")
        refused(api.post(f"{BASE}/keep/{of_own_file.pk}", {"keep": "yes"}), 400, "invalid")
        assert again(of_own_file).expires_at is not None
        video = make_video(owner)
        session = ready(video=video)
        assert api.post(f"{BASE}/keep/{session.pk}", {"keep": True}).json()["expires_at"] is None
        assert services.expire() == 0
        assert api.get(f"{BASE}/results/{session.pk}").status_code == 200
        usual = api.post(f"{BASE}/keep/{session.pk}", {"keep": False}).json()
        assert usual["expires_at"] is not None
        api.post(f"{BASE}/keep/{session.pk}", {"keep": True})
        assert api.delete(f"/api/v1/library/{video.pk}?purge=true").status_code == 200
        assert api.get(f"{BASE}/status/{session.pk}").json()["status"] == "expired"
        assert services.expire() == 1
        refused(api.post(f"{BASE}/keep/{session.pk}", {"keep": True}), 410, "session_expired")

    def test_the_tombstone_goes_after_a_week(self, api: Api, ready: Make, capsys: pytest.CaptureFixture[str]) -> None:
        session = ready()
        pass_time(session, expires_at=Now() - timedelta(days=8))
        call_command("expire")
        assert "analyses 1," in capsys.readouterr().out
        pass_time(session, expired_at=Now() - timedelta(days=6, hours=23))
        services.expire()
        assert api.get(f"{BASE}/status/{session.pk}").json()["status"] == "expired"
        pass_time(session, expired_at=Now() - timedelta(days=7, seconds=1))
        services.expire()
        refused(api.get(f"{BASE}/status/{session.pk}"), 404, "session_not_found")


class TestList:
    def test_it_is_paged_newest_first(self, api: Api, make_analysis: Make) -> None:
        made = [make_analysis(kind=kind) for kind in ("highlights", "workout", "highlights")]
        body = api.get(f"{BASE}/sessions?limit=2").json()
        assert body["pagination"] == {"limit": 2, "offset": 0, "total": 3}
        for query, numbers in (("limit=2", [2, 1]), ("limit=2&offset=2", [0]), ("analysis_type=workout", [1])):
            found = api.get(f"{BASE}/sessions?{query}").json()["sessions"]
            assert [one["sessionId"] for one in found] == [str(made[number].pk) for number in numbers]

    def test_ten_sessions_need_no_more_queries(self, api: Api, ready: Make) -> None:
        def queries() -> int:
            with CaptureQueriesContext(connection) as found:
                assert api.get(f"{BASE}/sessions").status_code == 200
            return len(found)

        ready()
        api.get(f"{BASE}/sessions")
        one = queries()
        for _ in range(9):
            ready()
        assert queries() == one


def test_files_and_reels_take_of_the_owners_room(
    api: Api, owner: User, other_api: Api, make_analysis: Make, ready: Make
) -> None:
    make_analysis(content=b"x" * 1000)
    video = make_video(owner)
    ready(video=video)
    Rendition.objects.update(size=234)
    make_rendition(video, "hls", size=50_000)
    assert api.get("/api/v1/me").json()["usage"]["storage_bytes"] == 1234
    assert other_api.get("/api/v1/me").json()["usage"]["storage_bytes"] == 0


def test_the_plan_limits_kept_sessions(api: Api, owner: User, ready: Make, settings: Any) -> None:
    settings.TIER_LIMITS = settings.TIER_LIMITS | {"free": settings.TIER_LIMITS["free"] | {"max_sessions": 1}}
    first, second = (ready(video=make_video(owner)) for _ in range(2))
    for _ in range(2):
        assert api.post(f"{BASE}/keep/{first.pk}", {"keep": True}).status_code == 200
    assert refused(api.post(f"{BASE}/keep/{second.pk}", {"keep": True}), 409, "session_limit")["limit"] == 1
    assert api.post(f"{BASE}/keep/{first.pk}", {"keep": False}).status_code == 200
    assert api.post(f"{BASE}/keep/{second.pk}", {"keep": True}).status_code == 200


def test_a_session_keeps_its_job(api: Api, ready: Make) -> None:
    session = ready()
    refused(api.delete(f"/api/v1/jobs/{session.job_id}"), 409, "job_in_use")
    with pytest.raises(DomainError, match="belongs to a comparison, an analysis, a merge"):
        jobs.delete(Job.objects.get(pk=session.job_id))


ADMIN_LIST = "admin:analysis_analysissession_changelist"


@pytest.fixture
def desk(admin_person: User) -> Client:
    return browser(admin_person)


def act(desk: Client, action: str, *sessions: AnalysisSession) -> HttpResponse:
    keys = [str(session.pk) for session in sessions]
    return desk.post(reverse(ADMIN_LIST), {"action": action, "_selected_action": keys, "index": 0}, follow=True)


def test_the_admins_list_and_detail_show_progress_and_results(desk: Client, make_analysis: Make) -> None:
    make_analysis(name="The final", status=JobStatus.PROCESSING, progress=42, started_at=Now())
    text = desk.get(reverse(ADMIN_LIST), {"q": "final"}).content.decode()
    assert "The final" in text
    assert "Processing" in text
    assert "42 %" in text
    assert "The final" not in desk.get(reverse(ADMIN_LIST), {"q": "nothing"}).content.decode()
    session = make_analysis(status=JobStatus.COMPLETED)
    AnalysisSession.objects.filter(pk=session.pk).update(data=DATA)
    text = desk.get(reverse("admin:analysis_analysissession_change", args=[session.pk])).content.decode()
    assert str(DATA["summary"]) in text
    assert f"/analysis/{session.pk}" in text


def test_selected_sessions_are_cancelled_in_the_admin(desk: Client, make_analysis: Make) -> None:
    waiting, over = make_analysis(), make_analysis(name="Over", status=JobStatus.COMPLETED)
    text = act(desk, "cancel", waiting, over).content.decode()
    assert "1 cancelled." in text
    assert "Over: The job has already ended." in text
    assert (again(waiting).status, again(over).status) == ("cancelled", "completed")


def test_deletions_in_the_admin_are_logged(desk: Client, admin_person: User, make_analysis: Make) -> None:
    session = make_analysis()
    assert "1 deleted." in act(desk, "clean_up", session).content.decode()
    assert not AnalysisSession.objects.exists()
    entry = AuditEntry.objects.get(action="analysis.delete")
    assert (entry.actor_id, entry.target_id) == (str(admin_person.pk), str(session.pk))
