"""Tickets that open WebSockets: browsers cannot send an Authorization header there, and tokens in URLs get logged."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.db.models.functions import Now

from vodplatform.accounts.credentials import Credential
from vodplatform.accounts.models import ApiToken, User, WsTicket

LIFETIME = timedelta(seconds=60)


def issue(user: User, credential: Credential) -> tuple[str, datetime]:
    WsTicket.objects.filter(user=user, expires_at__lt=Now()).delete()
    text = secrets.token_urlsafe(32)
    row = WsTicket.objects.create(
        digest=ApiToken.digest_of(text),
        user=user,
        kind=credential.kind,
        reference=credential.reference,
        expires_at=Now() + LIFETIME,
    )
    row.refresh_from_db()
    return text, row.expires_at


def redeem(text: str) -> Credential | None:
    """Use up a ticket; return the credential that requested it, or None if the ticket is invalid."""
    rows = WsTicket.objects.filter(digest=ApiToken.digest_of(text))
    row = rows.filter(expires_at__gt=Now()).first()
    if row is None or rows.delete()[0] != 1:
        return None
    return Credential(row.kind, row.reference)


def purge() -> int:
    return WsTicket.objects.filter(expires_at__lt=Now()).delete()[0]
