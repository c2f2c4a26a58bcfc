"""GET, PATCH and DELETE /api/sessions/multi-vod/{id}, the same in the admin, and the settings of comparisons."""

import json
import threading
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.test import Client
from django.urls import reverse
from pytest_check import check

from jobs_app.models import Job, JobEvent, JobStatus
from media_app.videos.models import Video
from media_app.videos.services import RENDER_KIND, delete_video
from sessions_app.comparison import services
from sessions_app.comparison.alignment.services import start_alignment
from sessions_app.comparison.models import Alignment, ComparisonSession, ComparisonVod, OffsetChange
from sessions_app.comparison.vod_cache import cache
from tests.contract.places import address, browser, operations
from tests.support.api import BASE, Api, refused, session_of
from tests.support.factories import make_alignment, make_job, make_key, make_session, make_user, make_video
from tests.support.together import at_once
from vodplatform.accounts.models import User
from vodplatform.core.models import AuditEntry

pytestmark = pytest.mark.django_db


def url(session: ComparisonSession) -> str:
    return f"{BASE}/{session.session_id}"


def test_a_patch_changes_what_it_names_and_leaves_the_rest(api: Api, admin_api: Api, owner: User) -> None:
    session = make_session(owner, name="Old", description="Kept")
    before = session_of(api.get(url(session)))
    shown = session_of(api.patch(url(session), {"name": "New"}))
    assert (shown["name"], shown["description"], shown["created_at"]) == ("New", "Kept", before["created_at"])
    assert shown["revision"] == before["revision"] + 1
    assert shown["updated_at"] >= before["updated_at"]
    shown = session_of(api.patch(url(session), {"description": "", "sync_config": {"drift_tolerance_ms": 40}}))
    assert (shown["name"], shown["description"]) == ("New", "")
    assert shown["sync_config"] == {"resync_interval_ms": 500, "drift_tolerance_ms": 40}
    shown = session_of(admin_api.patch(url(session), {"sync_config": {"resync_interval_ms": 250}}))
    assert shown["created_by"] == str(owner.pk)
    assert shown["sync_config"] == {"resync_interval_ms": 250, "drift_tolerance_ms": 40}
    again = session_of(api.get(url(session)))
    assert again == {**shown, "vods": again["vods"]}


def test_the_state_of_the_page_is_replaced_as_a_whole_and_has_64_kilobytes_at_most(api: Api, owner: User) -> None:
    session = make_session(owner, ui_state={"a": 1})
    # Compact JSON of exactly 65 536 bytes, many short values: blanks that nobody sent must not count.
    state = {"list": [1] * 30_000, "deep": {"a": [None, True, 1.5, "ü 🎮"]}, "text": ""}
    state["text"] = "x" * (64 * 1024 - len(json.dumps(state, separators=(",", ":"), ensure_ascii=False).encode()))
    assert session_of(api.patch(url(session), {"ui_state": state}))["ui_state"] == state
    larger = {**state, "text": f"{state['text']}x"}
    body = refused(api.patch(url(session), {"ui_state": larger}), 413, "too_large")
    assert body["limit"] == 64 * 1024
    assert session_of(api.get(url(session)))["ui_state"] == state
    refused(api.patch(url(session), {"ui_state": {"text": "ü" * 33_000}}), 413, "too_large")
    assert api.patch(url(session), {"ui_state": {"text": "ü" * 32_000}}).status_code == 200


class TestDelete:
    @pytest.mark.django_db(transaction=True)
    def test_it_is_gone_with_everything_of_its_own(self, api: Api, owner: User) -> None:
        session, unrelated = make_session(owner), make_job(owner)
        for status in (JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.FAILED, JobStatus.COMPLETED):
            job = make_alignment(session, status).job
        picture = default_storage.save(f"jobs/{job.pk}/attempt/evidence.jpg", ContentFile(b"picture"))
        crop = default_storage.save(f"previews/{session.session_id}/batch/crop.jpg", ContentFile(b"picture"))
        session_of(api.put(f"{url(session)}/offsets", {"offsets": {"vod-2": 3}, "source": "manual"}))
        stays = make_session(owner)
        response = api.delete(url(session))
        assert (response.status_code, response.json()) == (200, {"ok": True})
        refused(api.get(url(session)), 404, "session_not_found")
        refused(api.delete(url(session)), 404, "session_not_found")
        assert not OffsetChange.objects.exists()
        assert not Alignment.objects.exists()
        assert list(Job.objects.all()) == [unrelated]
        assert not JobEvent.objects.exists()
        assert list(ComparisonSession.objects.all()) == [stays]
        assert ComparisonVod.objects.count() == 3
        assert Video.objects.count() == 6
        assert not default_storage.exists(picture)
        assert not default_storage.exists(crop)

    def test_an_owner_leaves_with_sessions_history_and_alignments(self) -> None:
        leaver = make_user()
        session = make_session(leaver, videos=[make_video(make_user()) for _ in range(3)])
        make_alignment(session)
        Api(make_key(leaver)).put(f"{url(session)}/offsets", {"offsets": {"vod-2": 3}, "source": "manual"})
        assert OffsetChange.objects.count() == 1
        leaver.delete()
        assert not ComparisonSession.objects.exists()


def test_switched_off_every_address_says_so(api: Api, anonymous: Api, owner: User, settings: Any) -> None:
    settings.MULTI_VOD_ENABLED = False
    refused(anonymous.get(f"{BASE}/list"), 401, "unauthenticated")
    for method, path in [(method, path) for method, path in operations() if path.startswith(BASE)]:
        with check(f"{method} {path}"):
            refused(api.send(method.upper(), address(path, owner), {}), 404, "feature_disabled")


@pytest.mark.parametrize("size", [0, 1, 20])
def test_any_size_of_the_memory_gives_the_same_answers(api: Api, owner: User, settings: Any, size: int) -> None:
    settings.MULTI_VOD_MAX_SESSIONS_CACHED = size
    sessions = [make_session(owner, name=str(number)) for number in range(3)]
    for _ in range(2):
        for session in sessions:
            shown = session_of(api.get(f"{BASE}/{session.session_id}"))
            assert (shown["name"], len(shown["vods"])) == (session.name, 3)
            session_of(api.put(f"{BASE}/{session.session_id}/offsets", {"offsets": {"vod-2": 7}, "source": "manual"}))
            assert session_of(api.get(f"{BASE}/{session.session_id}"))["vods"][1]["offset"] == 7
    assert len(cache._rows) <= size


NO_INLINES = {
    f"{name}-{part}": 0
    for name in ("vods", "shares", "links", "alignments", "offset_changes")
    for part in ("TOTAL_FORMS", "INITIAL_FORMS")
}


def admin_page(page: str, session: ComparisonSession) -> str:
    return reverse(f"admin:comparison_comparisonsession_{page}", args=[session.pk])


@pytest.mark.django_db(transaction=True)
class TestAdmin:
    """Renamed and deleted in the admin, by way of what people's own changes go."""

    @pytest.fixture
    def desk(self, admin_person: User) -> Client:
        return browser(admin_person)

    def test_it_is_renamed_for_all_who_watch(self, desk: Client, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        told: list[dict[str, Any]] = []
        monkeypatch.setattr(services, "publish_on_commit", lambda group, message: told.append(message))
        session = make_session(owner, name="Quarter final")
        form = {"name": "Semi final", "description": "", "rate": "4", **NO_INLINES}
        assert desk.post(admin_page("change", session), form).status_code == 302
        now = ComparisonSession.objects.get(pk=session.pk)
        assert (now.name, now.rate, now.revision) == ("Semi final", 1.0, session.revision + 1)
        assert [message["session"]["name"] for message in told] == ["Semi final"]
        assert AuditEntry.objects.filter(action="comparisonsession.changed", target_id=session.pk).exists()

    def test_it_is_deleted_with_its_history_and_its_alignments_jobs(self, desk: Client, owner: User) -> None:
        first, second = make_session(owner, name="One"), make_session(owner, name="Two")
        job = make_alignment(first).job
        services.set_offsets(first, owner, {"vod-2": 1.5}, "manual", None)
        assert desk.post(admin_page("delete", first), {"post": "yes"}).status_code == 302
        assert not ComparisonSession.objects.filter(pk=first.pk).exists()
        assert not OffsetChange.objects.exists()
        assert not type(job).objects.filter(pk=job.pk).exists()
        chosen = {"action": "delete_selected", "_selected_action": [second.pk], "post": "yes"}
        desk.post(reverse("admin:comparison_comparisonsession_changelist"), chosen)
        assert not ComparisonSession.objects.exists()
        assert AuditEntry.objects.filter(action="comparisonsession.deleted").count() == 2


class TestRaces:
    """Two people change one session at once: each gets an answer of the contract, and nothing is left half done."""

    pytestmark = [pytest.mark.both, pytest.mark.django_db(transaction=True)]

    def test_deleting_a_session_while_others_align_and_move_it_leaves_nothing_behind(self) -> None:
        user = make_user()
        key, change = make_key(user), {"offsets": {"vod-2": 1.0}, "source": "manual"}
        for _ in range(6):
            path = f"{BASE}/{make_session(user).session_id}"
            deleted, *others = at_once(
                lambda path=path: Api(key).delete(path).status_code,
                lambda path=path: Api(key).post(f"{path}/align", {"method": "timer_ocr"}).status_code,
                lambda path=path: Api(key).put(f"{path}/offsets", change).status_code,
                lambda path=path: Api(key).put(f"{path}/global-seek", {"timestamp": 4}).status_code,
            )
            assert deleted == 200
            assert set(others) <= {200, 202, 404}
        assert not ComparisonSession.objects.exists()
        assert not Alignment.objects.exists()
        assert not Job.objects.exists()

    def test_cancelling_an_alignment_while_its_session_is_deleted_is_done_or_not_found(self) -> None:
        user = make_user()
        key = make_key(user)
        for _ in range(6):
            path = f"{BASE}/{make_session(user).session_id}"
            job_id = Api(key).post(f"{path}/align", {"method": "timer_ocr"}).json()["job_id"]
            deleted, *cancelled = at_once(
                lambda path=path: Api(key).delete(path).status_code,
                *[lambda job_id=job_id: Api(key).post(f"/api/v1/jobs/{job_id}/cancel").status_code] * 2,
            )
            assert deleted == 200
            assert set(cancelled) <= {200, 404}
        assert not Job.objects.exists()

    @pytest.mark.postgresql
    def test_deleting_a_video_while_sessions_that_show_it_are_aligned_does_not_deadlock(self) -> None:
        user, admin = make_user(), make_user("admin", role="admin")
        video = make_video(user)
        session = make_session(user, videos=[video, make_video(user)])
        make_job(user, kind=RENDER_KIND, lane="render", params={"video_id": str(video.pk), "tasks": []})
        locked = threading.Event()

        def align() -> None:
            with transaction.atomic():
                services.lock_session(session)
                locked.set()
                threading.Event().wait(0.5)  # until the deletion waits
                start_alignment(session, "audio", None, "auto")

        def delete() -> None:
            assert locked.wait(10)
            delete_video(video, by=admin)

        at_once(align, delete)
        assert not Video.objects.filter(pk=video.pk).exists()
        assert Job.objects.filter(kind=RENDER_KIND, status="cancelled").count() == 1
        assert Alignment.objects.count() == 1
