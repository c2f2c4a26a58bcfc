"""API formats of uploads (contract.md, section 4)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from media_app.storage import files as store
from media_app.uploads.models import LIVE, Upload, UploadProtocol, UploadStatus
from media_app.uploads.presigned import MAX_ADDRESSES
from media_app.uploads.services import DEFAULT_CHUNK_BYTES
from vodplatform.core.api.fields import (
    AnswerSerializer,
    BoundedListField,
    CauseSerializer,
    ListQuerySerializer,
    StrictBooleanField,
    StrictCharField,
    StrictIntegerField,
    StrictRegexField,
)

CHUNK_ADDRESS = "/api/v1/uploads/{}/chunk"
TUS_ADDRESS = "/api/v1/uploads/tus/{}"
DIRECT_ADDRESS = "/api/v1/uploads/{}/addresses"
ADDRESSES: dict[str, str] = {
    UploadProtocol.TUS: TUS_ADDRESS,
    UploadProtocol.CHUNKS: CHUNK_ADDRESS,
    UploadProtocol.DIRECT: DIRECT_ADDRESS,
}
MAX_BYTES = BigIntegerField.MAX_BIGINT


class UploadStateSerializer(AnswerSerializer[Upload]):
    """State of an upload, with its chunks by number."""

    session_id = serializers.UUIDField(source="pk")
    status = serializers.ChoiceField(choices=UploadStatus.choices, source="shown_status")
    uploaded_chunks = serializers.ListField(child=serializers.IntegerField())
    remaining_chunks = serializers.ListField(child=serializers.IntegerField())
    total_chunks = serializers.IntegerField()
    progress_percent = serializers.FloatField(source="percent")
    expires_at = serializers.DateTimeField()

    def get_values(self, instance: Upload) -> dict[str, Any]:
        return instance.chunk_numbers()


class CompletedUploadSerializer(UploadStateSerializer):
    media_file_id = serializers.UUIDField(source="pk", help_text="Id of the upload.")


class BegunUploadSerializer(UploadStateSerializer):
    """State of a new upload. chunk_size: bytes."""

    filename = serializers.CharField()
    upload_url = serializers.CharField(
        help_text="URL to send chunks to; for a `direct` upload, URL that returns the upload URLs of the chunks."
    )
    chunk_size = serializers.IntegerField()
    direct = serializers.BooleanField()

    def get_upload_url(self, upload: Upload) -> str:
        return ADDRESSES[upload.front].format(upload.pk)

    def get_direct(self, upload: Upload) -> bool:
        return upload.front == UploadProtocol.DIRECT


class UploadSerializer(AnswerSerializer[Upload]):
    """An upload. size, chunk_size: bytes. offset: number of durable bytes."""

    id = serializers.UUIDField()
    front = serializers.ChoiceField(choices=UploadProtocol.choices)
    purpose = serializers.CharField()
    filename = serializers.CharField()
    content_type = serializers.CharField()
    size = serializers.IntegerField()
    offset = serializers.IntegerField()
    chunk_size = serializers.IntegerField(allow_null=True)
    total_chunks = serializers.IntegerField()
    status = serializers.ChoiceField(choices=UploadStatus.choices, source="shown_status")
    progress_percent = serializers.FloatField(source="percent")
    upload_url = serializers.CharField(allow_null=True)
    resource_id = serializers.UUIDField(
        allow_null=True, help_text="Id of what the completed upload created, for example a video."
    )
    error = CauseSerializer(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)

    def get_upload_url(self, upload: Upload) -> str | None:
        address = ADDRESSES.get(upload.front)
        return address.format(upload.pk) if address and upload.status in LIVE else None

    def get_resource_id(self, upload: Upload) -> UUID | None:
        is_completed = upload.status == UploadStatus.COMPLETED
        return upload.resource_id if is_completed and not upload.is_partial else None


@extend_schema_serializer(many=False)
class UploadListSerializer(serializers.Serializer[dict[str, Any]]):
    uploads = UploadSerializer(many=True)
    total = serializers.IntegerField()


class UploadQuerySerializer(ListQuerySerializer):
    """Filter of uploads. ``status`` may be repeated."""

    status = BoundedListField(
        child=serializers.ChoiceField(choices=UploadStatus.choices),
        required=False,
        max_length=len(UploadStatus),
    )


@extend_schema_field({
    "type": "integer", "minimum": 1, "maximum": MAX_BYTES, "default": DEFAULT_CHUNK_BYTES,
    "description": "Chunk size in bytes, from 64 KiB to 64 MiB. The last chunk can be shorter. If the file fits "
    "into one chunk, any chunk size that is at least the file's size is allowed. With `direct`, the minimum is 5 MiB, "
    "and the default is 16 MiB or more.",
})  # fmt: skip
class ChunkSizeField(StrictIntegerField):
    """Bytes of a chunk; :func:`media_app.uploads.services.begin_upload` checks the value."""

    def __init__(self, *, max_value: int = MAX_BYTES, **options: Any) -> None:
        super().__init__(min_value=1, max_value=max_value, **options)


class NewUploadSerializer(serializers.Serializer[dict[str, Any]]):
    """A file to send in chunks. size, chunk_size: bytes."""

    filename = StrictCharField(max_length=1000)
    size = StrictIntegerField(min_value=1, max_value=MAX_BYTES)
    chunk_size = ChunkSizeField(required=False)
    content_type = StrictCharField(max_length=255, required=False, allow_blank=True)
    direct = StrictBooleanField(
        required=False,
        help_text="Whether to send the chunks straight to the bucket, at addresses from `/addresses`. Only allowed if "
        "the server stores files in a bucket.",
    )
    purpose = StrictCharField(max_length=16, required=False)
    video_id = StrictCharField(
        max_length=36,
        required=False,
        help_text="Id of the catalogue video that the file is for; only for the purpose `catalogue`.",
    )
    title = StrictCharField(max_length=255, required=False)
    tags = BoundedListField(child=StrictCharField(max_length=64), required=False, max_length=50)
    sha256 = StrictRegexField(
        r"^[0-9a-fA-F]{64}$", required=False, help_text="SHA-256 of the complete file, which the server checks."
    )


class WantedChunksSerializer(serializers.Serializer[dict[str, Any]]):
    """Numbers of the chunks, from 0, for which addresses are requested."""

    chunk_numbers = BoundedListField(
        child=StrictIntegerField(min_value=0, max_value=store.MAX_PARTS - 1), min_length=1, max_length=MAX_ADDRESSES
    )


class ChunkAddressSerializer(serializers.Serializer[dict[str, Any]]):
    """URL to which a chunk is sent by PUT, without extra headers. size: exact number of bytes."""

    chunk_number = serializers.IntegerField()
    size = serializers.IntegerField()
    url = serializers.CharField()


class ChunkAddressesSerializer(serializers.Serializer[dict[str, Any]]):
    """Signed addresses for chunks at the bucket, valid until expires_at."""

    session_id = serializers.UUIDField()
    expires_at = serializers.DateTimeField()
    chunks = ChunkAddressSerializer(many=True)


class ChunkSerializer(serializers.Serializer[dict[str, Any]]):
    chunk_number = serializers.IntegerField(min_value=0, help_text="From 0.")
    chunk = serializers.FileField(allow_empty_file=True)
    checksum = serializers.RegexField(r"^[0-9a-fA-F]{64}$", required=False, help_text="SHA-256 of the chunk.")
