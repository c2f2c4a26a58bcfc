"""The moderation queue: what people have reported, videos and challenges alike, and what becomes of it."""

import re
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from media_app.catalogue.models import VideoReport
from media_app.videos.models import Video, VideoScope
from sessions_app.challenges.models import Challenge, ChallengeReport
from tests.support.factories import make_challenge, make_job, make_user, make_video
from tests.support.pages import html_of
from vodplatform.accounts.models import Role, User
from vodplatform.core.models import AuditEntry

pytestmark = pytest.mark.django_db
PAGE = "/moderation"


@pytest.fixture
def author() -> User:
    return make_user("milan")


@pytest.fixture
def video(author: User) -> Video:
    return make_video(author, title="LAN final", place=VideoScope.CATALOGUE)


@pytest.fixture
def challenge(author: User) -> Challenge:
    return make_challenge(author, title="Two truths", texts=["I won.", "I lost."], is_published=True)


@pytest.fixture
def moderator(client: Client) -> User:
    user = make_user("ruth", role=Role.MODERATOR)
    client.force_login(user)
    return user


def report(thing: Video | Challenge, *reporters: str, text: str = "Not theirs.") -> None:
    for name in reporters:
        reporter = User.objects.filter(username=name).first() or make_user(name)
        if isinstance(thing, Video):
            VideoReport.objects.create(video=thing, reporter=reporter, reason="copyright", text=text)
        else:
            ChallengeReport.objects.create(challenge=thing, reporter=reporter, reason=text)


def decide(client: Client, thing: Video | Challenge, act: str, reason: str = "") -> Any:
    kind = "video" if isinstance(thing, Video) else "challenge"
    body = {"item": f"{kind}:{thing.pk}", "act": act, "reason": reason}
    return client.post(PAGE, body, follow=True)


def text_of(client: Client, query: str = "") -> str:
    return html_of(client.get(f"{PAGE}{query}"))


def outcomes(model: Any) -> list[str]:
    return [row.outcome for row in model.objects.filter(settled_at__isnull=False).order_by("created_at")]


@pytest.mark.usefixtures("moderator")
def test_what_most_people_have_reported_comes_first(client: Client, video: Video, challenge: Challenge) -> None:
    report(video, "anna")
    report(challenge, "anna", "juno", text="He lies.")
    page = text_of(client)
    assert page.index("Two truths") < page.index("LAN final")
    assert "Reported by 2 people" in page
    assert "2 to review" in page
    # The first of the queue is looked at: its words, who reported it, what is played.
    assert page.count("“He lies.”") == 2
    assert "1 other report" in page  # anna's on the video
    assert f"/api/v1/media/stream/{challenge.merge.video_id}?sig=" in page
    assert "LAN final" not in text_of(client, "?kind=challenge")
    assert "Copyright" in text_of(client, f"?item=video:{video.pk}")


@pytest.mark.usefixtures("moderator")
def test_which_statement_is_the_lie_is_not_told(client: Client, challenge: Challenge) -> None:
    report(challenge, "anna")
    before = text_of(client)
    Challenge.objects.filter(pk=challenge.pk).update(lie_index=0)
    after = text_of(client)
    assert "I won." in before
    assert _without_tokens(before) == _without_tokens(after)


def _without_tokens(page: str) -> list[str]:
    return [line for line in page.splitlines() if "csrfmiddlewaretoken" not in line and "sig=" not in line]


@pytest.mark.parametrize(("act", "reason", "outcome", "is_hidden"), [
    ("dismiss", "", "Dismissed: No violation", False),
    ("settle", "The title was mended", "Resolved: The title was mended", False),
    ("take_down", "Shows somebody who did not agree", "Taken down: Shows somebody who did not agree", True),
])  # fmt: skip
def test_all_reports_of_a_video_are_decided_at_once(
    client: Client, moderator: User, video: Video, act: str, reason: str, outcome: str, is_hidden: bool
) -> None:
    report(video, "anna", "juno")
    page = html_of(decide(client, video, act, reason))
    assert "“LAN final”." in page
    assert "0 to review" in page
    video.refresh_from_db()
    assert (video.is_hidden, outcomes(VideoReport)) == (is_hidden, [outcome] * 2)
    assert {row.settled_by for row in VideoReport.objects.all()} == {moderator}
    closed = text_of(client, "?state=closed")
    assert outcome in closed
    assert ("Restore" in closed) is is_hidden


@pytest.mark.usefixtures("moderator")
def test_a_challenge_is_taken_down_and_shown_again(client: Client, video: Video, challenge: Challenge) -> None:
    report(challenge, "anna", "juno")
    report(video, "anna")
    answer = decide(client, challenge, "take_down", "Insults")
    assert answer.redirect_chain == [(f"/moderation?item=video%3A{video.pk}", 302)]  # the next of the queue
    challenge.refresh_from_db()
    assert challenge.withheld_at is not None
    assert outcomes(ChallengeReport) == ["Taken down: Insults"] * 2
    page = html_of(decide(client, challenge, "restore", "It was a joke"))
    assert "Shown again" in page
    challenge.refresh_from_db()
    assert challenge.withheld_at is None
    actions = AuditEntry.objects.filter(target_id=str(challenge.pk)).values_list("action", flat=True)
    assert {"challenge.withhold", "challenge.release"} <= set(actions)


@pytest.mark.usefixtures("moderator")
@pytest.mark.parametrize("act", ["settle", "take_down"])
def test_a_decision_needs_its_reason(client: Client, video: Video, act: str) -> None:
    report(video, "anna")
    page = html_of(decide(client, video, act, "   "))
    assert "Nothing was changed. Enter a reason" in page
    assert outcomes(VideoReport) == []
    video.refresh_from_db()
    assert not video.is_hidden


@pytest.mark.usefixtures("moderator")
def test_of_two_moderators_the_first_decides(client: Client, video: Video) -> None:
    report(video, "anna")
    decide(client, video, "dismiss")
    page = html_of(decide(client, video, "take_down", "No good"))
    assert "Another moderator has already closed the reports of “LAN final”." in page
    video.refresh_from_db()
    assert not video.is_hidden


@pytest.mark.usefixtures("moderator")
def test_what_is_unreported_or_unseen_is_not_decided_about(client: Client, author: User, challenge: Challenge) -> None:
    private, draft = make_video(author, title="Private"), make_challenge(author)
    for key in (f"video:{private.pk}", f"challenge:{draft.pk}", "video:none", "user:1", ""):
        answer = client.post(PAGE, {"item": key, "act": "take_down", "reason": "No good"})
        assert answer.status_code == 404
    assert decide(client, challenge, "delete", "No good").status_code == 404


def test_who_is_no_moderator_finds_no_such_page(client: Client, video: Video) -> None:
    report(video, "anna")
    client.force_login(User.objects.get(username="anna"))
    assert client.get(PAGE).status_code == 404
    assert decide(client, video, "take_down", "No good").status_code == 404
    video.refresh_from_db()
    assert not video.is_hidden


@pytest.mark.usefixtures("moderator")
def test_how_many_wait_stands_at_home_and_in_the_administration(client: Client, video: Video) -> None:
    assert "/moderation" not in html_of(client.get("/", headers={"Accept": "text/html"})).split("menu-box")[0]
    report(video, "anna", "juno")
    assert "1 video or challenge was reported" in html_of(client.get("/", headers={"Accept": "text/html"}))
    page = html_of(client.get("/admin/"))
    assert 'href="/moderation"' in page
    assert "Free disk space" not in page
    client.force_login(make_user("root", role=Role.ADMIN))
    make_job(make_user(), "failed", finished_at=Now())
    figures = {one.label: (one.value, one.is_bad) for one in client.get("/admin/").context["figures"]}
    assert [figures[label] for label in ("Open reports", "Failed jobs", "Hosts")] == [("1", True)] * 2 + [("0", True)]
    assert figures["Videos"] == ("1000 B", False)


@pytest.mark.usefixtures("moderator")
def test_closed_reports_are_reopened_and_one_report_alone_suggests_no_takedown(
    client: Client, video: Video, challenge: Challenge
) -> None:
    for thing, reporters, primary in ((video, ["anna"], "settle"), (challenge, ["anna", "juno"], "take_down")):
        report(thing, *reporters)
        page = html_of(client.get(PAGE, {"item": f"{type(thing).__name__.lower()}:{thing.pk}"}))
        assert re.findall(r'class="btn primary"\s+name="act"\s+value="(\w+)"', page) == [primary]
        decide(client, thing, "dismiss", "Fine")
        assert "Reopened" in html_of(decide(client, thing, "reopen", "A second look"))
        assert not thing.reports.filter(settled_at__isnull=False).exists()  # type: ignore[attr-defined]
        assert AuditEntry.objects.filter(action__endswith="reports_reopened", data__reason="A second look").exists()
        # Reports stay closed if they were closed earlier, or if their user has reported again.
        decide(client, thing, "dismiss", "Fine")
        report(thing, "anna", "kim")
        decide(client, thing, "reopen", "A third look")
        opened = thing.reports.filter(settled_at=None)  # type: ignore[attr-defined]
        assert sorted(opened.values_list("reporter__username", flat=True)) == sorted({*reporters, "anna", "kim"})
        decide(client, thing, "dismiss", "Fine")
        report(thing, "lee")
        decide(client, thing, "dismiss", "Fine")
        decide(client, thing, "reopen", "A fourth look")
        assert [one.reporter.username for one in opened.all()] == ["lee"]
