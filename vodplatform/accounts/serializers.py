from __future__ import annotations

from typing import Any

from rest_framework import serializers

from vodplatform.accounts.models import ApiToken, Role, Scope, Tier, User, plain_text
from vodplatform.accounts.plans import limits_of_tier, tier_of
from vodplatform.core.api.fields import BoundedListField, StrictCharField, StrictIntegerField

TEN_YEARS_SECONDS = 315_360_000
SCOPES_HELP = "`write` includes `read`, `admin` includes both."


class LimitsSerializer(serializers.Serializer[dict[str, int]]):
    """Limits of the tier. ``max_video_gigapixels`` limits width × height × frames / 10⁹ of a processed video."""

    max_segments = serializers.IntegerField()
    max_upload_bytes = serializers.IntegerField()
    max_storage_bytes = serializers.IntegerField()
    max_concurrent_jobs = serializers.IntegerField()
    max_sessions = serializers.IntegerField()
    max_video_gigapixels = serializers.IntegerField()


class UserSerializer(serializers.ModelSerializer[User]):
    """A user with role, tier and limits."""

    avatar_url = serializers.SerializerMethodField()
    role = serializers.ChoiceField(choices=Role.choices, read_only=True)
    tier = serializers.ChoiceField(choices=Tier.choices, read_only=True)
    limits = LimitsSerializer(read_only=True)

    class Meta:
        model = User
        fields = ["id", "username", "full_name", "avatar_url", "role", "tier", "limits"]
        read_only_fields = ["username", "full_name"]

    def get_avatar_url(self, user: User) -> str | None:
        return user.avatar_url or None

    def to_representation(self, instance: User) -> dict[str, Any]:
        tier = tier_of(instance)
        return {
            "id": str(instance.pk),
            "username": instance.username,
            "full_name": instance.full_name,
            "avatar_url": self.get_avatar_url(instance),
            "role": instance.role,
            "tier": tier,
            "limits": limits_of_tier(tier),
        }


def scopes_field() -> serializers.ListField:
    return BoundedListField(
        child=serializers.ChoiceField(choices=Scope.choices), required=False, min_length=1, max_length=10,
        help_text=SCOPES_HELP,
    )  # fmt: skip


class CredentialsSerializer(serializers.Serializer[dict[str, Any]]):
    """User name and password."""

    username = StrictCharField(max_length=150)
    password = StrictCharField(max_length=1000, trim_whitespace=False)
    scopes = scopes_field()


class TokenFieldsSerializer(serializers.Serializer[dict[str, Any]]):
    """Settings of a new token. ``expires_in`` is in seconds."""

    name = StrictCharField(max_length=100, default="token", validators=[plain_text])
    expires_in = StrictIntegerField(min_value=1, max_value=TEN_YEARS_SECONDS, required=False, allow_null=True)
    scopes = scopes_field()


class NewTokenSerializer(TokenFieldsSerializer, CredentialsSerializer):
    """User name, password and settings of the new token. ``expires_in`` is in seconds."""


class TokenCreatedSerializer(serializers.Serializer[dict[str, Any]]):
    """A new token. Its key is shown only in this answer."""

    token = serializers.CharField()
    expiry = serializers.DateTimeField(allow_null=True)
    user = UserSerializer()


class OwnTokenCreatedSerializer(serializers.Serializer[dict[str, Any]]):
    """A new token with scopes. Its key is shown only in this answer."""

    id = serializers.UUIDField()
    token = serializers.CharField()
    expiry = serializers.DateTimeField(allow_null=True)
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))


class ApiTokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token without its key."""

    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))

    class Meta:
        model = ApiToken
        fields = ["id", "name", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"]


class JwtRefreshSerializer(serializers.Serializer[dict[str, Any]]):
    """A refresh token. It can be used once."""

    refresh = StrictCharField(max_length=4096)


class JwtPairSerializer(serializers.Serializer[dict[str, Any]]):
    """A pair of JSON Web Tokens and their expiry times."""

    access = serializers.CharField()
    refresh = serializers.CharField()
    access_expires_at = serializers.DateTimeField()
    refresh_expires_at = serializers.DateTimeField()


class WsTicketSerializer(serializers.Serializer[dict[str, Any]]):
    """A ticket for one WebSocket: `ws/…?ticket=…`."""

    ticket = serializers.CharField()
    expires_at = serializers.DateTimeField()
