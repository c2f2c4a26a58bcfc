"""Links to a comparison: whoever has one watches it without an account.

A link is opened once by its address; from then on the browser carries a signed cookie for that comparison, so that the
secret stands in no other address. Whether the link still holds is asked of the database each time.
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

from sessions_app.comparison.access import COOKIE, SALT, OpenedLink, opened_link
from sessions_app.comparison.models import ComparisonSession, LinkVisitor, ShareLink
from sessions_app.comparison.services import group_name, lock
from vodplatform.accounts.models import ApiToken, User
from vodplatform.core.errors import DomainError
from vodplatform.core.records import audit
from vodplatform.core.web.publish import publish_recheck_on_commit
from vodplatform.core.web.throttles import hit, network_of

MAX_LINKS = 50  # of a session
MAX_COOKIES = 10  # of links in one browser
SECRET_BYTES = 32


def create_link(session: ComparisonSession, by: User, values: Mapping[str, Any], site: str) -> ShareLink:
    """A new link, with its ``url``, which cannot be had again. site: scheme and host of the program.

    values: ``expires_in`` (seconds), ``password``, ``can_comment``. Raises ``too_many_links``.
    """
    _check_count(session)  # before the hashing, which takes long
    # Outside of the transaction, which locks the session's row.
    password = make_password(values["password"]) if values.get("password") else ""
    token = secrets.token_urlsafe(SECRET_BYTES)
    with transaction.atomic():
        locked = lock(session)
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
    """Raise ``too_many_links`` if the session has as many links as are allowed."""
    if session.links.open().count() >= MAX_LINKS:
        raise DomainError("too_many_links", limit=MAX_LINKS)


def delete_link(session: ComparisonSession, by: User, link_id: UUID) -> None:
    """Withdraw a link: pages and sockets that it let in close now, and what they are sent ends within seconds.

    Raises ``link_not_found``. An archived session's links can be withdrawn too.
    """
    with transaction.atomic():
        locked = lock(session, even_archived=True)
        if not locked.links.filter(pk=link_id).delete()[0]:
            raise DomainError("link_not_found")
        audit.record("link.withdrawn", actor=by, target=locked, link=str(link_id))
        publish_recheck_on_commit(group_name(locked.pk))


def is_link_open(key: str, video_id: UUID) -> bool:
    """Whether a link still lets its visitors see a video: the check of the grants that links give."""
    try:
        link_id = UUID(key)
    except ValueError:
        return False
    return ShareLink.objects.open().filter(pk=link_id, session__vods__video=video_id).exists()


def find_link(token: str) -> ShareLink | None:
    """The link with this secret, while it is open."""
    return ShareLink.objects.open().filter(digest=ApiToken.digest_of(token)).first()


def open_link(link: ShareLink, request: HttpRequest) -> OpenedLink:
    """What a browser keeps that opens ``link`` now: who has opened it before stays the same visitor."""
    before = opened_link(request.COOKIES, link.session_id)
    if before is not None and before.link.pk == link.pk:
        return before
    visitor_id = before.visitor.visitor_id if before else uuid.uuid4()
    name = before.visitor.name if before else ""
    return OpenedLink(link, LinkVisitor(link.pk, link.session_id, visitor_id, name), not link.has_password)


def give_password(opened: OpenedLink, password: str, address: str) -> OpenedLink | None:
    """The link unlocked, or None where the password is wrong. Each attempt counts.

    Raises ``throttled`` with ``retry_after`` (seconds). The address comes first: one that has had its attempts cannot
    use up those of the link.
    """
    link_id = str(opened.link.pk)
    wait = hit("link_password_address", network_of(address)) or hit("link_password", link_id)
    if wait:
        raise DomainError("throttled", "Too many passwords were tried.", retry_after=wait)
    if not check_password(password, opened.link.password):
        audit.record("link.password_wrong", actor=None, target=opened.link.session, link=link_id)
        return None
    return replace(opened, is_unlocked=True)


def keep_opened(response: HttpResponse, request: HttpRequest, opened: OpenedLink) -> None:
    """Let the browser keep an opened link: out of scripts' reach, never sent along by another site's page."""
    name = COOKIE + opened.link.session_id
    for former in [one for one in request.COOKIES if one.startswith(COOKIE) and one != name][: -MAX_COOKIES + 1]:
        response.delete_cookie(former)
    said = {
        "link": str(opened.link.pk),
        "visitor": str(opened.visitor.visitor_id),
        "name": opened.visitor.name,
        "unlocked": opened.is_unlocked,
    }
    response.set_cookie(
        name,
        signing.dumps(said, salt=SALT),
        expires=opened.link.expires_at,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def purge() -> int:
    """Delete links that are over; returns how many."""
    return ShareLink.objects.filter(expires_at__lte=Now()).delete()[0]
