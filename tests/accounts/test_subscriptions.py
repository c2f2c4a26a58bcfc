"""Subscriptions: granted, extended and revoked; no two of a user's periods overlap, and rows are the history."""

from datetime import datetime, timedelta
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.extra.django import TestCase

from tests.support.factories import make_user
from tests.support.together import at_once
from vodplatform.accounts import services
from vodplatform.accounts.models import Subscription, User
from vodplatform.accounts.plans import tier_of
from vodplatform.core.errors import DomainError
from vodplatform.core.models import AuditEntry

pytestmark = [pytest.mark.both, pytest.mark.django_db]
DAY = timedelta(days=1)


@pytest.fixture
def now(owner: User) -> datetime:
    return services.database_now(owner)


def periods(user: User) -> list[tuple[str, datetime, datetime | None]]:
    rows = Subscription.objects.filter(user=user).order_by("valid_from")
    return list(rows.values_list("tier", "valid_from", "valid_until"))


class TestGranting:
    def test_the_present_one_becomes_history(self, owner: User, other: User, admin_person: User, now: datetime) -> None:
        services.grant_subscription(other, "pro", None, None)
        first = services.grant_subscription(owner, "enterprise", None, admin_person)
        entry = AuditEntry.objects.get(action="subscription.granted", target_id=str(owner.pk))
        assert (entry.actor_name, entry.data["tier"]) == ("admin", "enterprise")
        second = services.grant_subscription(owner, "pro", now + 30 * DAY, None)
        first.refresh_from_db()
        assert first.valid_until == second.valid_from
        assert (tier_of(owner), tier_of(other)) == ("pro", "pro")
        assert [tier for tier, _, _ in periods(owner)] == ["enterprise", "pro"]

    @pytest.mark.parametrize(("ends", "left"), [(10, (10, 30)), (20, (20, 30)), (40, None)])
    def test_a_longer_one_follows(self, owner: User, now: datetime, ends: int, left: tuple[int, int] | None) -> None:
        services.grant_subscription(owner, "pro", now + 30 * DAY, None, begins=now + 10 * DAY)
        services.grant_subscription(owner, "enterprise", now + ends * DAY, None)
        rest = [("pro", now + left[0] * DAY, now + left[1] * DAY)] if left else []
        first, *others = periods(owner)
        assert (first[0], first[2], others) == ("enterprise", now + ends * DAY, rest)

    @pytest.mark.parametrize("days", [0, -1])
    def test_one_that_would_end_before_it_begins_is_refused(self, owner: User, now: datetime, days: int) -> None:
        services.grant_subscription(owner, "pro", None, None)
        with pytest.raises(DomainError):
            services.grant_subscription(owner, "enterprise", now + days * DAY, None)
        assert tier_of(owner) == "pro"


class TestExtending:
    def test_it_moves_the_end_and_the_next_one_begins_later(self, owner: User, now: datetime) -> None:
        row = services.grant_subscription(owner, "pro", now + 5 * DAY, None)
        following = services.grant_subscription(owner, "enterprise", None, None, begins=now + 5 * DAY)
        assert services.extend_subscription(row, 30 * DAY, None).valid_until == now + 35 * DAY
        following.refresh_from_db()
        assert following.valid_from == now + 35 * DAY
        assert AuditEntry.objects.filter(action="subscription.extended").exists()

    def test_one_that_is_over_or_has_no_end_is_refused(self, owner: User, other: User, now: datetime) -> None:
        over = Subscription.objects.create(user=owner, tier="pro", valid_from=now - 9 * DAY, valid_until=now - DAY)
        for row in (over, services.grant_subscription(other, "pro", None, None)):
            with pytest.raises(DomainError, match="ended"):
                services.extend_subscription(row, DAY, None)
        with pytest.raises(DomainError, match="ended"):
            services.revoke_subscription(over, None)


class TestRevoking:
    def test_it_ends_now_and_stays_as_history(self, owner: User) -> None:
        row = Subscription.objects.create(user=owner, tier="pro", valid_from=services.database_now(owner) - DAY)
        services.revoke_subscription(row, None)
        assert tier_of(owner) == "free"
        row.refresh_from_db()
        assert row.valid_until is not None
        assert AuditEntry.objects.filter(action="subscription.revoked", target_id=str(owner.pk)).exists()

    def test_one_that_has_not_begun_goes_and_one_granted_a_moment_ago_ends(self, owner: User, now: datetime) -> None:
        services.revoke_subscription(services.grant_subscription(owner, "pro", None, None, begins=now + DAY), None)
        assert periods(owner) == []
        services.revoke_subscription(services.grant_subscription(owner, "pro", None, None), None)
        assert tier_of(owner) == "free"


class TestAnyOrder(TestCase):
    """Whatever is granted in whatever order, periods never overlap and the last grant holds where it reaches."""

    @settings(max_examples=40)
    @given(
        st.lists(
            st.tuples(st.sampled_from(["pro", "enterprise"]), st.integers(0, 20), st.none() | st.integers(1, 20)),
            min_size=1,
            max_size=6,
        )
    )
    def test_periods_never_overlap(self, grants: list[tuple[str, int, int | None]]) -> None:
        user = make_user()
        now = services.database_now(user)
        for tier, begins, length in grants:
            until = None if length is None else now + (begins + length) * DAY
            last = services.grant_subscription(user, tier, until, None, begins=now + begins * DAY)
        found = periods(user)
        for (_, _, until), (_, begins, _) in pairwise(found):
            self.assertIsNotNone(until)
            self.assertLessEqual(until, begins)
        self.assertIn((last.tier, last.valid_from, last.valid_until), found)


@pytest.mark.django_db(transaction=True)
def test_grants_at_once_leave_one_present_period(owner: User) -> None:
    tiers = ("pro", "enterprise") * 4
    at_once(*(lambda tier=tier: services.grant_subscription(owner, tier, None, None) for tier in tiers))  # type: ignore[misc]
    assert Subscription.objects.current().filter(user=owner).count() == 1
