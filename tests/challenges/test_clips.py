"""The clips of a merge on their way, by chunks and by tus: completion, giving up, expiry; who may, and all at once."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from jobs_app.models import Job
from jobs_app.runner import run_queue
from media_app.uploads import assemble, cleanup
from media_app.uploads import services as uploads
from media_app.uploads.models import Upload, UploadStatus
from media_app.videos.services import waiting_room
from sessions_app.challenges import merges
from sessions_app.challenges.models import MergeClip, MergeSession
from tests.challenges.conftest import (
    CHUNK,
    INITIATE,
    MERGES,
    begin,
    complete,
    deliver,
    ids_of,
    job_of,
    send,
    send_chunk,
    session_of,
    status_of,
)
from tests.support.api import Api, refused
from tests.support.clips import write_sound
from tests.support.factories import make_key, make_merge
from tests.support.sockets import ask as ask_rows
from tests.support.stored import files_in
from tests.support.together import at_once
from tests.uploads.conftest import video_of
from tests.uploads.tus import BASE as TUS
from tests.uploads.tus import Client, id_of
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]
Clips = dict[str, bytes]
SMALL = [video_of(1000, seed) for seed in range(3)]


def first_sent(api: Api, contents: list[bytes]) -> tuple[dict[str, Any], str]:
    """Begin a merge and send the bytes of its first clip; return what was answered and the id of that upload."""
    begun = begin(api, contents)
    sid = ids_of(begun)[0]
    send(api, sid, contents[0])
    return begun, sid


def used(api: Api) -> int:
    """Bytes that the user's things take, as the API tells."""
    return int(api.get("/api/v1/me").json()["usage"]["storage_bytes"])


@pytest.mark.usefixtures("unseen")
class TestArriving:
    def test_the_merge_says_how_far_each_is(self, api: Api) -> None:
        content = video_of(2 * CHUNK)
        begun = begin(api, [content, content], challenge_title="T")
        first, second = ids_of(begun)
        assert status_of(api, begun["merge_session_id"])["overall_status"] == "initiated"
        send_chunk(api, first, 0, content[:CHUNK])
        body = status_of(api, begun["merge_session_id"])
        assert (body["title"], body["overall_status"], body["progress"]) == ("T", "uploading", 12.5)
        assert body["uploads"][0] == {
            "video_index": 0, "filename": "statement1.mp4", "size": 2 * CHUNK, "session_id": first,
            "status": "uploading", "uploaded_chunks": [0], "remaining_chunks": [1], "total_chunks": 2,
            "progress_percent": 50.0, "expires_at": begun["expires_at"],
            "upload_url": f"{MERGES}/upload/{first}/chunk", "chunk_size": CHUNK, "error": None,
        }  # fmt: skip
        assert (body["uploads"][1]["session_id"], body["uploads"][1]["status"]) == (second, "initiated")
        empty = ("job_id", "merged_video", "error_message", "error_type", "failed_at", "challenge_id")
        assert [body[name] for name in empty] == [None] * 6
        assert (body["retry_available"], body["estimated_merge_time_seconds"]) == (False, 0.9)
        send(api, first, content)
        complete(api, first)
        body = status_of(api, begun["merge_session_id"])
        assert (body["overall_status"], body["progress"], body["job_id"]) == ("uploading", 50 / 2, None)

    def test_a_size_that_lies_is_noticed_at_the_chunk(self, api: Api) -> None:
        begun = begin(api, SMALL, video_file_sizes=[999, 1001, 1000])
        sids = ids_of(begun)
        for sid, number, content in zip(sids, (0, 0, 1), SMALL, strict=True):
            refused(send_chunk(api, sid, number, content), 400, "chunk_invalid")
        refused(complete(api, sids[0]), 409, "chunk_missing")
        assert status_of(api, begun["merge_session_id"])["overall_status"] == "initiated"
        assert not Job.objects.exists()

    def test_the_last_one_queues_the_merge(self, api: Api) -> None:
        begun = begin(api, SMALL, priority="low")
        for number in (2, 0, 1):
            assert not Job.objects.exists()
            sid = ids_of(begun)[number]
            send(api, sid, SMALL[number])
            answer = complete(api, sid)
            assert (answer.status_code, answer.json()["status"]) == (200, "completed")
            assert answer.json()["media_file_id"] == sid
            assert used(api) == 3000
        body = status_of(api, begun["merge_session_id"])
        job = Job.objects.get()
        assert (body["overall_status"], body["job_id"], body["progress"]) == ("queued", str(job.pk), 50.0)
        assert (job.kind, job.status, job.priority) == ("merge", "queued", -10)
        assert complete(api, ids_of(begun)[1]).json()["status"] == "completed"
        assert Job.objects.count() == 1


@pytest.mark.full
class TestLooking:
    @pytest.mark.parametrize("kind", ["text", "picture", "cut"])
    def test_one_of_three_that_is_none_is_named(self, api: Api, media: Path, clip_files: Clips, kind: str) -> None:
        contents = [clip_files["1"], clip_files[kind], clip_files["3"]]
        begun = begin(api, contents)
        first, second, third = ids_of(begun)
        send(api, first, contents[0])
        assert complete(api, first).status_code == 200
        send(api, second, contents[1])
        send(api, third, contents[2])
        body = refused(complete(api, second), 422, "clip_unreadable")
        assert body["error"].startswith("Clip 2 (statement2.mp4)")
        told = status_of(api, begun["merge_session_id"])
        assert (told["overall_status"], told["retry_available"], told["job_id"]) == ("failed", False, None)
        assert (told["error_type"], told["error_message"]) == ("clip_unreadable", body["error"])
        assert told["failed_at"].endswith("Z")
        assert [one["status"] for one in told["uploads"]] == ["failed"] * 3
        assert told["uploads"][1]["error"] == {"type": "clip_unreadable", "message": body["error"]}
        assert "Clip 2 (statement2.mp4)" in told["uploads"][0]["error"]["message"]
        assert files_in(media) == []
        assert (used(api), Job.objects.count()) == (0, 0)
        for sid in (first, second, third):
            refused(complete(api, sid), 409, "upload_finished")
            refused(send_chunk(api, sid, 0, contents[0]), 409, "upload_finished")
        refused(api.post(f"{MERGES}/merge-session/{begun['merge_session_id']}/retry"), 409, "merge_not_retryable")
        refused(api.post(f"{MERGES}/merge-session/{begun['merge_session_id']}/cancel"), 409, "merge_finished")

    def test_a_single_picture_is_a_clip_and_a_sound_is_none(self, api: Api, tmp_path: Path, clip_files: Clips) -> None:
        write_sound(tmp_path / "sound.mp4")
        sound = (tmp_path / "sound.mp4").read_bytes()
        first, second = ids_of(begin(api, [clip_files["tiny"], sound]))
        send(api, first, clip_files["tiny"])
        assert complete(api, first).status_code == 200
        send(api, second, sound)
        refused(complete(api, second), 422, "no_video")

    def test_names_types_and_durations_that_lie_change_nothing(self, api: Api, clip_files: Clips) -> None:
        names = ["a.exe", "b.png", "c"]
        given = [clip_files[name] for name in ("1", "2", "3")]
        types = ["video/quicktime", "application/octet-stream", "video/x-matroska"]
        begun = begin(api, given, names, video_mime_types=types, video_durations=[500.0, 0.001, 3.0])
        for sid, content in zip(ids_of(begun), given, strict=True):
            send(api, sid, content)
            assert complete(api, sid).status_code == 200
        assert status_of(api, begun["merge_session_id"])["overall_status"] == "queued"

    def test_a_clip_that_is_too_long_is_refused(self, api: Api, clip_files: Clips, settings: Any) -> None:
        settings.MAX_VIDEO_SECONDS = 0.5
        _, sid = first_sent(api, [clip_files["1"], clip_files["2"]])
        body = refused(complete(api, sid), 422, "video_too_long")
        assert "Clip 1" in body["error"]

    def test_clips_over_the_work_limit_together_are_refused(self, api: Api, clip_files: Clips, settings: Any) -> None:
        begun = begin(api, [clip_files["1"], clip_files["2"]])
        for sid, name in zip(ids_of(begun), ("1", "2"), strict=True):
            send(api, sid, clip_files[name])
        assert complete(api, ids_of(begun)[0]).status_code == 200
        work = Upload.objects.get(pk=ids_of(begun)[0]).metadata["gigapixels"]
        free = settings.TIER_LIMITS["free"] | {"max_video_gigapixels": 1.5 * work}
        settings.TIER_LIMITS = settings.TIER_LIMITS | {"free": free}
        body = refused(complete(api, ids_of(begun)[1]), 403, "work_limit")
        assert "Clip 2" in body["error"]
        assert body["limit"] == 1.5 * work

    @pytest.mark.both
    def test_looked_at_twice_at_once_it_fails_once(self, api: Api, clip_files: Clips) -> None:
        begun, sid = first_sent(api, [clip_files["text"], clip_files["1"]])
        answers = at_once(*[lambda: complete(api, sid).status_code] * 3)
        assert set(answers) <= {422, 409}
        assert 422 in answers
        assert status_of(api, begun["merge_session_id"])["error_type"] == "clip_unreadable"

    def test_ended_while_read_is_not_lost(self, api: Api, clip_files: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
        """By another call that has looked at it: the bytes go with the upload's end."""
        _, sid = first_sent(api, [clip_files["text"], clip_files["1"]])
        monkeypatch.setattr(
            assemble, "finish_multipart_uploads", lambda upload: uploads.fail(upload, DomainError("clip_unreadable"))
        )
        refused(complete(api, sid), 409, "upload_finished")

    def test_a_killed_probe_fails_no_clip(self, api: Api, clip_files: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
        """Short of memory, say: that is the server's fault."""
        begun, sid = first_sent(api, [clip_files["1"], clip_files["2"]])
        with monkeypatch.context() as patch:
            killed = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
            patch.setattr("media_app.videos.services.PROBE", killed)
            assert api.post(f"{MERGES}/upload/{sid}/complete", fails=True).status_code in (200, 503)
        assert status_of(api, begun["merge_session_id"])["overall_status"] == "uploading"
        assert complete(api, sid).status_code == 200

    def test_a_disk_that_is_full_then_loses_nothing(self, api: Api, clip_files: Clips, settings: Any) -> None:
        _, sid = first_sent(api, [clip_files["1"], clip_files["2"]])
        reserve, settings.DISK_RESERVE_BYTES = settings.DISK_RESERVE_BYTES, 1 << 60
        refused(api.post(f"{MERGES}/upload/{sid}/complete", fails=True), 503, "disk_full")
        settings.DISK_RESERVE_BYTES = reserve
        assert complete(api, sid).status_code == 200


@pytest.mark.usefixtures("unseen")
class TestAtOnce:
    @pytest.mark.both
    def test_the_last_two_completed_at_once_queue_one_merge(self, api: Api) -> None:
        for _ in range(3):
            begun = begin(api, SMALL)
            first, second, third = ids_of(begun)
            for sid, content in zip((first, second, third), SMALL, strict=True):
                send(api, sid, content)
            complete(api, first)
            answers = at_once(*(lambda sid=sid: complete(api, sid).status_code for sid in (second, third) * 2))
            assert answers == [200] * 4
            assert status_of(api, begun["merge_session_id"])["overall_status"] == "queued"
            assert Job.objects.filter(merges=begun["merge_session_id"]).count() == 1
        assert Job.objects.count() == 3

    @pytest.mark.both
    @pytest.mark.parametrize("way", ["cancel", "delete clip", "delete merge"])
    def test_given_up_while_the_last_is_completed(self, api: Api, media: Path, way: str) -> None:
        """Whichever is first: no job is left alive, and no byte."""
        for turn in range(3):
            begun = begin(api, SMALL[:2])
            merge_id, (first, second) = begun["merge_session_id"], ids_of(begun)
            for sid, content in zip((first, second), SMALL, strict=False):
                send(api, sid, content)
            complete(api, first)

            def give_up(merge_id: str = merge_id, clip: str = (first, second)[turn % 2]) -> int:
                if way == "delete clip":
                    return api.delete(f"{MERGES}/upload/{clip}").status_code
                if way == "cancel":
                    return api.post(f"{MERGES}/merge-session/{merge_id}/cancel").status_code
                return api.delete(f"{MERGES}/merge-session/{merge_id}").status_code

            done, given_up = at_once(lambda sid=second: complete(api, sid).status_code, give_up)
            assert given_up == 200
            assert done in (200, 409, 404)
            assert not Job.objects.live().exists()
            assert files_in(media) == []
            assert used(api) == 0
            if way == "delete merge":
                assert not MergeSession.objects.exists()
            else:
                told = status_of(api, merge_id)
                assert told["overall_status"] == "cancelled"
                assert [one["status"] for one in told["uploads"]] == ["cancelled"] * 2

    @pytest.mark.both
    def test_cancelled_or_retried_at_once_it_is_once(self, api: Api, owner: User) -> None:
        path = f"{MERGES}/merge-session/{deliver(api, SMALL)}/cancel"
        assert at_once(*[lambda: api.post(path).status_code] * 4) == [200] * 4
        merge = make_merge(owner, status="failed", error={"type": "timeout", "message": "It took too long."})
        again = f"{MERGES}/merge-session/{merge.pk}/retry"
        assert sorted(at_once(*[lambda: api.post(again).status_code] * 4)) == [200, 409, 409, 409]
        assert job_of(merge.pk).status == "queued"


@pytest.mark.usefixtures("unseen")
class TestGivenUp:
    def test_with_one_all_go_and_the_merge(self, api: Api, media: Path) -> None:
        begun = begin(api, SMALL)
        first, second, third = ids_of(begun)
        send(api, first, SMALL[0])
        complete(api, first)
        send(api, second, SMALL[1])
        answer = api.delete(f"{MERGES}/upload/{second}")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        body = status_of(api, begun["merge_session_id"])
        assert (body["overall_status"], body["retry_available"]) == ("cancelled", False)
        assert [one["status"] for one in body["uploads"]] == ["cancelled"] * 3
        assert [one["upload_url"] for one in body["uploads"]] == [None] * 3
        assert files_in(media) == []
        assert used(api) == 0
        for sid in (first, second, third):
            refused(send_chunk(api, sid, 0, SMALL[0]), 409, "upload_finished")
            refused(complete(api, sid), 409, "upload_finished")
            assert api.get(f"{MERGES}/upload/{sid}/status").json()["status"] == "cancelled"
            assert api.delete(f"{MERGES}/upload/{sid}").status_code == 200

    def test_what_has_been_merged_is_not_taken_back(self, api: Api, owner: User) -> None:
        merge = make_merge(owner, status="completed")
        sid = merge.clips.all()[0].pk
        assert refused(api.delete(f"{MERGES}/upload/{sid}"), 409, "upload_finished")["status"] == "completed"
        assert status_of(api, str(merge.pk))["overall_status"] == "completed"


@pytest.mark.usefixtures("unseen")
class TestExpiry:
    def over(self, merge_id: str, by: timedelta = timedelta()) -> None:
        MergeSession.objects.filter(pk=merge_id).update(expires_at=Now() - by)
        Upload.objects.filter(clip__session=merge_id).update(expires_at=Now() - by)

    @pytest.fixture
    def begun(self, api: Api) -> dict[str, Any]:
        """Two clips of which one is complete."""
        found, first = first_sent(api, SMALL[:2])
        complete(api, first)
        send(api, ids_of(found)[1], SMALL[1])
        return found

    def test_after_its_time_all_of_it_is_410(self, api: Api, media: Path, begun: dict[str, Any]) -> None:
        merge_id, sid = begun["merge_session_id"], ids_of(begun)[1]
        self.over(merge_id)
        for is_swept in (False, True):
            if is_swept:
                assert cleanup.expire_uploads() == 2
                assert files_in(media) == []
                assert used(api) == 0
            body = status_of(api, merge_id)
            assert (body["overall_status"], body["error_type"]) == ("expired", "upload_expired")
            assert (body["retry_available"], body["uploads"][1]["status"]) == (False, "expired")
            refused(send_chunk(api, sid, 0, SMALL[1]), 410, "upload_expired")
            refused(complete(api, sid), 410, "upload_expired")
            refused(api.post(f"{MERGES}/upload/{sid}/resume"), 410, "upload_expired")
            assert api.get(f"{MERGES}/upload/{sid}/status").json()["status"] == "expired"
        refused(api.post(f"{MERGES}/merge-session/{merge_id}/cancel"), 409, "merge_finished")
        refused(api.post(f"{MERGES}/merge-session/{merge_id}/retry"), 409, "merge_not_retryable")

    def test_it_says_so_for_a_week(self, api: Api, begun: dict[str, Any]) -> None:
        merge_id = begun["merge_session_id"]
        self.over(merge_id, timedelta(days=6, hours=23))
        cleanup.expire_uploads()
        assert merges.expire() == 0
        assert status_of(api, merge_id)["overall_status"] == "expired"
        self.over(merge_id, timedelta(days=7, minutes=1))
        for _ in range(2):
            cleanup.expire_uploads()
        assert not Upload.objects.exists()  # the uploads may be forgotten first
        assert status_of(api, merge_id)["overall_status"] == "expired"
        assert merges.expire() == 1
        refused(api.get(f"{MERGES}/merge-session/{merge_id}/status"), 404, "merge_not_found")
        assert (MergeSession.objects.count(), MergeClip.objects.count()) == (0, 0)

    def test_what_is_completed_stays(self, api: Api, owner: User) -> None:
        merge = make_merge(owner, status="completed")
        merges.clean_up_after_job(job_of(merge.pk))
        self.over(str(merge.pk), timedelta(days=30))
        for _ in range(2):
            cleanup.expire_uploads()
            merges.expire()
        body = status_of(api, str(merge.pk))
        assert (body["overall_status"], body["merged_video"] is not None) == ("completed", True)
        assert [one["status"] for one in body["uploads"]] == ["completed"] * 3

    @pytest.mark.parametrize("status", ["failed", "cancelled", "queued", "processing", "waiting"])
    def test_what_ended_without_a_video_goes_and_a_live_one_stays(self, owner: User, media: Path, status: str) -> None:
        merge = make_merge(owner, status=status, error={"type": "timeout", "message": "x"})
        self.over(str(merge.pk), timedelta(days=8))
        if status not in ("failed", "cancelled"):
            assert merges.expire() == 0
            return
        assert merges.expire() == 1
        assert (MergeSession.objects.count(), Job.objects.count()) == (0, 0)
        assert files_in(media) == []

    def test_queued_it_has_its_whole_time_again(self, api: Api, begun: dict[str, Any]) -> None:
        merge_id, sid = begun["merge_session_id"], ids_of(begun)[1]
        self.over(merge_id, timedelta(minutes=-1))
        assert complete(api, sid).status_code == 200
        renewed = Upload.objects.filter(expires_at__gt=Now() + timedelta(hours=23))
        assert [upload.status for upload in renewed] == ["completed"] * 2


async def by_tus(key: str, content: bytes, purpose: str = "clip", name: str = "a.mp4") -> str:
    """The id of an upload by tus, all of it taken."""
    address = await Client(key).created(len(content), purpose=purpose, filename=name)
    sent = await Client(key).patch(address, 0, content)
    assert sent.status == 204, sent.content
    return id_of(address)


class TestByTus:
    @pytest.mark.full
    @pytest.mark.usefixtures("running_keeper")
    async def test_clips_that_came_by_tus_are_merged(self, key: str, api: Api, clip_files: Clips) -> None:
        ids = [await by_tus(key, clip_files[name], name=f"{name}.mp4") for name in ("1", "2")]

        def rest() -> None:
            given = {"video_count": 2, "media_file_ids": ids, "video_durations": [0.6, 0.6]}
            response = api.post(INITIATE, given)
            assert response.status_code == 201, response.content
            body = response.json()
            assert (body["status"], body["job_id"]) == ("queued", str(Job.objects.get().pk))
            assert [one["session_id"] for one in body["upload_sessions"]] == ids
            assert body["estimated_merge_time_seconds"] == 0.9
            refused(api.post(INITIATE, given), 400, "invalid")
            run_queue("merge")
            told = status_of(api, body["merge_session_id"])
            assert told["overall_status"] == "completed", told
            assert [one["filename"] for one in told["uploads"]] == ["1.mp4", "2.mp4"]

        await ask_rows(rest)

    @pytest.mark.full
    async def test_one_that_is_none_is_refused_with_its_last_byte(self, key: str, clip_files: Clips) -> None:
        content = clip_files["cut"]
        address = await Client(key).created(len(content), purpose="clip", filename="a.mp4")
        (await Client(key).patch(address, 0, content)).refused(422, "clip_unreadable")
        assert await ask_rows(lambda: Upload.objects.get().status) == UploadStatus.FAILED

    @pytest.mark.usefixtures("unseen")
    async def test_only_ones_own_finished_free_clips(self, key: str, other: User, api: Api, other_api: Api) -> None:
        mine = [await by_tus(key, SMALL[number]) for number in range(2)]
        theirs = await by_tus(await ask_rows(lambda: make_key(other)), SMALL[0])
        no_clip = await by_tus(key, SMALL[0], purpose="library")

        def rest() -> None:
            unfinished = ids_of(begin(api, SMALL))[0]
            used_up = str(session_of(deliver(api, SMALL)).clips.all()[0].pk)
            wrong: list[Any] = [theirs, no_clip, unfinished, used_up, mine[0], "00000000-0000-4000-8000-000000000000",
                                "nonsense", None, 7]  # fmt: skip
            for one in wrong:
                given = {"video_count": 2, "media_file_ids": [mine[0], one]}
                body = refused(api.post(INITIATE, given), 400, "invalid")
                assert "media_file_ids" in body["errors"], body
            refused(api.post(INITIATE, {"video_count": 3, "media_file_ids": mine}), 400, "invalid")
            refused(api.post(INITIATE, {"video_count": 1, "media_file_ids": mine[:1]}), 400, "invalid")
            given = {"video_count": 2, "media_file_ids": mine, "video_durations": [1.0]}
            refused(api.post(INITIATE, given), 400, "invalid")
            refused(other_api.post(INITIATE, {"video_count": 2, "media_file_ids": mine}), 400, "invalid")
            assert api.post(INITIATE, {"video_count": 2, "media_file_ids": mine}).status_code == 201

        await ask_rows(rest)

    @pytest.mark.usefixtures("unseen")
    async def test_terminated_it_takes_its_merge_along(self, key: str, api: Api, media: Path) -> None:
        ids = [await by_tus(key, SMALL[number]) for number in range(2)]
        body = await ask_rows(lambda: api.post(INITIATE, {"video_count": 2, "media_file_ids": ids}).json())
        assert (await Client(key).delete(f"{TUS}{ids[0]}")).status == 204
        told = await ask_rows(lambda: status_of(api, body["merge_session_id"]))
        assert (told["overall_status"], files_in(media)) == ("cancelled", [])

    @pytest.mark.both
    @pytest.mark.usefixtures("unseen")
    async def test_the_same_clips_named_at_once_are_merged_once(self, key: str, api: Api) -> None:
        ids = [await by_tus(key, SMALL[number]) for number in range(2)]
        given = [{"video_count": 2, "media_file_ids": ids}, {"video_count": 2, "media_file_ids": ids[::-1]}]

        def rest() -> list[int]:
            return at_once(*(lambda one=one: api.post(INITIATE, one).status_code for one in given * 2))

        assert sorted(await ask_rows(rest)) == [201, 400, 400, 400]
        assert await ask_rows(Job.objects.count) == 1


def test_a_clip_is_copied_in_its_senders_turn(api: Api, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []
    monkeypatch.setattr(assemble, "assemble_to_file", lambda *_: turns.extend(waiting_room._callers))
    _, sid = first_sent(api, SMALL)
    complete(api, sid)
    assert turns == [str(owner.pk)]
