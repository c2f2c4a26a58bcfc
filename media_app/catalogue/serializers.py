from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from media_app.catalogue import operations
from media_app.catalogue.crdt import OperationType, Order
from media_app.catalogue.listing import DELETED
from media_app.catalogue.models import CrdtOperation, ReportReason, VideoReport
from media_app.videos import text_rules
from media_app.videos.models import VideoStatus
from media_app.videos.serializers import (
    PageQuerySerializer,
    PaginationSerializer,
    TagsField,
    TitleField,
    VideoSerializer,
)
from vodplatform.core.api.fields import StrictCharField, StrictIntegerField

ACTIONS = ("none", "client_update_required", "applied_operations", "merged_concurrent")
MAX_VERSION = 2**31 - 1
MAX_REASON = 1000


class CategoryField(StrictCharField):
    """Category on one line; null and an empty text mean no category."""

    def to_internal_value(self, data: Any) -> str:
        try:
            return text_rules.category(super().to_internal_value(data))
        except text_rules.InvalidText as exc:
            raise serializers.ValidationError(str(exc)) from exc


class TagField(StrictCharField):
    """Single tag, normalised as in :class:`TagsField`."""

    def to_internal_value(self, data: Any) -> str:
        try:
            return text_rules.tag(super().to_internal_value(data))
        except text_rules.InvalidText as exc:
            raise serializers.ValidationError(str(exc)) from exc


class CatalogueQuerySerializer(PageQuerySerializer):
    """Filters of a catalogue list; category and tag match in any Unicode normalisation."""

    category = CategoryField(max_length=text_rules.MAX_CATEGORY, required=False)
    search = serializers.CharField(
        max_length=200, required=False, help_text="Words to find in titles, tags or descriptions."
    )
    status = serializers.ChoiceField(
        choices=[*VideoStatus.values, DELETED], required=False, help_text="`deleted` is for administrators only."
    )
    featured = serializers.BooleanField(required=False)
    tag = TagField(max_length=text_rules.MAX_TAG_LENGTH, required=False)
    hidden = serializers.BooleanField(required=False)


@extend_schema_serializer(many=False)
class CataloguePageSerializer(serializers.Serializer[dict[str, Any]]):
    """Page of the catalogue, newest first; search results by relevance if there are at most 1 000."""

    videos = VideoSerializer(many=True)
    pagination = PaginationSerializer()


class FlagField(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        try:
            return text_rules.flag(data)
        except text_rules.InvalidText as exc:
            raise serializers.ValidationError(str(exc)) from exc


class ClockField(serializers.DictField):
    """A vector clock: the number of each actor's latest operation."""

    child = StrictIntegerField(min_value=0, max_value=operations.MAX_COUNTER)

    def to_internal_value(self, data: Any) -> dict[str, int]:
        try:
            return operations.clock(data)
        except operations.InvalidOperation as exc:
            raise serializers.ValidationError(str(exc)) from exc


class NewCatalogueVideoSerializer(serializers.Serializer[dict[str, Any]]):
    """Fields of a new video; its file is uploaded later."""

    title = TitleField()
    description = StrictCharField(
        max_length=text_rules.MAX_DESCRIPTION, allow_blank=True, allow_null=True, required=False, trim_whitespace=False
    )
    category = CategoryField(max_length=text_rules.MAX_CATEGORY, allow_blank=True, allow_null=True, required=False)
    tags = TagsField(required=False)
    is_featured = FlagField(required=False)
    is_hidden = FlagField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {name: "" if value is None else value for name, value in attrs.items()}


class CatalogueChangeSerializer(NewCatalogueVideoSerializer):
    """Changed fields of a video, and the version or clock that the writer had seen."""

    title = TitleField(required=False)
    vector_clock = ClockField(required=False)
    version = StrictIntegerField(min_value=0, max_value=MAX_VERSION, required=False)
    reason = StrictCharField(
        max_length=MAX_REASON,
        allow_blank=True,
        required=False,
        help_text="Reason for hiding or showing the video, for the audit log.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.keys() - {"vector_clock", "version", "reason"}:
            names = ", ".join(f"`{name}`" for name in NewCatalogueVideoSerializer().fields)
            raise serializers.ValidationError(f"Send one of {names}.")
        return super().validate(attrs)


class DeleteQuerySerializer(serializers.Serializer[dict[str, Any]]):
    """Options of a deletion. hard: delete the video for good, with its files."""

    hard = serializers.BooleanField(default=False)
    reason = StrictCharField(max_length=MAX_REASON, default="", help_text="Reason, for the audit log.")


class OperationDataSerializer(serializers.Serializer[dict[str, Any]]):
    """Value of an operation: a text, a boolean, or for ``set_tags`` a list of texts."""

    value = serializers.JSONField()
    state = serializers.CharField(
        required=False,
        max_length=operations.MAX_STATE,
        help_text="Edit history of a description, for clients that merge descriptions character by character.",
    )


class NewOperationSerializer(serializers.Serializer[dict[str, Any]]):
    """Operation of a client. ``type`` and ``value`` may replace ``operation_type`` and ``operation_data``.

    ``operation_data`` may also be the bare value instead of an object with ``value``.
    """

    id = serializers.CharField(
        required=False, max_length=operations.MAX_CLIENT_ID, help_text="Your own id for the operation."
    )
    operation_type = serializers.ChoiceField(choices=[*OperationType])
    operation_data = OperationDataSerializer()
    timestamp = serializers.DateTimeField(help_text="ISO 8601, or seconds since 1970.")
    vector_clock = ClockField(
        help_text="Vector clock: for each actor, the number of its last operation that the client had seen, including "
        "this operation."
    )
    actor_id = serializers.CharField(required=False, help_text="{user id} or {user id}:{replica}.")


class CatalogueSyncSerializer(serializers.Serializer[dict[str, Any]]):
    """Sync request: the client's vector clock and version, and at most 1 000 operations."""

    video_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="Required for `POST /sync`; optional if the URL has the id."
    )
    client_vector_clock = ClockField(required=False, allow_null=True)
    client_version = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=MAX_VERSION)
    operations = NewOperationSerializer(many=True, required=False, allow_null=True)


class SyncAnswerSerializer(serializers.Serializer[dict[str, Any]]):
    """Result of a sync: relation of the client's clock to the server's, action taken, merged video."""

    video_id = serializers.UUIDField()
    sync_type = serializers.ChoiceField(choices=[*Order])
    action = serializers.ChoiceField(choices=ACTIONS)
    merged_video = VideoSerializer()
    conflicts_resolved = serializers.IntegerField()
    server_vector_clock = serializers.DictField(child=serializers.IntegerField())
    server_version = serializers.IntegerField()


class SyncQuerySerializer(serializers.Serializer[dict[str, Any]]):
    """Selection of a video's operations. since: only operations that arrived after this time; default: all."""

    since = serializers.CharField(required=False, max_length=64, help_text="ISO 8601, or seconds since 1970.")
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=operations.MAX_ANSWERED,
        help_text="Maximum number of operations; by default, up to 4 MiB of operations. The response can contain more, "
        "because operations from one call are always sent together.",
    )  # fmt: skip


class OperationSerializer(serializers.ModelSerializer[CrdtOperation]):
    """Stored operation. created_at: time at which the server received it."""

    video_id = serializers.UUIDField()
    operation_type = serializers.ChoiceField(choices=[*OperationType])
    operation_data = OperationDataSerializer()
    vector_clock = serializers.DictField(child=serializers.IntegerField())
    actor_id = serializers.CharField(source="actor")
    writer_id = serializers.UUIDField(source="writer")

    class Meta:
        model = CrdtOperation
        fields = [
            "id", "client_id", "video_id", "operation_type", "operation_data", "vector_clock", "actor_id", "writer_id",
            "timestamp", "created_at",
        ]  # fmt: skip


class BaseSerializer(serializers.Serializer[dict[str, Any]]):
    title = serializers.CharField()
    description = serializers.CharField()
    category = serializers.CharField(help_text="Empty if there is no category.")
    is_featured = serializers.BooleanField()
    tags = serializers.ListField(child=serializers.CharField())


class SyncStateSerializer(serializers.Serializer[dict[str, Any]]):
    """Current state of a video. base, operations: only for moderators.

    server_time: value of ``since`` for the next request. next_since: if operations were left out, value of ``since`` to
    request them at once; else null.
    """

    video_id = serializers.UUIDField()
    video = VideoSerializer()
    server_vector_clock = serializers.DictField(child=serializers.IntegerField())
    server_version = serializers.IntegerField()
    server_time = serializers.DateTimeField()
    base = BaseSerializer(allow_null=True)
    operations = OperationSerializer(many=True)
    next_since = serializers.DateTimeField(allow_null=True)


class NewReportSerializer(serializers.Serializer[dict[str, Any]]):
    reason = serializers.ChoiceField(choices=ReportReason.choices)
    text = StrictCharField(max_length=1000, allow_blank=True, required=False, default="")


class ReportSerializer(serializers.ModelSerializer[VideoReport]):
    """Report as shown to its sender."""

    video_id = serializers.UUIDField()

    class Meta:
        model = VideoReport
        fields = ["id", "video_id", "reason", "text", "created_at"]
