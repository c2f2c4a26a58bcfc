"""Files of catalogue videos: who may send them, what is taken, under which keys, and what the video is then."""

import asyncio
import hashlib
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from jobs_app.models import Job, JobStatus
from jobs_app.runner import run_queue
from media_app.catalogue import services, upload_handlers
from media_app.uploads import quota
from media_app.uploads.models import Upload
from media_app.videos.models import Video
from tests.catalogue.conftest import NOT_TAKEN, TAKEN
from tests.catalogue.sending import ALIASES, canonical, expect_untouched, part_of, send
from tests.support.clamav import FINDING, Clamd, infect
from tests.support.clips import write_sound
from tests.support.factories import make_key, make_video
from tests.support.sockets import ask as ask_rows
from tests.support.sockets import connected, next_message
from tests.support.stored import files_in
from tests.support.streams import Request
from tests.uploads.conftest import video_of
from tests.uploads.forms import FORM
from tests.uploads.tus import BYTES, Client
from tests.videos.sending import again
from vodplatform.accounts.models import User
from vodplatform.core.models import AuditEntry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]
SIZE = 200_000
VIDEO = ("video", video_of(SIZE), "match.mp4")
KEY = r"videos/{}/[0-9]+\.{}"
OTHERS = {"page": b"<html>" * 1000, "picture": b"\x89PNG\r\n\x1a\n" + bytes(9000), "list": b"#EXTM3U\n" * 900}


@pytest.mark.parametrize("url", [None, *ALIASES])
@pytest.mark.parametrize(("name", "type_"), [("truncated.mp4", "file_incomplete"), ("sound.mp4", "no_video")])
async def test_what_can_be_seen_to_be_of_no_use_is_refused_at_once(
    moderator_key: str, bare: Video, clips: Path, tmp_path: Path, media: Path, url: str | None, name: str, type_: str
) -> None:
    write_sound(tmp_path / "sound.mp4")
    path = clips / name if name == "truncated.mp4" else tmp_path / name
    (await send(moderator_key, url or canonical(bare), part_of(path), ("videoId", str(bare.pk)))).refused(422, type_)
    await expect_untouched(bare, media)


class TestTaken:
    async def test_the_first_file_is_201_and_the_bare_video(
        self, moderator: User, moderator_key: str, bare: Video, media: Path, settings: Any
    ) -> None:
        small = {**settings.TIER_LIMITS["free"], "max_storage_bytes": 10}
        settings.TIER_LIMITS = {**settings.TIER_LIMITS, "free": small}
        answer = await send(moderator_key, f"{canonical(bare)}/", VIDEO)
        assert answer.status == 201, answer
        body = answer.json()
        assert (body["id"], body["status"], body["file_size"]) == (str(bare.pk), "processing", SIZE)
        assert (body["mime_type"], body["version"], body["title"]) == ("video/mp4", 1, "To come")
        assert re.fullmatch(KEY.format(bare.pk, "mp4"), body["file_path"])
        assert (media / body["file_path"]).read_bytes() == VIDEO[1]
        assert files_in(media) == [body["file_path"]]
        job = await ask_rows(Job.objects.get)
        assert (job.kind, job.params["video_id"], body["job_id"]) == ("ingest", str(bare.pk), str(job.pk))
        assert "previous" not in job.params
        assert await ask_rows(quota.storage_bytes, moderator.pk) == 0  # it takes nothing of the private room
        entry = await ask_rows(lambda: AuditEntry.objects.get(action="video.file"))
        assert (entry.actor_id, entry.target_id) == (str(moderator.pk), str(bare.pk))
        assert (entry.data["key"], entry.data["filename"]) == (body["file_path"], "match.mp4")

    @pytest.mark.parametrize("url", ALIASES)
    @pytest.mark.parametrize("is_first", [True, False])
    async def test_aliases_read_a_form_field(self, moderator_key: str, bare: Video, url: str, is_first: bool) -> None:
        field = ("videoId", str(bare.pk))
        answer = await send(moderator_key, url, *([VIDEO, field] if is_first else [field, VIDEO]))
        assert (answer.status, answer.json()["id"]) == (201, str(bare.pk))
        assert re.fullmatch(KEY.format(bare.pk, "mp4"), answer.json()["file_path"])

    @pytest.mark.parametrize("name", TAKEN)
    async def test_its_kind_is_that_of_its_bytes(self, moderator_key: str, bare: Video, kinds: Path, name: str) -> None:
        answer = await send(moderator_key, canonical(bare), part_of(kinds / name, filename="film.xyz"))
        assert answer.status == 201, answer
        assert re.fullmatch(KEY.format(bare.pk, name.partition(".")[2]), answer.json()["file_path"])

    async def test_logs_and_metrics(self, moderator_key: str, bare: Video, caplog: pytest.LogCaptureFixture) -> None:
        """They know the route, not the id."""
        with caplog.at_level("INFO", logger="vodplatform.event"):
            (await send(moderator_key, canonical(bare), ("video", b"", "a.mp4"))).refused(400, "invalid")
        [line] = [record for record in caplog.records if record.getMessage() == "request"]
        assert line.data["route"] == "api/v1/videos/<uuid:video_id>/file"  # type: ignore[attr-defined]

    async def test_moderators_hear_of_it_and_others_not(self, moderator: User, moderator_key: str, bare: Video) -> None:
        async with connected("/ws/videos/", key=moderator_key) as there, connected("/ws/videos/") as public:
            await send(moderator_key, canonical(bare), VIDEO)
            message = await next_message(there)
            while message.get("event") != "UPDATE":
                message = await next_message(there)
            assert (message["old"]["status"], message["new"]["status"]) == ("uploading", "processing")
            assert message["new"]["file_path"].startswith(f"videos/{bare.pk}/")
            assert await public.receive_nothing(0.2)


class TestRefused:
    @pytest.mark.parametrize("name", [*NOT_TAKEN, *OTHERS])
    async def test_other_kinds(self, moderator_key: str, bare: Video, kinds: Path, media: Path, name: str) -> None:
        content = OTHERS[name] if name in OTHERS else (kinds / name).read_bytes()
        body = (await send(moderator_key, canonical(bare), ("video", content, "a.mp4"))).refused(415, "not_a_video")
        assert "MP4" in body["error"]
        await expect_untouched(bare, media)

    async def test_the_limit_to_the_byte(self, moderator_key: str, bare: Video, media: Path, settings: Any) -> None:
        """A file of exactly the limit is taken, one byte more is not."""
        assert settings.MAX_VIDEO_SIZE == 52_428_800
        too_much = ("video", video_of(52_428_801), "a.mp4")
        body = (await send(moderator_key, canonical(bare), too_much)).refused(413, "too_large")
        assert body["limit"] == 52_428_800
        await expect_untouched(bare, media)
        answer = await send(moderator_key, canonical(bare), ("video", video_of(52_428_800), "a.mp4"))
        assert (answer.status, answer.json()["file_size"]) == (201, 52_428_800)

    async def test_what_announces_far_too_much_before_a_byte_is_read(self, moderator_key: str, bare: Video) -> None:
        request = Request("POST", canonical(bare), FORM, key=moderator_key, length=10**8)
        request.hang_up()
        assert (await request.answer()).refused(413, "too_large")["limit"] == 52_428_800

    async def test_a_tier_binds_moderators(self, moderator_key: str, bare: Video, media: Path, settings: Any) -> None:
        small = {**settings.TIER_LIMITS["free"], "max_upload_bytes": 1000}
        settings.TIER_LIMITS = {**settings.TIER_LIMITS, "free": small}
        assert (await send(moderator_key, canonical(bare), VIDEO)).refused(413, "too_large")["limit"] == 1000
        await expect_untouched(bare, media)

    async def test_not_a_catalogue_video(self, moderator: User, moderator_key: str, bare: Video, media: Path) -> None:
        private = await ask_rows(make_video, moderator)
        for key in (uuid.uuid4(), private.pk, "no-id"):
            (await send(moderator_key, f"/api/v1/videos/{key}/file", VIDEO)).refused(404, "not_found")
        for key in (uuid.uuid4(), private.pk):
            (await send(moderator_key, ALIASES[0], VIDEO, ("videoId", str(key)))).refused(404, "not_found")
        await expect_untouched(bare, media)

    async def test_one_that_is_deleted_while_its_file_comes(
        self, moderator_key: str, admin_person: User, bare: Video, media: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = upload_handlers._place

        def deleted_first(*args: Any) -> None:
            services.delete(bare.pk, admin_person)
            place(*args)

        monkeypatch.setattr(upload_handlers, "_place", deleted_first)
        (await send(moderator_key, canonical(bare), VIDEO)).refused(409, "video_deleted")
        await expect_untouched(bare, media)

    @pytest.mark.parametrize(("parts", "field"), [
        ([VIDEO], "videoId"),
        ([VIDEO, ("videoId", "x")], "videoId"),
        ([VIDEO, ("videoId", "a"), ("videoId", "b")], "videoId"),
        ([("videoId", "ID")], "video"),
        ([VIDEO, VIDEO, ("videoId", "ID")], "video"),
        ([("videoId", "ID"), ("video", b"", "a.mp4")], "video"),
        ([("videoId", "ID"), VIDEO, ("other", b"x", "a.mp4")], "other"),
    ])  # fmt: skip
    async def test_bad_forms(self, moderator_key: str, bare: Video, media: Path, parts: list[Any], field: str) -> None:
        """A form that lacks or repeats something is refused."""
        filled = [(name, str(bare.pk) if value == "ID" else value, *rest) for name, value, *rest in parts]
        answer = await send(moderator_key, ALIASES[0], *filled)  # type: ignore[arg-type]
        assert field in answer.refused(400, "invalid")["errors"]
        answer = await send(moderator_key, canonical(bare), VIDEO, ("videoId", str(uuid.uuid4())))
        assert "videoId" in answer.refused(400, "invalid")["errors"]
        await expect_untouched(bare, media)


@pytest.mark.usefixtures("lease_keeper", "no_pictures")
class TestReplaced:
    """With real ingest; what becomes of the former file's renditions is tests/videos's."""

    async def test_the_former_stays_until_then(self, moderator_key: str, bare: Video, clips: Path, media: Path) -> None:
        """The former file stays until the last one that was sent is taken in."""
        first = (await send(moderator_key, canonical(bare), part_of(clips / "plain.mp4"))).json()["file_path"]
        await ask_rows(run_queue, "ingest")
        video = await ask_rows(again, bare)
        assert (video.state, video.location, round(video.duration), files_in(media)) == ("ready", first, 3, [first])
        assert video.sha256 == hashlib.sha256((clips / "plain.mp4").read_bytes()).hexdigest()
        faults = {"clock_start": 3600.0}
        await ask_rows(lambda: Video.objects.filter(pk=bare.pk).update(recording=faults))
        answer = await send(moderator_key, canonical(bare), part_of(clips / "other.mp4"))
        second = answer.json()
        assert (await ask_rows(again, bare)).recording == {}
        assert (answer.status, second["status"], second["duration"]) == (200, "processing", 0)
        assert second["file_path"] != first
        assert files_in(media) == sorted([first, second["file_path"]])
        third = (await send(moderator_key, canonical(bare), part_of(clips / "third.mp4"))).json()
        jobs = await ask_rows(lambda: {str(job.pk): job for job in Job.objects.all()})
        assert jobs[second["job_id"]].status == JobStatus.CANCELLED
        previous = jobs[third["job_id"]].params["previous"]
        assert (previous["location"], previous["recording"]) == (first, faults)
        await ask_rows(run_queue, "ingest")
        video = await ask_rows(again, bare)
        assert (video.state, video.location, round(video.duration)) == ("ready", third["file_path"], 4)
        assert files_in(media) == [third["file_path"]]

    async def test_two_at_once(self, moderator_key: str, admin_key: str, bare: Video, clips: Path, media: Path) -> None:
        """One of the two files stays."""
        file = part_of(clips / "plain.mp4")
        answers = await asyncio.gather(*(send(key, canonical(bare), file) for key in (moderator_key, admin_key)))
        assert {answer.status for answer in answers} <= {200, 201}
        await ask_rows(run_queue, "ingest")
        video = await ask_rows(again, bare)
        assert video.state == "ready"
        assert video.location in {answer.json()["file_path"] for answer in answers}
        assert files_in(media, "videos") == [video.location]


class TestTus:
    """``purpose=catalogue`` by the door for large files."""

    @pytest.mark.usefixtures("lease_keeper", "no_pictures")
    async def test_the_whole_becomes_the_videos_file(
        self, moderator_key: str, bare: Video, clips: Path, media: Path, settings: Any
    ) -> None:
        settings.MAX_VIDEO_SIZE = 1000  # its limit is the tier's
        content = (clips / "plain.mp4").read_bytes()
        said = {"purpose": "catalogue", "video_id": str(bare.pk), "filename": "match.avi"}
        answer = await Client(moderator_key).create(len(content), BYTES, content, **said)
        assert (answer.status, answer.headers["x-resource-id"]) == (201, str(bare.pk))
        video = await ask_rows(again, bare)
        assert video.state == "processing"
        # Its bytes say more than its name.
        assert re.fullmatch(KEY.format(bare.pk, "mp4"), video.location)
        await ask_rows(run_queue, "ingest")
        video = await ask_rows(again, bare)
        assert (video.state, files_in(media)) == ("ready", [video.location])

    @pytest.mark.parametrize("words", [{}, {"video_id": "x"}, {"video_id": ""}])
    async def test_it_has_to_name_its_video_which_a_moderator_sends(
        self, owner: User, moderator_key: str, bare: Video, kinds: Path, words: dict[str, str]
    ) -> None:
        moderator = Client(moderator_key)
        answer = await moderator.create(SIZE, purpose="catalogue", **words)
        assert "video_id" in answer.refused(400, "invalid")["errors"]
        named = {"purpose": "catalogue", "video_id": str(bare.pk)}
        (await Client(await ask_rows(make_key, owner)).create(SIZE, **named)).refused(403, "forbidden")
        unknown = named | {"video_id": str(uuid.uuid4())}
        (await moderator.create(SIZE, **unknown)).refused(404, "not_found")
        assert await ask_rows(Upload.objects.count) == 0
        other_kind = (kinds / "v.mkv").read_bytes()
        (await moderator.create(len(other_kind), BYTES, other_kind, **named)).refused(415, "not_a_video")

    async def test_a_thumbnail_does_not_come_this_way(self, moderator_key: str) -> None:
        answer = await Client(moderator_key).create(100, purpose="thumbnail")
        assert "purpose" in answer.refused(400, "invalid")["errors"]


@pytest.mark.usefixtures("lease_keeper", "no_pictures")
async def test_a_finding_is_422_before_the_answer(
    clamd: Clamd, moderator_key: str, bare: Video, clips: Path, media: Path, tmp_path: Path
) -> None:
    path = tmp_path / "bad.mp4"
    path.write_bytes((clips / "plain.mp4").read_bytes())
    body = (await send(moderator_key, canonical(bare), part_of(infect(path)))).refused(422, "malware_found")
    assert FINDING in body["error"]
    await expect_untouched(bare, media)
