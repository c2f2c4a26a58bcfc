"""Recording of views of catalogue videos in a background thread."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from django.db import DatabaseError, close_old_connections

from media_app.videos.view_counts import note_view
from vodplatform.accounts import credentials
from vodplatform.core.logs import RateLimitedLogger
from vodplatform.core.web import signing
from vodplatform.core.web.throttles import network_of

logger = logging.getLogger("vodplatform.views")
_trouble = RateLimitedLogger(logger, "views not recorded")
HOUR_SECONDS = 3600
# Maximum number of views that wait to be recorded, and of recent views that are remembered to count no view twice.
MAX_WAITING = 1000
MAX_REMEMBERED = 20_000
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="views")
_lock = threading.Lock()
_remembered: set[bytes] = set()
_hour = 0
_waiting = 0


def note(video_id: UUID, scope: Mapping[str, Any], user_id: str) -> None:
    """Record in the background that the client of an HTTP request watches a video.

    user_id: id of the user for whom the URL was opened, or empty.
    """
    global _hour, _waiting
    mark = _mark(video_id, scope)
    hour = int(time.time() // HOUR_SECONDS)
    with _lock:
        if hour != _hour or len(_remembered) >= MAX_REMEMBERED:
            _remembered.clear()
            _hour = hour
        if mark in _remembered or _waiting >= MAX_WAITING:
            return
        _remembered.add(mark)
        _waiting += 1
    _thread.submit(_note, video_id, scope, user_id, mark)


def _mark(video_id: UUID, scope: Mapping[str, Any]) -> bytes:
    """Return a digest of client and video, remembered to ignore replays in the same hour."""
    found = hashlib.blake2b(video_id.bytes + (_client(scope)).encode(), digest_size=16)
    for name, value in scope["headers"]:
        if name.lower() in (b"authorization", b"cookie"):
            found.update(b"\0" + value)
    return found.digest()


def _note(video_id: UUID, scope: Mapping[str, Any], user_id: str, mark: bytes) -> None:
    global _waiting
    close_old_connections()
    try:
        note_view(video_id, user_id or _viewer(scope))
    except DatabaseError as exc:
        with _lock:
            _remembered.discard(mark)
        _trouble.warning(exception=repr(exc))
    except Exception:
        logger.exception("error")
    finally:
        close_old_connections()
        with _lock:
            _waiting -= 1


def _viewer(scope: Mapping[str, Any]) -> str:
    """Return the id of the signed-in user, if any, else a pseudonym that changes daily."""
    headers = credentials.headers_of(scope)
    signed_in = credentials.authenticate_headers(headers) if credentials.is_known_host(headers) else None
    return str(signed_in[0].pk) if signed_in else signing.daily_pseudonym(_client(scope))


def _client(scope: Mapping[str, Any]) -> str:
    client = scope.get("client")
    return network_of(client[0] if client else "")
