"""What accounts look like in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from vodplatform.accounts.models import ApiToken, Scope, User
from vodplatform.base.fields import StrictCharField, StrictIntegerField

TEN_YEARS_SECONDS = 315_360_000


class UserSerializer(serializers.ModelSerializer[User]):
    """The signed-in user, with what the tier allows."""

    full_name = serializers.CharField(source="get_full_name", read_only=True)
    tier = serializers.CharField(read_only=True)
    limits = serializers.DictField(child=serializers.IntegerField(), read_only=True)

    class Meta:
        model = User
        fields = ["id", "username", "full_name", "role", "tier", "limits"]


class TokenRequestSerializer(serializers.Serializer[dict[str, Any]]):
    """Name and password for a token; ``expires_in`` in seconds."""

    username = StrictCharField(max_length=150)
    password = StrictCharField(max_length=1000, trim_whitespace=False)
    name = StrictCharField(max_length=100, default="token")
    expires_in = StrictIntegerField(min_value=1, max_value=TEN_YEARS_SECONDS, required=False, allow_null=True)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices), required=False, min_length=1)


class TokenCreatedSerializer(serializers.Serializer[dict[str, Any]]):
    """The key, this once."""

    token = serializers.CharField()
    expiry = serializers.DateTimeField(allow_null=True)
    user = UserSerializer()


class ApiTokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token without its key."""

    class Meta:
        model = ApiToken
        fields = ["id", "name", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"]
