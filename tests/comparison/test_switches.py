"""What the settings of the comparison switch: the feature itself, and how many sessions are kept in memory."""

from __future__ import annotations

from typing import Any

import pytest

from sessions_app.comparison.vod_cache import cache
from tests.support.api import BASE, Api, refused, session_of
from tests.support.factories import make_alignment, make_session
from vodplatform.accounts.models import User

pytestmark = pytest.mark.django_db


def test_switched_off_every_address_says_so(api: Api, anonymous: Api, owner: User, settings: Any) -> None:
    settings.MULTI_VOD_ENABLED = False
    refused(anonymous.get(f"{BASE}/list"), 401, "unauthenticated")
    session = make_session(owner)
    base = f"{BASE}/{session.session_id}"
    alignment = f"{base}/alignments/{make_alignment(session).job_id}"
    calls = [
        ("POST", BASE), ("GET", f"{BASE}/list"), ("GET", base), ("PATCH", base), ("DELETE", base),
        ("PUT", f"{base}/global-seek"), ("PUT", f"{base}/vods/vod-1/seek"), ("PUT", f"{base}/playback"),
        ("PUT", f"{base}/offsets"), ("GET", f"{base}/offset-history"), ("POST", f"{base}/align"),
        ("GET", alignment), ("POST", f"{alignment}/apply"), ("POST", f"{base}/timer-preview"),
    ]  # fmt: skip
    for method, path in calls:
        refused(api.send(method, path, {}), 404, "feature_disabled")
    session.refresh_from_db()
    assert session.revision == 1


@pytest.mark.parametrize("size", [0, 1, 20])
def test_any_size_of_the_memory_gives_the_same_answers(api: Api, owner: User, settings: Any, size: int) -> None:
    settings.MULTI_VOD_MAX_SESSIONS_CACHED = size
    sessions = [make_session(owner, name=str(number)) for number in range(3)]
    for _ in range(2):
        for session in sessions:
            shown = session_of(api.get(f"{BASE}/{session.session_id}"))
            assert (shown["name"], len(shown["vods"])) == (session.name, 3)
            session_of(api.put(f"{BASE}/{session.session_id}/offsets", {"offsets": {"vod-2": 7}, "source": "manual"}))
            assert session_of(api.get(f"{BASE}/{session.session_id}"))["vods"][1]["offset"] == 7
    assert len(cache._rows) <= size
