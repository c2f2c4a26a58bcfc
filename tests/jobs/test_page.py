"""The page /jobs and the jobs in the admin, without a browser: whose jobs they show, what can be done, and queries."""

import re
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from jobs_app.kinds import icon_of, label_of, registry
from jobs_app.models import Job, JobStatus, Priority
from jobs_app.pages import GROUPS, PER_PAGE, STATUSES
from media_app.videos.services import RENDER_KIND
from tests.support.factories import (
    make_alignment,
    make_analysis,
    make_job,
    make_merge,
    make_pro_job,
    make_session,
    make_video,
)
from tests.support.pages import html_of
from vodplatform.accounts.models import User
from vodplatform.settings.variables import PROJECT_ROOT

pytestmark = pytest.mark.django_db
LIST = "/admin/jobs/job/"


@pytest.fixture
def browser(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def shown(client: Client, address: str = "/jobs") -> str:
    response = client.get(address)
    assert response.status_code == 200
    return html_of(response)


def ids(page: str) -> list[str]:
    return re.findall(r'data-job="([^"]+)"', page)


def actions(page: str, job: Job) -> set[str]:
    row = page.split(f'id="job-{job.pk}"')[1].split("</li>", maxsplit=1)[0]
    return set(re.findall(r'data-act="(\w+)"', row))


def test_jobs_come_newest_first_and_only_ones_own(browser: Client, owner: User, other: User) -> None:
    old = make_job(owner, created_at=Now() - timedelta(hours=1))
    new = make_job(owner)
    foreign = make_job(other)
    assert ids(shown(browser)) == [str(new.pk), str(old.pk)]
    assert ids(shown(browser, f"/jobs?part=rows&id={old.pk}&id={foreign.pk}")) == [str(old.pk)]
    response = browser.get("/jobs?part=rows&id=7")
    assert (response.status_code, response.json()["type"]) == (400, "bad_request")
    assert browser.post("/jobs").status_code == 405


def test_an_admin_sees_everybodys_with_their_owners(admin: Client, owner: User) -> None:
    job = make_job(owner)
    page = shown(admin)
    assert ids(page) == [str(job.pk)]
    assert "by owner," in page


def test_every_status_and_every_kind_has_a_word_and_an_icon_that_exists() -> None:
    icons = (PROJECT_ROOT / "static" / "icons.svg").read_text()
    assert set(STATUSES) == set(JobStatus.values)
    for icon, word, _ in STATUSES.values():
        assert f'id="i-{icon}"' in icons
        assert word
    groups = [statuses for name, (_, statuses) in GROUPS.items() if name]
    assert sorted(status for statuses in groups for status in statuses) == sorted(JobStatus.values)
    for name in registry():
        assert label_of(name) != name, f"{name} has no label"
        assert f'id="i-{icon_of(name)}"' in icons


def test_it_can_be_narrowed_by_status_and_kind(browser: Client, owner: User, kinds: None) -> None:
    for status in JobStatus.values:
        make_job(owner, status)
    for show, count in {"": 8, "live": 4, "failed": 1, "finished": 3, "nonsense": 8}.items():
        assert len(ids(shown(browser, f"/jobs?show={show}"))) == count
    echo = make_job(owner, kind="test.echo")
    assert ids(shown(browser, "/jobs?kind=test.echo")) == [str(echo.pk)]


def test_each_status_offers_what_it_can_be_asked_for(browser: Client, owner: User, kinds: None) -> None:
    offered = {
        "queued": {"cancel"}, "processing": {"cancel"}, "waiting": {"cancel"}, "paused": {"resume", "cancel"},
        "completed": {"delete"}, "failed": {"retry", "delete"}, "cancelled": {"retry", "delete"}, "expired": {"delete"},
    }  # fmt: skip
    for status, can in offered.items():
        plain, pausable = make_job(owner, status), make_job(owner, status, kind="test.steps")
        page = shown(browser)
        assert actions(page, plain) == can
        assert ("pause" in actions(page, pausable)) is (status in ("queued", "processing", "waiting"))


def test_a_job_that_a_session_shows_has_a_link_and_is_not_deleted_alone(browser: Client, owner: User) -> None:
    session = make_session(owner, name="Match 2041, round 7")
    job = make_alignment(session).job
    page = shown(browser)
    assert f'<a href="/compare/{session.session_id}?setup">Align Match 2041, round 7</a>' in page
    assert "delete" not in actions(page, job)


def test_a_row_names_the_kind_of_its_job_and_the_object(browser: Client, owner: User) -> None:
    video = make_video(owner, title="Round 7")
    make_job(owner, kind="ingest", params={"video_id": str(video.pk)})
    make_job(owner, kind="normalize", params={"video_id": str(uuid.uuid4())})
    make_job(owner, kind="comparison.export", params={"session_id": make_session(owner, name="A").pk, "layout": "grid"})
    make_analysis(owner, name="B")
    make_job(owner, kind="workout")
    make_pro_job(owner, name="C")
    make_merge(owner, count=2, title="D", status="queued")
    titles = re.findall(r'data-title="([^"]+)"', shown(browser))
    assert sorted(titles) == [
        "Export of A", "Highlights of B", "Import of Round 7", "Merge of D", "Playable copy of a deleted video",
        "Pro segments of C", "Workout of a deleted analysis",
    ]  # fmt: skip


def test_a_failure_says_why_and_what_to_do(browser: Client, owner: User) -> None:
    error = {"type": "out_of_memory", "message": "It needed more than 2 GB <b>."}
    job = make_job(owner, "failed", error=error, message="x")
    page = shown(browser)
    assert "It needed more than 2 GB &lt;b&gt;." in page
    assert "Try a shorter video or a lower resolution." in page
    assert f"job {job.pk}" in page


def test_a_queued_job_takes_turns_at_the_tiers_limit_or_before_it_is_admitted(browser: Client, owner: User) -> None:
    job = make_job(owner)
    assert "Queued: you have reached" not in shown(browser)
    Job.objects.filter(pk=job.pk).update(admitted=False)
    assert "Queued: you have reached" in shown(browser)
    Job.objects.filter(pk=job.pk).update(admitted=True)
    for _ in range(2):
        make_job(owner, "processing")
    page = shown(browser)
    assert "Queued: you have reached" in page
    assert "Running jobs: 2 (limit: 2)" in page


def test_a_page_past_the_end_is_the_last_one_and_queries_do_not_grow_with_it(browser: Client, owner: User) -> None:
    make_alignment(make_session(owner))
    with CaptureQueriesContext(connection) as one:
        shown(browser)
    for _ in range(PER_PAGE - 1):
        make_alignment(make_session(owner))
    with CaptureQueriesContext(connection) as fifty:
        assert len(ids(shown(browser))) == PER_PAGE
    assert len(fifty) == len(one)
    make_job(owner)
    assert len(ids(shown(browser))) == PER_PAGE
    assert len(ids(shown(browser, "/jobs?page=2"))) == 1
    assert ids(shown(browser, "/jobs?page=99")) == ids(shown(browser, "/jobs?page=2"))


@pytest.fixture
def admin(client: Client, admin_person: User) -> Client:
    client.force_login(admin_person)
    return client


def test_the_admin_lists_a_job_with_what_it_is_about_and_leads_there(admin: Client, owner: User) -> None:
    other = make_job(owner, params={"from": "another version"})
    assert "Alignment" in shown(admin, LIST)
    other.delete()
    session = make_session(owner, name="Final, second map")
    job = make_alignment(session).job
    page = shown(admin, LIST)
    assert "Final, second map" in page
    assert ">comparison.align<" not in page
    assert f'href="/compare/{session.pk}?setup"' in shown(admin, f"{LIST}{job.pk}/change/")
    # Times are on a 24-hour clock.
    assert re.search(r"\b20\d\d-\d\d-\d\d \d\d:\d\d\b", page)
    assert not re.search(r"\d (a|p)\.m\.", page)


def test_many_jobs_in_the_admin_take_no_more_queries_than_one(admin: Client, owner: User) -> None:
    counts = []
    for _ in range(2):
        make_alignment(make_session(owner))
        with CaptureQueriesContext(connection) as queries:
            shown(admin, LIST)
        counts.append(len(queries))
    assert counts[1] <= counts[0]


@pytest.mark.parametrize(("action", "before", "after"), [
    ("cancel_jobs", "queued", ("cancelled", Priority.NORMAL)), ("put_first", "queued", ("queued", Priority.HIGH)),
    ("pause_jobs", "queued", ("paused", Priority.NORMAL)), ("resume_jobs", "paused", ("queued", Priority.NORMAL)),
])  # fmt: skip
def test_actions_on_chosen_jobs(admin: Client, owner: User, action: str, before: str, after: tuple[str, int]) -> None:
    chosen, left = make_job(owner, before, kind=RENDER_KIND), make_job(owner, before)
    answer = admin.post(LIST, {"action": action, "_selected_action": [str(chosen.pk)]}, follow=True)
    assert answer.status_code == 200
    chosen.refresh_from_db()
    left.refresh_from_db()
    assert (chosen.status, chosen.priority) == after
    assert (left.status, left.priority) == (before, Priority.NORMAL)
