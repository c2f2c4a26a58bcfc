"""The audit log of changes for which users are accountable."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model
from django.db.models.functions import Now

from vodplatform.core import logs
from vodplatform.core.models import AuditEntry
from vodplatform.core.records.database import delete_in_batches

MAX_TEXT = 500


def record(
    action: str, *, actor: AbstractBaseUser | AnonymousUser | None, target: Model | None = None, **data: Any
) -> AuditEntry:
    """Write an audit entry in the caller's transaction.

    ``action`` is ``thing.verb``, such as ``token.revoked``. ``data`` are further details and must contain no secrets.
    Long texts are cut.
    """
    someone = actor if actor is not None and actor.pk is not None else None
    return AuditEntry.objects.create(
        action=action,
        actor_id=str(someone.pk) if someone else "",
        actor_name=_text(someone.get_username(), 150) if someone else "",
        target_type=target._meta.label_lower if target is not None else "",
        target_id=_text(str(target.pk), 64) if target is not None else "",
        target_name=_text(str(target), 200) if target is not None else "",
        data=_clean(data),
        request_id=logs.request_id.get(),
        address=_text(logs.address.get(), 64),
    )


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value, MAX_TEXT)
    if isinstance(value, dict):
        return {_text(str(name), MAX_TEXT): _clean(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(part) for part in value]
    return value


def _text(value: str, limit: int) -> str:
    return value[:limit].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def purge() -> int:
    age = timedelta(days=settings.AUDIT_RETENTION_DAYS)
    return delete_in_batches(AuditEntry.objects.filter(at__lt=Now() - age))
