"""Users, their subscriptions, tokens, sessions and pending sign-ups."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
import uuid
from collections.abc import Iterable
from datetime import timedelta
from importlib import import_module
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.contrib.sessions.base_session import AbstractBaseSession
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.db.models.functions import Now

from vodplatform.accounts import names
from vodplatform.core.records.database import lock_until_commit, release_connection

# characters that change the reading direction
TURNING_SIGNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
USERNAME_KEY_LENGTH = 450


class Role(models.TextChoices):
    """Role of a user. Moderators have more rights in the catalogue and decide about reports; admins have all rights."""

    ADMIN = "admin"
    MODERATOR = "moderator"
    USER = "user"


class Tier(models.TextChoices):
    """Plan of a user. Its limits are in ``settings.TIER_LIMITS``."""

    FREE = "free"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class Scope(models.TextChoices):
    """Rights of a token. ``write`` includes ``read``; ``admin`` includes both. Only admins' tokens have ``admin``."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


SCOPE_ORDER = [Scope.READ, Scope.WRITE, Scope.ADMIN]


def includes_scope(held: Iterable[str], scope: str) -> bool:
    return any(SCOPE_ORDER.index(Scope(own)) >= SCOPE_ORDER.index(Scope(scope)) for own in held if own in Scope.values)


class UserManager(DjangoUserManager["User"]):
    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **extra: Any
    ) -> User:
        return super().create_superuser(username, email, password, **{"role": Role.ADMIN, **extra})


def plain_text(value: str) -> None:
    """Raise ValidationError for control characters and characters that change the reading direction."""
    if any(unicodedata.category(sign) == "Cc" or sign in TURNING_SIGNS for sign in value):
        raise ValidationError("Control characters are not allowed.", code="control_characters")


def username_key(username: str) -> str:
    """Return the unique key of a user name. Names that differ only in case or Unicode form have the same key."""
    # Cut the name first: normalising combining marks takes quadratic time.
    folded = unicodedata.normalize("NFKC", username[:USERNAME_KEY_LENGTH]).casefold()
    return unicodedata.normalize("NFKC", folded)[:USERNAME_KEY_LENGTH]


NAMES_LOCK = 0x766F67  # key of the advisory lock for the creation of accounts
# {field: fields that :meth:`User.save` computes from this field and adds to ``update_fields``}
DERIVED_FIELDS = {"role": ("is_superuser", "is_staff"), "username": ("username_key", "username_skeleton")}


class User(AbstractUser):
    """A user account. :meth:`save` derives Django's staff and superuser flags from the role."""

    # `full_name` replaces these fields of AbstractUser.
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # The full name of an old account is its former first and last name, each of up to 150 characters, with a space.
    full_name = models.CharField(max_length=301, blank=True, default="", validators=[plain_text])
    # URL of an external picture, or URL path of the user's :class:`ProfilePicture`.
    avatar_url = models.URLField(
        max_length=500, blank=True, default="", validators=[URLValidator(schemes=["http", "https"])]
    )
    role = models.CharField(max_length=16, choices=Role, default=Role.USER)
    username_key = models.CharField(max_length=500, unique=True, editable=False)
    # Not unique: older accounts may have look-alike names, which have equal skeletons.
    username_skeleton = models.CharField(max_length=500, db_default="", db_index=True, editable=False)

    # Time when the user or an operator asked to delete the account. The hourly cleanup deletes it if it is disabled.
    deletion_requested_at = models.DateTimeField(null=True, blank=True, editable=False)

    # The page of jobs hides finished jobs that ended at or before `jobs_cleared_at`. Notifications omit jobs that ended
    # at or before `jobs_seen_at`.
    jobs_cleared_at = models.DateTimeField(null=True, blank=True, editable=False)
    jobs_seen_at = models.DateTimeField(null=True, blank=True, editable=False)

    without_admin_scope = False  # whether the user signed in by a token without the scope ``admin``
    may_have_reserved_name = False  # True if an operator chooses the name: operators may use reserved names

    objects: ClassVar[UserManager] = UserManager()

    def check_password(self, raw_password: str | None) -> bool:
        release_connection()  # hashing takes long
        return super().check_password(raw_password)

    def set_password(self, raw_password: str | None) -> None:
        release_connection()
        super().set_password(raw_password)

    class Meta:
        ordering = ["username"]
        constraints = [models.CheckConstraint(condition=Q(role__in=Role.values), name="user_role_known")]

    @property
    def is_admin(self) -> bool:
        return self.is_active and self.role == Role.ADMIN and not self.without_admin_scope

    @property
    def is_moderator(self) -> bool:
        return self.is_active and self.role in (Role.MODERATOR, Role.ADMIN)

    @property
    def own_picture(self) -> str:
        return self.avatar_url if self.avatar_url.startswith("/") else ""

    def get_full_name(self) -> str:
        return self.full_name

    def get_short_name(self) -> str:
        return self.full_name or self.username

    @property
    def shown_name(self) -> str:
        """Return the full name, followed by the user name, because full names are not unique."""
        has_other = self.full_name and self.full_name != self.username
        return f"{self.full_name} ({self.username})" if has_other else self.username

    def clean(self) -> None:
        super().clean()
        if not self.username or "\x00" in self.username:
            return
        if self._renew_key() or self._state.adding:
            self._check_new_name()

    def _check_new_name(self) -> None:
        others = User.objects.exclude(pk=self.pk)
        if others.filter(username_key=self.username_key).exists():
            raise ValidationError({"username": "A user with that username already exists."}, code="unique")
        if not names.ends_plainly(self.username):
            raise ValidationError({"username": "Begin and end the name with a letter or a digit."}, code="invalid")
        if names.is_reserved(self.username) and not self.may_have_reserved_name:
            raise ValidationError({"username": "This name is reserved. Choose another one."}, code="reserved")
        if others.filter(username_skeleton__in=names.skeletons(self.username)).exists():
            sentence = "This name is too similar to the name of another account. Choose another one."
            raise ValidationError({"username": sentence}, code="unique")
        if names.mixes_scripts(self.username):
            sentence = "Use letters and digits from only one alphabet, such as Latin letters."
            raise ValidationError({"username": sentence}, code="invalid")

    def _renew_key(self) -> bool:
        """Update username_key; return whether it changed. Ignore the suffix ``#…`` of some old keys."""
        key = username_key(self.username)
        if self.username_key.partition("#")[0] == key:
            return False
        self.username_key = key
        return True

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.is_superuser = self.role == Role.ADMIN
        self.is_staff = self.role in (Role.ADMIN, Role.MODERATOR)
        self._renew_key()
        self.username_skeleton = names.skeleton(self.username)
        if kwargs.get("update_fields") is not None:
            wanted = set(kwargs["update_fields"])
            kwargs["update_fields"] = wanted.union(*(DERIVED_FIELDS[name] for name in wanted & DERIVED_FIELDS.keys()))
        if not self._state.adding:
            return super().save(*args, **kwargs)
        with transaction.atomic():
            # Check again: another account may have taken a similar name since `clean`.
            lock_until_commit(NAMES_LOCK)
            if User.objects.filter(username_skeleton__in=names.skeletons(self.username)).exists():
                raise IntegrityError(f"{self.username!r} is too similar to the name of another account.")
            super().save(*args, **kwargs)


def default_scopes(user: User) -> list[str]:
    return list(Scope.values) if user.is_admin else [Scope.READ.value, Scope.WRITE.value]


class ProfilePicture(models.Model):
    """A user's profile picture, reduced in size, as JPEG or WebP."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="picture")
    content = models.BinaryField()
    mime_type = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"of {self.user_id}"


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def current(self) -> SubscriptionQuerySet:
        return self.filter(valid_from__lte=Now()).filter(Q(valid_until__isnull=True) | Q(valid_until__gt=Now()))


class Subscription(models.Model):
    """A subscription: a tier for a period. Users without a current subscription have the tier ``free``."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="subscriptions")
    tier = models.CharField(max_length=16, choices=Tier)
    valid_from = models.DateTimeField(db_default=Now())
    valid_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        ordering = ["-valid_from", "-id"]
        indexes = [models.Index(fields=["user", "valid_from"], name="subscription_user_from")]
        constraints = [
            models.CheckConstraint(condition=Q(tier__in=Tier.values), name="subscription_tier_known"),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=models.F("valid_from")),
                name="subscription_period_forwards",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tier} for {self.user}"


EXPIRES_SOON = timedelta(days=7)


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def valid(self) -> ApiTokenQuerySet:
        return self.filter(revoked_at__isnull=True, user__is_active=True).filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
        )

    def with_expiry_state(self) -> ApiTokenQuerySet:
        """Annotate ``is_expired`` and ``expires_soon`` (within a week), by the database's clock."""
        soon = Q(expires_at__gt=Now(), expires_at__lte=Now() + EXPIRES_SOON)
        return self.annotate(is_expired=Q(expires_at__lte=Now()), expires_soon=soon)


class ApiToken(models.Model):
    """An API token. Only its SHA-256 is stored; a slow hash is unnecessary for 256 random bits."""

    PREFIX = "vod_"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, default="token")
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"

    @staticmethod
    def digest_of(key: str) -> str:
        return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()

    @classmethod
    def issue(
        cls, user: User, *, name: str = "token", scopes: list[str] | None = None, lifetime: timedelta | None = None
    ) -> tuple[ApiToken, str]:
        key = cls.PREFIX + secrets.token_urlsafe(32)
        row = cls.objects.create(
            user=user,
            name=name,
            digest=cls.digest_of(key),
            scopes=scopes if scopes is not None else default_scopes(user),
            expires_at=Now() + lifetime if lifetime else None,
        )
        row.refresh_from_db()
        return row, key


class PendingSignUp(models.Model):
    """A sign-up that waits until the person opens the e-mailed link and enters the password again.

    Only the SHA-256 of the link's token is stored. The user name is not reserved meanwhile.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    username = models.CharField(max_length=150)
    full_name = models.CharField(max_length=150, blank=True)
    email = models.EmailField(db_index=True)
    password = models.CharField(max_length=128)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.username}, not confirmed"


class WsTicket(models.Model):
    """A ticket that opens one WebSocket within a minute. Only its SHA-256 is stored.

    ``kind`` and ``reference`` identify the credential that requested the ticket.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="ws_tickets")
    kind = models.CharField(max_length=16)
    reference = models.TextField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"a {self.kind}'s ticket of {self.user}"


class BrowserSession(AbstractBaseSession):
    """A browser session, also of visitors who are not signed in."""

    # Add no database constraint: with it, an older release, which may run on other hosts during an update and
    # does not know this table, could not delete users.
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, related_name="browser_sessions", db_constraint=False
    )

    def __str__(self) -> str:
        """Omit the session key, which the admin must not show."""
        return f"a browser of {self.user_id}" if self.user_id else "a browser"

    @classmethod
    def get_session_store_class(cls) -> Any:
        return import_module(settings.SESSION_ENGINE).SessionStore
