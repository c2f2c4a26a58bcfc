"""The files of catalogue videos over the API (contract section 4): parse, permit, call, answer."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from media_app.catalogue import realtime, receiving
from media_app.catalogue.api import CatalogueView
from media_app.library.serializers import VideoSerializer, present_video
from media_app.uploads.multipart import received
from vodplatform.base.errors import DomainError
from vodplatform.base.fields import SecondsField, ShortDictField
from vodplatform.base.idempotency import idempotent

MOST_SECONDS = 604_800
MOST_RESULTS_BYTES = 64 * 1024
MOST_RESULTS = 1000


class CatalogueFileSerializer(serializers.Serializer[dict[str, Any]]):
    """A form with a file; the picture is stored anew, at most 1280 pixels wide or high."""

    videoId = serializers.UUIDField(required=False, help_text="As in the address.")
    video = serializers.FileField(required=False, help_text="MP4, WebM, OGG, AVI or MOV. Or a thumbnail alone.")
    thumbnail = serializers.FileField(required=False, help_text="JPEG, PNG or WebP.")


class ReadySerializer(serializers.Serializer[dict[str, Any]]):
    """What is known of a file before all of it has been looked at. duration: seconds."""

    videoId = serializers.UUIDField(required=False, help_text="As in the address.")
    duration = SecondsField(min_value=0, max_value=MOST_SECONDS, required=False, allow_null=True)
    processingResults = ShortDictField(max_length=MOST_RESULTS, required=False, allow_null=True)

    def validate_processingResults(self, value: Any) -> Any:
        if len(json.dumps(value)) > MOST_RESULTS_BYTES:
            raise serializers.ValidationError(f"At most {MOST_RESULTS_BYTES} bytes.")
        return value


class FilesView(CatalogueView):
    """What the calls on a catalogue video's file share."""

    def take_file(self, request: Request, in_address: UUID | None) -> Response:
        """Answer a form with a file: 201 for a video's first one, 200 for one that takes another's place."""
        if in_address is not None:
            self.find(in_address)  # what one may not see is 404, whatever one may do
        user = self.moderator()
        files = received(request)
        video = receiving.find(user, _video_id(request.data, in_address))
        upload, thumbnail = files.get("video"), files.get("thumbnail")
        if upload is not None:
            receiving.take(upload, video.pk, thumbnail)
        elif thumbnail is not None:
            receiving.take_thumbnail(thumbnail, video.pk)
            return Response(_shown(video.pk))
        else:
            raise DomainError("invalid", errors={"video": ["Send the file as `video` in a multipart form."]})
        return Response(_shown(video.pk), status=200 if video.location else 201)

    def make_ready(self, request: Request, in_address: UUID | None) -> Response:
        """Answer a call that says that a video's processing is complete."""
        found = _video_id(request.data, in_address)
        self.find(found)
        user = self.moderator()
        form = ReadySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        video, data = receiving.find(user, found), form.validated_data
        receiving.make_ready(video.pk, user, duration=data.get("duration"), results=data.get("processingResults"))
        return Response(_shown(video.pk))


class VideoFileView(FilesView):
    """The file of a catalogue video."""

    @extend_schema(
        operation_id="videos_file",
        request={"multipart/form-data": CatalogueFileSerializer},
        responses={200: VideoSerializer, 201: VideoSerializer},
    )
    @idempotent
    def post(self, request: Request, video_id: UUID) -> Response:
        return self.take_file(request, video_id)


class VideoReadyView(FilesView):
    """That a catalogue video can be watched: it becomes ready by itself, too."""

    @extend_schema(operation_id="videos_ready", request=ReadySerializer, responses={200: VideoSerializer})
    def put(self, request: Request, video_id: UUID) -> Response:
        return self.make_ready(request, video_id)


class VideosUploadView(FilesView):
    """Both by one of the first clients' names, with the video's id in the body."""

    @idempotent
    def post(self, request: Request) -> Response:
        return self.take_file(request, None)

    def put(self, request: Request) -> Response:
        return self.make_ready(request, None)


def _video_id(data: Any, in_address: UUID | None) -> UUID:
    """The video that a call is about. Raises ``invalid`` where it is not named, or differently in two places."""
    given = data.get("videoId") if isinstance(data, dict) else None
    if given is None and in_address is not None:
        return in_address
    try:
        found = UUID(given if isinstance(given, str) else "")
    except ValueError as exc:
        raise DomainError("invalid", errors={"videoId": ["Send the id of a catalogue video."]}) from exc
    if in_address not in (None, found):
        raise DomainError("invalid", errors={"videoId": ["The address names another video."]})
    return found


def _shown(video_id: UUID) -> dict[str, Any]:
    video = realtime.find(video_id)
    if video is None:
        raise DomainError("not_found")
    return present_video(video)
