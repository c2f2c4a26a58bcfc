"""Archiving a comparison, putting it back, copying it, deleting its videos, and finding it in the list."""

from __future__ import annotations

import re
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib import admin
from django.db import models
from django.test import override_settings
from django.utils import timezone

from media_app.videos.models import Video
from sessions_app.comparison import duplicating, services
from sessions_app.comparison.admin import NOT_SHOWN, NOT_SHOWN_OF_VOD, ComparisonSessionAdmin, VodInline
from sessions_app.comparison.duplicating import NOT_COPIED, NOT_COPIED_OF_VOD, duplicate_session
from sessions_app.comparison.models import ComparisonSession, ComparisonVod, SessionEvent
from tests.contract.places import browser
from tests.support.api import BASE, Api, refused, session_of
from tests.support.factories import make_session, make_video
from tests.support.pages import html_of
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.records.columns import column_names, column_values

pytestmark = pytest.mark.django_db


@pytest.fixture
def session(owner: User) -> ComparisonSession:
    return make_session(owner, offsets=(0, -50, 37), name="Final")


def names(api: Api, query: str = "") -> list[str]:
    return sorted(row["name"] for row in api.get(f"{BASE}/list?{query}").json()["sessions"])


class TestArchiving:
    def test_an_archived_one_is_out_of_the_list_until_it_is_put_back(self, api: Api, owner: User, url: str) -> None:
        make_session(owner, name="Other")
        assert session_of(api.post(f"{url}/archive"))["archived"] is True
        assert session_of(api.post(f"{url}/archive"))["archived"] is True
        assert (names(api), names(api, "archived=true"), names(api, "archived=all")) == (
            ["Other"], ["Final"], ["Final", "Other"],
        )  # fmt: skip
        assert session_of(api.post(f"{url}/unarchive"))["archived"] is False
        assert names(api) == ["Final", "Other"]
        refused(api.get(f"{BASE}/list?archived=x"), 400, "invalid")

    def test_nothing_of_it_can_be_changed(self, api: Api, url: str) -> None:
        event = api.post(f"{url}/events", {"kind": "kill", "global_time": 1}).json()["event"]
        api.put(f"{url}/playback", {"state": "playing"})
        assert session_of(api.post(f"{url}/archive"))["global_playback_state"] == "paused"
        calls: list[tuple[str, str, Any]] = [
            ("PATCH", "", {"name": "x"}), ("PUT", "/global-seek", {"timestamp": 1}),
            ("PUT", "/playback", {"state": "playing"}), ("PUT", "/vods/vod-1/seek", {"timestamp": 1}),
            ("PUT", "/offsets", {"offsets": {"vod-1": 1}, "source": "manual"}), ("POST", "/align", {"method": "audio"}),
            ("POST", "/events", {"kind": "kill", "global_time": 1}),
            ("POST", "/events/import", [{"kind": "kill", "global_time": 1}]),
            ("PATCH", f"/events/{event['event_id']}", {"label": "x"}), ("DELETE", f"/events/{event['event_id']}", None),
            ("POST", f"/events/{event['event_id']}/replies", {"body": "x"}),
        ]  # fmt: skip
        for method, path, body in calls:
            refused(api.send(method, f"{url}{path}", body), 409, "archived")
        assert session_of(api.get(url))["name"] == "Final"
        assert api.get(f"{url}/events").json()["total"] == 1
        assert api.delete(url).status_code == 200


class TestCopying:
    def test_a_copy_has_vods_offsets_and_events_of_its_own(self, api: Api, owner: User, url: str) -> None:
        api.put(f"{url}/offsets", {"offsets": {"vod-2": -40.0}, "drifts": {"vod-2": 12.5}, "source": "manual"})
        event = api.post(f"{url}/events", {"kind": "comment", "vod_id": "vod-2", "time": 9, "body": "Why?"}).json()
        event_id = event["event"]["event_id"]
        api.post(f"{url}/events/{event_id}/replies", {"body": "Because."})
        api.post(f"{url}/events", {"kind": "round", "global_time": 3})
        response = api.post(f"{url}/duplicate")
        assert response.status_code == 201
        copy, original = session_of(response, 201), session_of(api.get(url))
        assert copy["name"] == "Final (copy)"
        assert copy["session_id"] != original["session_id"]
        assert all(vod["offset_history"] == [] for vod in copy["vods"])
        assert [len(vod["events"]) for vod in copy["vods"]] == [0, 1, 0]
        found = api.get(f"{BASE}/{copy['session_id']}/events").json()["events"]
        assert [one["replies"][0]["body"] if one["replies"] else None for one in found] == ["Because.", None]
        with patch.object(services, "lock_session", side_effect=DomainError("session_not_found")):
            refused(api.delete(url), 404, "session_not_found")
        assert not SessionEvent.objects.filter(session=original["session_id"]).exists()  # deleted before the lock
        assert api.delete(url).status_code == 200
        assert api.get(f"{BASE}/{copy['session_id']}/events").json()["total"] == 2

    def test_a_copy_has_a_given_name_and_counts(self, api: Api, owner: User, url: str, settings: Any) -> None:
        assert session_of(api.post(f"{url}/duplicate", {"name": "Again"}), 201)["name"] == "Again"
        refused(api.post(f"{url}/duplicate", {"name": "x" * 201}), 400, "invalid")
        long = make_session(owner, name="x" * 200)
        assert len(session_of(api.post(f"{BASE}/{long.pk}/duplicate"), 201)["name"]) == 200
        settings.TIER_LIMITS = {**settings.TIER_LIMITS, "free": {**settings.TIER_LIMITS["free"], "max_sessions": 1}}
        refused(api.post(f"{url}/duplicate"), 409, "session_limit")

    def test_one_with_many_events_is_copied_rarely(
        self, api: Api, url: str, throttled: None, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        api.post(f"{url}/events", {"kind": "comment", "global_time": 3, "body": "Why?"})
        with override_settings(THROTTLES={**settings.THROTTLES, "large_copy": 1}):
            assert [api.post(f"{url}/duplicate").status_code for _ in range(2)] == [201, 201]
            monkeypatch.setattr(duplicating, "LARGE_BYTES", 10)
            assert api.post(f"{url}/duplicate").status_code == 201
            assert refused(api.post(f"{url}/duplicate"), 429, "throttled")["retry_after"] > 0


class TestGaps:
    """A deleted video leaves a gap in the comparisons that show it, and they can still be used."""

    @pytest.fixture
    def video(self, other: User) -> Video:
        return make_video(other, title="The other's", duration=90.0)

    @pytest.fixture
    def session(self, owner: User, video: Video) -> ComparisonSession:
        """Return the owner's session, with a video that belongs to another user, as a catalogue video would."""
        return make_session(owner, videos=[video, make_video(owner)], name="Final")

    def test_others_keep_their_clock_and_copy_the_gap(self, other_api: Api, api: Api, url: str, video: Video) -> None:
        before = session_of(api.get(url))
        assert other_api.delete(f"/api/v1/library/{video.pk}?purge=true").status_code == 200
        assert not Video.objects.filter(pk=video.pk).exists()
        after = session_of(api.get(url))
        assert [vod["duration"] for vod in after["vods"]] == [vod["duration"] for vod in before["vods"]]
        assert after["vods"][0]["video_id"] != str(video.pk)
        assert after["revision"] == before["revision"] + 1
        assert "The other's" not in str(after)
        assert api.get(after["vods"][0]["stream_url"]).status_code == 404
        copy = session_of(api.post(f"{url}/duplicate"), 201)
        assert copy["vods"][0]["duration"] == 90.0
        assert api.delete(f"{BASE}/{copy['session_id']}").status_code == 200
        assert session_of(api.get(url))["vods"][0]["duration"] == 90.0
        assert Video.objects.filter(**services.DELETED_VIDEO).count() == 1

    def test_ones_own_session_is_named_by_its_id(self, other_api: Api, other: User, video: Video) -> None:
        session = make_session(other, videos=[video, make_video(other)], name="Mine")
        body = refused(other_api.delete(f"/api/v1/library/{video.pk}?purge=true"), 409, "video_in_use")
        assert body["sessions"] == [{"session_id": session.pk, "name": "Mine"}]
        assert Video.objects.filter(pk=video.pk).exists()
        assert other_api.delete(f"/api/v1/library/{video.pk}?leave_gaps=true&purge=true").status_code == 200
        assert not Video.objects.filter(pk=video.pk).exists()
        left = session_of(other_api.get(f"{BASE}/{session.pk}"))["vods"]
        assert [vod["name"] for vod in left] == [vod.name for vod in session.vods.all()]

    def test_an_admin_is_not_stopped_by_a_session_of_his_own(
        self, admin_api: Api, admin_person: User, session: ComparisonSession, video: Video
    ) -> None:
        make_session(admin_person, videos=[video, make_video(admin_person)])
        assert admin_api.delete(f"/api/v1/library/{video.pk}?purge=true").status_code == 200
        assert Video.objects.filter(**services.DELETED_VIDEO).count() == 2

    def test_a_gap_says_so_and_goes_with_its_session(
        self, other_api: Api, api: Api, url: str, session: ComparisonSession, video: Video, owner: User, client: Any
    ) -> None:
        other_api.delete(f"/api/v1/library/{video.pk}?purge=true")
        vod = session_of(api.get(url))["vods"][0]["vod_id"]
        body = {"roi": {"x": 0.1, "y": 0.1, "width": 0.5, "height": 0.2, "time": 1.0, "vod_id": vod}, "times": [1.0]}
        answer = refused(api.post(f"{url}/timer-preview", body), 400, "vod_file_not_found")
        assert answer["error"].startswith(f"{vod}: the file no longer exists")
        client.force_login(owner)
        page = client.get(f"/compare/{session.pk}").content.decode()
        assert page.count(" data-gone") == 1
        assert Video.objects.filter(**services.DELETED_VIDEO).count() == 1
        assert api.delete(url).status_code == 200
        assert not Video.objects.filter(**services.DELETED_VIDEO).exists()


def test_a_search_looks_at_names_of_sessions_and_vods(api: Api, owner: User) -> None:
    first = make_session(owner, name="Grand Final")
    first.vods.filter(vod_id="vod-1").update(name="kestrel_pov")
    make_session(owner, name="Scrim")
    found = {
        words: names(api, f"search={words}") for words in ("final", "kestrel grand", "kestrel scrim", "player", "")
    }
    assert found == {
        "final": ["Grand Final"], "kestrel grand": ["Grand Final"], "kestrel scrim": [],
        "player": ["Grand Final", "Scrim"], "": ["Grand Final", "Scrim"],
    }  # fmt: skip


EVENT_OWN = {"id", "session", "vod"}
# Values that differ from the defaults, for columns whose choices and constraints allow few values.
UNUSUAL = {
    "sync_mode": "independent", "rate": 0.5, "offset_source": "audio", "offset_confidence": 0.25, "color": "#aabbcc",
    "origin": "import", "vod_id": "a", "ordinal": 0, "time": 1.5, "end": 2.5, "created_by_name": "Anna",
}  # fmt: skip


def unusual_value(column: models.Field[Any, Any]) -> Any:
    """Return a value that differs from the default of the column."""
    if column.name in UNUSUAL:
        return UNUSUAL[column.name]
    by_type: list[tuple[type[models.Field[Any, Any]], Any]] = [
        (models.FloatField, 3.25), (models.IntegerField, 7), (models.BooleanField, True),
        (models.JSONField, {"kept": [1]}), (models.DateTimeField, timezone.now()), (models.CharField, "Kept"),
        (models.TextField, "Kept"),
    ]  # fmt: skip
    return next(value for kind, value in by_type if isinstance(column, kind))


def give_unusual_values(row: models.Model, but: set[str]) -> None:
    for name in column_names(type(row), but):
        column = row._meta.get_field(name)
        if not column.is_relation and not isinstance(column, models.UUIDField):
            setattr(row, name, unusual_value(column))
    row.save()


def test_a_copy_has_every_column_that_is_not_listed_as_not_copied(owner: User) -> None:
    session = make_session(owner)
    vod = session.vods.first()
    assert vod is not None
    event = SessionEvent(session=session, vod=vod, created_by=owner)
    for row, but in ((session, NOT_COPIED), (vod, NOT_COPIED_OF_VOD), (event, EVENT_OWN)):
        give_unusual_values(row, but)
    copy = duplicate_session(session, owner)
    copied_vod = copy.vods.get(ordinal=vod.ordinal)
    assert column_values(copy, NOT_COPIED) == column_values(session, NOT_COPIED)
    assert column_values(copied_vod, NOT_COPIED_OF_VOD) == column_values(vod, NOT_COPIED_OF_VOD)
    assert column_values(copy.events.get(), EVENT_OWN) == column_values(event, EVENT_OWN)
    assert copy.events.get().vod == copied_vod


def test_the_admin_shows_every_column_or_lists_it_as_not_shown() -> None:
    session_admin = ComparisonSessionAdmin(ComparisonSession, admin.site)
    assert {*session_admin.fields, *NOT_SHOWN} == set(column_names(ComparisonSession))
    assert {*VodInline.fields, *NOT_SHOWN_OF_VOD} == set(column_names(ComparisonVod))


def test_a_column_that_does_not_exist_cannot_be_left_out() -> None:
    with pytest.raises(ValueError, match="ComparisonVod has no offsett"):
        column_names(ComparisonVod, {"offsett"})


@pytest.mark.parametrize(("query", "listed"), [
    ("", ["beta", "Alpha", "Gamma"]), ("order=-changed", ["beta", "Alpha", "Gamma"]),
    ("order=changed", ["Gamma", "Alpha", "beta"]), ("order=name", ["Alpha", "beta", "Gamma"]),
    ("order=-name", ["Gamma", "beta", "Alpha"]), ("order=creator", ["beta", "Alpha", "Gamma"]),
    ("order=password", ["beta", "Alpha", "Gamma"]), ("order=name&search=a&archived", []),
])  # fmt: skip
def test_the_page_lists_comparisons_sorted_by_a_column(owner: User, query: str, listed: list[str]) -> None:
    for name in ("Gamma", "Alpha", "beta"):
        make_session(owner, name=name)
    response = browser(owner).get(f"/compare?{query}", headers={"Accept": "text/html"})
    assert [row["name"] for row in response.context["sessions"]] == listed


def test_a_column_header_links_to_its_order_and_then_to_the_reverse(owner: User) -> None:
    make_session(owner, name="Final")

    def headers(query: str) -> dict[str, tuple[str, str]]:
        page = html_of(browser(owner).get(f"/compare?{query}"))
        found = re.findall(
            r"<th[^>]*?(?:aria-sort=\"(\w+)\")?\s*>\s*<a class=\"sorts\" href=\"([^\"]*)\">([^<]*)", page
        )
        return {label: (sort, href.replace("&amp;", "&")) for sort, href, label in found}

    assert headers("search=fin") == {
        "Name": ("", "/compare?search=fin&order=name"), "Created by": ("", "/compare?search=fin&order=creator"),
        "Changed": ("descending", "/compare?search=fin&order=changed"),
    }  # fmt: skip
    assert headers("order=name")["Name"] == ("ascending", "/compare?order=-name")
    assert headers("order=-name")["Name"] == ("descending", "/compare?order=name")
    assert headers("order=name")["Changed"] == ("", "/compare?order=-changed")
