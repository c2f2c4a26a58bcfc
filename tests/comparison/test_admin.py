"""Comparisons in the admin: renamed and deleted there, by way of what people's own changes go."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from sessions_app.comparison import services
from sessions_app.comparison.models import ComparisonSession, OffsetChange
from tests.support.factories import make_alignment, make_session
from vodplatform.accounts.models import User
from vodplatform.base.models import AuditEntry

pytestmark = pytest.mark.django_db(transaction=True)
NO_INLINES = {
    f"{name}-{part}": 0
    for name in ("vods", "shares", "links", "alignments", "offset_changes")
    for part in ("TOTAL_FORMS", "INITIAL_FORMS")
}


@pytest.fixture
def desk(admin_person: User) -> Client:
    client = Client(headers={"Accept": "text/html"})
    client.force_login(admin_person)
    return client


def address(page: str, session: ComparisonSession) -> str:
    return reverse(f"admin:comparison_comparisonsession_{page}", args=[session.pk])


def test_it_is_renamed_for_everyone_who_watches(desk: Client, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(services, "publish_on_commit", lambda group, message: told.append(message))
    session = make_session(owner, name="Quarter final")
    form = {"name": "Semi final", "description": "", "rate": "4", **NO_INLINES}
    assert desk.post(address("change", session), form).status_code == 302
    now = ComparisonSession.objects.get(pk=session.pk)
    assert (now.name, now.rate, now.revision) == ("Semi final", 1.0, session.revision + 1)
    assert [message["session"]["name"] for message in told] == ["Semi final"]
    assert AuditEntry.objects.filter(action="comparisonsession.changed", target_id=session.pk).exists()


def test_it_is_deleted_with_its_history_and_its_alignments_jobs(desk: Client, owner: User) -> None:
    first, second = make_session(owner, name="One"), make_session(owner, name="Two")
    job = make_alignment(first).job
    services.set_offsets(first, owner, {"vod-2": 1.5}, "manual", None)
    assert desk.post(address("delete", first), {"post": "yes"}).status_code == 302
    assert not ComparisonSession.objects.filter(pk=first.pk).exists()
    assert not OffsetChange.objects.exists()
    assert not type(job).objects.filter(pk=job.pk).exists()
    chosen = {"action": "delete_selected", "_selected_action": [second.pk], "post": "yes"}
    desk.post(reverse("admin:comparison_comparisonsession_changelist"), chosen)
    assert not ComparisonSession.objects.exists()
    assert AuditEntry.objects.filter(action="comparisonsession.deleted").count() == 2
