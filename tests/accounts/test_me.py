"""GET /api/v1/me: role, tier and limits."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from tests.support.api import Api, refused
from tests.support.factories import make_key, make_user
from vodplatform.accounts.models import Role, Subscription, User

pytestmark = pytest.mark.django_db
GIB = 1024**3
LIMITS = {
    "free": (0, GIB // 2, 5 * GIB, 2),
    "pro": (5, 5 * GIB, 100 * GIB, 4),
    "enterprise": (10, 20 * GIB, 1000 * GIB, 8),
}
NAMES = ("max_segments", "max_upload_bytes", "max_storage_bytes", "max_concurrent_jobs")


def me(user: User) -> dict:
    return Api(make_key(user)).get("/api/v1/me").json()


def test_it_says_who_is_signed_in(owner: User) -> None:
    owner.first_name, owner.last_name = "Ada", "Lovelace"
    owner.save()
    body = me(owner)
    assert (body["id"], body["username"], body["full_name"]) == (str(owner.pk), "owner", "Ada Lovelace")
    assert body["role"] == "user"


@pytest.mark.parametrize("tier", ["free", "pro", "enterprise"])
def test_the_tier_sets_the_limits(tier: str) -> None:
    body = me(make_user(tier="" if tier == "free" else tier))
    assert body["tier"] == tier
    assert tuple(body["limits"][name] for name in NAMES) == LIMITS[tier]


@pytest.mark.parametrize("role", Role.values)
def test_the_tier_binds_every_role(role: str) -> None:
    body = me(make_user(role=role))
    assert (body["role"], body["tier"]) == (role, "free")


@pytest.mark.parametrize(
    ("begins", "ends", "tier"),
    [(-10, None, "pro"), (-10, 10, "pro"), (-10, -1, "free"), (1, 10, "free"), (1, None, "free")],
)
def test_a_subscription_counts_within_its_period(owner: User, begins: int, ends: int | None, tier: str) -> None:
    now = timezone.now()
    Subscription.objects.create(
        user=owner, tier="pro", valid_from=now + timedelta(days=begins),
        valid_until=None if ends is None else now + timedelta(days=ends),
    )  # fmt: skip
    assert me(owner)["tier"] == tier


def test_the_latest_of_two_subscriptions_counts(owner: User) -> None:
    now = timezone.now()
    Subscription.objects.create(user=owner, tier="enterprise", valid_from=now - timedelta(days=9))
    Subscription.objects.create(user=owner, tier="pro", valid_from=now - timedelta(days=1))
    assert me(owner)["tier"] == "pro"


def test_a_period_cannot_end_before_it_begins(owner: User) -> None:
    now = timezone.now()
    with pytest.raises(DatabaseError), transaction.atomic():
        Subscription.objects.create(user=owner, tier="pro", valid_from=now, valid_until=now - timedelta(days=1))


def test_it_needs_a_sign_in(anonymous: Api) -> None:
    refused(anonymous.get("/api/v1/me"), 401, "unauthenticated")


class TestRoles:
    def test_admins_are_superusers_and_moderators_staff(self) -> None:
        for role, flags in (("admin", (True, True, True)), ("moderator", (True, False, False)), ("user", (False,) * 3)):
            user = make_user(role=role)
            assert (user.is_staff, user.is_superuser, user.is_admin) == flags

    def test_who_is_no_admin_any_more_is_no_superuser(self) -> None:
        user = make_user(role="admin")
        user.role = "user"
        user.save()
        assert (user.is_superuser, user.is_admin) == (False, False)

    def test_who_has_no_staff_role_any_more_is_no_staff(self) -> None:
        user = make_user(role="moderator")
        user.role = "user"
        user.save()
        user.refresh_from_db()
        assert user.is_staff is False

    def test_an_inactive_admin_is_none(self) -> None:
        assert make_user(role="admin", is_active=False).is_admin is False

    def test_the_database_knows_the_roles(self, owner: User) -> None:
        with pytest.raises(DatabaseError), transaction.atomic():
            User.objects.update(role="king")

    def test_createsuperuser_makes_an_admin(self) -> None:
        assert User.objects.create_superuser("root", password="secret words here").is_admin
