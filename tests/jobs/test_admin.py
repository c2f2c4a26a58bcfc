"""The jobs in the administration: what each is about, in as many queries for many as for one."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from jobs_app.models import Priority
from media_app.videos.services import RENDER_KIND
from tests.support.factories import make_alignment, make_job, make_session
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db
LIST = "/admin/jobs/job/"


@pytest.fixture
def admin(client: Client, admin_person: User) -> Client:
    client.force_login(admin_person)
    return client


def page_of(admin: Client, address: str = LIST) -> str:
    response = admin.get(address)
    assert response.status_code == 200
    return str(response.content.decode())


def test_a_job_is_listed_with_what_it_is_about_and_leads_there(admin: Client, owner: User) -> None:
    other = make_job(owner, params={"from": "another version"})
    assert "Alignment" in page_of(admin)
    other.delete()
    session = make_session(owner, name="Final, second map")
    job = make_alignment(session).job
    page = page_of(admin)
    assert "Final, second map" in page
    assert ">comparison.align<" not in page
    assert f'href="/compare/{session.pk}?setup"' in page_of(admin, f"{LIST}{job.pk}/change/")
    # Times are on a 24-hour clock.
    assert re.search(r"\b20\d\d-\d\d-\d\d \d\d:\d\d\b", page)
    assert not re.search(r"\d (a|p)\.m\.", page)


def test_many_jobs_take_no_more_queries_than_one(admin: Client, owner: User) -> None:
    counts = []
    for _ in range(2):
        make_alignment(make_session(owner))
        with CaptureQueriesContext(connection) as queries:
            page_of(admin)
        counts.append(len(queries))
    assert counts[1] <= counts[0]


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("cancel_jobs", "queued", ("cancelled", Priority.NORMAL)), ("put_first", "queued", ("queued", Priority.HIGH)),
        ("pause_jobs", "queued", ("paused", Priority.NORMAL)), ("resume_jobs", "paused", ("queued", Priority.NORMAL)),
    ],
)  # fmt: skip
def test_an_action_changes_the_chosen_jobs_alone(
    admin: Client, owner: User, action: str, before: str, after: tuple[str, int]
) -> None:
    chosen, left = make_job(owner, before, kind=RENDER_KIND), make_job(owner, before)
    answer = admin.post(LIST, {"action": action, "_selected_action": [str(chosen.pk)]}, follow=True)
    assert answer.status_code == 200
    chosen.refresh_from_db()
    left.refresh_from_db()
    assert (chosen.status, chosen.priority) == after
    assert (left.status, left.priority) == (before, Priority.NORMAL)
