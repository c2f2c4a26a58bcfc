"""What a user's tier allows: the one place that turns subscriptions into limits. It enforces none."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from vodplatform.accounts.models import Subscription, Tier, User

Limits = dict[str, int]


def limits_of_tier(tier: str) -> Limits:
    """max_segments, max_upload_bytes, max_storage_bytes, max_concurrent_jobs, max_sessions,
    max_video_gigapixels of a tier.
    """
    return dict(settings.TIER_LIMITS[tier])


def tiers_of_many(user_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The present tier of each user, by the database's clock, in one query; ``free`` without a subscription."""
    tiers: dict[UUID, str] = dict.fromkeys(user_ids, Tier.FREE.value)
    rows = Subscription.objects.current().filter(user__in=list(tiers)).order_by("valid_from", "id")
    # Where two periods overlap, which services do not make, the one that began last holds.
    tiers.update(rows.values_list("user_id", "tier"))
    return tiers


def limits_of_many(user_ids: Iterable[UUID]) -> dict[UUID, Limits]:
    """The present limits of each user, in one query."""
    return {user_id: limits_of_tier(tier) for user_id, tier in tiers_of_many(user_ids).items()}


def tier_of(user: User) -> str:
    """The tier of the subscription that is valid now; ``free`` without one."""
    return tiers_of_many([user.pk])[user.pk]


def limits_of(user: User) -> Limits:
    """The present limits of one user."""
    return limits_of_many([user.pk])[user.pk]


class Plan(TypedDict):
    """The present tier, when it ends (None: never), and which tier comes then (None: none does)."""

    tier: str
    valid_until: datetime | None
    next_tier: str | None


def plan_of(user: User) -> Plan:
    """The user's plan as it stands now, by the database's clock."""
    rows = Subscription.objects.filter(user=user).filter(Q(valid_until__isnull=True) | Q(valid_until__gt=Now()))
    periods = list(rows.annotate(has_begun=Q(valid_from__lte=Now())).order_by("valid_from", "id"))
    begun = [row for row in periods if row.has_begun]  # type: ignore[attr-defined]
    present = begun[-1] if begun else None
    if present is None:
        return Plan(tier=Tier.FREE.value, valid_until=None, next_tier=None)
    following = (row.tier for row in periods if row.valid_from == present.valid_until)
    next_tier = next(following, Tier.FREE.value) if present.valid_until else None
    return Plan(tier=present.tier, valid_until=present.valid_until, next_tier=next_tier)
