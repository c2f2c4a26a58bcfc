"""Who there is: users with a role, what they have subscribed to, and the tokens their programs carry."""

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
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from vodplatform.accounts import names

# Signs that turn the reading direction of what stands around them: a name with them can look like another.
TURNING_SIGNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
USERNAME_KEY_LENGTH = 450


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


SCOPE_ORDER = [Scope.READ, Scope.WRITE, Scope.ADMIN]


def includes(held: Iterable[str], scope: str) -> bool:
    """Whether scopes allow what ``scope`` names; ``write`` includes ``read``, ``admin`` includes both."""
    return any(SCOPE_ORDER.index(Scope(own)) >= SCOPE_ORDER.index(Scope(scope)) for own in held if own in Scope.values)


class UserManager(DjangoUserManager["User"]):
    """Makes a superuser an admin too, so that ``createsuperuser`` gives what its name says."""

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **extra: Any
    ) -> User:
        return super().create_superuser(username, email, password, **{"role": Role.ADMIN, **extra})


def plain_text(value: str) -> None:
    """Raise ValidationError for control characters and for signs that turn the reading direction."""
    if any(unicodedata.category(sign) == "Cc" or sign in TURNING_SIGNS for sign in value):
        raise ValidationError("Control characters are not allowed.", code="control_characters")


def username_key(username: str) -> str:
    """What two user names may not share: the name without its case and its ways of writing the same signs."""
    # Cut first: normalising takes time with the square of a run of combining marks.
    folded = unicodedata.normalize("NFKC", username[:USERNAME_KEY_LENGTH]).casefold()
    return unicodedata.normalize("NFKC", folded)[:USERNAME_KEY_LENGTH]


# What :meth:`User.save` writes along when only some fields are saved.
DERIVED_FIELDS = {"role": ("is_superuser", "is_staff"), "username": ("username_key", "username_skeleton")}


class User(AbstractUser):
    """A person. Role, staff flag and superuser flag agree: see :meth:`save`."""

    # One name as its owner writes it: not everybody has two, and not in that order.
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Two names of the former columns fit, with the space between; the API takes 150 characters.
    full_name = models.CharField(max_length=301, blank=True, default="", validators=[plain_text])
    # Of a picture somewhere else, or the address of the one that is kept here (:class:`ProfilePicture`).
    avatar_url = models.URLField(
        max_length=500, blank=True, default="", validators=[URLValidator(schemes=["http", "https"])]
    )
    role = models.CharField(max_length=16, choices=Role, default=Role.USER)
    username_key = models.CharField(max_length=500, unique=True, editable=False)
    # Not unique: accounts older than the rule keep names that look alike.
    username_skeleton = models.CharField(max_length=500, db_default="", db_index=True, editable=False)

    without_admin_scope = False  # set on the object that a token signs in
    may_have_reserved_name = False  # set if an operator chooses the name

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        ordering = ["username"]
        constraints = [models.CheckConstraint(condition=Q(role__in=Role.values), name="user_role_known")]

    @property
    def is_admin(self) -> bool:
        """Whether this user may do everything; not through a token without the scope ``admin``."""
        return self.is_active and self.role == Role.ADMIN and not self.without_admin_scope

    @property
    def is_moderator(self) -> bool:
        """Whether this user may create and change what is in the catalogue, and moderate; admins may."""
        return self.is_active and self.role in (Role.MODERATOR, Role.ADMIN)

    @property
    def own_picture(self) -> str:
        """The address of the picture that is kept here; empty where there is none, or one somewhere else."""
        return self.avatar_url if self.avatar_url.startswith("/") else ""

    def get_full_name(self) -> str:
        """The name that the person gave, or an empty text."""
        return self.full_name

    def get_short_name(self) -> str:
        """What a page may call this person."""
        return self.full_name or self.username

    @property
    def shown_name(self) -> str:
        """Name shown to other people. It contains the user name, because a full name is not unique."""
        has_other = self.full_name and self.full_name != self.username
        return f"{self.full_name} ({self.username})" if has_other else self.username

    def clean(self) -> None:
        """Refuse a new user name that looks like another one or is reserved. Existing accounts keep their names."""
        super().clean()
        if not self.username or "\x00" in self.username:
            return  # the field's own check has refused it; a database could not even be asked
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
            raise ValidationError(
                {"username": "This name looks like that of another account. Choose another one."}, code="unique"
            )
        if names.mixes_scripts(self.username):
            sentence = "Use letters and digits of one script."
            raise ValidationError({"username": sentence}, code="invalid")

    def _renew_key(self) -> bool:
        """Let the key follow the name; whether it had to. Accounts older than the rule may have ``#…`` added to it."""
        key = username_key(self.username)
        if self.username_key.partition("#")[0] == key:
            return False
        self.username_key = key
        return True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Admins are superusers and staff, moderators are staff; nobody else is either, whatever they were before."""
        self.is_superuser = self.role == Role.ADMIN
        self.is_staff = self.role in (Role.ADMIN, Role.MODERATOR)
        self._renew_key()
        self.username_skeleton = names.skeleton(self.username)
        if kwargs.get("update_fields") is not None:
            wanted = set(kwargs["update_fields"])
            kwargs["update_fields"] = wanted.union(*(DERIVED_FIELDS[name] for name in wanted & DERIVED_FIELDS.keys()))
        super().save(*args, **kwargs)


def default_scopes(user: User) -> list[str]:
    """What a token may do when nobody says: all that its user may."""
    return list(Scope.values) if user.is_admin else [Scope.READ.value, Scope.WRITE.value]


class ProfilePicture(models.Model):
    """A person's picture, small. content: a JPEG or WebP file."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="picture")
    content = models.BinaryField()
    mime_type = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"of {self.user_id}"


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def current(self) -> SubscriptionQuerySet:
        """Valid now, by the database's clock."""
        return self.filter(valid_from__lte=Now()).filter(Q(valid_until__isnull=True) | Q(valid_until__gt=Now()))


class Subscription(models.Model):
    """A tier for a period; an expired one counts as ``free``."""

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
        """Neither revoked nor expired, of a user who may sign in."""
        return self.filter(revoked_at__isnull=True, user__is_active=True).filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
        )

    def with_expiry_state(self) -> ApiTokenQuerySet:
        """With ``is_expired`` and ``expires_soon`` (within a week), by the database's clock."""
        soon = Q(expires_at__gt=Now(), expires_at__lte=Now() + EXPIRES_SOON)
        return self.annotate(is_expired=Q(expires_at__lte=Now()), expires_soon=soon)


class ApiToken(models.Model):
    """A key that a program carries. Only its SHA-256 is kept: the key has 256 bits, so no slow hash is needed."""

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
        """The hex SHA-256 under which a key is kept."""
        return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()

    @classmethod
    def issue(
        cls, user: User, *, name: str = "token", scopes: list[str] | None = None, lifetime: timedelta | None = None
    ) -> tuple[ApiToken, str]:
        """Make a token; returns the row and the key, which is shown this once and cannot be had again."""
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
    """An account that is asked for and becomes one when the link is opened that was sent to its e-mail address.

    Only the SHA-256 of the link's token is kept. It holds no user name: who confirms first has it.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    username = models.CharField(max_length=150)
    full_name = models.CharField(max_length=150, blank=True)
    email = models.EmailField(db_index=True)
    password = models.CharField(max_length=128)  # hashed
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.username}, not confirmed"


class WsTicket(models.Model):
    """What a browser or a program shows to open one WebSocket, for a minute and once; only its SHA-256 is kept.

    ``kind`` and ``reference`` are the credential it was given for: the socket lives as long as that does.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="ws_tickets")
    kind = models.CharField(max_length=16)
    reference = models.TextField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"a {self.kind}'s ticket of {self.user}"


class BrowserSession(AbstractBaseSession):
    """A browser's session, of a user or of somebody who has not signed in."""

    # Without a constraint: hosts of the last release delete accounts too, and a user who is deleted while somebody
    # signs in as them must not fail that request.
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, related_name="browser_sessions", db_constraint=False
    )

    def __str__(self) -> str:
        """Not the key, as Django has it: the administration lists what goes with an account."""
        return f"a browser of {self.user_id}" if self.user_id else "a browser"

    @classmethod
    def get_session_store_class(cls) -> Any:
        return import_module(settings.SESSION_ENGINE).SessionStore  # it needs this model
