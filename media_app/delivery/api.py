"""Device choice and upload figures over the API (contract section 5): parse, permit, call, answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from media_app.delivery import analytics, services
from media_app.delivery import serializers as s
from media_app.delivery.choice import Device
from media_app.videos.models import Video
from vodplatform.accounts.models import User
from vodplatform.base.errors import DomainError
from vodplatform.base.fields import asked
from vodplatform.base.idempotency import idempotent


class OptimizedView(APIView):
    """Where a device plays a video from."""

    @extend_schema(
        operation_id="media_optimized",
        parameters=[s.OptimizedQuerySerializer],
        responses={200: s.OptimizedSerializer},
    )
    def get(self, request: Request, video_id: UUID) -> Response:
        rows = Video.objects.watchable_by(cast(User, request.user)).prefetch_related("renditions")
        video = rows.filter(pk=video_id, deleted_at=None).first()
        if video is None:
            raise DomainError("not_found")
        query = asked(s.OptimizedQuerySerializer, request.query_params)
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


class UploadFiguresView(APIView):
    """How uploads go, as clients see it."""

    @extend_schema(
        operation_id="analytics_upload", request=s.UploadFiguresSerializer, responses={202: s.NotedSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        form = s.UploadFiguresSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        found = form.validated_data
        analytics.note_upload(found["session_id"], found["bytes"], found["seconds"], network=found.get("network") or "")
        return Response({"ok": True}, status=202)
