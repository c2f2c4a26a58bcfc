"""Archiving a comparison, putting it back, copying it, and finding it in the list."""

from __future__ import annotations

from typing import Any

import pytest

from media_app.videos.models import Video
from sessions_app.comparison.models import ComparisonSession
from tests.support.api import BASE, Api, refused, session_of
from tests.support.factories import make_session, make_video
from vodplatform.accounts.models import User

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
        same = ("vod_id", "name", "video_id", "offset", "drift_ppm", "drift_anchor", "offset_source")
        assert [[vod[name] for name in same] for vod in copy["vods"]] == [
            [vod[name] for name in same] for vod in original["vods"]
        ]
        assert all(vod["offset_history"] == [] for vod in copy["vods"])
        assert [[one["time"] for one in vod["events"]] for vod in copy["vods"]] == [
            [one["time"] for one in vod["events"]] for vod in original["vods"]
        ]
        assert any(vod["events"] for vod in copy["vods"])
        found = api.get(f"{BASE}/{copy['session_id']}/events").json()["events"]
        expected = api.get(f"{url}/events").json()["events"]
        assert [one["replies"][0]["body"] if one["replies"] else None for one in found] == ["Because.", None]
        own = ("event_id", "sources", "replies")
        for one, other in zip(found, expected, strict=True):
            assert one["event_id"] != other["event_id"]
            assert {k: v for k, v in one.items() if k not in own} == {k: v for k, v in other.items() if k not in own}
        assert api.delete(url).status_code == 200
        assert api.get(f"{BASE}/{copy['session_id']}/events").json()["total"] == 2

    def test_a_copy_has_a_given_name_and_counts(self, api: Api, owner: User, url: str, settings: Any) -> None:
        assert session_of(api.post(f"{url}/duplicate", {"name": "Again"}), 201)["name"] == "Again"
        refused(api.post(f"{url}/duplicate", {"name": "x" * 201}), 400, "invalid")
        long = make_session(owner, name="x" * 200)
        assert len(session_of(api.post(f"{BASE}/{long.pk}/duplicate"), 201)["name"]) == 200
        settings.TIER_LIMITS = {**settings.TIER_LIMITS, "free": {**settings.TIER_LIMITS["free"], "max_sessions": 1}}
        refused(api.post(f"{url}/duplicate"), 409, "session_limit")

    def test_a_gap_is_copied_and_deleted_with_the_copy(
        self, api: Api, other_api: Api, owner: User, other: User
    ) -> None:
        video = make_video(other, duration=90.0)
        session = make_session(owner, videos=[video, make_video(owner)])
        assert other_api.delete(f"/api/v1/library/{video.pk}").status_code == 200
        copy = session_of(api.post(f"{BASE}/{session.pk}/duplicate"), 201)
        assert copy["vods"][0]["duration"] == 90.0
        assert api.delete(f"{BASE}/{copy['session_id']}").status_code == 200
        assert session_of(api.get(f"{BASE}/{session.pk}"))["vods"][0]["duration"] == 90.0
        assert Video.objects.filter(title="A deleted video").count() == 1


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
