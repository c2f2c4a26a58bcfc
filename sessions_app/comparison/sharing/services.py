from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from sessions_app.comparison.models import ComparisonSession, SessionShare
from sessions_app.comparison.services import group_name, lock_session
from vodplatform.accounts.models import User
from vodplatform.core.api import idempotency
from vodplatform.core.errors import DomainError
from vodplatform.core.web.publish import publish_recheck_on_commit
from vodplatform.core.web.throttles import count_request

MAX_SHARES = 200


def create_share(session: ComparisonSession, values: Mapping[str, Any]) -> SessionShare:
    """Share a session with an account, or change an existing share.

    values: ``username``, ``role``, ``can_comment``. Raises ``unknown_user`` (also for the owner), ``too_many_shares``,
    ``throttled``: too many of the owner's comparisons were shared with the account in the last hour.
    """
    with transaction.atomic():
        locked = lock_session(session)
        idempotency.bind_to_transaction()
        user = User.objects.filter(username=values["username"], is_active=True).exclude(pk=locked.owner_id).first()
        if user is None:
            raise DomainError("unknown_user")
        share = locked.shares.filter(user=user).first()
        if share is None:
            if locked.shares.count() >= MAX_SHARES:
                raise DomainError("too_many_shares", limit=MAX_SHARES)
            if wait := count_request("share_made", str(locked.owner_id), str(user.pk)):
                raise DomainError("throttled", retry_after=wait)
            share = SessionShare(session=locked, user=user)
        return _write(share, values)


def change_share(session: ComparisonSession, share_id: UUID, values: Mapping[str, Any]) -> SessionShare:
    with transaction.atomic():
        return _write(_find(lock_session(session), share_id), values)


def delete_share(session: ComparisonSession, share_id: UUID) -> None:
    with transaction.atomic():
        locked = lock_session(session, even_archived=True)
        share = _find(locked, share_id)
        share.delete()
        publish_recheck_on_commit(group_name(locked.pk), str(share.user_id))


def leave(session: ComparisonSession, user: User) -> None:
    """Delete the share of an account that no longer wants it. Raises ``forbidden`` for an account without a share."""
    if not (share := session.shares.filter(user=user).first()):
        raise DomainError("forbidden", "This comparison is not shared with your account, so you cannot leave it.")
    delete_share(session, share.pk)


def is_share_open(key: str, video_id: UUID) -> bool:
    try:
        share_id = UUID(key)
    except ValueError:
        return False
    return SessionShare.objects.filter(pk=share_id, user__is_active=True, session__vods__video=video_id).exists()


def _find(session: ComparisonSession, share_id: UUID) -> SessionShare:
    found = session.shares.select_related("user").filter(pk=share_id).first()
    if found is None:
        raise DomainError("share_not_found")
    return found


def _write(share: SessionShare, values: Mapping[str, Any]) -> SessionShare:
    # The number of changes is limited, because each change makes all WebSockets of the account check their rights.
    if not share._state.adding and (wait := count_request("share_changed", str(share.session.owner_id))):
        raise DomainError("throttled", retry_after=wait)
    share.role = values.get("role", share.role)
    share.can_comment = values.get("can_comment", share.can_comment)
    share.save()
    share.refresh_from_db()
    publish_recheck_on_commit(group_name(share.session_id), str(share.user_id))
    return share
