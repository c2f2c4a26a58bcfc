"""Challenges, reports and merges in the admin: who sees what, actions with a reason, the audit log, nobody's lie."""

import html
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from sessions_app.challenges import challenges
from sessions_app.challenges.models import Challenge, ChallengeReport, MergeSession
from tests.contract.places import browser
from tests.support.factories import make_challenge, make_merge, make_user
from vodplatform.accounts.models import User
from vodplatform.core.models import AuditEntry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]
LIST = "/admin/merging/challenge/"
REPORTS = "/admin/merging/challengereport/"
MERGES = "/admin/merging/mergesession/"
REASON = "Because it is so"


@pytest.fixture
def client(moderator: User) -> Client:
    return browser(moderator)


@pytest.fixture
def desk(admin_person: User) -> Client:
    return browser(admin_person)


def text_of(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    return html.unescape(response.content.decode())


def act(client: Client, url: str, action: str, *rows: Any, reason: str = REASON) -> list[str]:
    """What the list says once an action has been run."""
    response = client.post(
        url, {"action": action, "reason": reason, "_selected_action": [str(row.pk) for row in rows]}, follow=True
    )
    assert response.status_code == 200
    return [str(message) for message in get_messages(response.wsgi_request)] or [text_of(response)]


def reported(challenge: Challenge, reason: str = "Not funny") -> ChallengeReport:
    return challenges.report(challenge, make_user(), reason)


def again(challenge: Challenge) -> Challenge:
    return Challenge.objects.get(pk=challenge.pk)


class TestChallenges:
    def test_what_moderators_see(self, client: Client, desk: Client, owner: User, moderator: User) -> None:
        rows = {name: make_challenge(owner, title=f"one-{name}", is_published=name != "draft") for name in (
            "draft", "published", "reported", "withheld"
        )}  # fmt: skip
        reported(rows["reported"])
        challenges.unpublish(rows["reported"])
        challenges.withhold(rows["withheld"].pk, moderator, reason="x")

        def shown(browser: Client, **query: str) -> list[str]:
            text = text_of(browser.get(LIST, query))
            return [name for name in rows if f"one-{name}" in text]

        assert shown(client) == ["published", "reported", "withheld"]
        assert shown(desk) == ["draft", "published", "reported", "withheld"]
        assert shown(client, queue="reported") == ["reported"]
        assert shown(client, queue="withheld") == ["withheld"]
        assert shown(client, queue="published") == ["published"]
        assert shown(client, q="one-pub") == ["published"]
        assert client.get(f"{LIST}{rows['draft'].pk}/change/").status_code == 302
        assert "one-withheld" in text_of(client.get(f"{LIST}{rows['withheld'].pk}/change/"))

    def test_one_shows_its_words_its_video_and_its_reports(self, client: Client, owner: User) -> None:
        challenge = make_challenge(owner, texts=["<b>bear</b>", "boat", ""], is_published=True)
        reported(challenge, "<script>alert(1)</script>")
        response = client.get(f"{LIST}{challenge.pk}/change/")
        raw = response.content.decode()
        assert "<script>alert(1)" not in raw
        assert "<b>bear</b>" not in raw
        text = text_of(response)
        assert "boat" in text
        assert f"/api/v1/media/stream/{challenge.merge_id}?sig=" in text
        assert f"/challenges/{challenge.pk}" in text

    def test_nobody_edits_or_deletes_one_there(self, client: Client, desk: Client, owner: User) -> None:
        challenge = make_challenge(owner, is_published=True)
        for person in (client, desk):
            person.post(f"{LIST}{challenge.pk}/change/", {"title": "Changed", "lie_index": "0"})
            act(person, LIST, "delete_selected", challenge)
        fresh = again(challenge)
        assert (fresh.title, fresh.lie_index) == (challenge.title, 1)

    def test_taken_down_with_a_reason_that_the_log_keeps(self, client: Client, owner: User, moderator: User) -> None:
        rows = [make_challenge(owner, is_published=True) for _ in range(2)]
        draft = make_challenge(owner)  # which moderators do not see
        assert act(client, LIST, "withhold", *rows, draft) == ["2 challenges taken down."]
        assert again(draft).status == "draft"
        for row in rows:
            assert (again(row).status, again(row).withheld_by) == ("withheld", moderator)
        entries = AuditEntry.objects.filter(action="challenge.withhold")
        assert {(entry.actor_id, entry.target_id) for entry in entries} == {
            (str(moderator.pk), str(row.pk)) for row in rows
        }
        assert all(REASON in str(list(vars(entry).values())) for entry in entries)
        act(client, LIST, "release", rows[0])
        assert [again(row).status for row in rows] == ["published", "withheld"]
        assert AuditEntry.objects.filter(action="challenge.release").count() == 1

    @pytest.mark.parametrize("reason", ["", "   "])
    def test_nothing_happens_without_one(self, client: Client, owner: User, reason: str) -> None:
        challenge = make_challenge(owner, is_published=True)
        report = reported(challenge)
        for action in ("withhold", "release", "settle_reports"):
            assert "reason" in act(client, LIST, action, challenge, reason=reason)[0]
        act(client, REPORTS, "settle", report, reason=reason)
        assert again(challenge).status == "published"
        assert ChallengeReport.objects.get().settled_at is None
        assert not AuditEntry.objects.filter(action="challenge.withhold").exists()

    def test_its_reports_are_settled_together(self, client: Client, owner: User, moderator: User) -> None:
        challenge = make_challenge(owner, is_published=True)
        rows = [reported(challenge) for _ in range(5)]
        for index in (0, 1, 1):  # guesses are counted for themselves
            challenges.guess(challenge, make_user(), index)
        assert "5 open" in text_of(client.get(LIST))
        assert act(client, REPORTS, "settle", *rows[:2]) == ["2 challenge reports closed."]
        assert "3 open" in text_of(client.get(LIST))
        act(client, LIST, "settle_reports", challenge)
        assert {(row.settled_by, row.outcome) for row in ChallengeReport.objects.all()} == {(moderator, REASON)}
        assert "3 open" not in text_of(client.get(LIST))
        assert "guesses" in text_of(client.get(f"{LIST}{challenge.pk}/change/")).lower()


def test_reports_are_settled_with_an_outcome(client: Client, owner: User, moderator: User) -> None:
    report = reported(make_challenge(owner, title="Bears", is_published=True), "They are no bears")
    text = text_of(client.get(REPORTS))
    assert "Bears" in text
    assert "They are no bears" in text
    url = f"{REPORTS}{report.pk}/change/"
    assert "This field is required" in client.post(url, {"outcome": " "}).content.decode()
    assert ChallengeReport.objects.get().settled_at is None
    assert client.post(url, {"outcome": "They are."}).status_code == 302
    row = ChallengeReport.objects.get()
    assert (row.settled_by, row.outcome, row.reason) == (moderator, "They are.", "They are no bears")
    entry = AuditEntry.objects.get(action="report.settled")
    assert entry.actor_id == str(moderator.pk)
    client.post(url, {"outcome": "Changed my mind"})
    assert ChallengeReport.objects.get().outcome == "They are."
    assert "They are no bears" not in text_of(client.get(REPORTS, {"state": "open"}))
    assert "They are no bears" in text_of(client.get(REPORTS, {"state": "settled"}))


class TestMerges:
    def test_their_pages_show_the_clips_and_how_far_it_is(self, desk: Client, owner: User) -> None:
        merge = make_merge(owner, title="Kept words", status="processing", progress=42)
        MergeSession.objects.update(took_seconds=12.345)
        text = text_of(desk.get(MERGES))
        assert "12.3 s" in text
        assert "Kept words" in text
        assert "42 %" in text
        assert "statement2.mp4" in text_of(desk.get(f"{MERGES}{merge.pk}/change/"))
        queued = [make_merge(owner, status=status) for status in ("queued", "failed", "completed")]
        for other in (make_merge(owner), *queued):
            assert desk.get(f"{MERGES}{other.pk}/change/").status_code == 200

    def test_they_are_cancelled_run_again_and_deleted(self, desk: Client, owner: User, admin_person: User) -> None:
        timeout = {"type": "timeout", "message": "It took too long."}
        waiting, failed = make_merge(owner, status="queued"), make_merge(owner, status="failed", error=timeout)
        done = make_merge(owner, title="Done", status="completed")
        shown = make_challenge(owner, title="Shown").merge
        said = act(desk, MERGES, "cancel", waiting, done)
        assert said[0] == "1 cancelled."
        assert "Done" in said[1]
        assert act(desk, MERGES, "retry", failed)[0] == "1 requeued."
        said = act(desk, MERGES, "delete_merges", waiting, shown)
        assert said[0] == "1 deleted."
        assert len(said) == 2
        states = {str(row.pk): str(row.status) for row in MergeSession.objects.with_state()}
        assert states == {str(failed.pk): "queued", str(done.pk): "completed", str(shown.pk): "completed"}
        assert AuditEntry.objects.get(action="merge.delete").actor_id == str(admin_person.pk)


def test_many_take_as_many_queries_as_one(client: Client, desk: Client) -> None:
    counts = []
    for many in (2, 8):
        for number in range(many):
            challenge = make_challenge(make_user(), is_published=True)
            reported(challenge)
            challenges.guess(challenge, make_user(), 0)
            make_merge(make_user(), count=2, **({"status": "completed"} if number % 2 else {}))
        for person, url in ((client, LIST), (client, REPORTS), (desk, MERGES)):
            person.get(url)
            with CaptureQueriesContext(connection) as queries:
                person.get(url)
            counts.append(len(queries))
    assert counts[:3] == counts[3:]
