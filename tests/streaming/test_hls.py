"""GET|HEAD /api/v1/media/hls/{token}/{video_id}/…: a ladder whose every address carries its signature."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from media_app.videos import media_urls
from media_app.videos.models import Video, VideoStatus
from tests.streaming.answers import harmless, refused
from tests.streaming.made import Made, of_kind
from tests.support.factories import make_rendition, make_video
from tests.support.sockets import ask
from vodplatform.accounts.models import User
from vodplatform.core.web import signing

pytestmark = pytest.mark.django_db(transaction=True)
MPEGURL = "application/vnd.apple.mpegurl"


def address(video: Video, rest: str) -> str:
    return f"{media_urls.HLS_PREFIX}{signing.sign(media_urls.HLS, str(video.pk))}/{video.pk}/{rest}"


class TestMaster:
    async def test_it_names_the_rungs_with_what_they_are(self, http: httpx.AsyncClient, clip: Video) -> None:
        response = await http.get(media_urls.hls_url(clip))
        assert (response.status_code, response.headers["content-type"]) == (200, MPEGURL)
        assert response.headers["cache-control"] == "private, max-age=10"
        lines = response.text.splitlines()
        assert lines[:3] == ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
        row = await ask(of_kind, clip, "hls")
        assert row.bit_rate > 0
        found = re.fullmatch(
            r"#EXT-X-STREAM-INF:BANDWIDTH=(\d+),AVERAGE-BANDWIDTH=(\d+),RESOLUTION=320x180,"
            r'CODECS="(avc1\.\w{6},mp4a\.40\.2)",FRAME-RATE=30\.000',
            lines[3],
        )
        assert found, lines[3]
        assert int(found[1]) == row.bit_rate >= int(found[2]) > 0
        assert lines[4:] == ["source/index.m3u8"]
        harmless(response)
        for header, value, status in (("If-None-Match", response.headers["etag"], 304), ("Range", "bytes=0-1", 200)):
            assert (await http.get(media_urls.hls_url(clip), headers={header: value})).status_code == status

    async def test_a_rung_appears_once_made_unless_too_tall(self, http: httpx.AsyncClient, clip: Video) -> None:
        await ask(lambda: make_rendition(clip, "hls", "120", width=214, height=120, bit_rate=50_000))
        await ask(lambda: make_rendition(clip, "hls", "720"))
        await ask(lambda: Video.objects.filter(pk=clip.pk).update(is_variable_frame_rate=True))
        text = (await http.get(media_urls.hls_url(clip))).text
        assert text.splitlines()[4::2] == ["120/index.m3u8", "source/index.m3u8"]
        assert "FRAME-RATE" not in text  # a variable one is not told
        refused(await http.get(address(clip, "720/index.m3u8")), 404, "not_found")

    async def test_a_video_without_a_ladder_has_none(self, http: httpx.AsyncClient, owner: User) -> None:
        video = await ask(lambda: make_video(owner))
        await ask(lambda: make_rendition(video, "proxy"))
        refused(await http.get(media_urls.hls_url(video)), 404, "not_found")


class TestRung:
    async def test_all_is_reached_by_relative_addresses(self, http: httpx.AsyncClient, clip: Video, made: Made) -> None:
        content = (made.folder / "hls-source" / "media.mp4").read_bytes()
        base = str(http.base_url) + media_urls.hls_url(clip)
        playlist = urljoin(base, (await http.get(base)).text.splitlines()[-1])
        response = await http.get(playlist)
        assert (response.status_code, response.headers["content-type"]) == (200, MPEGURL)
        assert "immutable" in response.headers["cache-control"]
        harmless(response)
        pieces = re.findall(r'(?:URI="([^"]+)",BYTERANGE="|#EXT-X-BYTERANGE:)(\d+)@(\d+)', response.text)
        assert len(pieces) > 1
        assert sum(int(length) for _, length, _ in pieces) == len(content)
        media = urljoin(playlist, pieces[0][0])
        for _, length, start in pieces:
            first, last = int(start), int(start) + int(length) - 1
            answer = await http.get(media, headers={"Range": f"bytes={first}-{last}"})
            assert (answer.status_code, answer.content) == (206, content[first : last + 1])
            assert answer.headers["content-type"] == "video/mp4"
            harmless(answer)

    async def test_head_says_the_same_without_the_bytes(self, http: httpx.AsyncClient, clip: Video) -> None:
        for rest in ("master.m3u8", "source/index.m3u8", "source/media.mp4"):
            url = address(clip, rest)
            got, head = await http.get(url), await http.head(url)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.content))

    @pytest.mark.parametrize("rest", [
        "none/index.m3u8", "source/other.m3u8", "source/..%2fmedia.mp4", "source/poster.jpg", "source/media.mp4%00",
        "%00/index.m3u8", "..%2f..%2f/index.m3u8", "source/index.m3u8.html", "%F0%9F%8E%AE/media.mp4",
        "source/../../../etc/passwd", "master.m3u8/master.m3u8",
    ])  # fmt: skip
    async def test_there_is_nothing_else(self, http: httpx.AsyncClient, clip: Video, rest: str) -> None:
        response = await http.get(address(clip, rest))
        assert response.status_code in (400, 404)
        assert response.json()["ok"] is False

    async def test_a_lost_file_is_not_found(self, http: httpx.AsyncClient, clip: Video, settings: Any) -> None:
        row = await ask(of_kind, clip, "hls")
        Path(settings.MEDIA_ROOT, row.folder, "index.m3u8").unlink()
        Path(settings.MEDIA_ROOT, row.folder, "media.mp4").unlink()
        for rest in ("source/index.m3u8", "source/media.mp4"):
            refused(await http.get(address(clip, rest)), 404, "not_found")


@pytest.mark.parametrize("rest", ["master.m3u8", "source/index.m3u8", "source/media.mp4"])
async def test_a_signature_opens_only_while_the_video_exists(http: httpx.AsyncClient, clip: Video, rest: str) -> None:
    """tests/contract/test_door_roles.py tries the signatures of other files."""
    url = address(clip, rest)
    for status in (VideoStatus.FAILED, VideoStatus.UPLOADING):
        await ask(lambda status=status: Video.objects.filter(pk=clip.pk).update(status=status))
        refused(await http.get(url), 404, "not_found")
    await ask(lambda: Video.objects.filter(pk=clip.pk).update(status=VideoStatus.READY))
    assert (await http.get(url)).status_code == 200
    await ask(clip.delete)
    refused(await http.get(url), 404, "not_found")


async def test_proxy_is_inherited_by_all_that_is_named(http: httpx.AsyncClient, clip: Video) -> None:
    base = str(http.base_url) + media_urls.hls_url(clip) + "?proxy=1"
    playlist = urljoin(base, (await http.get(base)).text.splitlines()[-1])
    assert playlist.endswith("source/index.m3u8?proxy=1")
    text = (await http.get(playlist)).text
    assert text.count("media.mp4?proxy=1") == text.count("media.mp4") > 1
