"""REST API of the files of catalogue videos (contract.md, section 4)."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from media_app.catalogue import realtime, upload_handlers
from media_app.catalogue.api import CatalogueViewSet
from media_app.uploads.protocols.multipart import received_uploads
from media_app.videos.models import Video
from media_app.videos.serializers import VideoSerializer
from vodplatform.core.api.fields import AnswerSerializer, BoundedDictField, SecondsField
from vodplatform.core.api.idempotency import idempotent
from vodplatform.core.errors import DomainError

MAX_SECONDS = 604_800
MAX_RESULTS_BYTES = 64 * 1024
MAX_RESULTS = 1000


class CatalogueFileSerializer(serializers.Serializer[dict[str, Any]]):
    """Multipart form with a video, a thumbnail or both. Thumbnails are reduced to 1280 pixels on the longer side."""

    videoId = serializers.UUIDField(required=False, help_text="The video's id, as in the URL.")
    video = serializers.FileField(
        required=False, help_text="Video file: MP4, WebM, OGG, AVI or MOV; optional if a thumbnail is sent."
    )
    thumbnail = serializers.FileField(required=False, help_text="Thumbnail: JPEG, PNG or WebP.")


class ReadySerializer(serializers.Serializer[dict[str, Any]]):
    """Request to make a video watchable before its processing is complete. duration: the video's seconds."""

    videoId = serializers.UUIDField(required=False, help_text="The video's id, as in the URL.")
    duration = SecondsField(min_value=0, max_value=MAX_SECONDS, required=False, allow_null=True)
    processingResults = BoundedDictField(max_length=MAX_RESULTS, required=False, allow_null=True)

    def validate_processingResults(self, value: Any) -> Any:
        if len(json.dumps(value)) > MAX_RESULTS_BYTES:
            raise serializers.ValidationError(f"Send at most {MAX_RESULTS_BYTES} bytes.")
        return value


class ProcessingReportSerializer(AnswerSerializer[Video]):
    """Last results of a client's own processing of a video's file, null if none were sent."""

    videoId = serializers.UUIDField(source="pk")
    processingResults = serializers.DictField(allow_null=True, source="processing_report.results")
    reported_by = serializers.UUIDField(allow_null=True, source="processing_report.reported_by_id")
    reported_at = serializers.DateTimeField(allow_null=True, source="processing_report.reported_at")


@extend_schema(tags=["Catalogue"])
class VideoFileViewSet(CatalogueViewSet):
    """Endpoints for the files of catalogue videos. The alias URLs expect the video's id in the body."""

    @idempotent
    @extend_schema(
        operation_id="videos_file",
        summary="Upload the file of a catalogue video",
        request={"multipart/form-data": CatalogueFileSerializer},
        responses={200: VideoSerializer, 201: VideoSerializer},
    )
    @action(detail=True, methods=["post"])
    def file(self, request: Request, video_id: UUID | None = None) -> Response:
        """Upload the file of a catalogue video. 201 for its first file, 200 if it replaces one."""
        if video_id is not None:
            self.get_object()  # 404, not 403, for a video that the caller may not see
        user = self.moderator()
        files = received_uploads(request)
        video = upload_handlers.find(user, _video_id(request.data, video_id))
        upload, thumbnail = files.get("video"), files.get("thumbnail")
        if upload is not None:
            upload_handlers.accept_file(upload, video.pk, thumbnail)
        elif thumbnail is not None:
            upload_handlers.accept_thumbnail(thumbnail, video.pk)
            return Response(_shown(video.pk))
        else:
            raise DomainError("invalid", errors={"video": ["Send the file as `video` in a multipart form."]})
        return Response(_shown(video.pk), status=200 if video.location else 201)

    @extend_schema(
        operation_id="videos_ready",
        summary="Mark a catalogue video as ready",
        request=ReadySerializer,
        responses={200: VideoSerializer},
    )
    @action(detail=True, methods=["put"])
    def ready(self, request: Request, video_id: UUID | None = None) -> Response:
        """Make a video watchable now, before its processing is complete."""
        found = _video_id(request.data, video_id)
        shown = self.find(found)
        user = self.moderator()
        data = self.read_change(ReadySerializer, lambda: [VideoSerializer.show(shown)])
        video = upload_handlers.find(user, found)
        upload_handlers.make_ready(video.pk, user, duration=data.get("duration"), results=data.get("processingResults"))
        return Response(_shown(video.pk))

    @extend_schema(
        operation_id="videos_processing_report",
        summary="Get a processing report",
        responses={200: ProcessingReportSerializer},
    )
    @ready.mapping.get
    def processing_report(self, request: Request, video_id: UUID) -> Response:
        """Return the results that a client last sent from its own processing of the file. Only for moderators."""
        if request.user.is_anonymous:
            self.permission_denied(request)
        video = self.find(video_id)
        self.moderator()
        return Response(ProcessingReportSerializer.show(video))


def _video_id(data: Any, in_address: UUID | None) -> UUID:
    given = data.get("videoId") if isinstance(data, dict) else None
    if given is None and in_address is not None:
        return in_address
    try:
        found = UUID(given if isinstance(given, str) else "")
    except ValueError as exc:
        raise DomainError("invalid", errors={"videoId": ["Send the id of a catalogue video."]}) from exc
    if in_address not in (None, found):
        sentence = "The id in the body differs from the id in the URL. Send the same id in both."
        raise DomainError("invalid", errors={"videoId": [sentence]})
    return found


def _shown(video_id: UUID) -> dict[str, Any]:
    video = realtime.find(video_id)
    if video is None:
        raise DomainError("not_found")
    return VideoSerializer.show(video)
