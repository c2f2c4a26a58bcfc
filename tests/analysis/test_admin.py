"""Analyses in the admin: what people asked for, cancelled and deleted by actions, never edited."""

import pytest
from django.db.models.functions import Now
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from jobs_app.models import JobStatus
from sessions_app.analysis.models import AnalysisSession
from tests.analysis.conftest import DATA, Make, again
from tests.contract.places import browser
from vodplatform.accounts.models import User
from vodplatform.core.models import AuditEntry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]
LIST = "admin:analysis_analysissession_changelist"


@pytest.fixture
def desk(admin_person: User) -> Client:
    return browser(admin_person)


def act(desk: Client, action: str, *sessions: AnalysisSession) -> HttpResponse:
    keys = [str(session.pk) for session in sessions]
    return desk.post(reverse(LIST), {"action": action, "_selected_action": keys, "index": 0}, follow=True)


def test_list_and_detail_show_progress_and_results(desk: Client, make_analysis: Make) -> None:
    make_analysis(name="The final", status=JobStatus.PROCESSING, progress=42, started_at=Now())
    text = desk.get(reverse(LIST), {"q": "final"}).content.decode()
    assert "The final" in text
    assert "Processing" in text
    assert "42 %" in text
    assert "The final" not in desk.get(reverse(LIST), {"q": "nothing"}).content.decode()
    session = make_analysis(status=JobStatus.COMPLETED)
    AnalysisSession.objects.filter(pk=session.pk).update(data=DATA)
    text = desk.get(reverse("admin:analysis_analysissession_change", args=[session.pk])).content.decode()
    assert str(DATA["summary"]) in text
    assert f"/analysis/{session.pk}" in text


def test_selected_sessions_are_cancelled(desk: Client, make_analysis: Make) -> None:
    waiting, over = make_analysis(), make_analysis(name="Over", status=JobStatus.COMPLETED)
    text = act(desk, "cancel", waiting, over).content.decode()
    assert "1 cancelled." in text
    assert "Over: The job has already ended." in text
    assert (again(waiting).status, again(over).status) == ("cancelled", "completed")


def test_deletions_are_logged(desk: Client, admin_person: User, make_analysis: Make) -> None:
    session = make_analysis()
    assert "1 deleted." in act(desk, "clean_up", session).content.decode()
    assert not AnalysisSession.objects.exists()
    entry = AuditEntry.objects.get(action="analysis.delete")
    assert (entry.actor_id, entry.target_id) == (str(admin_person.pk), str(session.pk))
