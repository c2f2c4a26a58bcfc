"""The jobs API (contract section 6): list, one, cancel, retry, pause, resume, delete."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs_app.models import Job, JobStatus
from media_app.videos.models import Video
from tests.conftest import Library
from tests.support.api import Api, refused
from tests.support.factories import make_alignment, make_job, make_session, make_video
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db
URL = "/api/v1/jobs"


def listed(api: Api, query: str = "") -> list[str]:
    response = api.get(f"{URL}?{query}")
    assert response.status_code == 200, response.content
    return [job["id"] for job in response.json()["jobs"]]


def test_one_is_shown_as_its_row_says(api: Api, owner: User) -> None:
    job = make_job(owner, "processing", progress=41.5, message="Reading")
    body = api.get(f"{URL}/{job.pk}").json()
    assert (body["id"], body["kind"], body["status"]) == (str(job.pk), "comparison.align", "processing")
    assert (body["progress"], body["message"], body["attempt"]) == (41.5, "Reading", 1)
    assert (body["finished_at"], body["result"], body["error"]) == (None, None, None)
    for name in ("created_at", "started_at"):
        moment = datetime.fromisoformat(body[name])
        assert moment.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)


class TestList:
    def test_it_is_the_callers_newest_first(self, api: Api, admin_api: Api, owner: User, other: User) -> None:
        mine = []
        for day in (3, 1, 2):
            mine.append((day, str(make_job(owner, created_at=datetime(2026, 1, day, tzinfo=UTC)).pk)))
        theirs = make_job(other)
        order = [number for _, number in sorted(mine, reverse=True)]
        assert listed(api) == order
        assert listed(admin_api) == [str(theirs.pk), *order]

    def test_it_can_be_narrowed(self, api: Api, owner: User) -> None:
        done, queued, gone = make_job(owner, "completed"), make_job(owner), make_job(owner, kind="other.kind")
        assert listed(api, "status=completed") == [str(done.pk)]
        assert listed(api, "kind=other.kind") == [str(gone.pk)]
        assert set(listed(api, "kind=comparison.align")) == {str(done.pk), str(queued.pk)}
        assert listed(api, "kind=comparison.align&status=queued") == [str(queued.pk)]
        assert listed(api, "kind=none") == []

    def test_twenty_a_page_unless_another_limit_is_given(self, api: Api, owner: User) -> None:
        for _ in range(23):
            make_job(owner)
        every = listed(api, "limit=100")
        assert (len(every), listed(api), listed(api, "offset=20"), listed(api, "limit=5&offset=5")) == (
            23, every[:20], every[20:], every[5:10]
        )  # fmt: skip
        assert api.get(f"{URL}?offset=100").json() == {"jobs": [], "total": 23}

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=101", "limit=x", "limit=-1", "offset=-1", "offset=x", "status=none",
                  "status=QUEUED",
                  "kind=" + "x" * 65],
    )  # fmt: skip
    def test_a_bad_value_is_refused(self, api: Api, query: str) -> None:
        refused(api.get(f"{URL}?{query}"), 400, "invalid")

    def test_fifty_rows_take_as_many_queries_as_one(self, api: Api, owner: User) -> None:
        make_job(owner)
        listed(api)
        with CaptureQueriesContext(connection) as one:
            assert len(listed(api, "limit=100")) == 1
        for _ in range(49):
            make_job(owner)
        with CaptureQueriesContext(connection) as fifty:
            assert len(listed(api, "limit=100")) == 50
        assert len(fifty) == len(one)


class TestActions:
    def act(self, api: Api, job: Job, action: str, **options: Any) -> Any:
        return api.post(f"{URL}/{job.pk}/{action}", **options)

    @pytest.mark.parametrize("status", ["queued", "processing", "waiting", "paused"])
    def test_a_live_job_is_cancelled_and_again_with_the_same_answer(self, api: Api, owner: User, status: str) -> None:
        job = make_job(owner, status)
        response = self.act(api, job, "cancel", raw=b'{"a": 1}')
        assert (response.status_code, response.json()["status"]) == (200, "cancelled")
        assert response.json()["finished_at"] is not None
        assert self.act(api, job, "cancel").json() == response.json()
        assert [event.name for event in job.events.all()] == ["cancelled"]

    def test_what_a_status_does_not_allow_is_a_conflict(self, api: Api, owner: User) -> None:
        for status in JobStatus.values:
            job = make_job(owner, status)
            if status in ("completed", "failed", "expired"):
                for action in ("cancel", "pause", "resume"):
                    assert refused(self.act(api, job, action), 409, "job_finished")["status"] == status
            if status not in ("failed", "cancelled"):
                refused(self.act(api, job, "retry"), 409, "not_retryable")
            if status in ("queued", "processing", "waiting", "paused"):
                assert refused(api.delete(f"{URL}/{job.pk}"), 409, "job_live")["status"] == status
            else:
                assert api.delete(f"{URL}/{job.pk}").status_code == 204
                refused(api.delete(f"{URL}/{job.pk}"), 404, "job_not_found")
        shown = make_alignment(make_session(owner)).job
        refused(api.delete(f"{URL}/{shown.pk}"), 409, "job_in_use")
        assert api.get(f"{URL}/{shown.pk}").status_code == 200

    @pytest.mark.parametrize("action", ["pause", "resume"])
    def test_a_kind_without_checkpoints_is_not_pausable(self, api: Api, owner: User, action: str) -> None:
        for status in ("queued", "processing"):
            refused(self.act(api, make_job(owner, status), action), 409, "not_pausable")
        assert set(Job.objects.values_list("status", flat=True)) == {"queued", "processing"}

    @pytest.mark.parametrize("status", ["failed", "cancelled"])
    def test_alignment_reruns_while_its_files_exist(self, api: Api, owner: User, library: Library, status: str) -> None:
        paths = [library.crew / "plain.mp4", library.crew / "other.mp4"]
        session = make_session(owner, videos=[make_video(owner, location=str(path)) for path in paths])
        job = make_alignment(session, status).job
        response = self.act(api, job, "retry")
        assert (response.status_code, response.json()["status"], response.json()["id"]) == (200, "queued", str(job.pk))
        assert response.json()["progress"] == 0
        self.act(api, job, "cancel")
        paths[1].unlink()
        refused(self.act(api, job, "retry"), 409, "not_retryable")
        assert Video.objects.count() == 2
