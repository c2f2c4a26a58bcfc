"""What the API takes and answers about who else may see a comparison."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from sessions_app.comparison.models import SessionRole, SessionShare
from vodplatform.base.api.fields import AnswerSerializer, EpochField, StrictCharField

SHARED_ROLES = [(role.value, role.label) for role in (SessionRole.VIEWER, SessionRole.EDITOR)]

Data = dict[str, Any]


class SharePatchSerializer(serializers.Serializer[Data]):
    """Anything left out stays."""

    role = serializers.ChoiceField(choices=SHARED_ROLES, required=False)
    can_comment = serializers.BooleanField(required=False, help_text="For viewers; editors always may.")


class NewShareSerializer(serializers.Serializer[Data]):
    username = StrictCharField(max_length=150)
    role = serializers.ChoiceField(choices=SHARED_ROLES)
    can_comment = serializers.BooleanField(default=False, help_text="For viewers; editors always may.")


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
