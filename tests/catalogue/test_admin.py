"""The catalogue in the admin: queues, edits as operations, conflicts that are told, actions with a reason, reports."""

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from media_app.catalogue import moderation, services
from media_app.catalogue.models import CrdtOperation, VideoReport
from media_app.videos.models import Video
from tests.contract.places import browser
from tests.support.catalogue import make_catalogue_video
from tests.support.factories import make_job, make_rendition, make_user, make_video
from vodplatform.accounts.models import User
from vodplatform.core.models import AuditEntry

pytestmark = pytest.mark.django_db
LIST = "/admin/editorial/cataloguevideo/"
REPORTS = "/admin/editorial/videoreport/"
REASON = "Because it is so"


@pytest.fixture
def video(moderator: User) -> Video:
    return make_catalogue_video(
        moderator, title="Grand final", description="One\nTwo", category="Combat", tags=["mma", "a, b"]
    )


@pytest.fixture
def client(moderator: User) -> Client:
    return browser(moderator)


def page_of(video: Video) -> str:
    return f"{LIST}{video.pk}/change/"


def text_of(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    return html.unescape(response.content.decode())


def form_of(client: Client, url: str) -> dict[str, Any]:
    """What a browser sends when somebody opens a form and saves it as it is."""
    text = client.get(url).content.decode()
    text = text[text.index("<form") :]
    found: dict[str, Any] = {}
    for tag in re.findall(r"<input\b[^>]*>", text):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        is_off = attributes.get("type") == "checkbox" and not re.search(r"\bchecked\b", re.sub(r'"[^"]*"', "", tag))
        if "name" in attributes and not is_off and attributes.get("type") != "submit":
            usual = "on" if attributes.get("type") == "checkbox" else ""
            found[attributes["name"]] = html.unescape(attributes.get("value", usual))
    for attributes, value in re.findall(r"<textarea\b([^>]*)>(.*?)</textarea>", text, re.DOTALL):
        name = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))["name"]
        found[name] = html.unescape(value).removeprefix("\n")
    found = {name: value.replace("\n", "\r\n") for name, value in found.items()}
    return {name: value for name, value in found.items() if name not in ("q", "csrfmiddlewaretoken")}


def act(client: Client, action: str, *videos: Any, reason: str = REASON, url: str = LIST) -> list[str]:
    """What the list says once an action has been run."""
    form = {"action": action, "reason": reason, "_selected_action": [str(row.pk) for row in videos]}
    response = client.post(url, form, follow=True)
    assert response.status_code == 200
    return [str(message) for message in get_messages(response.wsgi_request)] or [text_of(response)]


def reported(video: Video, by: User, **fields: Any) -> VideoReport:
    return VideoReport.objects.create(video=video, reporter=by, reason="spam", **fields)


class TestList:
    def test_it_lists_the_catalogue(self, client: Client, moderator: User, admin_person: User, video: Video) -> None:
        """Private videos have a list of their own, for admins."""
        make_video(moderator, title="My own secret")
        text = text_of(client.get(LIST))
        assert ("Grand final" in text, "My own secret" in text) == (True, False)
        text = text_of(browser(admin_person).get("/admin/catalog/video/"))
        assert ("Grand final" in text, "My own secret" in text) == (False, True)
        assert client.get(page_of(make_video(moderator))).status_code == 302

    def test_the_queues(self, client: Client, moderator: User, other: User, admin_person: User) -> None:
        names = ("new", "reported", "hidden", "deleted", "plain")
        rows = {name: make_catalogue_video(moderator, title=f"one-{name}") for name in names}
        Video.objects.exclude(pk=rows["new"].pk).update(reviewed_at=Now())
        reported(rows["reported"], other)
        reported(rows["plain"], other, settled_at=rows["plain"].created_at)
        Video.objects.filter(pk=rows["hidden"].pk).update(is_hidden=True)
        Video.objects.filter(pk=rows["deleted"].pk).update(deleted_at=Now())
        for name in names[:3]:
            text = text_of(client.get(LIST, {"queue": name}))
            assert [one for one in names if f"one-{one}" in text] == [name]
        # The queue of deleted ones is not theirs: nothing is in it.
        assert "one-deleted" not in text_of(client.get(LIST, {"queue": "deleted"}))
        assert client.get(page_of(rows["deleted"])).status_code == 302
        admin = browser(admin_person)
        text = text_of(admin.get(LIST, {"queue": "deleted"}))
        assert [one for one in names if f"one-{one}" in text] == ["deleted"]
        assert "one-deleted" not in text_of(admin.get(LIST))
        assert 'name="title"' not in text_of(admin.get(page_of(rows["deleted"])))

    def test_it_shows_how_many_wait(self, client: Client, moderator: User, other: User, admin_person: User) -> None:
        for number in range(3):
            reported(make_catalogue_video(moderator, title=f"v{number}", reviewed_at=moderator.date_joined), other)
        make_catalogue_video(moderator, title="new one")
        make_catalogue_video(moderator, title="new and gone", deleted_at=moderator.date_joined)

        def told(client: Client, **query: str) -> list[str]:
            text = text_of(client.get(LIST, query))
            nav = text[text.index('aria-label="Queues"') :].split("</nav>")[0]
            links = re.findall(r"<a href=[^>]*>(.*?)</a>", nav, re.DOTALL)
            return [" ".join(re.sub(r"<[^>]*>", "", link).split()) for link in links]

        queues = ["All", "New 1", "Reported 3", "Hidden"]
        assert told(client) == queues
        assert told(browser(admin_person), queue="reported") == [*queues, "Deleted"]

    def test_it_shows_pictures(self, client: Client, video: Video) -> None:
        make_rendition(video, "poster")
        assert re.search(r'<img src="/api/v1/media/renditions/[^"]+poster\.jpg"', client.get(LIST).content.decode())

    def test_many_rows_take_no_more_queries(self, client: Client, moderator: User, other: User, video: Video) -> None:
        counts = []
        for many in (1, 12):
            for number in range(many):
                row = make_catalogue_video(make_user(), title="One of many")
                Video.objects.filter(pk=row.pk).update(job=make_job(moderator), status="processing")
                make_rendition(row, "poster")
                reported(row, other)
                services.edit(video.pk, {"title": f"{many} {number}"}, moderator)
                reported(video, make_user())
            for url in (LIST, REPORTS, page_of(video)):
                with CaptureQueriesContext(connection) as queries:
                    assert client.get(url).status_code == 200
                counts.append(len(queries))
        assert counts[:3] == counts[3:]


class TestEdit:
    def test_saved_as_it_is_nothing_has_changed(self, client: Client, video: Video) -> None:
        form = form_of(client, page_of(video))
        assert (form["title"], form["tags"], form["version"]) == ("Grand final", "mma\r\na, b", "1")
        assert client.post(page_of(video), form).status_code == 302
        assert CrdtOperation.objects.count() == 0
        fresh = Video.objects.get(pk=video.pk)
        assert (fresh.description, fresh.version, fresh.tags) == ("One\nTwo", 1, ["mma", "a, b"])
        assert fresh.reviewed_at is not None

    def test_each_changed_field_is_a_server_operation(self, client: Client, moderator: User, video: Video) -> None:
        form = form_of(client, page_of(video)) | {
            "title": "  Semi   final ", "tags": "x\r\n\r\nmma\r\nx", "is_featured": "on", "is_hidden": "on",
            "reason": REASON,
        }  # fmt: skip
        assert client.post(page_of(video), form).status_code == 302
        fresh = Video.objects.get(pk=video.pk)
        assert (fresh.title, sorted(fresh.tags), fresh.is_featured, fresh.is_hidden) == (
            "Semi final", ["mma", "x"], True, True
        )  # fmt: skip
        rows = CrdtOperation.objects.all()
        assert {row.operation_type for row in rows} == {"update_title", "set_tags", "update_featured"}
        assert {(row.actor, row.writer) for row in rows} == {("server", moderator.pk)}
        assert (fresh.version, fresh.last_modified_by) == (4, moderator)
        entry = AuditEntry.objects.get(action="cataloguevideo.changed")
        assert entry.data["fields"] == ["title", "tags", "is_featured", "is_hidden"]
        for action in ("video.hide", "video.feature", "video.edit"):
            assert AuditEntry.objects.get(action=action).data["reason"] == REASON

    @pytest.mark.parametrize("name", ["is_featured", "is_hidden"])
    def test_hiding_and_featuring_require_a_reason(self, client: Client, video: Video, name: str) -> None:
        form = form_of(client, page_of(video)) | {name: "on", "reason": "  "}
        assert "Enter a reason." in text_of(client.post(page_of(video), form))
        assert getattr(Video.objects.get(pk=video.pk), name) is False

    def test_it_leads_to_nothing_that_moderators_may_not_see(self, client: Client, other: User, video: Video) -> None:
        row = reported(video, other)
        pages = [text_of(client.get(url)) for url in (page_of(video), REPORTS, f"{REPORTS}{row.pk}/change/")]
        assert all(other.username in text for text in pages)
        assert not [text for text in pages if "/admin/accounts/user/" in text or "/admin/catalog/video/" in text]
        assert page_of(video) in pages[1]
        assert page_of(video) in pages[2]

    def test_a_newer_edit_is_shown_before_replacing_it(self, client: Client, admin_person: User, video: Video) -> None:
        form = form_of(client, page_of(video)) | {"title": "Mine"}
        services.edit(video.pk, {"title": "Theirs", "description": "New"}, admin_person)
        response = client.post(page_of(video), form)
        text = text_of(response)
        assert "admin has changed the video since you opened it" in text
        assert "Theirs" in text
        assert Video.objects.get(pk=video.pk).title == "Theirs"
        assert 'value="Mine"' in text
        again = {**form, "version": re.search(r'name="version" value="(\d+)"', text).group(1)}  # type: ignore[union-attr]
        assert again["version"] == "3"
        assert client.post(page_of(video), again).status_code == 302
        fresh = Video.objects.get(pk=video.pk)
        assert (fresh.title, fresh.description) == ("Mine", "New")

    @pytest.mark.parametrize("mine", [{"title": "Mine"}, {"is_hidden": "on", "reason": REASON}])
    def test_edit_beside_hiding(self, client: Client, admin_person: User, video: Video, mine: dict[str, str]) -> None:
        """An edit and hiding are no conflict."""
        form = form_of(client, page_of(video)) | mine
        theirs = {"is_hidden": True} if "title" in mine else {"title": "Mine"}
        services.edit(video.pk, theirs, admin_person)
        assert client.post(page_of(video), form).status_code == 302
        fresh = Video.objects.get(pk=video.pk)
        assert (fresh.title, fresh.is_hidden) == ("Mine", True)

    def test_one_that_comes_in_the_very_moment_is_told_too(
        self, client: Client, admin_person: User, video: Video, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        edit, form = services.edit, form_of(client, page_of(video)) | {"title": "Mine"}

        def faster(video_id: Any, values: Any, by: User, **seen: Any) -> None:
            monkeypatch.setattr(services, "edit", edit)
            edit(video_id, {"title": "Theirs"}, admin_person)
            edit(video_id, values, by, **seen)

        monkeypatch.setattr(services, "edit", faster)
        response = client.post(page_of(video), form, follow=True)
        assert "newer changes" in text_of(response)
        assert Video.objects.get(pk=video.pk).title != "Mine"

    def test_one_that_was_deleted_meanwhile(self, client: Client, admin_person: User, video: Video) -> None:
        form = form_of(client, page_of(video)) | {"title": "Mine"}
        services.delete(video.pk, admin_person)
        assert client.post(page_of(video), form).status_code == 302
        assert browser(admin_person).post(page_of(video), form).status_code == 403
        assert Video.objects.get(pk=video.pk).title == "Grand final"

    @pytest.mark.parametrize(
        ("name", "value"),
        [("title", ""), ("title", "x" * 256), ("category", "x" * 101), ("tags", "x" * 65), ("version", "x"),
         ("tags", "\n".join(map(str, range(51)))), ("description", "x" * 20_001)],
    )  # fmt: skip
    def test_what_cannot_be(self, client: Client, video: Video, name: str, value: str) -> None:
        form = form_of(client, page_of(video)) | {name: value}
        assert client.post(page_of(video), form).status_code == 200
        assert CrdtOperation.objects.count() == 0

    def test_it_says_why_the_last_file_was_not_taken(self, client: Client, video: Video) -> None:
        Video.objects.filter(pk=video.pk).update(error_type="vod_unreadable", error_message="Its end is missing.")
        assert "Its end is missing." in text_of(client.get(page_of(video)))

    def test_a_form_with_a_forged_count_builds_few_forms(self, client: Client, video: Video) -> None:
        for inline in ("operations", "reports"):
            form = form_of(client, page_of(video)) | {f"{inline}-TOTAL_FORMS": "2000", "title": ""}
            response = client.post(page_of(video), form)
            sizes = [len(one.formset.forms) for one in response.context["inline_admin_formsets"]]
            assert max(sizes) <= 100

    @pytest.mark.parametrize("total", ["7", "99999999", "x", ""])
    def test_a_form_with_wrong_counts_is_safe(self, client: Client, moderator: User, video: Video, total: str) -> None:
        services.edit(video.pk, {"title": "A later title"}, moderator)
        for inline in ("operations", "reports"):
            form = form_of(client, page_of(video)) | {f"{inline}-TOTAL_FORMS": total}
            assert client.post(page_of(video), form).status_code in (200, 302)
        assert (CrdtOperation.objects.count(), VideoReport.objects.count()) == (1, 0)

    def test_it_has_a_player_and_the_history(self, client: Client, moderator: User, video: Video) -> None:
        services.edit(video.pk, {"title": "A later title"}, moderator)
        text = text_of(client.get(page_of(video)))
        assert re.search(rf'<video controls[^>]+src="/api/v1/media/stream/{video.pk}\?sig=[^"]+&proxy=1"', text)
        assert "update_title" in text
        assert text.count("A later title") > 1
        assert 'name="operations-0-actor"' not in text


class TestActions:
    def entries(self, action: str) -> Iterator[tuple[str, str]]:
        return ((row.actor_name, row.data["reason"]) for row in AuditEntry.objects.filter(action=action))

    @pytest.mark.parametrize(("action", "before", "after", "noted"), [
        ("publish", {"is_hidden": True}, {"is_hidden": False}, "video.publish"),
        ("hide", {"is_hidden": False}, {"is_hidden": True}, "video.hide"),
        ("feature", {"is_featured": False}, {"is_featured": True}, "video.feature"),
        ("unfeature", {"is_featured": True}, {"is_featured": False}, "video.unfeature"),
    ])  # fmt: skip
    def test_actions(self, client: Client, moderator: User, action: str, before: Any, after: Any, noted: str) -> None:
        videos = [make_catalogue_video(moderator, title=f"v{number}", **before) for number in range(3)]
        act(client, action, *videos[:2])
        name, value = next(iter(after.items()))
        found = {row.title: getattr(row, name) for row in Video.objects.all()}
        assert found == {"v0": value, "v1": value, "v2": before[name]}
        assert list(self.entries(noted)) == [("moderator", REASON)] * 2
        assert Video.objects.exclude(reviewed_at=None).count() == 2
        act(client, action, *videos[:2])
        assert len(list(self.entries(noted))) == 2

    def test_to_leave_a_new_one_as_it_is_is_a_decision_too(self, client: Client, video: Video) -> None:
        act(client, "publish", video)
        assert list(self.entries("video.publish")) == []
        assert list(self.entries("video.review")) == [("moderator", REASON)]
        act(client, "settle_reports", video)
        assert len(list(self.entries("video.review"))) == 1

    def test_the_reason_is_asked_for_before_the_chosen_rows_are_forgotten(self, client: Client, video: Video) -> None:
        [field] = re.findall(r'<input[^>]+name="reason"[^>]*>', text_of(client.get(LIST)))
        assert "required" in field
        assert "noValidate = false" in field

    @pytest.mark.parametrize("action", ["publish", "hide", "feature", "unfeature", "settle_reports", "delete_videos"])
    def test_nothing_happens_without_one(self, moderator: User, admin_person: User, other: User, action: str) -> None:
        row = make_catalogue_video(moderator, is_hidden=True)
        reported(row, other)
        before = list(Video.objects.values())
        [message] = act(browser(admin_person), action, row, reason="  ")
        assert "Enter a reason" in message
        assert (list(Video.objects.values()), VideoReport.objects.filter(settled_at=None).count()) == (before, 1)

    def test_reports_are_settled_for_a_reason(self, client: Client, moderator: User, other: User, video: Video) -> None:
        rows = [reported(video, other), reported(video, make_user())]
        act(client, "settle_reports", video)
        for row in VideoReport.objects.filter(pk__in=[row.pk for row in rows]):
            assert (row.settled_by, row.outcome, row.settled_at is not None) == (moderator, REASON, True)
        assert list(self.entries("video.reports_settled")) == [("moderator", REASON)]

    def test_admins_delete_and_restore(self, admin_person: User, video: Video) -> None:
        client = browser(admin_person)
        act(client, "delete_videos", video)
        assert Video.objects.get(pk=video.pk).deleted_at is not None
        act(client, "restore_videos", video, url=f"{LIST}?queue=deleted")
        assert Video.objects.get(pk=video.pk).deleted_at is None
        assert list(self.entries("video.soft_delete")) == list(self.entries("video.restore")) == [("admin", REASON)]

    def test_moderators_do_not(self, client: Client, video: Video) -> None:
        assert "delete_videos" not in text_of(client.get(LIST))
        act(client, "delete_videos", video)
        assert Video.objects.get(pk=video.pk).deleted_at is None
        Video.objects.filter(pk=video.pk).update(deleted_at=Now())
        act(client, "restore_videos", video)
        assert Video.objects.get(pk=video.pk).deleted_at is not None
        assert client.post(f"{LIST}{video.pk}/delete/", {"post": "yes"}).status_code in (302, 403)


class TestReports:
    def test_an_outcome_settles_a_report(self, client: Client, moderator: User, other: User, video: Video) -> None:
        first, second = reported(video, other, text="Look"), reported(video, make_user())
        form = form_of(client, page_of(video))
        place = next(name for name, value in form.items() if name.endswith("-id") and value == str(first.pk))
        form[place.replace("-id", "-outcome")] = "Hidden for good"
        assert client.post(page_of(video), form).status_code == 302
        first.refresh_from_db()
        second.refresh_from_db()
        assert (first.settled_by, first.outcome) == (moderator, "Hidden for good")
        assert (second.settled_by, second.settled_at) == (None, None)
        entry = AuditEntry.objects.get(action="report.settled")
        assert (entry.actor_name, entry.data["reason"]) == ("moderator", "Hidden for good")

    def test_a_report_requires_an_outcome(self, client: Client, moderator: User, other: User, video: Video) -> None:
        row = reported(video, other)
        url = f"{REPORTS}{row.pk}/change/"
        assert "This field is required" in client.post(url, form_of(client, url) | {"outcome": " "}).content.decode()
        row.refresh_from_db()
        assert row.settled_at is None

    def test_a_settled_one_stays_as_it_is(self, client: Client, moderator: User, other: User, video: Video) -> None:
        row = reported(video, other, settled_at=video.created_at, settled_by=other, outcome="No violation")
        for url in (page_of(video), f"{REPORTS}{row.pk}/change/"):
            form = form_of(client, url)
            form |= {name: "Another" for name in [*form, "outcome", "reports-0-outcome"] if name.endswith("outcome")}
            client.post(url, form)
        act(client, "settle", row, url=REPORTS)
        row.refresh_from_db()
        assert (row.settled_by, row.outcome) == (other, "No violation")

    def test_who_comes_too_late_is_told(self, client: Client, moderator: User, other: User, video: Video) -> None:
        row = reported(video, other)
        for url, name in ((page_of(video), "reports-0-outcome"), (f"{REPORTS}{row.pk}/change/", "outcome")):
            VideoReport.objects.filter(pk=row.pk).update(settled_at=None, settled_by=None, outcome="")
            form = form_of(client, url) | {name: "Mine"}
            assert moderation.settle_report(row.pk, other, reason="Theirs")
            assert f"{other.username} has already closed this report" in text_of(client.post(url, form))
            row.refresh_from_db()
            assert (row.settled_by, row.outcome) == (other, "Theirs")

    def test_a_moment_late(self, client: Client, other: User, video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
        """A person who decides a moment too late is told so."""
        row, settle = reported(video, other), moderation.settle_report
        form = form_of(client, f"{REPORTS}{row.pk}/change/") | {"outcome": "Mine"}

        def faster(report_id: Any, by: User, *, reason: str) -> bool:
            settle(report_id, other, reason="Theirs")
            return settle(report_id, by, reason=reason)

        monkeypatch.setattr(moderation, "settle_report", faster)
        response = client.post(f"{REPORTS}{row.pk}/change/", form, follow=True)
        assert "another moderator has already closed this report" in text_of(response)
        row.refresh_from_db()
        assert row.outcome == "Theirs"

    def test_the_video_is_locked_before_its_reports(self, moderator: User, other: User, video: Video) -> None:
        row = reported(video, other)
        with CaptureQueriesContext(connection) as queries:
            moderation.settle_report(row.pk, moderator, reason=REASON)
        order = [query["sql"] for query in queries]
        video_at = next(at for at, sql in enumerate(order) if 'FROM "catalog_video"' in sql)
        report_at = next(at for at, sql in enumerate(order) if sql.startswith('UPDATE "editorial_videoreport"'))
        assert video_at < report_at

    def test_its_list_settles_and_filters(self, client: Client, moderator: User, other: User, video: Video) -> None:
        row = reported(video, other, text="Offensive stuff" + "x" * 900)
        assert "Offensive stuff" in text_of(client.get(REPORTS, {"state": "open"}))
        act(client, "settle", row, url=REPORTS)
        row.refresh_from_db()
        assert (row.settled_by, row.outcome) == (moderator, REASON)
        assert "Offensive stuff" not in text_of(client.get(REPORTS, {"state": "open"}))
        VideoReport.objects.filter(pk=row.pk).update(outcome="y" * 1000)
        shown = re.sub(r'title="[^"]*"', "", text_of(client.get(REPORTS, {"state": "settled"})))
        assert "Offensive stuff" + "x" * 80 in shown
        assert "x" * 200 not in shown
        assert "y" * 200 not in shown

    def test_admins_see_those_of_deleted(self, client: Client, admin_person: User, other: User, video: Video) -> None:
        row = reported(video, other, text="Offensive stuff")
        services.delete(video.pk, admin_person)
        assert "Offensive stuff" not in text_of(client.get(REPORTS))
        assert client.get(f"{REPORTS}{row.pk}/change/").status_code == 302
        assert "Offensive stuff" in text_of(browser(admin_person).get(REPORTS))


class TestAdd:
    def test_a_new_video_is_in_the_catalogue_and_its_file_is_asked_for(self, client: Client, moderator: User) -> None:
        form = form_of(client, f"{LIST}add/")
        assert set(form) >= {"title", "description", "category", "tags"}
        form |= {"title": "Grand final", "tags": "mma\r\nlive", "category": "Combat", "is_hidden": "on"}
        response = client.post(f"{LIST}add/", form)
        made = Video.objects.get()
        assert (response.status_code, response["Location"]) == (302, f"/catalogue/{made.pk}/edit")
        assert (made.title, made.tags, made.category, made.is_hidden) == (
            "Grand final", ["mma", "live"], "Combat", True,
        )  # fmt: skip
        assert (made.status, made.owner, made.place) == ("uploading", moderator, "catalogue")
        assert client.get(response["Location"]).status_code == 200
        services.edit(made.pk, {"tags": ["mma"]}, moderator)
        made.refresh_from_db()
        assert (made.title, made.tags) == ("Grand final", ["mma"])

    def test_what_cannot_be_is_said(self, client: Client) -> None:
        text = text_of(client.post(f"{LIST}add/", {"title": " ", "tags": "x" * 500}))
        assert "This field is required." in text
        assert not Video.objects.exists()
