"""GET|HEAD /api/v1/media/renditions/{token}/{rendition_id}/{name}: posters, sprites, peaks and proxies by signature."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from django.contrib.auth.models import Group

from media_app.videos import media_urls
from media_app.videos.models import Rendition, Video, VideoSource
from tests.conftest import GROUP, Library
from tests.streaming.answers import harmless, refused
from tests.streaming.made import Made, of_kind
from tests.support.sockets import ask
from vodplatform.accounts.models import User
from vodplatform.core.web import signing

pytestmark = pytest.mark.django_db(transaction=True)


def address(row: Rendition, name: str) -> str:
    return f"{media_urls.RENDITION_PREFIX}{signing.sign(media_urls.RENDITION, str(row.pk))}/{row.pk}/{name}"


@pytest.fixture
async def poster(clip: Video) -> Rendition:
    return await ask(of_kind, clip, "poster")


class TestFiles:
    @pytest.mark.parametrize(("kind", "name", "content_type"), [
        ("poster", "poster.jpg", "image/jpeg"), ("sprite", "sprite.vtt", "text/vtt; charset=utf-8"),
        ("sprite", "sprite.jpg", "image/jpeg"), ("peaks", "peaks.json", "application/json"),
        ("proxy", "proxy.mp4", "video/mp4"),
    ])  # fmt: skip
    async def test_each_is_what_was_made(
        self, http: httpx.AsyncClient, clip: Video, made: Made, kind: str, name: str, content_type: str
    ) -> None:
        row = await ask(of_kind, clip, kind)
        content = (made.folder / kind / name).read_bytes()
        response = await http.get(address(row, name))
        assert (response.status_code, response.content) == (200, content)
        assert response.headers["content-type"] == content_type
        assert response.headers["cache-control"] == "private, max-age=3600, immutable"
        harmless(response)
        part = await http.get(address(row, name), headers={"Range": "bytes=5-9"})
        assert (part.status_code, part.content) == (206, content[5:10])
        assert (await http.head(address(row, name))).headers["content-length"] == str(len(content))

    async def test_sprite_pictures_inherit_a_signature(self, http: httpx.AsyncClient, clip: Video, made: Made) -> None:
        url = str(http.base_url) + media_urls.rendition_url(await ask(of_kind, clip, "sprite"))
        text = (await http.get(url)).text
        assert text.startswith("WEBVTT")
        named = {cue.partition("#xywh=")[0] for cue in re.findall(r"\S+#xywh=\d+,\d+,\d+,\d+", text)}
        assert named == {"sprite.jpg"}
        picture = await http.get(urljoin(url, named.pop()))
        assert picture.content == (made.folder / "sprite" / "sprite.jpg").read_bytes()

    async def test_nothing_else(self, http: httpx.AsyncClient, poster: Rendition, clip: Video, settings: Any) -> None:
        row = await ask(of_kind, clip, "hls")
        refused(await http.get(address(row, "media.mp4")), 404, "not_found")  # a ladder has its own endpoint
        await ask(lambda: Rendition.objects.filter(pk=poster.pk).update(files={"image": "page.html"}))
        Path(settings.MEDIA_ROOT, poster.folder, "page.html").write_text("<script>")
        for name in ("sprite.jpg", "other.jpg", "..%2fposter.jpg", "poster.jpg%00", "page.html", "%00", "poster"):
            refused(await http.get(address(poster, name)), 404, "not_found")

    async def test_what_leads_out_of_the_store_is_not_followed(
        self, http: httpx.AsyncClient, poster: Rendition, settings: Any, tmp_path: Path
    ) -> None:
        Path(settings.MEDIA_ROOT).with_name("poster.jpg").write_bytes(b"secret")
        for folder in ("../", "/etc/", f"{settings.MEDIA_ROOT}/../"):
            await ask(lambda folder=folder: Rendition.objects.filter(pk=poster.pk).update(folder=folder))
            refused(await http.get(address(poster, "poster.jpg")), 404, "not_found")
        await ask(lambda: Rendition.objects.filter(pk=poster.pk).update(folder=poster.folder))
        assert (await http.get(address(poster, "poster.jpg"))).status_code == 200
        path = Path(settings.MEDIA_ROOT, poster.folder, "poster.jpg")
        path.unlink()
        refused(await http.get(address(poster, "poster.jpg")), 404, "not_found")
        (tmp_path / "secret.jpg").write_bytes(b"secret")
        path.symlink_to(tmp_path / "secret.jpg")
        refused(await http.get(address(poster, "poster.jpg")), 404, "not_found")


async def test_folder_rights_hold_for_them(http: httpx.AsyncClient, clip: Video, library: Library, owner: User) -> None:
    """Renditions of a folder's file are shown while their owner may use the folder."""
    where = {"source": VideoSource.REFERENCE, "location": str(library.crew / "plain.mp4")}
    await ask(lambda: Video.objects.filter(pk=clip.pk).update(**where))
    poster = await ask(of_kind, clip, "poster")
    shown = [address(poster, "poster.jpg"), media_urls.hls_url(clip)]
    group = await ask(lambda: Group.objects.get_or_create(name=GROUP)[0])
    await ask(owner.groups.add, group)
    assert [(await http.get(url)).status_code for url in shown] == [200, 200]
    await ask(owner.groups.remove, group)
    for url in shown:
        refused(await http.get(url), 404, "not_found")
