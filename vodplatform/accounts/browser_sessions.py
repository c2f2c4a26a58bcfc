"""Browser sessions whose rows know their user, so that an account can show where it is signed in and end what it likes.

``settings.SESSION_ENGINE``: Django's own sessions in the database, with a model that adds the user
(https://docs.djangoproject.com/en/stable/topics/http/sessions/#extending-database-backed-session-engines).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db.models.functions import Now
from django.http import HttpRequest

from vodplatform.accounts.models import BrowserSession, User
from vodplatform.accounts.services import database_now

ABOUT = "signed_in"  # the key, in a session's data, of when and from where
MAX_AGENT = 300
# In this order: Edge and Opera call themselves Chrome as well, and Chrome calls itself Safari.
BROWSERS = (
    ("Edg", "Edge"), ("OPR", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("iPhone", "an iPhone"), ("iPad", "an iPad"), ("Android", "Android"), ("Windows", "Windows"),
    ("Mac OS X", "a Mac"), ("CrOS", "a Chromebook"), ("Linux", "Linux"),
)  # fmt: skip


class SessionStore(DatabaseStore):
    """Sessions in the table of :class:`BrowserSession`."""

    @classmethod
    def get_model_class(cls) -> type[BrowserSession]:
        return BrowserSession

    def create_model_instance(self, data: dict[str, Any]) -> BrowserSession:
        row = cast(BrowserSession, super().create_model_instance(data))
        row.user_id = data.get(SESSION_KEY)
        return row


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a user is signed in. id: tells it from the user's others, and is no secret. at: None of older sessions."""

    id: str
    name: str
    address: str
    at: datetime | None
    is_current: bool


def note_sign_in(request: HttpRequest, user: User, **_: Any) -> None:
    """Keep when and from where somebody signed in (``user_logged_in``)."""
    request.session[ABOUT] = {
        "at": database_now(user).isoformat(),
        "address": request.META.get("REMOTE_ADDR", ""),
        "agent": request.headers.get("User-Agent", "")[:MAX_AGENT],
    }


def browsers_of(user: User, current: str | None) -> list[Browser]:
    """Where the user is signed in: this browser first, then the newest. ``current``: the key of its session."""
    found = [_browser(row, row.session_key == current) for row in _rows_of(user)]
    return sorted(found, key=lambda one: (one.is_current, one.at.timestamp() if one.at else 0), reverse=True)


def end_browsers(user: User, current: str | None, browser: str | None = None) -> int:
    """End one session of the user's, or all but the current one. How many there were."""
    keys = [
        row.session_key for row in _rows_of(user)
        if (row.session_key != current if browser is None else _id_of(row.session_key) == browser)
    ]  # fmt: skip
    BrowserSession.objects.filter(session_key__in=keys).delete()
    return len(keys)


def _rows_of(user: User) -> list[BrowserSession]:
    """Those that last and whose password is still the user's: a change of it ends the others."""
    rows = BrowserSession.objects.filter(user=user, expire_date__gt=Now())
    return [row for row in rows if row.get_decoded().get(HASH_SESSION_KEY) == user.get_session_auth_hash()]


def _id_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _browser(row: BrowserSession, is_current: bool) -> Browser:
    about = row.get_decoded().get(ABOUT) or {}
    at = datetime.fromisoformat(about["at"]) if about else None
    return Browser(_id_of(row.session_key), name_of(about.get("agent", "")), about.get("address", ""), at, is_current)


def name_of(agent: str) -> str:
    """A browser as people call it, by its ``User-Agent``: Firefox on Linux."""
    browser = next((name for mark, name in BROWSERS if f"{mark}/" in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    return f"{browser or 'A browser'} on {system}" if system else browser or "An unknown browser"
