"""Share links, which give access to a comparison without an account.

Opening a link sets a signed cookie, so that no other address contains the link's secret.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.core import signing
from django.db import transaction
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse

from sessions_app.comparison.access import (
    COOKIE_PREFIX,
    SALT,
    OpenedLink,
    former_visitor,
    opened_link,
    read_link_cookie,
)
from sessions_app.comparison.models import LINK_GRANT, ComparisonSession, LinkVisitor, ShareLink
from sessions_app.comparison.services import group_name, lock_session
from vodplatform.accounts.models import ApiToken, User
from vodplatform.core.errors import DomainError
from vodplatform.core.records import audit
from vodplatform.core.web.publish import publish_recheck_on_commit
from vodplatform.core.web.throttles import count_request, network_of

MAX_LINKS = 50
MAX_COOKIES = 10  # maximum number of cookies of share links in one browser
SECRET_BYTES = 32
# Time after the end of a link in which its cookie still identifies the visitor. Browsers keep drafts for the same time.
IDENTITY_KEPT = timedelta(days=30)


def create_link(session: ComparisonSession, by: User, values: Mapping[str, Any], site: str) -> ShareLink:
    """Create a share link. Only the returned object has the link's address, ``url``.

    site: scheme and host of the address. values: ``expires_in`` (seconds), ``password``, ``can_comment``. Raises
    ``too_many_links``, ``throttled``.
    """
    _check_count(session)  # refuse too many links before the slow hashing of the password
    # Hash the password before the transaction: hashing is slow, and the transaction locks the session.
    if values.get("password") and (wait := count_request("link_made", str(by.pk))):
        raise DomainError(
            "throttled", "You have created too many links with a password. Try again later.", retry_after=wait
        )
    password = make_password(values["password"]) if values.get("password") else ""
    token = secrets.token_urlsafe(SECRET_BYTES)
    with transaction.atomic():
        locked = lock_session(session)
        _check_count(locked)
        link = ShareLink.objects.create(
            session=locked,
            digest=ApiToken.digest_of(token),
            password=password,
            can_comment=values["can_comment"],
            expires_at=Now() + timedelta(seconds=values["expires_in"]),
        )
        link.refresh_from_db()
        audit.record("link.made", actor=by, target=locked, link=str(link.pk), expires_at=link.expires_at.isoformat())
    link.url = f"{site}/r/{token}"
    return link


def _check_count(session: ComparisonSession) -> None:
    if session.links.open().count() >= MAX_LINKS:
        raise DomainError("too_many_links", limit=MAX_LINKS)


def delete_link(session: ComparisonSession, by: User, link_id: UUID) -> None:
    with transaction.atomic():
        locked = lock_session(session, even_archived=True)
        if not locked.links.filter(pk=link_id).delete()[0]:
            raise DomainError("link_not_found")
        audit.record("link.withdrawn", actor=by, target=locked, link=str(link_id))
        publish_recheck_on_commit(group_name(locked.pk), f"{LINK_GRANT}.{link_id}")


def is_link_open(key: str, video_id: UUID) -> bool:
    try:
        link_id = UUID(key)
    except ValueError:
        return False
    return ShareLink.objects.open().filter(pk=link_id, session__vods__video=video_id).exists()


def find_link(token: str) -> ShareLink | None:
    return ShareLink.objects.open().filter(digest=ApiToken.digest_of(token)).first()


def session_of_ended_link(token: str, cookies: Mapping[str, str]) -> str | None:
    """Return the id of the session that this browser saw through a link which has ended since."""
    digest = ApiToken.digest_of(token)
    ids = [name.removeprefix(COOKIE_PREFIX) for name in cookies if name.startswith(COOKIE_PREFIX)]
    return next((one for one in ids if (read_link_cookie(cookies, one) or {}).get("digest") == digest), None)


def open_link(link: ShareLink, request: HttpRequest) -> OpenedLink:
    """Open a share link in this browser.

    A visitor who opened a link to the same session before keeps identity and name, even if that link has ended.
    """
    before = opened_link(request.COOKIES, link.session_id)
    if before is not None and before.link.pk == link.pk:
        return before
    former = former_visitor(request.COOKIES, link.session_id)
    visitor_id, name = (former.visitor_id, former.name) if former else (uuid.uuid4(), "")
    return OpenedLink(link, LinkVisitor(link.pk, link.session_id, visitor_id, name), not link.has_password)


def unlock_link(opened: OpenedLink, password: str, address: str) -> OpenedLink | None:
    """Return the link unlocked by a password; None if the password is wrong.

    Raises ``throttled`` with ``retry_after`` (seconds). Attempts are counted by network address first, so that a
    blocked address cannot use up the link's attempts.
    """
    link_id = str(opened.link.pk)
    wait = count_request("link_password_address", network_of(address)) or count_request("link_password", link_id)
    if wait:
        raise DomainError("throttled", "Too many password attempts. Try again later.", retry_after=wait)
    if not check_password(password, opened.link.password):
        audit.record("link.password_wrong", actor=None, target=opened.link.session, link=link_id)
        return None
    return replace(opened, is_unlocked=True)


def store_opened_link(response: HttpResponse, request: HttpRequest, opened: OpenedLink) -> None:
    """Store an opened link in a cookie that scripts and other sites cannot read."""
    name = COOKIE_PREFIX + opened.link.session_id
    for former in [one for one in request.COOKIES if one.startswith(COOKIE_PREFIX) and one != name][: -MAX_COOKIES + 1]:
        response.delete_cookie(former)
    said = {
        "link": str(opened.link.pk),
        "digest": opened.link.digest,
        "visitor": str(opened.visitor.visitor_id),
        "name": opened.visitor.name,
        "unlocked": opened.is_unlocked,
    }
    response.set_cookie(
        name,
        signing.dumps(said, salt=SALT),
        expires=opened.link.expires_at + IDENTITY_KEPT,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def delete_expired_links() -> int:
    return ShareLink.objects.filter(expires_at__lte=Now()).delete()[0]
