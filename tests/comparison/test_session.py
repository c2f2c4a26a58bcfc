"""GET, PATCH and DELETE /api/sessions/multi-vod/{id}."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from pytest_check import check

from jobs_app.models import Job, JobEvent, JobStatus
from media_app.videos.models import Video
from sessions_app.comparison.models import Alignment, ComparisonSession, ComparisonVod, OffsetChange
from tests.support.api import BASE, Api, refused, session_of
from tests.support.factories import make_alignment, make_job, make_key, make_session, make_user, make_video
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db


def url(session: ComparisonSession) -> str:
    return f"{BASE}/{session.session_id}"


def test_admins_see_change_and_delete_anybodys_session(api: Api, admin_api: Api, owner: User) -> None:
    session = make_session(owner, name="Final")
    for client in (api, admin_api):
        shown = session_of(client.get(url(session)))
        assert shown["session_id"] == session.session_id
        assert shown["created_by"] == str(owner.pk)
        assert [vod["vod_id"] for vod in shown["vods"]] == ["vod-1", "vod-2", "vod-3"]
    assert session_of(admin_api.patch(url(session), {"name": "By an admin"}))["created_by"] == str(owner.pk)
    assert admin_api.delete(url(session)).status_code == 200


@pytest.mark.parametrize("name", ["comp-none", "comp-" + "0" * 24, "x" * 500, "%00", "..", "%F0%9F%8E%AE", "%FF"])
def test_an_unknown_session_is_not_found(api: Api, name: str) -> None:
    assert api.get(f"{BASE}/{name}").status_code == (400 if name == "%00" else 404)


def test_a_patch_changes_what_it_names_and_leaves_the_rest(api: Api, owner: User) -> None:
    session = make_session(owner, name="Old", description="Kept")
    before = session_of(api.get(url(session)))
    shown = session_of(api.patch(url(session), {"name": "New"}))
    assert (shown["name"], shown["description"], shown["created_at"]) == ("New", "Kept", before["created_at"])
    assert shown["revision"] == before["revision"] + 1
    assert shown["updated_at"] >= before["updated_at"]
    shown = session_of(api.patch(url(session), {"description": "", "sync_config": {"drift_tolerance_ms": 40}}))
    assert (shown["name"], shown["description"]) == ("New", "")
    assert shown["sync_config"] == {"resync_interval_ms": 500, "drift_tolerance_ms": 40}
    shown = session_of(api.patch(url(session), {"sync_config": {"resync_interval_ms": 250}}))
    assert shown["sync_config"] == {"resync_interval_ms": 250, "drift_tolerance_ms": 40}
    assert session_of(api.get(url(session))) == {**shown, "vods": session_of(api.get(url(session)))["vods"]}


def test_a_bad_value_changes_nothing(api: Api, owner: User) -> None:
    session = make_session(owner)
    bad: dict[str, list[Any]] = {
        "name": ["", None, 7, "x" * 201], "description": [None, 7], "sync_mode": ["other", None, True, [], {}],
        "ui_state": [None, [], "text", 7, True],
        "sync_config": [
            None, [], *({"resync_interval_ms": value} for value in (-1, "500", True, 1.5)),
            *({"drift_tolerance_ms": value} for value in (0, None, 10**30)),
        ],
    }  # fmt: skip
    for name, values in bad.items():
        for value in values:
            with check(f"{name} {value}"[:60]):
                body = {"description": "meant too", name: value}
                assert refused(api.patch(url(session), body), 400, "invalid")["errors"]
    shown = session_of(api.get(url(session)))
    assert (shown["revision"], shown["description"]) == (1, "")


class TestUiState:
    """Whatever a page wants to keep, up to 64 KB."""

    def test_it_is_kept_as_it_is_and_replaced_as_a_whole(self, api: Api, owner: User) -> None:
        session = make_session(owner, ui_state={"a": 1})
        state = {"layout": "grid", "solo": 2, "loop": [1.5, 2.5], "deep": {"a": [None, True, "ü 🎮"]}}
        assert session_of(api.patch(url(session), {"ui_state": state}))["ui_state"] == state
        assert session_of(api.get(url(session)))["ui_state"] == state

    def test_sixty_four_kilobytes_fit_and_one_byte_more_does_not(self, api: Api, owner: User) -> None:
        session = make_session(owner)
        # Compact JSON of exactly 65 536 bytes, many short values: blanks that nobody sent must not count.
        state = {"list": [1] * 30_000, "text": ""}
        fill = 64 * 1024 - len(json.dumps(state, separators=(",", ":")))
        state["text"] = "x" * fill
        assert session_of(api.patch(url(session), {"ui_state": state}))["ui_state"] == state
        state["text"] += "x"
        body = refused(api.patch(url(session), {"ui_state": state}), 413, "too_large")
        assert body["limit"] == 64 * 1024
        assert len(session_of(api.get(url(session)))["ui_state"]["text"]) == fill
        # Letters count as their bytes.
        refused(api.patch(url(session), {"ui_state": {"text": "ü" * 33_000}}), 413, "too_large")
        assert api.patch(url(session), {"ui_state": {"text": "ü" * 32_000}}).status_code == 200


def test_becoming_global_again_gathers_every_vod_at_the_clock(api: Api, owner: User) -> None:
    session = make_session(owner, offsets=(0, -50, 37), sync_mode="independent")
    shown = session_of(api.put(f"{url(session)}/global-seek", {"timestamp": 150}))
    assert [vod["current_time"] for vod in shown["vods"]] == [150, 200, 113]
    moved = session_of(api.put(f"{url(session)}/vods/vod-2/seek", {"timestamp": 5}))
    assert [vod["current_time"] for vod in moved["vods"]] == [150, 5, 113]
    together = session_of(api.patch(url(session), {"sync_mode": "global"}))
    assert (together["sync_mode"], together["global_time"]) == ("global", 150)
    assert [vod["current_time"] for vod in together["vods"]] == [150, 200, 113]


class TestDelete:
    def test_it_is_gone_with_everything_of_its_own(self, api: Api, owner: User) -> None:
        session = make_session(owner)
        alignment = make_alignment(session)
        session_of(api.put(f"{url(session)}/offsets", {"offsets": {"vod-2": 3}, "source": "manual"}))
        stays = make_session(owner)
        response = api.delete(url(session))
        assert (response.status_code, response.json()) == (200, {"ok": True})
        refused(api.get(url(session)), 404, "session_not_found")
        refused(api.delete(url(session)), 404, "session_not_found")
        assert not OffsetChange.objects.exists()
        assert not Alignment.objects.exists()
        assert not Job.objects.filter(pk=alignment.job_id).exists()
        assert list(ComparisonSession.objects.all()) == [stays]
        assert ComparisonVod.objects.count() == 3

    def test_its_alignments_end_with_it_whatever_their_state(self, api: Api, owner: User) -> None:
        session, unrelated = make_session(owner), make_job(owner)
        for status in (JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.FAILED):
            make_alignment(session, status)
        assert api.delete(url(session)).status_code == 200
        assert list(Job.objects.all()) == [unrelated]
        assert not JobEvent.objects.exists()
        assert Video.objects.count() == 3

    @pytest.mark.django_db(transaction=True)
    def test_what_its_alignments_have_stored_is_deleted(self, api: Api, owner: User) -> None:
        session = make_session(owner)
        job = make_alignment(session).job
        key = default_storage.save(f"jobs/{job.pk}/attempt/evidence.jpg", ContentFile(b"picture"))
        crop = default_storage.save(f"previews/{session.session_id}/batch/crop.jpg", ContentFile(b"picture"))
        assert api.delete(url(session)).status_code == 200
        assert not default_storage.exists(key)
        assert not default_storage.exists(crop)

    def test_an_owner_leaves_with_sessions_history_and_alignments(self) -> None:
        leaver = make_user()
        session = make_session(leaver, videos=[make_video(make_user()) for _ in range(3)])
        make_alignment(session)
        Api(make_key(leaver)).put(f"{url(session)}/offsets", {"offsets": {"vod-2": 3}, "source": "manual"})
        assert OffsetChange.objects.count() == 1
        leaver.delete()
        assert not ComparisonSession.objects.exists()
