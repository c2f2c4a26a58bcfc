"""…/links and /r/{token}: whoever has a link watches without an account, until it is over or withdrawn."""

import logging
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models.functions import Now
from django.http import HttpResponse
from django.test import override_settings
from pytest_check import check

from sessions_app.comparison.events import api as event_api
from sessions_app.comparison.events import services as events
from sessions_app.comparison.models import ComparisonSession, LinkVisitor, SessionEvent, ShareLink
from sessions_app.comparison.sharing import links
from tests.support.api import BASE, Api, refused
from tests.support.factories import make_key, make_session, make_user
from tests.support.sockets import ask, connected, first_close, next_close, next_message, socket
from vodplatform.accounts import realtime
from vodplatform.accounts.models import User
from vodplatform.core.models import AuditEntry

pytestmark = pytest.mark.django_db
HTML = {"HTTP_ACCEPT": "text/html"}
COMMENT = {"global_time": 1, "kind": "comment", "body": "Look"}


def make_link(api: Api, url: str, **body: Any) -> dict[str, Any]:
    response = api.post(f"{url}/links", body)
    assert response.status_code == 201, response.content
    return response.json()["link"]


def path_of(link: dict[str, Any]) -> str:
    """The address of a link within the site."""
    return link["url"].removeprefix("http://testserver")


def opened(link: dict[str, Any], *, by: Api | None = None) -> Api:
    """A browser that has opened a link; its token for writing stands in each request."""
    visitor = by or Api()
    response = visitor.client.get(path_of(link))
    assert response.status_code == 302, response.content
    page = visitor.client.get(response["Location"], **HTML)
    assert page.status_code == 200, page.content
    visitor.headers = {"X-CSRFToken": visitor.client.cookies["csrftoken"].value}
    return visitor


def post_form(visitor: Api, path: str, **fields: str) -> HttpResponse:
    """Send a page's form."""
    token = visitor.client.cookies["csrftoken"].value
    return visitor.client.post(path, {**fields, "csrfmiddlewaretoken": token}, **HTML)


class TestMaking:
    def test_a_link_has_the_fields_of_the_contract_and_its_address_once(self, api: Api, url: str) -> None:
        made = make_link(api, url, password="secret", can_comment=True)
        address = made.pop("url")
        assert address.startswith("http://testserver/r/")
        assert len(address.rsplit("/", 1)[1]) >= 43  # 256 bits
        assert made["expires_at"] - made["created_at"] == pytest.approx(604_800, abs=2)
        assert (made["can_comment"], made["has_password"]) == (True, True)
        assert api.get(f"{url}/links").json() == {"ok": True, "links": [made]}
        with override_settings(PUBLIC_URL="https://vod.example.org"):
            assert make_link(api, url)["url"].startswith("https://vod.example.org/r/")

    def test_neither_secret_nor_password_nor_expired_links_are_kept(self, api: Api, url: str) -> None:
        token = make_link(api, url, password="hunter2-hunter2")["url"].rsplit("/", 1)[1]
        row = ShareLink.objects.get()
        kept = f"{vars(row)} {list(AuditEntry.objects.values())}"
        assert token not in kept
        assert "hunter2" not in kept
        assert list(AuditEntry.objects.values_list("action", flat=True)) == ["link.made"]
        ShareLink.objects.update(expires_at=Now())
        assert api.get(f"{url}/links").json()["links"] == []
        assert links.delete_expired_links() == 1

    def test_more_than_so_many_are_refused(self, api: Api, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(links, "MAX_LINKS", 1)
        make_link(api, url)
        assert refused(api.post(f"{url}/links", {}), 409, "too_many_links")["limit"] == 1
        ShareLink.objects.update(expires_at=Now() - timedelta(seconds=1))
        make_link(api, url)

    def test_passwords_are_hashed_at_a_limited_rate(self, api: Api, url: str, throttled: None) -> None:
        with override_settings(THROTTLES={**settings.THROTTLES, "link_made": 1}):
            make_link(api, url, password="secret")
            assert refused(api.post(f"{url}/links", {"password": "secret"}), 429, "throttled")["retry_after"] > 0
            make_link(api, url)

    def test_it_is_withdrawn_once_also_of_an_archived_comparison(self, api: Api, url: str, owner: User) -> None:
        one = f"{url}/links/{make_link(api, url)['link_id']}"
        refused(api.delete(f"{BASE}/{make_session(owner).pk}/links/{one.rsplit('/', 1)[1]}"), 404, "link_not_found")
        api.post(f"{url}/archive")
        refused(api.post(f"{url}/links", {}), 409, "archived")
        assert api.delete(one).json() == {"ok": True}
        refused(api.delete(one), 404, "link_not_found")
        assert AuditEntry.objects.filter(action="link.withdrawn").exists()


class TestOpening:
    def test_it_leads_to_the_comparison_whose_address_has_no_secret(self, api: Api, url: str, settings: Any) -> None:
        link = make_link(api, url)
        visitor = Api()
        answer = visitor.client.get(path_of(link))
        assert (answer.status_code, answer["Location"]) == (302, f"/compare/{url.rsplit('/', 1)[1]}")
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer["X-Robots-Tag"]
        assert "no-store" in answer["Cache-Control"]
        (cookie,) = answer.cookies.values()
        assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Lax", "")
        assert link["url"].rsplit("/", 1)[1] not in cookie.value
        page = visitor.client.get(answer["Location"], **HTML)
        assert page.status_code == 200
        assert "noindex" in page["X-Robots-Tag"]
        assert "&amp;grant=link." in page.content.decode()
        settings.SESSION_COOKIE_SECURE = True
        (cookie,) = Api().client.get(path_of(link)).cookies.values()
        assert cookie["secure"]

    def test_without_a_link_nothing_is_opened(self, session: ComparisonSession) -> None:
        for token in ("x", "", "é" * 40, "A" * 43):
            assert Api().client.get(f"/r/{token}", **HTML).status_code == 404
        visitor = Api()
        visitor.client.get("/login", **HTML)
        for form in ("password", "name"):
            assert post_form(visitor, f"/compare/{session.pk}/{form}", password="x").status_code == 404

    @pytest.mark.parametrize("end", ["withdrawn", "over", "owner left"])
    def test_what_has_ended_opens_nothing_and_closes_what_was_open(
        self, api: Api, url: str, session: ComparisonSession, end: str
    ) -> None:
        link = make_link(api, url)
        visitor = opened(link)
        identity = visitor.client.get(f"/compare/{session.pk}", **HTML).context["access"]["user_id"]
        if end == "withdrawn":
            api.delete(f"{url}/links/{link['link_id']}")
        elif end == "over":
            ShareLink.objects.update(expires_at=Now())
        else:
            User.objects.filter(pk=session.owner_id).update(is_active=False)
        assert Api().client.get(path_of(link)).status_code == 404
        # Only the browser that had opened the link gets the page about its end, with the visitor's drafts.
        page = visitor.client.get(path_of(link), follow=True, **HTML)
        assert (page.status_code, identity in page.content.decode()) == (404, True)
        assert Api().client.get(f"/compare/{session.pk}", **HTML)["Location"].startswith("/login")
        refused(visitor.get(url), 401, "unauthenticated")
        vod = session.vods.get(ordinal=0)
        assert not links.is_link_open(link["link_id"], vod.video_id)
        if end != "owner left":
            opened(make_link(api, url), by=visitor)
            page = visitor.client.get(f"/compare/{session.pk}", **HTML)
            assert page.context["access"]["user_id"] == identity

    def test_only_what_the_link_is_for_is_opened_by_its_grant(self, api: Api, url: str, owner: User) -> None:
        key = make_link(api, url)["link_id"]
        shown = {vod.video_id for vod in ComparisonSession.objects.get(pk=url.rsplit("/", 1)[1]).vods.all()}
        assert all(links.is_link_open(key, video_id) for video_id in shown)
        assert not links.is_link_open(key, make_session(owner).vods.first().video_id)  # type: ignore[union-attr]
        for wrong in ("", "x", str(uuid.uuid4())):
            assert not links.is_link_open(wrong, next(iter(shown)))

    def test_the_secret_is_in_no_log(
        self, api: Api, url: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
    ) -> None:
        link = make_link(api, url)
        with caplog.at_level(logging.DEBUG):
            opened(link)
            Api().client.get(path_of(link) + "x", **HTML)
        said = "".join(
            f"{record.getMessage()} {vars(record)}" for record in caplog.records if record.name != "django.db.backends"
        )
        assert "r/<str:token>" in said
        assert link["url"].rsplit("/", 1)[1] not in said + "".join(capsys.readouterr())

    def test_a_network_opens_so_many_a_minute(self, api: Api, url: str, throttled: None) -> None:
        path = path_of(make_link(api, url))
        with override_settings(THROTTLES={**settings.THROTTLES, "link_open": 2}):
            assert [Api().client.get(path, **HTML).status_code for _ in range(3)] == [302, 302, 429]

    def test_a_browser_keeps_so_many_links(self, api: Api, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(links, "MAX_COOKIES", 2)
        visitor = Api()
        for _ in range(3):
            opened(make_link(api, f"{BASE}/{make_session(owner).pk}"), by=visitor)
        kept = [one for one in visitor.client.cookies.values() if one.key.startswith(links.COOKIE_PREFIX) and one.value]
        assert len(kept) == 2


class TestPassword:
    def test_it_is_asked_for_before_anything_is_shown(self, api: Api, url: str, session: ComparisonSession) -> None:
        visitor = Api()
        location = visitor.client.get(path_of(make_link(api, url, password=" two words ")))["Location"]
        page = visitor.client.get(location, **HTML)
        assert page.status_code == 200
        assert session.name not in page.content.decode()
        refused(visitor.get(url), 401, "unauthenticated")
        wrong = post_form(visitor, f"{location}/password", password="two words")
        assert wrong.status_code == 403
        assert "Wrong password" in wrong.content.decode()
        post_form(visitor, f"{location}/name", name="Ann")
        refused(visitor.get(url), 401, "unauthenticated")
        right = post_form(visitor, f"{location}/password", password=" two words ")
        assert (right.status_code, right["Location"]) == (302, location)
        assert visitor.get(url).status_code == 200
        assert AuditEntry.objects.filter(action="link.password_wrong").count() == 1

    def test_the_password_of_one_link_opens_no_other(self, api: Api, url: str) -> None:
        first, second = (make_link(api, url, password=word) for word in ("first", "second"))
        visitor = Api()
        location = visitor.client.get(path_of(first))["Location"]
        visitor.client.get(location, **HTML)
        post_form(visitor, f"{location}/password", password="first")
        assert visitor.get(url).status_code == 200
        visitor.client.get(path_of(second))
        refused(visitor.get(url), 401, "unauthenticated")

    @pytest.mark.parametrize("name", ["link_password_address", "link_password"])
    def test_attempts_are_counted(self, api: Api, url: str, throttled: None, name: str) -> None:
        visitor = Api()
        location = visitor.client.get(path_of(make_link(api, url, password="right")))["Location"]
        visitor.client.get(location, **HTML)
        with override_settings(THROTTLES={**settings.THROTTLES, name: 2}):
            answers = [post_form(visitor, f"{location}/password", password=word) for word in ("a", "b", "right")]
        assert [answer.status_code for answer in answers] == [403, 403, 429]
        assert int(answers[-1]["Retry-After"]) > 0
        refused(visitor.get(url), 401, "unauthenticated")


class TestVisiting:
    def test_a_network_lists_events_so_many_times_a_minute(self, api: Api, url: str, throttled: None) -> None:
        visitor = opened(make_link(api, url, can_comment=True))
        with override_settings(THROTTLES={**settings.THROTTLES, "visitor_events": 2}):
            paths = ("events", "events.csv", "timeline.otio")
            assert [visitor.get(f"{url}/{path}").status_code for path in paths] == [200, 200, 429]
            assert [api.get(f"{url}/{path}").status_code for path in paths] == [200] * 3
            assert visitor.post(f"{url}/events", COMMENT).status_code == 201
        with override_settings(THROTTLES={**settings.THROTTLES, "visitor_write": 2}):
            assert [visitor.post(f"{url}/events", COMMENT).status_code for _ in range(3)] == [201, 201, 429]
        link = ShareLink.objects.get()
        with event_api.reading.of((link.pk, "another network")):
            assert visitor.get(f"{url}/events").status_code == 200

    def test_a_repeated_comment_is_one_also_after_an_editor_has_changed_it(self, api: Api, url: str) -> None:
        visitor = opened(make_link(api, url, can_comment=True))
        visitor.headers["Idempotency-Key"] = "one"
        body = {**COMMENT, "body": "Why? " * 200}
        first = visitor.post(f"{url}/events", body).json()["event"]
        api.patch(f"{url}/events/{first['event_id']}", {"body": "Why?"})
        second = visitor.post(f"{url}/events", body).json()["event"]
        assert (second["event_id"], second["body"]) == (first["event_id"], "Why?")
        visitor.headers |= {"Idempotency-Key": "two", "Idempotency-Cancel": "true"}
        refused(visitor.post(f"{url}/events", body), 409, "idempotency_cancelled")
        del visitor.headers["Idempotency-Cancel"]
        refused(visitor.post(f"{url}/events", body), 409, "idempotency_cancelled")
        assert api.get(f"{url}/events").json()["total"] == 1

    def test_a_visitor_sees_nothing_else(self, api: Api, url: str, session: ComparisonSession, owner: User) -> None:
        session.vods.update(path="/srv/recordings/of the owner.mp4")
        visitor = opened(make_link(api, url))
        shown = visitor.get(url).json()["session"]
        assert {vod["path"] for vod in shown["vods"]} == {None}
        assert all("&grant=link." in vod["stream_url"] for vod in shown["vods"])
        page = visitor.client.get(f"/compare/{session.pk}?setup", **HTML).content.decode()
        assert "/srv/recordings" not in page
        assert 'href="/compare"' not in page
        another = make_session(owner)
        video = session.vods.get(ordinal=0).video_id
        for path in (
            f"{BASE}/{another.pk}", f"{BASE}/list", "/api/v1/me", "/api/v1/jobs", "/api/sessions/library-files",
            f"/api/v1/videos/{video}/sync",
        ):  # fmt: skip
            with check(path):
                assert visitor.get(path).status_code in (401, 404)

    def test_writing_needs_the_pages_token(self, api: Api, url: str) -> None:
        visitor = opened(make_link(api, url, can_comment=True))
        visitor.headers = {}
        refused(visitor.post(f"{url}/events", COMMENT), 403, "csrf_failed")
        assert not SessionEvent.objects.exists()
        # A visitor's name can look like no account.
        for name in ("", "owner"):
            named = LinkVisitor(uuid.uuid4(), "comp-x", uuid.uuid4(), name).username
            with pytest.raises(ValidationError, match="username"):
                make_user(named).full_clean()

    def test_visitors_together_write_so_much_at_most(self, api: Api, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(events, "MAX_EVENTS_OF_COMMENTER", 1)
        link = make_link(api, url, can_comment=True)
        assert opened(link).post(f"{url}/events", COMMENT).status_code == 201
        refused(opened(link).post(f"{url}/events", COMMENT), 409, "too_many_events")
        assert api.post(f"{url}/events", COMMENT).status_code == 201

    def test_visitors_leave_room_for_the_team(self, api: Api, url: str, settings: Any) -> None:
        settings.MULTI_VOD_MAX_EVENTS_BYTES = 20_000
        visitor = opened(make_link(api, url, can_comment=True))
        long = {**COMMENT, "body": "x" * 9000}
        event = api.post(f"{url}/events", COMMENT).json()["event"]["event_id"]
        assert refused(visitor.post(f"{url}/events", long), 409, "too_many_events")["limit"] == 10_000
        refused(visitor.post(f"{url}/events/{event}/replies", {"body": "x" * 9000}), 409, "too_many_events")
        assert api.post(f"{url}/events/{event}/replies", {"body": "x" * 9000}).status_code == 201

    def test_what_a_visitor_writes_is_theirs_and_under_their_name(self, api: Api, url: str) -> None:
        link = make_link(api, url, can_comment=True)
        ann, ben = opened(link), opened(link)
        location = f"/compare/{url.rsplit('/', 1)[1]}"
        assert post_form(ann, f"{location}/name", name=" Ann ")["Location"] == location
        post_form(ben, f"{location}/name", name="x" * 61)
        made = [by.post(f"{url}/events", COMMENT).json()["event"] for by in (ann, ben)]
        assert made[0]["created_by_name"] == "Ann (guest)"
        assert made[1]["created_by_name"].startswith("Guest ")
        assert made[0]["created_by"] != made[1]["created_by"]
        own, other = (f"{url}/events/{event['event_id']}" for event in made)
        assert ann.patch(own, {"body": "So"}).json()["event"]["body"] == "So"
        refused(ann.patch(other, {"body": "So"}), 403, "forbidden")
        said = ann.post(f"{other}/replies", {"body": "yes"}).json()["event"]["replies"][0]
        assert said["created_by"] == made[0]["created_by"]
        refused(ben.delete(f"{other}/replies/{said['reply_id']}"), 403, "forbidden")
        assert ann.delete(f"{other}/replies/{said['reply_id']}").status_code == 200
        copy = api.post(f"{url}/duplicate", {}).json()["session"]["session_id"]
        copied = api.get(f"{BASE}/{copy}/events").json()["events"]
        assert {one["created_by"] for one in copied} == {one["created_by"] for one in made}

    def test_an_account_without_access_is_a_visitor(self, api: Api, url: str, owner: User, other: User) -> None:
        link = make_link(api, url, can_comment=True)
        for user in (owner, other):
            browser = Api()
            browser.client.force_login(user)
            opened(link, by=browser)
            assert browser.get(f"{url}/links").status_code == (200 if user == owner else 403)
            event = browser.post(f"{url}/events", COMMENT).json()["event"]
            assert (event["created_by"] == str(user.pk)) is (user == owner)
        refused(browser.put(f"{url}/global-seek", {"timestamp": 1}), 403, "forbidden")

    def test_a_cookie_that_is_not_ours_opens_nothing(self, api: Api, url: str, owner: User) -> None:
        link = make_link(api, url)
        another = make_session(owner)
        visitor = opened(link)
        name = links.COOKIE_PREFIX + url.rsplit("/", 1)[1]
        value = visitor.client.cookies[name].value
        for wrong in (value[:-1] + ("A" if value[-1] != "A" else "B"), "", "x", "x:y:z"):
            visitor.client.cookies[name] = wrong
            refused(visitor.get(url), 401, "unauthenticated")
        # Nor one of another comparison under this one's name.
        visitor.client.cookies[links.COOKIE_PREFIX + another.pk] = value
        refused(visitor.get(f"{BASE}/{another.pk}"), 401, "unauthenticated")


def cookie_of(api: Api, session: ComparisonSession, link: dict[str, Any]) -> str:
    """The Cookie header of a browser that has opened a link."""
    name = links.COOKIE_PREFIX + session.pk
    return f"{name}={opened(link).client.cookies[name].value}"


class TestWatching:
    pytestmark = [pytest.mark.both, pytest.mark.django_db(transaction=True)]
    origin = {"origin": "http://vod.example"}

    async def test_withdrawn_a_socket_closes_at_once(self, api: Api, url: str, session: ComparisonSession) -> None:
        link = await ask(make_link, api, url)
        headers = {**self.origin, "cookie": await ask(cookie_of, api, session, link)}
        path = f"/ws/sessions/{session.pk}/"
        async with (
            connected(path, headers=headers) as guest,
            connected(path, key=await ask(make_key, session.owner)) as host,
        ):
            shown = await next_message(guest, "session")
            assert all("&grant=link." in vod["stream_url"] for vod in shown["session"]["vods"])
            assert {vod["path"] for vod in shown["session"]["vods"]} == {None}
            await next_message(host, "session")
            people = (await next_message(host, "presence"))["people"]
            assert [one["role"] for one in people] == ["viewer", "owner"]
            assert people[0]["name"].startswith("Guest ")
            await ask(api.delete, f"{url}/links/{link['link_id']}")
            assert await next_close(guest) == realtime.NOT_FOUND

    async def test_another_sites_page_may_not_use_the_cookie(
        self, api: Api, url: str, session: ComparisonSession
    ) -> None:
        cookie = await ask(cookie_of, api, session, await ask(make_link, api, url))
        path = f"/ws/sessions/{session.pk}/"
        for origin in ({}, {"origin": "http://evil.example"}):
            assert await first_close(socket(path, headers={**origin, "cookie": cookie})) == realtime.NOT_SIGNED_IN
