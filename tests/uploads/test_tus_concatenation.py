"""tus concatenation: parts that came apart, at once even, become one file."""

import asyncio
from pathlib import Path

import pytest
from django.db.models.functions import Now

from media_app.uploads import assemble, cleanup, quota, services
from media_app.uploads.models import Upload
from media_app.videos.models import Video
from tests.support.sockets import ask as ask_rows
from tests.uploads.conftest import video_of
from tests.uploads.tus import BYTES, Client, id_of, row_of

pytestmark = [pytest.mark.both, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]
SIZE = 90_000
VIDEO = video_of(SIZE)
PARTIAL = {"Upload-Concat": "partial"}


async def part_of(client: Client, content: bytes) -> str:
    address = await client.created(len(content), PARTIAL)
    if content:
        assert (await client.patch(address, 0, content)).status == 204
    return address


def final(*addresses: str) -> dict[str, str]:
    return {"Upload-Concat": "final;" + " ".join(addresses)}


async def test_parts_that_came_at_once_become_one_video(client: Client, media: Path) -> None:
    parts = await asyncio.gather(*(part_of(client, VIDEO[start : start + 30_000]) for start in range(0, SIZE, 30_000)))
    assert await ask_rows(Video.objects.count) == 0
    told = (await client.head(parts[0])).headers
    assert (told["upload-concat"], "x-resource-id" in told) == ("partial", False)
    answer = await client.create(None, final(*parts), filename="whole.mp4", title="Whole")
    assert answer.status == 201
    told = (await client.head(answer.headers["location"])).headers
    assert told["upload-concat"] == final(*parts)["Upload-Concat"]
    assert (told["upload-offset"], told["upload-length"]) == (str(SIZE), str(SIZE))
    upload = await row_of(answer.headers["location"])
    assert answer.headers["x-resource-id"] == str(upload.resource_id)
    assert (upload.size, upload.status, upload.mime_type) == (SIZE, "completed", "video/mp4")
    video = await ask_rows(lambda: Video.objects.get(pk=upload.resource_id))
    assert (video.title, video.file_size) == ("Whole", SIZE)
    await ask_rows(lambda: assemble.assemble(upload, "videos/whole.mp4", media, lambda share: None))
    assert (media / "videos/whole.mp4").read_bytes() == VIDEO
    await ask_rows(services.drop_pieces, upload)
    assert [path.name for path in media.rglob("*") if path.is_file()] == ["whole.mp4"]
    assert await ask_rows(Upload.objects.count) == 1


async def test_a_part_may_be_empty_or_come_with_its_creation(client: Client) -> None:
    with_bytes = (await client.create(SIZE, {**BYTES, **PARTIAL}, VIDEO)).headers["location"]
    assert (await row_of(with_bytes)).status == "completed"
    parts = [await part_of(client, b""), with_bytes, await part_of(client, b"")]
    whole = await client.create(None, final(f"https://vod.example{parts[0]}", *parts[1:]))
    assert whole.status == 201
    for content in (b"more", b""):  # a whole takes none
        (await client.patch(whole.headers["location"], SIZE, content)).refused(403, "forbidden")


async def test_unfinished_parts_are_not_joined(client: Client) -> None:
    first, second = await part_of(client, VIDEO[:50_000]), await client.created(40_000, PARTIAL)
    (await client.create(None, final(first, second))).refused(409, "upload_unfinished")
    await client.patch(second, 0, VIDEO[50_000:])
    assert (await client.create(None, final(first, second))).status == 201
    # Each is joined once.
    (await client.create(None, final(second, first))).refused(409, "upload_unfinished")
    assert await ask_rows(Video.objects.count) == 1


async def test_two_that_join_the_same_parts_at_once_make_one_video(client: Client) -> None:
    part = await part_of(client, VIDEO)
    answers = await asyncio.gather(*(client.create(None, final(part)) for _ in range(5)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert await ask_rows(Video.objects.count) == 1


async def test_asked_again_it_is_the_same_whole_also_when_its_parts_are_gone(client: Client, other_key: str) -> None:
    parts = [await part_of(client, VIDEO[:50_000]), await part_of(client, VIDEO[50_000:])]
    first = await client.create(None, final(*parts))
    await ask_rows(services.drop_pieces, await row_of(first.headers["location"]))
    again = await client.create(None, final(*parts))
    assert (again.status, again.headers["location"]) == (201, first.headers["location"])
    assert again.headers["x-resource-id"] == first.headers["x-resource-id"]
    (await Client(other_key).create(None, final(*parts))).refused(400, "invalid")


async def test_a_whole_is_made_of_different_parts_of_ones_own(client: Client, other_key: str) -> None:
    part, nothing = await part_of(client, VIDEO), await part_of(client, b"")
    theirs, whole = await part_of(Client(other_key), VIDEO), await client.created(SIZE)
    await client.patch(whole, 0, VIDEO)
    assert "Upload-Length" in (await client.create(SIZE, final(part))).refused(400, "invalid")["errors"]
    for addresses in ([part, part], [nothing], [theirs], [whole], [f"{whole[:-1]}0"]):
        assert "Upload-Concat" in (await client.create(None, final(*addresses))).refused(400, "invalid")["errors"]


async def test_what_begins_with_no_video_is_415_and_its_parts_stay(client: Client) -> None:
    first, second = await part_of(client, b"not a video" * 1000), await part_of(client, VIDEO)
    (await client.create(None, final(first, second))).refused(415, "not_a_video")
    assert (await row_of(first)).status == "completed"
    assert (await client.create(None, final(second))).status == 201


async def test_the_whole_is_within_the_limits_that_a_file_has(client: Client, small_limits: None) -> None:
    parts = [await part_of(client, video_of(1 << 19)) for _ in range(3)]
    assert (await client.create(None, final(*parts))).refused(413, "too_large")["limit"] == 1 << 20


async def test_parts_whose_purpose_takes_no_room_need_it_as_a_whole(client: Client, small_limits: None) -> None:
    part = await part_of(client, video_of(1 << 19))
    await ask_rows(lambda: Upload.objects.filter(pk=id_of(part)).update(purpose="catalogue"))
    for _ in range(2):
        await part_of(client, video_of(1 << 20))
    (await client.create(None, final(part))).refused(413, "storage_full")


async def test_a_finished_part_can_be_given_up(client: Client, media: Path) -> None:
    part = await part_of(client, VIDEO)
    assert (await client.delete(part)).status == 204
    assert not any(path.is_file() for path in media.rglob("*"))


async def test_parts_that_nobody_joins_take_room_until_they_expire(client: Client, media: Path) -> None:
    part = await part_of(client, VIDEO)
    user_id = (await row_of(part)).owner_id
    assert await ask_rows(quota.storage_bytes, user_id) == SIZE
    await ask_rows(lambda: Upload.objects.filter(pk=id_of(part)).update(expires_at=Now()))
    assert await ask_rows(cleanup.expire_uploads) == 1
    assert await ask_rows(quota.storage_bytes, user_id) == 0
    assert not any(path.is_file() for path in media.rglob("*"))
