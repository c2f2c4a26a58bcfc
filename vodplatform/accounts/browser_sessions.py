"""Session engine whose rows reference their user, so that users can list and end sessions.

https://docs.djangoproject.com/en/stable/topics/http/sessions/#extending-database-backed-session-engines
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.models import Session as FormerSession
from django.db.models.functions import Now
from django.http import HttpRequest

from vodplatform.accounts.models import BrowserSession, User
from vodplatform.accounts.services import database_now

ABOUT = "signed_in"  # session entry with the time, address and browser of the sign-in
MAX_AGENT = 300
# (part of the user agent, name of the browser). The first match counts: Edge and Opera also contain "Chrome",
# and Chrome contains "Safari".
BROWSERS = (
    ("Edg", "Edge"), ("OPR", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("iPhone", "an iPhone"), ("iPad", "an iPad"), ("Android", "Android"), ("Windows", "Windows"),
    ("Mac OS X", "a Mac"), ("CrOS", "a Chromebook"), ("Linux", "Linux"),
)  # fmt: skip


class SessionStore(DatabaseStore):
    """Session store in the table of :class:`BrowserSession`.

    Sessions that exist only in Django's table are copied into this one. A deleted session is deleted in both tables.
    """

    @classmethod
    def get_model_class(cls) -> type[BrowserSession]:
        return BrowserSession

    def create_model_instance(self, data: dict[str, Any]) -> BrowserSession:
        row = cast(BrowserSession, super().create_model_instance(data))
        row.user_id = data.get(SESSION_KEY)
        return row

    def _get_session_from_db(self) -> Any:
        key = self.session_key
        found = super()._get_session_from_db()  # type: ignore[misc]
        if found is None and key:
            old = FormerSession.objects.filter(pk=key, expire_date__gt=Now()).first()
            if old is not None:
                self._session_key = key
                found = BrowserSession(session_key=key, session_data=old.session_data, expire_date=old.expire_date)
                found.user_id = self.decode(old.session_data).get(SESSION_KEY)
                BrowserSession.objects.bulk_create([found], ignore_conflicts=True)
        return found

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            FormerSession.objects.filter(pk=key).delete()
        super().delete(session_key)

    @classmethod
    def clear_expired(cls) -> None:
        super().clear_expired()
        FormerSession.objects.filter(expire_date__lt=Now()).delete()


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser in which the user is signed in.

    ``id`` is unique per user and not secret. ``at`` is the time of sign-in, or None for old sessions.
    """

    id: str
    name: str
    address: str
    at: datetime | None
    is_current: bool


def store_sign_in(request: HttpRequest, user: User, **_: Any) -> None:
    request.session[ABOUT] = {
        "at": database_now(user).isoformat(),
        "address": request.META.get("REMOTE_ADDR", ""),
        "agent": request.headers.get("User-Agent", "")[:MAX_AGENT],
    }


def browsers_of(user: User, current: str | None) -> list[Browser]:
    """Return the user's signed-in browsers, the current one first, then newest first.

    ``current`` is the request's session key.
    """
    found = [_browser(row, row.session_key == current) for row in _rows_of(user)]
    return sorted(found, key=lambda one: (one.is_current, one.at.timestamp() if one.at else 0), reverse=True)


def end_browsers(user: User, current: str | None, browser: str | None = None) -> int:
    own = BrowserSession.objects.filter(user=user, expire_date__gt=Now()).values_list("session_key", flat=True)
    keys = [key for key in own if (key != current if browser is None else _id_of(key) == browser)]
    for rows in (BrowserSession.objects, FormerSession.objects):
        rows.filter(session_key__in=keys).delete()
    return len(keys)


def _rows_of(user: User) -> list[BrowserSession]:
    marks = {user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()}
    rows = BrowserSession.objects.filter(user=user, expire_date__gt=Now())
    return [row for row in rows if row.get_decoded().get(HASH_SESSION_KEY) in marks]


def _id_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _browser(row: BrowserSession, is_current: bool) -> Browser:
    about = row.get_decoded().get(ABOUT) or {}
    at = datetime.fromisoformat(about["at"]) if about else None
    return Browser(_id_of(row.session_key), name_of(about.get("agent", "")), about.get("address", ""), at, is_current)


def name_of(agent: str) -> str:
    browser = next((name for mark, name in BROWSERS if f"{mark}/" in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    return f"{browser or 'A browser'} on {system}" if system else browser or "An unknown browser"
