"""Merge sessions over the API: who sees them, the list, cancel, retry and delete in every state."""

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from jobs_app.models import Job
from media_app.uploads.models import Upload
from media_app.videos.models import Video
from sessions_app.challenges.models import MergeClip, MergeSession
from tests.challenges.conftest import MERGES, status_of
from tests.support.api import Api, refused
from tests.support.factories import make_challenge, make_merge
from tests.support.stored import files_in
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.both, pytest.mark.django_db, pytest.mark.usefixtures("media")]
committed = pytest.mark.django_db(transaction=True)
LIST = f"{MERGES}/merge-sessions"
TIMEOUT = {"type": "timeout", "message": "It took too long."}


def path_of(merge: MergeSession, what: str = "") -> str:
    return f"{MERGES}/merge-session/{merge.pk}{what}"


def test_neither_the_list_nor_what_is_over_has_numbers_of_chunks(owner: User, api: Api) -> None:
    merge = make_merge(owner)
    Upload.objects.update(size=8192 * 65_536)
    [listed] = api.get(LIST).json()["merge_sessions"]
    shown = status_of(api, str(merge.pk))
    assert len(shown["uploads"][0]["remaining_chunks"]) == 8192
    for clip in shown["uploads"]:
        assert clip.pop("remaining_chunks") is not clip.pop("uploaded_chunks")
    assert listed["uploads"] == shown["uploads"]
    assert api.post(path_of(merge, "/cancel")).status_code == 200
    shown = status_of(api, str(merge.pk))
    assert {(*one["remaining_chunks"], *one["uploaded_chunks"]) for one in shown["uploads"]} == {()}


class TestStates:
    @committed
    @pytest.mark.parametrize(("job", "status"), [
        ({}, "initiated"), ({"status": "queued"}, "queued"),
        ({"status": "processing", "started_at": Now(), "progress": 40.0, "message": "Joining"}, "processing"),
        ({"status": "waiting", "started_at": Now(), "message": "Trying again automatically."}, "processing"),
        ({"status": "completed"}, "completed"), ({"status": "cancelled"}, "cancelled"),
        ({"status": "failed", "error": TIMEOUT, "finished_at": Now()}, "failed"),
    ])  # fmt: skip
    def test_retry_and_cancel(self, owner: User, api: Api, media: Path, job: dict[str, Any], status: str) -> None:
        merge = make_merge(owner, **job)
        body = status_of(api, str(merge.pk))
        assert (body["overall_status"], body["retry_available"]) == (status, status == "failed")
        assert (body["merged_video"] is not None) is (status == "completed")
        assert (body["error_type"] or body["failed_at"]) is None or status == "failed"
        assert 0 <= body["progress"] <= 100
        assert body["message"]
        if "progress" in job:  # the merge is the second half
            assert (body["progress"], body["message"]) == (70.0, "Joining")
        if status == "failed":
            assert (body["error_type"], body["error_message"]) == ("timeout", TIMEOUT["message"])
            assert body["failed_at"].endswith("Z")
        else:
            refused(api.post(path_of(merge, "/retry")), 409, "merge_not_retryable")
            assert status_of(api, str(merge.pk))["overall_status"] == status
        before = files_in(media)
        response = api.post(path_of(merge, "/cancel"))
        if status in ("completed", "failed"):
            refused(response, 409, "merge_finished")
            assert files_in(media) == before
            return
        assert (response.status_code, response.json()["overall_status"]) == (200, "cancelled")
        if status != "cancelled":
            assert files_in(media) == []
        assert not Job.objects.live().exists()

    def test_what_failed_for_a_passing_reason_goes_first_then(self, owner: User, api: Api) -> None:
        merge = make_merge(owner, status="failed", error=TIMEOUT)
        Upload.objects.update(expires_at=merge.created_at)
        MergeSession.objects.update(expires_at=merge.created_at)
        body = api.post(path_of(merge, "/retry")).json()
        assert (body["overall_status"], body["error_type"], body["progress"]) == ("queued", None, 50.0)
        assert Job.objects.get().priority == 10
        assert Upload.objects.filter(expires_at__gt=merge.created_at).count() == 3


@committed
class TestDelete:
    @pytest.mark.parametrize("status", ["", "queued", "processing", "waiting", "completed", "failed", "cancelled"])
    def test_all_of_it_goes(self, owner: User, api: Api, media: Path, status: str) -> None:
        merge = make_merge(owner, **({"status": status, "error": TIMEOUT} if status else {}))
        assert api.delete(path_of(merge)).json() == {"message": "Merge deleted"}
        assert files_in(media) == []
        counts = (MergeSession.objects.count(), MergeClip.objects.count(), Job.objects.count(), Video.objects.count())
        assert counts == (0, 0, 0, 0)
        assert api.get("/api/v1/me").json()["usage"]["storage_bytes"] == 0
        refused(api.delete(path_of(merge)), 404, "merge_not_found")

    def test_not_while_a_challenge_shows_it(self, owner: User, api: Api, media: Path) -> None:
        challenge = make_challenge(owner)
        before = files_in(media)
        body = refused(api.delete(path_of(challenge.merge)), 409, "merge_in_use")
        assert body["challenge_id"] == str(challenge.pk)
        assert files_in(media) == before
        assert status_of(api, str(challenge.merge_id))["challenge_id"] == str(challenge.pk)


class TestList:
    def test_it_holds_ones_own_newest_first_by_pages(self, owner: User, other: User, api: Api, admin_api: Api) -> None:
        made = [make_merge(owner, title=str(number)) for number in range(3)]
        make_merge(other)
        body = api.get(LIST).json()
        assert [one["merge_session_id"] for one in body["merge_sessions"]] == [str(one.pk) for one in reversed(made)]
        assert body["pagination"] == {"limit": 20, "offset": 0, "total": 3}
        shown = status_of(api, str(made[2].pk))
        assert {**body["merge_sessions"][0], "uploads": []} == {**shown, "uploads": []}
        assert admin_api.get(LIST).json()["pagination"]["total"] == 0
        body = api.get(f"{LIST}?limit=1&offset=1").json()
        assert [one["merge_session_id"] for one in body["merge_sessions"]] == [str(made[1].pk)]
        assert body["pagination"] == {"limit": 1, "offset": 1, "total": 3}

    def test_fifty_take_as_many_queries_as_one(self, api: Api, owner: User) -> None:
        def count() -> int:
            with CaptureQueriesContext(connection) as queries:
                assert api.get(f"{LIST}?limit=100").status_code == 200
            return len(queries)

        states: list[dict[str, Any]] = [{}, {"status": "completed"}, {"status": "queued"}]
        for state in states:
            make_merge(owner, **state)
        count()
        few = count()
        for number in range(12):
            make_merge(owner, count=2, **states[number % 3])
        assert count() == few
