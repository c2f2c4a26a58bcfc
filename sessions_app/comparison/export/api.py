"""The export API (contract.md, section 1.1)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_app.comparison.export import services as exports
from sessions_app.comparison.export.child.layouts import LAYOUTS
from sessions_app.comparison.models import MAX_VODS
from sessions_app.comparison.serializers import JobStartedSerializer
from sessions_app.comparison.timeline import MAX_TIMESTAMP
from sessions_app.comparison.viewsets import TAG, ComparisonViewSet
from vodplatform.core.api.fields import BoundedListField, SecondsField, StrictBooleanField, StrictCharField
from vodplatform.core.api.idempotency import idempotent

Data = dict[str, Any]


class BurnSerializer(serializers.Serializer[Data]):
    names = StrictBooleanField(default=False, help_text="Whether to show the VODs' names.")
    clock = StrictBooleanField(default=False, help_text="Whether to show the shared clock.")
    events = StrictBooleanField(
        default=False, help_text="Whether to show events and drawings. Events without an end are shown for 3 s."
    )


class ReelSerializer(serializers.Serializer[Data]):
    """Parts of a comparison to export: the time around each event of one kind."""

    kind = serializers.CharField(max_length=40, help_text="Kind of the events to show.")
    before = SecondsField(
        min_value=0, max_value=exports.MAX_AROUND, default=3.0, help_text="Seconds to show before each event."
    )
    after = SecondsField(
        min_value=0, max_value=exports.MAX_AROUND, default=3.0, help_text="Seconds to show after each event."
    )


class ExportSerializer(serializers.Serializer[Data]):
    layout = serializers.ChoiceField(choices=[(name, name) for name in LAYOUTS])
    start = SecondsField(
        min_value=-MAX_TIMESTAMP,
        max_value=MAX_TIMESTAMP,
        help_text="Seconds on the shared clock, at least `timeline.start`.",
    )
    end = SecondsField(min_value=-MAX_TIMESTAMP, max_value=MAX_TIMESTAMP)
    audio = StrictCharField(max_length=100, help_text="Sound of the export: a vod_id, `mix` or `none`.")
    height = serializers.IntegerField(
        min_value=exports.MIN_HEIGHT, max_value=exports.MAX_HEIGHT, required=False,
        help_text="Height in pixels; by default 720, or the VOD's own height for a single VOD.",
    )  # fmt: skip
    fps = serializers.FloatField(
        min_value=1,
        max_value=exports.MAX_FPS,
        required=False,
        help_text="Frames per second; by default the highest frame rate of the shown VODs.",
    )
    vod_ids = BoundedListField(
        child=StrictCharField(max_length=100), min_length=1, max_length=MAX_VODS, required=False,
        help_text="The VODs to show, the main VOD first; by default all.",
    )  # fmt: skip
    burn = BurnSerializer(required=False)
    reel = ReelSerializer(required=False)


@extend_schema(tags=[TAG])
class ExportViewSet(ComparisonViewSet):
    """Exports of a comparison to a video."""

    @idempotent
    @extend_schema(
        operation_id="comparison_export",
        summary="Export a comparison as a video",
        request=ExportSerializer,
        responses={202: JobStartedSerializer},
    )
    @action(detail=True, methods=["post"])
    def export(self, request: Request, session_id: str) -> Response:
        """Render an MP4 in a background job. The job's result has ``url, duration, width, height`` and ``size``."""
        session = self.get_object_to_change()
        job = exports.start_export(session, self.user, self.read_body(ExportSerializer))
        return Response({"ok": True, "job_id": str(job.pk)}, status=202)
