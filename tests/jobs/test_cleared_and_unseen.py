"""The jobs that a user has cleared from the list, and those whose end the user has not seen yet."""

import re
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client

from jobs_app.api import UNSEEN_LISTED
from jobs_app.models import NEWS_AGE, Job, JobStatus
from tests.support.api import Api
from tests.support.factories import make_alignment, make_job, make_session, make_share
from tests.support.pages import html_of
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db
URL = "/api/v1/jobs"
ENDED = ("completed", "failed", "cancelled", "expired")


def ended(owner: User, status: str = "completed", *, ago: timedelta = timedelta(minutes=1)) -> Job:
    job = make_job(owner, status)
    Job.objects.filter(pk=job.pk).update(finished_at=Now() - ago)
    return job


def listed(api: Api, query: str = "") -> set[str]:
    return {job["id"] for job in api.get(f"{URL}?limit=100&{query}").json()["jobs"]}


def rows(client: Client, query: str = "") -> set[str]:
    return set(re.findall(r'data-job="([^"]+)"', html_of(client.get(f"/jobs?{query}"))))


class TestClearing:
    def test_finished_jobs_are_hidden_only_where_they_are_filtered(self, api: Api, owner: User) -> None:
        finished = {str(ended(owner, status).pk) for status in ENDED}
        others = {str(make_job(owner, status).pk) for status in JobStatus.values if status not in ENDED}
        assert listed(api, "cleared=false") == finished | others
        assert listed(api, "cleared=true") == set()
        response = api.post(f"{URL}/clear", {})
        assert response.status_code == 200, response.content
        assert response.json()["previous"] is None
        assert listed(api) == finished | others
        assert listed(api, "cleared=false") == others
        assert listed(api, "cleared=true") == finished

    def test_a_job_that_ends_later_is_shown_and_a_retried_one_returns(self, api: Api, owner: User) -> None:
        failed = ended(owner, "failed")
        api.post(f"{URL}/clear", {})
        later = ended(owner, ago=-timedelta(minutes=1))
        assert listed(api, "cleared=false") == {str(later.pk)}
        Job.objects.filter(pk=failed.pk).update(status="queued", finished_at=None)
        assert listed(api, "cleared=false") == {str(later.pk), str(failed.pk)}

    def test_it_can_be_undone_to_what_was_cleared_before(self, api: Api, owner: User) -> None:
        old, new = ended(owner, ago=timedelta(hours=2)), ended(owner)
        first = (owner.date_joined - timedelta(hours=1)).isoformat()
        api.post(f"{URL}/clear", {"until": first})
        assert listed(api, "cleared=false") == {str(new.pk)}
        previous = api.post(f"{URL}/clear", {}).json()["previous"]
        assert listed(api, "cleared=false") == set()
        assert api.post(f"{URL}/clear", {"until": previous}).json()["until"] == previous
        assert listed(api, "cleared=false") == {str(new.pk)}
        api.post(f"{URL}/clear", {"until": None})
        assert listed(api, "cleared=false") == {str(old.pk), str(new.pk)}

    def test_it_is_only_the_callers_view(self, api: Api, admin_api: Api, owner: User) -> None:
        job = ended(owner)
        assert admin_api.post(f"{URL}/clear", {}).status_code == 200
        assert listed(admin_api, "cleared=false") == set()
        assert listed(api, "cleared=false") == {str(job.pk)}

    def test_the_page_hides_them_and_offers_to_show_them(self, client: Client, api: Api, owner: User) -> None:
        client.force_login(owner)
        done, live = ended(owner), make_job(owner)
        assert "data-clear>" in html_of(client.get("/jobs"))
        assert "Show cleared jobs" not in html_of(client.get("/jobs"))
        api.post(f"{URL}/clear", {})
        page = html_of(client.get("/jobs"))
        assert rows(client) == {str(live.pk)}
        assert "data-clear hidden>" in page
        assert "Show cleared jobs" in page
        assert rows(client, "show=finished") == set()
        assert rows(client, "show=cleared") == {str(done.pk)}
        live.delete()
        assert "You have cleared all finished jobs" in html_of(client.get("/jobs"))


class TestUnseen:
    def test_it_names_what_ended_and_where_the_result_is(self, api: Api, owner: User) -> None:
        session = make_session(owner, name="Round 7")
        job = make_alignment(session).job
        Job.objects.filter(pk=job.pk).update(status="completed", finished_at=Now(), admitted=False)
        body = api.get(f"{URL}/unseen").json()
        assert body["total"] == 1
        (found,) = body["jobs"]
        assert (found["id"], found["status"], found["title"]) == (str(job.pk), "completed", "Align Round 7")
        assert found["url"] == f"/compare/{session.session_id}?setup"
        assert body["until"] == found["finished_at"]

    @pytest.mark.parametrize("kind", ["comparison.detect", "comparison.export"])
    def test_a_former_editor_does_not_see_the_name_of_the_comparison(
        self, other_api: Api, owner: User, other: User, client: Client, kind: str
    ) -> None:
        session = make_session(owner, name="Round 7")
        share = make_share(session, other, role="editor")
        params = {"session_id": session.pk, "kinds": ["shots"], "layout": "grid"}
        job = make_job(other, "completed", kind=kind, params=params)
        Job.objects.filter(pk=job.pk).update(finished_at=Now())
        (shown,) = other_api.get(f"{URL}/unseen").json()["jobs"]
        assert shown["title"].endswith(" Round 7")
        assert shown["url"] == f"/compare/{session.pk}"
        share.delete()
        (shown,) = other_api.get(f"{URL}/unseen").json()["jobs"]
        assert shown["title"].endswith(" an unavailable comparison")
        assert shown["url"] == "/jobs"
        client.force_login(other)
        assert "Round 7" not in html_of(client.get("/jobs"))

    def test_only_own_jobs_that_completed_or_failed_lately(
        self, admin_api: Api, admin_person: User, owner: User
    ) -> None:
        ended(owner)
        for status in JobStatus.values:
            ended(admin_person, status)
        ended(admin_person, ago=NEWS_AGE + timedelta(minutes=1))
        statuses = [job["status"] for job in admin_api.get(f"{URL}/unseen").json()["jobs"]]
        assert sorted(statuses) == ["completed", "failed"]

    def test_the_newest_ten_are_listed_and_all_are_counted(self, api: Api, owner: User) -> None:
        jobs = [ended(owner, ago=timedelta(minutes=ago)) for ago in range(1, UNSEEN_LISTED + 3)]
        body = api.get(f"{URL}/unseen").json()
        assert [job["id"] for job in body["jobs"]] == [str(job.pk) for job in jobs[:UNSEEN_LISTED]]
        assert body["total"] == UNSEEN_LISTED + 2

    def test_marking_them_as_seen_leaves_what_ended_since(self, api: Api, owner: User) -> None:
        ended(owner)
        until = api.get(f"{URL}/unseen").json()["until"]
        later = ended(owner, "failed", ago=timedelta(0))
        assert api.post(f"{URL}/seen", {"until": until}).json() == {"until": until, "previous": None}
        body = api.get(f"{URL}/unseen").json()
        assert [job["id"] for job in body["jobs"]] == [str(later.pk)]
        assert api.post(f"{URL}/seen", {}).json()["previous"] == until
        assert api.get(f"{URL}/unseen").json()["jobs"] == []

    def test_signed_out_visitors_get_no_bell(self, client: Client, owner: User) -> None:
        assert "data-bell" not in html_of(client.get("/login"))
        client.force_login(owner)
        assert "data-bell" in html_of(client.get("/jobs"))
