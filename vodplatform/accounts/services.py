"""Account changes that span several rows or are audited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth import authenticate as check_password
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpRequest

from vodplatform.accounts import confirmation, jwt, tickets
from vodplatform.accounts.models import ApiToken, Role, Scope, Subscription, User, default_scopes
from vodplatform.core.errors import DomainError
from vodplatform.core.records import audit
from vodplatform.core.web.throttles import check_sign_in


def client_address(request: HttpRequest) -> str:
    return request.META.get("REMOTE_ADDR") or ""


def check_credentials(request: HttpRequest, username: str, password: str) -> User:
    check_sign_in(username, client_address(request))
    user = check_password(request, username=username, password=password)
    if not isinstance(user, User):
        audit.record("sign_in.failed", actor=None, username=username)
        raise DomainError("bad_credentials")
    return user


def chosen_scopes(user: User, wanted: Sequence[str] | None) -> list[str]:
    """Return the scopes of a new credential: those requested, or by default all that the user may have.

    Raise ``forbidden`` if a user who is not an admin requests ``admin``.
    """
    if wanted is not None and Scope.ADMIN in wanted and not user.is_admin:
        raise DomainError("forbidden", "Only an admin's token can have the scope 'admin'.")
    return default_scopes(user) if wanted is None else list(dict.fromkeys(wanted))


@transaction.atomic
def issue_token(user: User, *, name: str, scopes: list[str], lifetime: timedelta | None) -> tuple[ApiToken, str]:
    _locked(user.pk)  # without the lock, concurrent requests would not count each other's tokens
    if ApiToken.objects.valid().filter(user=user).count() >= settings.TOKENS_PER_USER:
        raise DomainError("token_limit", limit=settings.TOKENS_PER_USER)
    row, key = ApiToken.issue(user, name=name, scopes=scopes, lifetime=lifetime)
    audit.record("token.made", actor=user, target=row, scopes=scopes)
    return row, key


@transaction.atomic
def revoke_tokens(tokens: Iterable[ApiToken], *, by: User | None) -> int:
    count = 0
    for token in tokens:
        if ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=Now()):
            audit.record("token.revoked", actor=by, target=token)
            count += 1
    return count


@transaction.atomic
def request_deletion(user: User, *, by: User | None) -> None:
    """Disable an account, which also signs it out everywhere. The hourly cleanup deletes it with its data.

    Raise ``forbidden`` if it is the only administrator's.
    """
    admins = User.objects.select_for_update(no_key=True).filter(role=Role.ADMIN, is_active=True)
    keys = list(admins.order_by("pk").values_list("pk", flat=True))
    if keys == [user.pk]:
        raise DomainError("forbidden", "This is the only administrator. Make another account an administrator first.")
    User.objects.filter(pk=user.pk).update(is_active=False, deletion_requested_at=Now())
    revoke_tokens(ApiToken.objects.valid().filter(user=user), by=by)
    audit.record("user.deletion_requested", actor=by, target=user)


def issue_jwt(user: User, scopes: list[str]) -> jwt.Pair:
    pair = jwt.issue(user, scopes)
    audit.record("sign_in", actor=user, target=user, by="jwt")
    return pair


@transaction.atomic
def grant_subscription(
    user: User, tier: str, until: datetime | None, by: User | None, *, begins: datetime | None = None
) -> Subscription:
    """Grant a tier from ``begins`` (None: now, by the database's clock) to ``until`` (None: no end).

    Overlapping subscriptions are shortened or deleted. Raise ``invalid`` if the period ends before it begins.
    """
    now = _locked(user.pk)
    start = max(begins or now, now)
    if until is not None and until <= start:
        raise DomainError("invalid", "The subscription must end after it begins. Choose a later end date.")
    _clear_period(user, start, until)
    row = Subscription.objects.create(user=user, tier=tier, valid_from=start, valid_until=until)
    audit.record(
        "subscription.granted", actor=by, target=user, tier=tier, valid_from=_text(start), valid_until=_text(until)
    )
    return row


@transaction.atomic
def extend_subscription(subscription: Subscription, duration: timedelta, by: User | None) -> Subscription:
    """Extend a current or future subscription.

    Other subscriptions of the user that overlap the added period are shortened or deleted. Raise ``subscription_over``
    if the extended subscription has ended already or has no end.
    """
    now = _locked(subscription.user_id)
    row = Subscription.objects.filter(pk=subscription.pk, valid_until__gt=now).first()
    if row is None or row.valid_until is None:
        raise DomainError("subscription_over")
    until = row.valid_until + duration
    _clear_period(row.user, row.valid_until, until)
    row.valid_until = until
    row.save(update_fields=["valid_until"])
    audit.record("subscription.extended", actor=by, target=row.user, tier=row.tier, valid_until=_text(until))
    return row


@transaction.atomic
def revoke_subscription(subscription: Subscription, by: User | None) -> None:
    now = _locked(subscription.user_id)
    still = Q(valid_until__isnull=True) | Q(valid_until__gt=now)
    row = Subscription.objects.filter(still, pk=subscription.pk).first()
    if row is None:
        raise DomainError("subscription_over")
    _end(row, now)
    audit.record("subscription.revoked", actor=by, target=row.user, tier=row.tier)


def purge() -> int:
    return tickets.purge() + jwt.purge() + confirmation.purge()


def database_now(user: User) -> datetime:
    now: datetime = User.objects.filter(pk=user.pk).values_list(Now(), flat=True).get()
    return now


def _locked(user_id: UUID) -> datetime:
    rows = User.objects.select_for_update(no_key=True).filter(pk=user_id).annotate(database_now=Now())
    now: datetime = rows.values_list("database_now", flat=True).get()
    return now


def _clear_period(user: User, start: datetime, until: datetime | None) -> None:
    rows = Subscription.objects.filter(user=user).filter(Q(valid_until__isnull=True) | Q(valid_until__gt=start))
    for row in rows.filter(valid_from__lt=until) if until else rows:
        if row.valid_from < start:
            _end(row, start)
        elif until is None or (row.valid_until is not None and row.valid_until <= until):
            row.delete()
        else:
            row.valid_from = until
            row.save(update_fields=["valid_from"])


def _end(row: Subscription, when: datetime) -> None:
    if row.valid_from >= when:
        row.delete()
    else:
        row.valid_until = when
        row.save(update_fields=["valid_until"])


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
