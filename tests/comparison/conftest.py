"""What several files about comparisons share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from sessions_app.comparison.models import ComparisonSession
from tests.conftest import Library
from tests.support.api import BASE, Api
from tests.support.factories import make_key, make_session, make_video
from tests.support.sockets import Socket, ask, connected, next_message
from vodplatform.accounts.models import User
from vodplatform.core.web import throttles

# A stroke of a drawing.
STROKE = {"tool": "pen", "color": "#ff0000", "width": 3, "points": [[0.1, 0.2], [0.5, 0.5]]}


def send_file(api: Api, url: str, name: str, content: bytes) -> Any:
    """Import events from a file. url: of the comparison's events."""
    return api.client.post(f"{url}/import", {"file": SimpleUploadedFile(name, content)}, headers=api.headers)


@pytest.fixture(scope="session")
def match(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, float]:
    """Two recordings of one match with timer and sound, and the second one's true offset in seconds."""
    from sessions_app.comparison.samples.rendering.clips import render_pair, timer_pairs

    pair = timer_pairs(7)[0]
    assert pair.offset is not None
    a, b = (replace(clip, spec=replace(clip.spec, audio=True)) for clip in (pair.a, pair.b))
    pair = replace(pair, name="heard", a=a, b=b)
    return *render_pair(pair, tmp_path_factory.mktemp("match")), pair.offset


@pytest.fixture
def session(owner: User) -> ComparisonSession:
    """Three VODs of ten minutes; the second is 50 s ahead, the third begins 37 s later."""
    return make_session(owner, durations=(600, 600, 600), offsets=(0, -50, 37))


@pytest.fixture
def url(session: ComparisonSession) -> str:
    """The address of the session that the test file has."""
    return f"{BASE}/{session.pk}"


@asynccontextmanager
async def watching(session: ComparisonSession, user: User) -> AsyncIterator[Socket]:
    """A user's socket of a session that has received the session as it was."""
    async with connected(f"/ws/sessions/{session.pk}/", key=await ask(make_key, user)) as found:
        assert (await next_message(found))["type"] == "session"
        yield found


@pytest.fixture
def shown(owner: User, library: Library) -> ComparisonSession:
    """A session of two files that are there, for children of tests, which read none."""
    paths = [library.crew / name for name in ("one.mp4", "two.mp4")]
    for path in paths:
        path.write_bytes(b"video")
    return make_session(owner, videos=[make_video(owner, location=str(path)) for path in paths])


@pytest.fixture
def throttled(settings: Any) -> None:
    """Count, in this process alone."""
    settings.THROTTLES_ON, settings.THROTTLE_STORAGE = True, "memory"
    throttles.reset_counters()
