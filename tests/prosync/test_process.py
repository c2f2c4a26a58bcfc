"""``POST /api/v1/sync/pro-sync-process``: who may, what is refused, all of it at once, and what begins."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobs_app.models import Job
from media_app.uploads.models import LIVE, Upload
from media_app.videos.models import Video, VideoScope
from sessions_app.prosync import upload_handlers
from sessions_app.prosync.models import ProJob
from tests.prosync.conftest import URL, parts_of, post, segment, status_of
from tests.support.factories import make_key, make_user
from tests.support.footage import convert
from tests.support.sockets import ask as ask_rows
from tests.support.stored import files_in
from tests.support.streams import ask
from tests.uploads.tus import Client
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.both, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]
ZIP = b"PK\x03\x04" + bytes(5000)


def left(media: Path) -> list[Any]:
    """What there is of a job: rows and files."""
    rows = (ProJob.objects.all(), Job.objects.all(), Video.objects.all(), Upload.objects.filter(status__in=LIVE))
    return [*(row for found in rows for row in found), *files_in(media)]


async def refused(key: str, media: Path, parts: Any, status: int, type: str) -> dict[str, Any]:
    body = (await post(key, parts)).refused(status, type)
    assert await ask_rows(lambda: left(media)) == []
    return body


def faults(body: dict[str, Any]) -> list[tuple[int | None, str, str]]:
    assert all(set(one) == {"segment_index", "field", "type", "message"} for one in body["errors"])
    return [(one["segment_index"], one["field"], one["type"]) for one in body["errors"]]


class TestBeginning:
    async def test_a_pro_job_begins(self, key: str, footage: Path, pro: User, media: Path) -> None:
        answer = await post(
            key,
            parts_of(
                footage, segment(3, 4.5, "b", startTime=0.5, endTime=1), {**segment(0.5, 2, "a"), "label": "Hi"},
                sounds=("line.wav", "note.flac"), audio_ref_ids=["a", "b"], options={"sync_mode": "loop"},
                name=" A  talk ",
            ),
        )  # fmt: skip
        assert answer.status == 202
        body = answer.json()
        job_id = body.pop("job_id")
        addresses = body.pop("audio_refs")
        assert body == {
            "ok": True, "status": "queued", "is_pro_job": True, "segments_count": 2, "max_segments": 5,
        }  # fmt: skip
        row = await ask_rows(lambda: ProJob.objects.select_related("job", "video").get())
        assert (str(row.pk), row.job_id, row.owner_id, row.name) == (job_id, row.pk, pro.pk, "A talk")
        assert row.job.is_pro_job is True
        assert row.job.segments_data == [
            {"startTime": 3.0, "endTime": 4.5, "audioInput": {"refId": "b", "startTime": 0.5, "endTime": 1.0},
             "status": "queued"},
            {"startTime": 0.5, "endTime": 2.0, "audioInput": {"refId": "a"}, "label": "Hi", "status": "queued"},
        ]  # fmt: skip
        assert row.options == {"sync_mode": "loop", "model": None, "remove_text": None}
        assert row.video.place == VideoScope.SESSION
        assert (media / row.video.location).read_bytes() == (footage / "talk.mp4").read_bytes()
        for ref, name in (("a", "line.wav"), ("b", "note.flac")):
            heard = await ask("GET", addresses[ref])
            assert heard.content == (footage / name).read_bytes()
            assert heard.headers["content-type"] == {"a": "audio/wav", "b": "audio/flac"}[ref]

    async def test_thirty_sounds_are_taken_and_numbered_where_they_have_no_names(self, key: str, footage: Path) -> None:
        parts = parts_of(footage, segment(1, 2, "audio-30"), sounds=("note.flac",) * 30)
        assert list((await post(key, parts)).json()["audio_refs"]) == [f"audio-{number}" for number in range(1, 31)]

    async def test_segments_data_may_touch_and_a_name_is_one_line(self, key: str, footage: Path) -> None:
        segments = [segment(2, 4), segment(4, 6), segment(0, 2)]
        for name, shown in (("a\x01\u2028b", "a b"), (" \n", "Talk"), ("x" * 255, "x" * 255)):
            answer = (await post(key, parts_of(footage, segments="", segments_data=segments, name=name))).json()
            assert answer["segments_count"] == 3
            assert (await status_of(key, answer["job_id"])).json()["name"] == shown

    async def test_its_state_is_told(self, key: str, footage: Path) -> None:
        job_id = (await post(key, parts_of(footage, segment()))).json()["job_id"]
        body = (await status_of(key, job_id)).json()
        assert {name: body[name] for name in ("job_id", "status", "progress", "is_pro_job", "engine")} == {
            "job_id": job_id, "status": "queued", "progress": 0.0, "is_pro_job": True, "engine": "local",
        }  # fmt: skip
        assert (body["result_url"], body["error"], body["source"]) == (None, None, None)
        assert body["segments_data"] == [{**segment(1.0, 3.0), "status": "queued"}]
        assert "generation_id" not in body
        assert body["sounds"][0]["duration"] == pytest.approx(2.0)
        assert max(body["sounds"][0]["peaks"]) == pytest.approx(0.4, abs=0.02)

    def test_its_files_are_copied_in_their_senders_turn(self, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
        turns: list[str] = []
        monkeypatch.setattr(upload_handlers, "_local", lambda *_: turns.extend(upload_handlers.waiting_room._callers))
        monkeypatch.setattr(upload_handlers, "_probe_sounds", lambda *_: [upload_handlers.NO_SOUND])
        sound: Any = SimpleNamespace(mime_type="audio/mpeg", filename="a.mp3", size=1)
        assert [name for name, _ in upload_handlers.inspect_files(owner, None, [sound]).refusals] == ["audio_files"]
        assert turns == [str(owner.pk)]

    async def test_the_same_request_again_gets_the_first_answer(self, key: str, footage: Path) -> None:
        parts = parts_of(footage, segment(), sounds=("line.wav", "note.flac"))
        first, again = [await post(key, parts, {"Idempotency-Key": "one"}) for _ in range(2)]
        assert (first.status, again.status, first.content) == (202, 202, again.content)
        assert await ask_rows(ProJob.objects.count) == 1
        other = parts_of(footage, segment(), sounds=("line.wav", "line.wav"))
        (await post(key, other, {"Idempotency-Key": "one"})).refused(409, "idempotency_mismatch")


class TestPlans:
    async def test_the_free_plan_has_none(self, footage: Path, media: Path) -> None:
        key = await ask_rows(lambda: make_key(make_user("free")))
        await refused(key, media, parts_of(footage, segment()), 403, "tier_required")
        (await ask("POST", URL, {"Content-Type": "application/json"}, b"{}", key=key)).refused(403, "tier_required")
        key = await ask_rows(lambda: make_key(make_user("boss", role="admin")))
        await refused(key, media, parts_of(footage, segment()), 403, "tier_required")

    @pytest.mark.parametrize(("tier", "most"), [("pro", 5), ("enterprise", 10)])
    async def test_a_plan_has_its_number_of_segments(self, footage: Path, media: Path, tier: str, most: int) -> None:
        key = await ask_rows(lambda: make_key(make_user(tier, tier=tier)))
        many = [segment(number / 2, number / 2 + 0.5) for number in range(most + 1)]
        body = await refused(key, media, parts_of(footage, *many), 403, "segment_limit")
        assert body["limit"] == most
        answer = (await post(key, parts_of(footage, *many[:most]))).json()
        assert (answer["segments_count"], answer["max_segments"]) == (most, most)

    async def test_the_number_is_looked_at_before_anything_else(self, key: str, footage: Path, media: Path) -> None:
        await refused(key, media, parts_of(footage, *["x"] * 6, options="{"), 403, "segment_limit")
        # The plan's number is of more weight than what the files are.
        page = b"<html>" + b"x" * 5000
        parts = [("video", page, "a.mp4"), ("audio_files", page, "a.mp3"), ("segments", json.dumps(["x"] * 6))]
        await refused(key, media, parts, 403, "segment_limit")


class TestRefusals:
    async def test_everything_that_is_wrong_comes_in_one_answer(self, key: str, footage: Path, media: Path) -> None:
        body = await refused(
            key, media,
            parts_of(
                footage, segment(2, 1), segment(5, 6.001), segment(3, 4, "nobody"), segment(1, 2, endTime=1),
                segment(1.5, 2.5, startTime=1, endTime=3), options={"sync_mode": "shout"},
            ), 400, "invalid",
        )  # fmt: skip
        assert faults(body) == [
            (None, "options.sync_mode", "unknown"), (0, "endTime", "end_before_start"), (1, "endTime", "beyond_video"),
            (2, "audioInput.refId", "unknown_ref"), (3, "audioInput.startTime", "crop_incomplete"),
            (4, "audioInput.endTime", "crop_outside"), (4, "startTime", "overlap"),
        ]  # fmt: skip

    async def test_there_have_to_be_segments_and_files(self, key: str, footage: Path, media: Path) -> None:
        for segments in ("[]", "", "null", "{", "NaN", "7"):
            body = await refused(key, media, parts_of(footage, segments=segments), 400, "invalid")
            assert faults(body)[0][:2] == (None, "segments")
        body = await refused(key, media, [("segments", json.dumps([segment()]))], 400, "invalid")
        assert [field for _, field, _ in faults(body)][:2] == ["video", "audio_files"]

    async def test_faults_of_the_files_come_with_the_rest(self, key: str, footage: Path, media: Path) -> None:
        parts = parts_of(footage, segment(ref="x"), sounds=("line.wav", "note.flac"), audio_ref_ids=["x", "x"])
        body = await refused(key, media, parts, 400, "invalid")
        assert (None, "audio_ref_ids", "duplicate_ref") in faults(body)
        line = (footage / "line.wav").read_bytes()
        parts = [
            *parts_of(footage, segment(2, 7), segment(1, 3, "audio-2", startTime=0, endTime=9), sounds=("line.wav",)),
            ("audio_files", ZIP, "one.mp3"), ("audio_files", ZIP, "two.mp3"), ("audio_files", line[:40], "b"),
        ]  # fmt: skip
        body = await refused(key, media, parts, 415, "not_a_sound")
        assert body["error"].startswith("one.mp3: ")
        assert faults(body) == [
            (None, "audio_files", "not_a_sound"), (None, "audio_files", "not_a_sound"),
            (None, "audio_files", "sound_unreadable"), (0, "endTime", "beyond_video"), (0, "startTime", "overlap"),
        ]  # fmt: skip
        assert [one["message"].partition(":")[0] for one in body["errors"][:3]] == ["one.mp3", "two.mp3", "b"]
        parts = [*parts_of(footage, segment(2, 1))[1:], ("video", ZIP, "a.mp4")]
        body = await refused(key, media, parts, 415, "not_a_video")
        assert faults(body) == [(None, "video", "not_a_video"), (0, "endTime", "end_before_start")]
        body = await refused(key, media, parts_of(footage, segment(2, 1), sounds=())[1:], 400, "invalid")
        assert [field for _, field, _ in faults(body)] == ["video", "audio_files", "endTime", "audioInput.refId"]

    async def test_names_and_text_removal_have_limits(self, key: str, footage: Path, media: Path) -> None:
        body = await refused(key, media, parts_of(footage, segment(), name="x" * 256), 400, "invalid")
        assert faults(body) == [(None, "name", "invalid")]
        options = {"remove_text": {"start": 6, "end": 6.001}}
        body = await refused(key, media, parts_of(footage, segment(), options=options), 400, "invalid")
        assert faults(body) == [
            (None, "options.remove_text.start", "beyond_video"), (None, "options.remove_text.end", "beyond_video"),
        ]  # fmt: skip

    async def test_damaged_files_are_named(self, key: str, footage: Path, media: Path, tmp_path: Path) -> None:
        broken = (footage / "note.flac").read_bytes()[:4200] + b"\0" * 50_000
        parts = [*parts_of(footage, segment(), sounds=()), ("audio_files", broken, "broken.flac")]
        body = await refused(key, media, parts, 422, "sound_unreadable")
        assert body["error"].startswith("broken.flac: ")
        whole = (footage / "talk.mp4").read_bytes()
        parts = [("video", whole[:3000], "cut.mp4"), *parts_of(footage, segment())[1:]]
        body = await refused(key, media, parts, 422, "dub_failed")
        assert faults(body) == [(None, "video", "dub_failed")]
        # A truncated video is refused before a child reads it.
        convert(footage / "talk.mp4", tmp_path / "fast.mp4", "-c", "copy", "-movflags", "+faststart")
        whole = (tmp_path / "fast.mp4").read_bytes()
        parts = [("video", whole[: len(whole) * 2 // 3], "cut.mp4"), *parts_of(footage, segment())[1:]]
        body = await refused(key, media, parts, 422, "dub_failed")
        assert "its end is missing" in body["error"]

    async def test_too_much_sound_or_work_is_refused(self, key: str, footage: Path, media: Path, settings: Any) -> None:
        settings.PROSYNC_MAX_AUDIO_BYTES = 100_000
        body = await refused(key, media, parts_of(footage, segment()), 413, "too_large")
        assert body["limit"] == 100_000
        settings.PROSYNC_MAX_AUDIO_BYTES = 10**9
        pro = settings.TIER_LIMITS["pro"] | {"max_video_gigapixels": 0}
        settings.TIER_LIMITS = settings.TIER_LIMITS | {"pro": pro}
        body = await refused(key, media, parts_of(footage, segment()), 403, "work_limit")
        assert faults(body) == [(None, "video", "work_limit")]

    @pytest.mark.parametrize("purpose", ["pro-video", "pro-sound"])
    async def test_its_files_come_in_its_form_alone(self, key: str, media: Path, purpose: str) -> None:
        (await Client(key).create(5, purpose=purpose)).refused(400, "invalid")
        assert await ask_rows(lambda: left(media)) == []


class TestOthers:
    async def test_a_stranger_sees_none_of_it(self, key: str, footage: Path) -> None:
        job_id = (await post(key, parts_of(footage, segment()))).json()["job_id"]
        other = await ask_rows(lambda: make_key(make_user("other", tier="pro")))
        (await status_of(other, job_id)).refused(404, "job_not_found")
        assert (await ask("GET", "/api/v1/sync/pro-jobs", key=other)).json()["pro_jobs"] == []

    async def test_runs_of_the_very_same_video_are_found(self, key: str, footage: Path) -> None:
        first, second = [(await post(key, parts_of(footage, segment()))).json()["job_id"] for _ in range(2)]
        url = "/api/v1/sync/pro-jobs?same_video_as="
        found = (await ask("GET", f"{url}{first}", key=key)).json()
        assert ([one["job_id"] for one in found["pro_jobs"]], found["pagination"]["total"]) == ([second], 1)
        await ask_rows(lambda: Video.objects.filter(pro_jobs=second).update(sha256="0" * 64))
        assert (await ask("GET", f"{url}{first}", key=key)).json()["pro_jobs"] == []
        other = await ask_rows(lambda: make_key(make_user("other", tier="pro")))
        await post(other, parts_of(footage, segment()))
        assert (await ask("GET", f"{url}{first}", key=other)).json()["pro_jobs"] == []
        (await ask("GET", f"{url}none", key=key)).refused(400, "invalid")

    async def test_its_owner_lists_and_deletes_it_with_its_files(self, key: str, footage: Path, media: Path) -> None:
        job_id = (await post(key, parts_of(footage, segment()))).json()["job_id"]
        listed = (await ask("GET", "/api/v1/sync/pro-jobs?status=queued", key=key)).json()
        assert [one["job_id"] for one in listed["pro_jobs"]] == [job_id]
        (await ask("DELETE", f"/api/v1/jobs/{job_id}", key=key)).refused(409, "job_live")
        (await ask("POST", f"/api/v1/jobs/{job_id}/cancel", key=key))
        (await ask("DELETE", f"/api/v1/jobs/{job_id}", key=key)).refused(409, "job_in_use")
        assert (await ask("DELETE", f"/api/v1/sync/pro-job/{job_id}", key=key)).status == 200
        assert await ask_rows(lambda: left(media)) == []
        (await status_of(key, job_id)).refused(404, "job_not_found")
