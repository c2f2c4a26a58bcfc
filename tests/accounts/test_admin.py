"""The admin: each role's pages, what admins do with users, subscriptions and tokens, and what it leaves behind."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Group, Permission
from django.test import Client

from tests.contract.places import browser
from tests.support.api import Api
from tests.support.factories import PASSWORD, make_key, make_user
from vodplatform.accounts import services
from vodplatform.accounts.models import ApiToken, Role, Subscription, User
from vodplatform.accounts.plans import tier_of
from vodplatform.core.models import AuditEntry
from vodplatform.site.account_deletion import delete_requested

pytestmark = pytest.mark.django_db
USERS, TOKENS, SUBSCRIPTIONS = (
    f"/admin/accounts/{name}/" for name in ("user", "apitoken", "subscription")
)  # fmt: skip


@pytest.fixture
def staff(admin_person: User) -> Client:
    return browser(admin_person)


def act(client: Client, address: str, action: str, *rows: Any) -> Any:
    return client.post(address, {"action": action, "_selected_action": [str(row.pk) for row in rows]}, follow=True)


class TestWhoSeesWhat:
    """Which role gets which page: tests/contract/test_admin_roles.py."""

    @pytest.mark.parametrize(("role", "sees"), [(Role.ADMIN, True), (Role.MODERATOR, False)])
    def test_the_sidebar_shows_what_one_may_open(self, role: str, sees: bool) -> None:
        page = browser(make_user(role=role)).get("/admin/").content.decode()
        for model in ("cataloguevideo", "videoreport"):
            assert f'href="/admin/editorial/{model}/"' in page
        others = [f"/admin/{model}/" for model in ("base/auditentry", "catalog/video", "jobs/job", "uploads/upload")]
        for address in (USERS, TOKENS, SUBSCRIPTIONS, *others):
            assert (f'href="{address}"' in page) is sees
        assert 'href="/compare"' in page

    def test_nothing_comes_from_elsewhere_and_every_link_of_the_sidebar_leads_somewhere(self, staff: Client) -> None:
        for address in ("/admin/", USERS):
            page = staff.get(address).content.decode()
            assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*", page)
        for section in django_settings.UNFOLD["SIDEBAR"]["navigation"]:
            for item in section["items"]:
                assert staff.get(str(item["link"])).status_code == 200, item


class TestPermissions:
    """They follow from the role; a row that somebody left grants nothing."""

    def grant_everything(self, user: User) -> None:
        group = Group.objects.create(name="all")
        group.permissions.set(Permission.objects.all())
        user.groups.add(group)
        user.user_permissions.set(Permission.objects.all())

    def test_admins_have_all(self, admin_person: User) -> None:
        assert admin_person.has_perm("accounts.delete_user")
        assert admin_person.has_module_perms("accounts")
        assert len(admin_person.get_all_permissions()) == Permission.objects.count()

    def test_moderators_have_exactly_theirs(self, moderator: User) -> None:
        self.grant_everything(moderator)
        assert moderator.get_all_permissions() == set(django_settings.MODERATOR_PERMISSIONS)
        rights = {"editorial.change_cataloguevideo": True, "editorial.delete_cataloguevideo": False,
                  "catalog.view_video": False, "accounts.view_user": False}  # fmt: skip
        assert {name: moderator.has_perm(name) for name in rights} == rights
        assert [moderator.has_module_perms(app) for app in ("editorial", "catalog", "accounts")] == [True, False, False]
        rows = Permission.objects.values_list("content_type__app_label", "codename")
        assert set(django_settings.MODERATOR_PERMISSIONS) <= {f"{app}.{name}" for app, name in rows}

    @pytest.mark.parametrize(("role", "is_active"), [("user", True), *((role, False) for role in Role.values)])
    def test_users_and_the_inactive_have_none(self, role: str, is_active: bool) -> None:
        user = make_user(role=role, is_active=is_active)
        self.grant_everything(user)
        assert user.get_all_permissions() == set()
        assert not user.has_perm("editorial.view_cataloguevideo")
        assert not user.has_module_perms("editorial")


def form_of(user: User, **changes: Any) -> dict[str, Any]:
    """What the user's page sends back."""
    return {
        "username": user.username, "full_name": user.full_name, "avatar_url": "", "email": "", "role": user.role,
        "is_active": "on", "subscriptions-TOTAL_FORMS": 0, "subscriptions-INITIAL_FORMS": 0, **changes,
    }  # fmt: skip


class TestUsers:
    def test_a_role_is_changed_and_kept_and_flags_are_not_edited_by_hand(self, staff: Client, owner: User) -> None:
        permission = Permission.objects.first()
        assert permission
        flags = {"is_staff": "on", "is_superuser": "on", "user_permissions": [permission.pk]}
        response = staff.post(f"{USERS}{owner.pk}/change/", form_of(owner, role="moderator", **flags))
        assert response.status_code == 302, response.context["errors"]
        owner.refresh_from_db()
        assert (owner.role, owner.is_staff, owner.is_superuser) == ("moderator", True, False)
        assert owner.user_permissions.count() == 0
        entry = AuditEntry.objects.get(action="role.changed")
        assert (entry.actor_name, entry.target_id) == ("admin", str(owner.pk))
        assert entry.data == {"old": "user", "new": "moderator"}

    def test_an_account_is_made_unless_it_differs_by_case_alone(self, staff: Client, owner: User, other: User) -> None:
        words = "another good password"
        inline = {name: value for name, value in form_of(User()).items() if name.startswith("subscriptions-")}
        form = {"username": "ada", "usable_password": "true", "password1": words, "password2": words, **inline}
        response = staff.post(f"{USERS}add/", form)
        assert response.status_code == 302, response.context["errors"]
        assert User.objects.get(username="ada").check_password(words)
        assert AuditEntry.objects.filter(action="user.added", actor_name="admin").exists()
        response = staff.post(f"{USERS}{other.pk}/change/", form_of(other, username="OWNER"))
        assert response.status_code == 200
        assert "already exists" in response.content.decode()

    def test_one_goes_with_its_tokens_and_subscriptions(self, staff: Client, owner: User) -> None:
        services.grant_subscription(owner, "pro", None, None)
        make_key(owner)
        assert staff.post(f"{USERS}{owner.pk}/delete/", {"post": "yes"}).status_code == 302
        assert Client().login(username="owner", password=PASSWORD) is False
        assert delete_requested() == 1
        assert not User.objects.filter(pk=owner.pk).exists()
        assert AuditEntry.objects.filter(action="user.deleted", target_id=str(owner.pk)).count() == 2

    @pytest.mark.parametrize(("action", "tier"), [("grant_pro", "pro"), ("grant_enterprise", "enterprise")])
    def test_a_month_is_granted_to_many(self, staff: Client, owner: User, other: User, action: str, tier: str) -> None:
        act(staff, USERS, action, owner, other)
        for user in (owner, other):
            row = Subscription.objects.get(user=user)
            assert tier_of(user) == row.tier == tier
            assert row.valid_until is not None
            assert row.valid_until - row.valid_from == pytest.approx(timedelta(days=30), abs=timedelta(seconds=5))

    def test_the_list_shows_tiers_in_few_queries(self, staff: Client, django_assert_max_num_queries: Any) -> None:
        make_user("payer", tier="enterprise")
        for _ in range(30):
            make_user(tier="pro")
        with django_assert_max_num_queries(12):
            page = staff.get(USERS).content.decode()
        assert page.count(">pro<") + page.count("pro\n") >= 30
        assert "enterprise" in page


class TestSubscriptions:
    def test_adding_one_grants_it_unless_it_would_have_ended(self, staff: Client, owner: User) -> None:
        old = services.grant_subscription(owner, "enterprise", None, None)
        form = {"user": owner.pk, "tier": "pro", "valid_until_0": "2001-01-01", "valid_until_1": "00:00"}
        response = staff.post(f"{SUBSCRIPTIONS}add/", form)
        assert "must be in the future" in response.content.decode()
        assert tier_of(owner) == "enterprise"
        response = staff.post(f"{SUBSCRIPTIONS}add/", form | {"valid_until_0": "2999-01-01"})
        assert response.status_code == 302, response.context["errors"]
        old.refresh_from_db()
        assert tier_of(owner) == "pro"
        assert old.valid_until is not None
        assert AuditEntry.objects.filter(action="subscription.granted", actor_name="admin").count() == 1

    def test_one_is_extended_and_ended_by_actions(self, staff: Client, owner: User, other: User) -> None:
        until = services.database_now(owner) + timedelta(days=5)
        row = services.grant_subscription(owner, "pro", until, None)
        act(staff, SUBSCRIPTIONS, "extend_month", row)
        row.refresh_from_db()
        assert row.valid_until == until + timedelta(days=30)
        act(staff, SUBSCRIPTIONS, "end_now", row)
        assert tier_of(owner) == "free"
        done = AuditEntry.objects.filter(actor_name="admin").order_by("id").values_list("action", flat=True)
        assert list(done) == ["subscription.extended", "subscription.revoked"]
        endless = services.grant_subscription(other, "pro", None, None)
        assert "no end date to change" in act(staff, SUBSCRIPTIONS, "extend_month", endless).content.decode()

    def test_the_users_page_shows_it_and_changes_nothing(self, staff: Client, owner: User) -> None:
        row = services.grant_subscription(owner, "pro", None, None)
        assert "pro" in staff.get(f"{USERS}{owner.pk}/change/").content.decode()
        forged = {"subscriptions-TOTAL_FORMS": 1, "subscriptions-INITIAL_FORMS": 1, "subscriptions-0-id": row.pk,
                  "subscriptions-0-tier": "enterprise", "subscriptions-0-user": owner.pk}  # fmt: skip
        staff.post(f"{USERS}{owner.pk}/change/", form_of(owner, **forged))
        assert tier_of(owner) == "pro"


class TestTokens:
    def test_they_are_revoked_at_once_and_that_is_kept(self, staff: Client, owner: User) -> None:
        row, key = ApiToken.issue(owner, name="laptop")
        act(staff, TOKENS, "revoke", row)
        assert Api(key).get("/api/v1/me").status_code == 401
        entry = AuditEntry.objects.get(action="token.revoked")
        assert (entry.actor_name, entry.target_name) == ("admin", "laptop of owner")

    def test_their_keys_are_nowhere(self, staff: Client, owner: User) -> None:
        row, key = ApiToken.issue(owner)
        for address in (TOKENS, f"{TOKENS}{row.pk}/change/"):
            page = staff.get(address).content.decode()
            assert key not in page
            assert row.digest not in page


def test_the_corner_warns_in_production(staff: Client, settings: Any) -> None:
    assert "this machine" in staff.get("/admin/").content.decode()
    settings.ENVIRONMENT = "production"
    assert "production" in staff.get("/admin/").content.decode()
