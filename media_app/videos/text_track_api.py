"""REST API of captions and chapters (contract.md, section 4)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.text import slugify
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response

from media_app.videos import text_tracks
from media_app.videos.models import TextTrack, TrackKind, Video
from media_app.videos.serializers import MessageSerializer
from vodplatform.accounts.viewsets import ApiViewSet, CanReadCatalogue
from vodplatform.core.api.csv_tables import AsTable
from vodplatform.core.api.fields import AnswerSerializer, StrictCharField, StrictRegexField
from vodplatform.core.api.idempotency import idempotent
from vodplatform.core.errors import DomainError

# Well-formed language tag (RFC 5646, section 2.1), without the irregular tags.
LANGUAGE = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*\Z"
UNKNOWN_LANGUAGE = "und"
MAX_LANGUAGE = 35
URL = "/api/v1/text-tracks"
WORDS = ("content", "search_text")


class OfVideoSerializer(serializers.Serializer[dict[str, Any]]):
    video_id = serializers.UUIDField(help_text="Id of a video in your library or in the catalogue.")


class NewTextTrackSerializer(OfVideoSerializer):
    kind = serializers.ChoiceField(choices=TrackKind.choices)
    language = StrictRegexField(
        LANGUAGE,
        max_length=MAX_LANGUAGE,
        default=UNKNOWN_LANGUAGE,
        help_text="Language tag (BCP 47), such as `en` or `pt-BR`.",
    )
    label = StrictCharField(
        max_length=100, allow_blank=True, default="", help_text="Name shown in players' menus; may be empty."
    )  # type: ignore[assignment]
    content = StrictCharField(
        max_length=text_tracks.MAX_CHARACTERS, trim_whitespace=False, help_text="The text as WebVTT or SubRip (SRT)."
    )


class TextTrackSerializer(AnswerSerializer[TextTrack]):
    """Captions or chapters of a video. url: URL of the WebVTT file."""

    id = serializers.UUIDField()
    video_id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=TrackKind.choices)
    language = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    cue_count = serializers.IntegerField()
    url = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_url(self, track: TextTrack) -> str:
        # A changed track gets a new URL, so that browsers show no cached text.
        return f"{URL}/{track.pk}/file.vtt?v={int(track.updated_at.timestamp() * 1000)}"


@extend_schema_serializer(many=False)
class TextTrackListSerializer(serializers.Serializer[dict[str, Any]]):
    tracks = TextTrackSerializer(many=True)


@extend_schema(tags=["Captions and chapters"])
class TextTrackViewSet(ApiViewSet[TextTrack]):
    """Captions and chapters, readable and editable by the same users as their video."""

    lookup_url_kwarg = "track_id"
    lookup_value_converter = "uuid"
    permission_classes = (IsAuthenticatedOrReadOnly, CanReadCatalogue)

    def get_queryset(self) -> QuerySet[TextTrack]:
        videos = Video.objects.visible_to(self.request.user)
        return TextTrack.objects.filter(video__in=videos).select_related("video").defer("search_text")

    def find_video(self, video_id: UUID) -> Video:
        video = Video.objects.visible_to(self.request.user).filter(pk=video_id).first()
        if video is None:
            raise DomainError("not_found")
        return video

    @extend_schema(
        operation_id="text_tracks_list",
        summary="List the captions and chapters of a video",
        parameters=[OfVideoSerializer],
        responses={200: TextTrackListSerializer},
    )
    def list(self, request: Request) -> Response:
        """List the text tracks of a video by kind and language."""
        video = self.find_video(self.read_query(OfVideoSerializer)["video_id"])
        return Response({"tracks": [TextTrackSerializer.show(track) for track in video.text_tracks.defer(*WORDS)]})

    @extend_schema(
        operation_id="text_tracks_store",
        summary="Save captions or chapters",
        request=NewTextTrackSerializer,
        responses={200: TextTrackSerializer, 201: TextTrackSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Store a file of captions or chapters. It replaces the track of the same kind and language, if any (200).

        Styles, regions and notes are dropped. Overlapping chapters are cut where the next begins.
        """
        data = self.read_body(NewTextTrackSerializer)
        video = self.find_video(data.pop("video_id"))
        if not video.can_change(self.user):
            raise DomainError("forbidden")
        track, is_new = text_tracks.store(video, **data)
        return Response(TextTrackSerializer.show(track), status=201 if is_new else 200)

    @extend_schema(operation_id="text_tracks_get", summary="Get a text track", responses={200: TextTrackSerializer})
    def retrieve(self, request: Request, track_id: str) -> Response:
        """Return a text track. The captions or chapters are in the file at ``url``."""
        return Response(TextTrackSerializer.show(self.get_object()))

    @extend_schema(operation_id="text_tracks_delete", summary="Delete a text track", responses={200: MessageSerializer})
    def destroy(self, request: Request, track_id: str) -> Response:
        """Delete captions or chapters. Allowed for editors of the video."""
        track = self.get_object()
        if not track.video.can_change(self.user):
            raise DomainError("forbidden")
        track.delete()
        return Response({"message": "Text track deleted"})

    @extend_schema(
        operation_id="text_tracks_file",
        summary="Download captions or chapters",
        responses={(200, "text/vtt"): OpenApiResponse(OpenApiTypes.STR)},
    )
    @action(detail=True, url_path="file.vtt", content_negotiation_class=AsTable)
    def file(self, request: Request, track_id: str) -> HttpResponse:
        """Return the text track as a WebVTT file."""
        track = self.get_object()
        answer = HttpResponse(track.content, content_type="text/vtt; charset=utf-8")
        name = f"{slugify(track.video.title) or track.video_id}.{track.language}"
        name += ".chapters" if track.kind == TrackKind.CHAPTERS else ""
        answer["Content-Disposition"] = f'attachment; filename="{name}.vtt"'
        return answer
