"""What the tests of the byte doors share: a client past the network, and a clip with its renditions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from media_app.videos.models import Video
from tests.delivery.made import Made, make_all, stored_video
from vodplatform.accounts.models import User
from vodplatform.asgi import application


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """The whole application; redirects are not followed."""
    transport = httpx.ASGITransport(application, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://vod.example") as client:
        yield client


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A clip and what ingest makes of it; read-only by custom."""
    return make_all(tmp_path_factory.mktemp("made"))


@pytest.fixture
def clip(owner: User, made: Made, tmp_path: Path) -> Video:
    """The clip as a stored video of the owner's, with its renditions."""
    return stored_video(owner, made, tmp_path)
