"""REST API of playback addresses and reported upload speeds (contract.md, section 5)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response

from media_app.streaming import analytics, services
from media_app.streaming import serializers as s
from media_app.streaming.format_selection import Device
from media_app.videos.models import Video, VideoQuerySet
from vodplatform.accounts.viewsets import ApiViewSet, CanReadCatalogue
from vodplatform.core.api.idempotency import idempotent
from vodplatform.core.errors import DomainError


@extend_schema(tags=["Delivery"])
class OptimizedViewSet(ApiViewSet[Video]):
    """Playback URLs of videos. Anonymous callers get URLs of public catalogue videos only."""

    permission_classes = (IsAuthenticatedOrReadOnly, CanReadCatalogue)
    lookup_url_kwarg = "video_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> VideoQuerySet:
        return Video.objects.watchable_by(self.user).filter(deleted_at=None).prefetch_related("renditions")

    @extend_schema(
        operation_id="media_optimized",
        summary="Get the best URL for playing a video",
        parameters=[s.OptimizedQuerySerializer],
        responses={200: s.OptimizedSerializer},
    )
    def retrieve(self, request: Request, video_id: UUID) -> Response:
        """Return the best URL for a device to play a video."""
        if not request.user.is_authenticated and not self.get_queryset().filter(pk=video_id).exists():
            raise DomainError("unauthenticated")
        video = self.get_object()
        query = self.read_query(s.OptimizedQuerySerializer)
        chosen = services.choose_delivery(
            video,
            Device(query["device_type"]),
            seconds=query.get("expires_in", settings.SIGNED_URL_SECONDS),
            signed=query["prefer_signed"],
        )
        expires = None if chosen.expires is None else datetime.fromtimestamp(chosen.expires, UTC)
        body: dict[str, Any] = {
            "streaming_url": chosen.address,
            "delivery_type": chosen.delivery_type,
            "supports_range": True,
            "global_delivery": chosen.is_global,
            "expires_at": expires,
            "renditions": chosen.renditions,
        }
        return Response(s.OptimizedSerializer(body).data)


@extend_schema(tags=["Delivery"])
class UploadFiguresViewSet(ApiViewSet[Video]):
    @extend_schema(
        operation_id="analytics_upload",
        summary="Report how an upload went",
        request=s.UploadFiguresSerializer,
        responses={202: s.NotedSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Record the bytes and seconds of one upload, as its client measured them."""
        found = self.read_body(s.UploadFiguresSerializer)
        analytics.note_upload(found["session_id"], found["bytes"], found["seconds"], network=found.get("network") or "")
        return Response({"ok": True}, status=202)
