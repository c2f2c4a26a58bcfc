"""Pictures that come with a catalogue video's file: by content, within their limit, re-encoded, shown and replaced."""

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from media_app.catalogue import services
from media_app.uploads import quota
from media_app.videos import consistency
from media_app.videos.models import Rendition, Video
from tests.catalogue.sending import canonical, expect_untouched, send
from tests.support.clamav import EICAR, Clamd
from tests.support.pictures import SECRET, encoded, picture, png_bomb, with_exif
from tests.support.s3 import Bucket
from tests.support.sockets import ask as ask_rows
from tests.support.stored import files_in
from tests.support.streams import ask
from tests.uploads.conftest import video_of
from vodplatform.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True)]
VIDEO = ("video", video_of(20_000), "match.mp4")
KINDS = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


def part(content: bytes, filename: str = "anything.txt") -> tuple[str, bytes, str]:
    return ("thumbnail", content, filename)


@pytest.mark.usefixtures("media")
class TestTaken:
    @pytest.mark.parametrize("suffix", KINDS)
    @pytest.mark.parametrize("is_first", [True, False])
    async def test_as_poster(self, moderator_key: str, bare: Video, media: Path, suffix: str, is_first: bool) -> None:
        """It is shown in place of a poster."""
        given = part(encoded(suffix, picture(1600, 900)))
        answer = await send(moderator_key, canonical(bare), *([given, VIDEO] if is_first else [VIDEO, given]))
        body = answer.json()
        assert answer.status == 201
        pattern = rf"thumbnails/{bare.pk}/[0-9]+_thumb\{suffix}"
        assert re.fullmatch(pattern, body["thumbnail_path"])
        assert files_in(media) == sorted([body["thumbnail_path"], body["file_path"]])
        row = await ask_rows(Rendition.objects.get)
        assert (row.width, row.height, row.mime_type) == (1280, 720, KINDS[suffix])
        shown = await ask("GET", body["thumbnail_url"])
        assert (shown.status, shown.headers["content-type"]) == (200, KINDS[suffix])
        image = cv2.imdecode(np.frombuffer(shown.content, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (720, 1280, 3)

    @pytest.mark.parametrize("suffix", KINDS)
    async def test_its_metadata_are_not_kept(self, moderator_key: str, bare: Video, media: Path, suffix: str) -> None:
        await send(moderator_key, canonical(bare), VIDEO, part(with_exif(encoded(suffix, picture(64, 48)))))
        for key in files_in(media):
            assert SECRET not in (media / key).read_bytes()

    async def test_the_next_has_a_new_key(self, moderator: User, moderator_key: str, bare: Video, media: Path) -> None:
        first = (await send(moderator_key, canonical(bare), VIDEO, part(encoded(".jpg", picture(64, 48))))).json()
        # A file without one leaves it.
        assert (await send(moderator_key, canonical(bare), VIDEO)).json()["thumbnail_path"] == first["thumbnail_path"]
        second = (await send(moderator_key, canonical(bare), VIDEO, part(encoded(".png", picture(64, 48))))).json()
        assert second["thumbnail_path"] != first["thumbnail_path"]
        assert files_in(media, "thumbnails") == [second["thumbnail_path"]]
        assert (await ask("GET", first["thumbnail_url"])).status == 404
        assert (await ask("GET", second["thumbnail_url"])).status == 200
        assert await ask_rows(quota.storage_bytes, moderator.pk) == 0

    async def test_alone_it_changes_nothing_else_and_once_alone(
        self, moderator_key: str, bare: Video, media: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        first = (await send(moderator_key, canonical(bare), VIDEO, part(encoded(".jpg", picture(64, 48))))).json()
        again = {"Idempotency-Key": "once"}
        given = part(encoded(".png", picture(64, 48)))
        answers = [await send(moderator_key, canonical(bare), given, headers=again) for _ in range(2)]
        body = answers[0].json()
        assert [answer.status for answer in answers] == [200, 200]
        assert answers[1].json()["thumbnail_path"] == body["thumbnail_path"] != first["thumbnail_path"]
        assert (body["file_path"], body["status"]) == (first["file_path"], "processing")
        assert body["version"] == first["version"]
        assert files_in(media) == sorted([body["thumbnail_path"], body["file_path"]])
        assert not [record for record in caplog.records if "not sealed" in record.getMessage()]

    async def test_no_picture_sent_alone_leaves_nothing(self, moderator_key: str, bare: Video, media: Path) -> None:
        answer = await send(moderator_key, canonical(bare), part(video_of(2_000)))
        assert answer.status == 415
        assert files_in(media) == []

    async def test_goes_only_with_video(self, moderator_key: str, admin_person: User, bare: Video, media: Path) -> None:
        body = (await send(moderator_key, canonical(bare), VIDEO, part(encoded(".jpg", picture(64, 48))))).json()
        await ask_rows(lambda: services.delete(bare.pk, admin_person))
        assert body["thumbnail_path"] in files_in(media)
        assert (await ask("GET", body["thumbnail_url"])).status == 404
        await ask_rows(lambda: services.delete(bare.pk, admin_person, hard=True))
        assert files_in(media) == []


@pytest.mark.usefixtures("media")
class TestRefused:
    @pytest.mark.parametrize("content", [
        b"GIF89a" + b"\0" * 6000, b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
        b"<html><script>alert(1)</script></html>", b"BM" + b"\0" * 6000, video_of(6000), b"RIFF\0\0\0\0WAVEfmt ",
    ], ids=["gif", "svg", "html", "bmp", "video", "sound"])  # fmt: skip
    @pytest.mark.parametrize("is_first", [True, False])
    async def test_other_kinds_whatever_they_are_called(
        self, moderator_key: str, bare: Video, media: Path, content: bytes, is_first: bool
    ) -> None:
        given = part(content, "a.jpg")
        answer = await send(moderator_key, canonical(bare), *([given, VIDEO] if is_first else [VIDEO, given]))
        answer.refused(415, "not_a_picture")
        await expect_untouched(bare, media)

    async def test_a_byte_over_the_limit(self, moderator_key: str, bare: Video, media: Path, settings: Any) -> None:
        assert settings.MAX_THUMBNAIL_SIZE == 5_242_880
        content = encoded(".jpg", picture(64, 48))
        most = content + b"\0" * (5_242_880 - len(content))
        body = (await send(moderator_key, canonical(bare), VIDEO, part(most + b"\0"))).refused(413, "too_large")
        assert body["limit"] == 5_242_880
        await expect_untouched(bare, media)
        assert (await send(moderator_key, canonical(bare), VIDEO, part(most))).status == 201

    @pytest.mark.parametrize("content", [png_bomb(60_000, 60_000), encoded(".png", picture(64, 48))[:60]])
    async def test_bombs_and_damage(self, moderator_key: str, bare: Video, media: Path, content: bytes) -> None:
        (await send(moderator_key, canonical(bare), VIDEO, part(content))).refused(422, "picture_unreadable")
        await expect_untouched(bare, media)

    async def test_two_pictures_or_a_picture_as_the_video(self, moderator_key: str, bare: Video, media: Path) -> None:
        given = part(encoded(".jpg", picture(64, 48)))
        answer = await send(moderator_key, canonical(bare), VIDEO, given, given)
        assert "thumbnail" in answer.refused(400, "invalid")["errors"]
        (await send(moderator_key, canonical(bare), ("video", given[1], "a.mp4"))).refused(415, "not_a_video")
        await expect_untouched(bare, media)

    async def test_one_with_a_finding(self, clamd: Clamd, moderator_key: str, bare: Video, media: Path) -> None:
        given = part(encoded(".jpg", picture(64, 48)) + EICAR)
        (await send(moderator_key, canonical(bare), VIDEO, given)).refused(422, "malware_found")
        await expect_untouched(bare, media)


@pytest.mark.usefixtures("media")
async def test_what_nobody_shows_is_a_leftover_and_what_is_lost_is_forgotten(
    moderator_key: str, bare: Video, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (await send(moderator_key, canonical(bare), VIDEO, part(encoded(".jpg", picture(64, 48))))).json()
    stray = media / f"thumbnails/{bare.pk}/1_thumb.jpg"
    stray.write_bytes(b"left")
    monkeypatch.setattr(consistency, "GRACE", -consistency.GRACE)
    found = await ask_rows(consistency.leftovers)
    assert [file.key for file in found.files] == [f"thumbnails/{bare.pk}/1_thumb.jpg"]
    (media / body["thumbnail_path"]).unlink()
    assert [row.kind for row in await ask_rows(consistency.lost_renditions)] == ["thumbnail"]
    await ask_rows(consistency.mark_lost_renditions)
    assert await ask_rows(Rendition.objects.count) == 0


class TestOnS3:
    async def test_stored_places(self, s3_storage: Bucket, moderator_key: str, admin_person: User, bare: Video) -> None:
        """File and picture are where they belong, and nothing else is."""
        given = part(with_exif(encoded(".jpg", picture(1600, 900))))
        answer = await send(moderator_key, canonical(bare), VIDEO, given)
        body = answer.json()
        assert answer.status == 201, answer
        assert s3_storage.keys() == sorted([body["thumbnail_path"], body["file_path"]])
        assert s3_storage.content(body["file_path"]) == VIDEO[1]
        assert SECRET not in s3_storage.content(body["thumbnail_path"])
        assert (await ask("GET", body["thumbnail_url"])).status == 200
        await ask_rows(lambda: services.delete(bare.pk, admin_person, hard=True))
        assert (s3_storage.keys(), s3_storage.unfinished()) == ([], [])

    async def test_a_refusal_leaves_nothing(self, s3_storage: Bucket, moderator_key: str, bare: Video) -> None:
        (await send(moderator_key, canonical(bare), VIDEO, part(b"GIF89a" + b"\0" * 90))).refused(415, "not_a_picture")
        answer = await send(moderator_key, canonical(bare), VIDEO, part(png_bomb(60_000, 60_000)))
        answer.refused(422, "picture_unreadable")
        assert (s3_storage.keys(), s3_storage.unfinished()) == ([], [])

    async def test_lost_storage_is_503_no_change(self, s3_storage: Bucket, moderator_key: str, bare: Video) -> None:
        s3_storage.faults.answer_503()
        (await send(moderator_key, canonical(bare), VIDEO)).refused(503, "unavailable")
        s3_storage.faults.heal()
        assert await ask_rows(lambda: Video.objects.get(pk=bare.pk).location) == ""
        assert (await send(moderator_key, canonical(bare), VIDEO)).status == 201
