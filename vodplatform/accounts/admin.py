"""Admin pages of users, subscriptions and tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import CharField, OuterRef, QuerySet, Subquery, URLField, Value
from django.db.models.functions import Coalesce
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminURLInputWidget

from vodplatform.accounts import services
from vodplatform.accounts.jwt import PACKAGE_MODELS
from vodplatform.accounts.models import ApiToken, Subscription, Tier, User
from vodplatform.core.admin import AuditedModelAdmin
from vodplatform.core.errors import DomainError
from vodplatform.core.formatting import counted
from vodplatform.core.records import audit

MONTH = timedelta(days=30)

admin.site.unregister(Group)
for _model in PACKAGE_MODELS:  # the JWT package's tables; admins must not change them
    admin.site.unregister(_model)


def environment(request: HttpRequest) -> list[str]:
    return [settings.ENVIRONMENT, "danger" if settings.ENVIRONMENT == "production" else "info"]


def request_user(request: HttpRequest) -> User:
    return cast(User, request.user)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, AuditedModelAdmin):
    fields = ["name"]
    filter_horizontal = ()


class SubscriptionInline(TabularInline):
    model = Subscription
    extra = 0
    can_delete = False
    fields = ["tier", "valid_from", "valid_until", "created_at"]
    readonly_fields = ["tier", "valid_from", "valid_until", "created_at"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(DjangoUserAdmin, AuditedModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "full_name", "role", "tier", "is_active", "last_login"]
    list_filter = ["role", "is_active", "groups"]
    search_fields = ["username", "full_name", "email"]
    filter_horizontal = ["groups"]
    formfield_overrides = {  # type: ignore[assignment]
        URLField: {"assume_scheme": "https", "widget": UnfoldAdminURLInputWidget}
    }
    inlines = [SubscriptionInline]
    # avatar_url is read-only, because it may be the path of a stored picture, which a URL field would refuse.
    readonly_fields = ["avatar_url", "is_staff", "is_superuser", "last_login", "date_joined"]
    actions = ["grant_pro", "grant_enterprise"]
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("full_name", "avatar_url", "email")}),
        ("Rights", {"fields": ("role", "is_active", "is_staff", "is_superuser", "groups")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        current = Subscription.objects.current().filter(user=OuterRef("pk")).order_by("-valid_from", "-id")
        tier = Coalesce(Subquery(current.values("tier")[:1]), Value(Tier.FREE.value), output_field=CharField())
        rows: QuerySet[User] = super().get_queryset(request)
        return rows.annotate(present_tier=tier)

    @admin.display(description="tier", ordering="present_tier")
    def tier(self, user: User) -> str:
        return str(user.present_tier)  # type: ignore[attr-defined]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Allow deletion of an account even if its related rows are read-only in the admin."""
        found, counts, _, protected = super().get_deleted_objects(objs, request)
        return found, counts, set(), protected

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        try:
            services.request_deletion(obj, by=request_user(request))
        except DomainError as exc:
            self.message_user(request, exc.message, messages.ERROR)
            return
        self.message_user(request, "The account is disabled. It will be deleted with its data within about an hour.")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            self.delete_model(request, user)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if obj.is_active:
            obj.deletion_requested_at = None
        super().save_model(request, obj, form, change)
        if change and "role" in form.changed_data:
            audit.record("role.changed", actor=request.user, target=obj, old=form.initial["role"], new=obj.role)

    @admin.action(description="Grant the Pro plan for 30 days", permissions=["change"])
    def grant_pro(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._grant(request, queryset, Tier.PRO)

    @admin.action(description="Grant the Enterprise plan for 30 days", permissions=["change"])
    def grant_enterprise(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._grant(request, queryset, Tier.ENTERPRISE)

    def _grant(self, request: HttpRequest, queryset: QuerySet[User], tier: Tier) -> None:
        for user in queryset:
            services.grant_subscription(user, tier, services.database_now(user) + MONTH, request_user(request))
        self.message_user(request, f"Granted the {tier.label} plan for 30 days to {counted(len(queryset), 'user')}.")


class SubscriptionForm(ModelForm):
    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        user, until = data.get("user"), data.get("valid_until")
        if user and until and until <= services.database_now(user):
            raise ValidationError({"valid_until": "The end of a subscription must be in the future."})
        return data


@admin.register(Subscription)
class SubscriptionAdmin(AuditedModelAdmin):
    """Admin page of subscriptions. Adding a row grants a subscription; afterwards only admin actions change the row."""

    form = SubscriptionForm
    list_display = ["user", "tier", "valid_from", "valid_until", "created_at"]
    list_filter = ["tier"]
    search_fields = ["user__username"]
    list_select_related = ["user"]
    date_hierarchy = "valid_from"
    autocomplete_fields = ["user"]
    actions = ["extend_month", "end_now"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (
            ["user", "tier", "valid_until"]
            if obj is None
            else ["user", "tier", "valid_from", "valid_until", "created_at"]
        )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        row = services.grant_subscription(obj.user, obj.tier, obj.valid_until, request_user(request))
        obj.pk, obj.valid_from, obj.created_at = row.pk, row.valid_from, row.created_at
        obj._state.adding = False

    @admin.action(description="Extend by 30 days", permissions=["add"])
    def extend_month(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        self._each(
            request, queryset, lambda row: services.extend_subscription(row, MONTH, request_user(request)), "extended"
        )

    @admin.action(description="End now", permissions=["add"])
    def end_now(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        self._each(request, queryset, lambda row: services.revoke_subscription(row, request_user(request)), "ended")

    def _each(self, request: HttpRequest, queryset: QuerySet[Subscription], change: Any, done: str) -> None:
        count = 0
        for row in queryset.select_related("user"):
            try:
                change(row)
                count += 1
            except DomainError as exc:
                self.message_user(request, f"{row}: {exc.message}", messages.WARNING)
        self.message_user(request, f"{count} subscriptions {done}.")


@admin.register(ApiToken)
class ApiTokenAdmin(AuditedModelAdmin):
    list_display = ["name", "user", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"]
    search_fields = ["name", "user__username"]
    list_select_related = ["user"]
    fields = ["user", "name", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"]
    actions = ["revoke"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description="Revoke", permissions=["delete"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        count = services.revoke_tokens(queryset.select_related("user"), by=request_user(request))
        self.message_user(request, f"{counted(count, 'token')} revoked.")
