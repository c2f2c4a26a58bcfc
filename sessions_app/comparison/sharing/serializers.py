from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from sessions_app.comparison.models import SessionRole, SessionShare, ShareLink
from vodplatform.core.api.fields import AnswerSerializer, EpochField, StrictBooleanField, StrictCharField

SHARED_ROLES = [(role.value, role.label) for role in (SessionRole.VIEWER, SessionRole.EDITOR)]

# seconds until a link expires
MIN_SECONDS, MAX_SECONDS, DEFAULT_SECONDS = 3_600, 2_592_000, 604_800
MAX_PASSWORD = 200

Data = dict[str, Any]


class ShareChangeSerializer(serializers.Serializer[Data]):
    """Changes of a share; omitted fields keep their values."""

    role = serializers.ChoiceField(choices=SHARED_ROLES, required=False)
    can_comment = StrictBooleanField(required=False, help_text="Whether a viewer can comment; editors always can.")


class NewShareSerializer(serializers.Serializer[Data]):
    username = StrictCharField(max_length=150)
    role = serializers.ChoiceField(choices=SHARED_ROLES)
    can_comment = StrictBooleanField(default=False, help_text="Whether a viewer can comment; editors always can.")


class ShareSerializer(AnswerSerializer[SessionShare]):
    """An account that may see the comparison."""

    share_id = serializers.UUIDField()
    username = serializers.CharField(source="user.username")
    role = serializers.ChoiceField(choices=SHARED_ROLES)
    can_comment = serializers.BooleanField(source="access.can_comment")
    created_at = EpochField(help_text="Epoch seconds.")


class ShareAnswerSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    share = ShareSerializer()


@extend_schema_serializer(many=False)
class ShareListSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    shares = ShareSerializer(many=True)


class NewLinkSerializer(serializers.Serializer[Data]):
    expires_in = serializers.IntegerField(
        min_value=MIN_SECONDS,
        max_value=MAX_SECONDS,
        default=DEFAULT_SECONDS,
        help_text="Seconds until the link expires.",
    )
    password = StrictCharField(
        max_length=MAX_PASSWORD, required=False, trim_whitespace=False, help_text="Password that visitors must enter."
    )
    can_comment = StrictBooleanField(default=False)


class LinkSerializer(AnswerSerializer[ShareLink]):
    """A link that gives access without an account until it expires or is withdrawn."""

    link_id = serializers.UUIDField()
    can_comment = serializers.BooleanField()
    has_password = serializers.BooleanField()
    created_at = EpochField(help_text="Epoch seconds.")
    expires_at = EpochField(help_text="Epoch seconds.")


class MadeLinkSerializer(LinkSerializer):
    url = serializers.URLField(help_text="URL of the link. Only this response contains it.")


class MadeLinkAnswerSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    link = MadeLinkSerializer()


@extend_schema_serializer(many=False)
class LinkListSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    links = LinkSerializer(many=True)
