"""Limits: from the subscription that is valid by the database's clock, for one user and for many in one query."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db.models.functions import Now

from tests.support.factories import make_user
from vodplatform.accounts import services
from vodplatform.accounts.models import Subscription, User
from vodplatform.accounts.plans import limits_of, limits_of_many, plan_of, tier_of, tiers_of_many

pytestmark = [pytest.mark.both, pytest.mark.django_db]
DAY = timedelta(days=1)


def period(user: User, tier: str, begins: int, ends: int | None) -> Subscription:
    """A row as it stands, in days from now, by the database's clock."""
    until = None if ends is None else Now() + ends * DAY
    return Subscription.objects.create(user=user, tier=tier, valid_from=Now() + begins * DAY, valid_until=until)


@pytest.mark.parametrize(
    ("begins", "ends", "tier"),
    [(-10, None, "pro"), (-10, 10, "pro"), (-10, -1, "free"), (1, 10, "free"), (1, None, "free")],
)
def test_a_subscription_counts_within_its_period(owner: User, begins: int, ends: int | None, tier: str) -> None:
    period(owner, "pro", begins, ends)
    assert tier_of(owner) == tier
    assert limits_of(owner) == django_settings.TIER_LIMITS[tier]


def test_a_user_of_many_has_the_limits_of_its_own_tier(django_assert_num_queries: Any) -> None:
    people = {tier: make_user(tier=tier) for tier in ("pro", "enterprise")} | {"free": make_user()}
    with django_assert_num_queries(1):
        found = limits_of_many([user.pk for user in people.values()])
    assert found == {user.pk: django_settings.TIER_LIMITS[tier] for tier, user in people.items()}


def test_changing_the_limits_of_one_does_not_change_the_tier() -> None:
    user = make_user()
    limits_of(user)["max_concurrent_jobs"] = 99
    assert limits_of(user)["max_concurrent_jobs"] == 2
    assert limits_of_many([]) == {}


class TestPlan:
    def test_without_a_present_subscription_it_is_free_and_without_an_end_it_has_no_next(self, owner: User) -> None:
        period(make_user(), "pro", 1, None)
        make_user(tier="enterprise")
        assert tiers_of_many([owner.pk]) == {owner.pk: "free"}
        assert plan_of(owner) == {"tier": "free", "valid_until": None, "next_tier": None}
        row = period(owner, "pro", 1, None)
        assert plan_of(owner)["tier"] == "free"
        row.delete()
        services.grant_subscription(owner, "pro", None, None)
        assert plan_of(owner) == {"tier": "pro", "valid_until": None, "next_tier": None}

    @pytest.mark.parametrize(("gap", "following"), [(None, "free"), (0, "enterprise"), (1, "free")])
    def test_what_begins_as_it_ends_is_next_or_free(self, owner: User, gap: int | None, following: str) -> None:
        until = services.database_now(owner) + 30 * DAY
        services.grant_subscription(owner, "pro", until, None)
        if gap is not None:
            services.grant_subscription(owner, "enterprise", None, None, begins=until + gap * DAY)
        assert plan_of(owner) == {"tier": "pro", "valid_until": until, "next_tier": following}
