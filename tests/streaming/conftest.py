"""What the tests of the byte doors share: a client past the network, and a clip with its renditions."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from media_app.videos.models import Video, VideoScope
from tests.conftest import Library
from tests.streaming.made import SIZE, Made, make_all, stored_video
from tests.support.factories import make_key
from tests.support.sockets import ask
from vodplatform.accounts.models import User
from vodplatform.asgi import application


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """The whole application; redirects are not followed."""
    transport = httpx.ASGITransport(application, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://vod.example") as client:
        yield client


@pytest.fixture
def path(library: Library) -> Path:
    """A file of the library folder."""
    path = library.crew / "bytes.mp4"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
async def headers(owner: User) -> dict[str, str]:
    """With which the owner has signed in."""
    return {"Authorization": f"Token {await ask(make_key, owner)}"}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A clip and what ingest makes of it; read-only by custom."""
    return make_all(tmp_path_factory.mktemp("made"))


@pytest.fixture
def content(made: Made) -> bytes:
    return made.original.read_bytes()


@pytest.fixture
def clip(owner: User, made: Made, tmp_path: Path) -> Video:
    """The clip as a stored video of the owner's, with its renditions."""
    return stored_video(owner, made, tmp_path)


@pytest.fixture
def video(clip: Video) -> Video:
    """The clip as a catalogue video."""
    Video.objects.filter(pk=clip.pk).update(place=VideoScope.CATALOGUE)
    clip.refresh_from_db()
    return clip
