from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, Permission
from django.db.models import Model

from vodplatform.accounts.models import Role, User


class RoleBackend(ModelBackend):
    """Backend that gives admins all permissions, and moderators ``settings.MODERATOR_PERMISSIONS``.

    Permissions in the database are ignored; groups only grant access to library folders.
    """

    def get_user_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        return permissions_of(user_obj) if obj is None else set()

    def get_group_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        return set()

    def get_all_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        return self.get_user_permissions(user_obj, obj)

    def has_perm(self, user_obj: Any, perm: str, obj: Model | None = None) -> bool:
        # Permissions do not depend on the object. The queryset decides which objects a user sees.
        return isinstance(user_obj, User) and (user_obj.is_admin or perm in permissions_of(user_obj))

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        if not isinstance(user_obj, User):
            return False
        return user_obj.is_admin or any(name.startswith(f"{app_label}.") for name in permissions_of(user_obj))


def permissions_of(user: User | AnonymousUser) -> set[str]:
    if not isinstance(user, User) or not user.is_active:
        return set()
    if user.is_admin:
        rows = Permission.objects.values_list("content_type__app_label", "codename").order_by()
        return {f"{app}.{name}" for app, name in rows}
    return set(settings.MODERATOR_PERMISSIONS) if user.role == Role.MODERATOR else set()
