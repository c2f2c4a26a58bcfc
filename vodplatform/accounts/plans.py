"""Tiers and limits of users, computed from subscriptions."""

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
    return dict(settings.TIER_LIMITS[tier])


def tiers_of_many(user_ids: Iterable[UUID]) -> dict[UUID, str]:
    tiers: dict[UUID, str] = dict.fromkeys(user_ids, Tier.FREE.value)
    rows = Subscription.objects.current().filter(user__in=list(tiers)).order_by("valid_from", "id")
    tiers.update(rows.values_list("user_id", "tier"))
    return tiers


def limits_of_many(user_ids: Iterable[UUID]) -> dict[UUID, Limits]:
    return {user_id: limits_of_tier(tier) for user_id, tier in tiers_of_many(user_ids).items()}


def tier_of(user: User) -> str:
    return tiers_of_many([user.pk])[user.pk]


def limits_of(user: User) -> Limits:
    return limits_of_many([user.pk])[user.pk]


class Plan(TypedDict):
    """A user's current tier, when it ends, and the next tier. Without an end, the last two are None."""

    tier: str
    valid_until: datetime | None
    next_tier: str | None


def plan_of(user: User) -> Plan:
    rows = Subscription.objects.filter(user=user).filter(Q(valid_until__isnull=True) | Q(valid_until__gt=Now()))
    periods = list(rows.annotate(has_begun=Q(valid_from__lte=Now())).order_by("valid_from", "id"))
    begun = [row for row in periods if row.has_begun]  # type: ignore[attr-defined]
    present = begun[-1] if begun else None
    if present is None:
        return Plan(tier=Tier.FREE.value, valid_until=None, next_tier=None)
    following = (row.tier for row in periods if row.valid_from == present.valid_until)
    next_tier = next(following, Tier.FREE.value) if present.valid_until else None
    return Plan(tier=present.tier, valid_until=present.valid_until, next_tier=next_tier)
