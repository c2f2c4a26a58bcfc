"""Who there is: users with a role, what they have subscribed to, and the tokens their programs carry."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone


class Role(models.TextChoices):
    """What a user may do in the catalogue and in moderation; private libraries do not depend on it."""

    ADMIN = "admin"
    MODERATOR = "moderator"
    USER = "user"


class Tier(models.TextChoices):
    """What a user has paid for; the limits of each stand in ``settings.TIER_LIMITS``."""

    FREE = "free"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class Scope(models.TextChoices):
    """What a token may do: ``admin`` needs an admin's token, ``write`` includes every change."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class UserManager(DjangoUserManager["User"]):
    """Makes a superuser an admin too, so that ``createsuperuser`` gives what its name says."""

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **extra: Any
    ) -> User:
        return super().create_superuser(username, email, password, **{"role": Role.ADMIN, **extra})


class User(AbstractUser):
    """A person. Role, staff flag and superuser flag agree: see :meth:`save`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    role = models.CharField(max_length=16, choices=Role, default=Role.USER)

    without_admin_scope = False  # set on the object that a token signs in

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        ordering = ["username"]
        constraints = [models.CheckConstraint(condition=Q(role__in=Role.values), name="user_role_known")]

    @property
    def is_admin(self) -> bool:
        """Whether this user may do everything; not through a token without the scope ``admin``."""
        return self.is_active and self.role == Role.ADMIN and not self.without_admin_scope

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Admins are superusers and staff, moderators are staff; nobody else is either, whatever they were before."""
        self.is_superuser = self.role == Role.ADMIN
        self.is_staff = self.role in (Role.ADMIN, Role.MODERATOR)
        super().save(*args, **kwargs)

    @property
    def tier(self) -> str:
        """The tier of the subscription that is valid now; ``free`` without one."""
        now = timezone.now()
        row = (
            self.subscriptions.filter(valid_from__lte=now)
            .filter(Q(valid_until__isnull=True) | Q(valid_until__gt=now))
            .order_by("-valid_from", "-id")
            .first()
        )
        return row.tier if row else Tier.FREE

    @property
    def limits(self) -> dict[str, int]:
        """max_segments, max_upload_bytes, max_storage_bytes, max_concurrent_jobs of the present tier."""
        return dict(settings.TIER_LIMITS[self.tier])


class Subscription(models.Model):
    """A tier for a period; an expired one counts as ``free``."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="subscriptions")
    tier = models.CharField(max_length=16, choices=Tier)
    valid_from = models.DateTimeField(default=timezone.now)
    valid_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(tier__in=Tier.values), name="subscription_tier_known"),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=models.F("valid_from")),
                name="subscription_period_forwards",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tier} for {self.user}"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def valid(self) -> ApiTokenQuerySet:
        """Neither revoked nor expired, of a user who may sign in."""
        return self.filter(revoked_at__isnull=True, user__is_active=True).filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
        )


class ApiToken(models.Model):
    """A key that a program carries. Only its SHA-256 is kept: the key has 256 bits, so no slow hash is needed."""

    PREFIX = "vod_"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, default="token")
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"

    @staticmethod
    def digest_of(key: str) -> str:
        """The hex SHA-256 under which a key is kept."""
        return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()

    @classmethod
    def issue(
        cls, user: User, *, name: str = "token", scopes: list[str] | None = None, lifetime: timedelta | None = None
    ) -> tuple[ApiToken, str]:
        """Make a token; returns the row and the key, which is shown this once and cannot be had again."""
        key = cls.PREFIX + secrets.token_urlsafe(32)
        default = Scope.values if user.is_admin else [Scope.READ.value, Scope.WRITE.value]
        row = cls.objects.create(
            user=user,
            name=name,
            digest=cls.digest_of(key),
            scopes=scopes if scopes is not None else default,
            expires_at=timezone.now() + lifetime if lifetime else None,
        )
        return row, key
