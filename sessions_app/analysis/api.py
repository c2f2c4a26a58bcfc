from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from media_app.uploads import services as uploads
from media_app.uploads.models import Upload
from media_app.uploads.protocols.multipart import received_uploads
from media_app.videos.models import Video
from media_app.videos.serializers import MessageSerializer
from media_app.videos.upload_handlers import check_header
from sessions_app.analysis import params as parameters
from sessions_app.analysis import serializers as s
from sessions_app.analysis import services
from sessions_app.analysis.models import AnalysisSession, AnalysisSessionQuerySet, AnalysisType
from sessions_app.analysis.tables import TABLES, table
from sessions_app.analysis.upload_handlers import validate_request
from vodplatform.accounts.viewsets import ApiViewSet
from vodplatform.core.api.csv_tables import AsTable
from vodplatform.core.api.fields import page_of, page_slice
from vodplatform.core.api.idempotency import idempotent
from vodplatform.core.errors import DomainError

TAG = "Analysis"
STARTED = "Video uploaded successfully"


class StartingViewSet(ApiViewSet[AnalysisSession]):
    def start(self, request: Request, asked: Mapping[str, Any]) -> Response:
        """Start an analysis of an upload or a library video."""
        files = received_uploads(request)
        upload = files.get("video") or files.get("file")
        form = cast(Mapping[str, Any], request.data)
        session = self._of_upload(upload, asked) if upload else self._of_video(form.get("video_id"), asked)
        answer = {
            "sessionId": str(session.pk),
            "status": "queued",
            "message": STARTED,
            "job_id": str(session.job_id),
            "warnings": session.warnings,
        }
        return Response(answer, status=202)

    def _of_upload(self, upload: Upload, asked: Mapping[str, Any]) -> AnalysisSession:
        check_header(upload)
        upload.metadata |= asked
        upload.save(update_fields=["metadata"])
        uploads.complete(upload)
        return AnalysisSession.objects.defer("data").get(pk=upload.resource_id)

    def _of_video(self, video_id: Any, asked: Mapping[str, Any]) -> AnalysisSession:
        if video_id in (None, ""):
            raise DomainError(
                "invalid", "Send the video as `video` in a multipart form.",
                errors={
                    "video": [
                        "Send the video as `video` in a multipart form, or send a `video_id` from your library."
                    ]
                },
            )  # fmt: skip
        try:
            key = UUID(str(video_id))
        except ValueError as exc:
            raise DomainError("video_not_found") from exc
        video = Video.objects.private().filter(owner=self.user, pk=key).first()
        if video is None:
            raise DomainError("video_not_found")
        return services.begin_for_video(self.user, video, asked)


@extend_schema(tags=[TAG])
class AnalysisViewSet(StartingViewSet):
    """Analyses that run in the background."""

    missing = "session_not_found"
    lookup_url_kwarg = "session_id"

    def get_queryset(self) -> AnalysisSessionQuerySet:
        return AnalysisSession.objects.visible_to(self.user).with_state().order_by()

    def get_object(self) -> AnalysisSession:
        return self._found(self.get_queryset())

    def get_object_with_results(self) -> AnalysisSession:
        """Return the session with its results, which can be many megabytes."""
        return self._found(self.get_queryset().defer(None).defer("job__result", "job__checkpoint", "job__params"))

    def _found(self, rows: AnalysisSessionQuerySet) -> AnalysisSession:
        try:
            session = rows.filter(pk=UUID(self.kwargs["session_id"])).first()
        except ValueError:
            session = None
        if session is None:
            raise DomainError(self.missing, sessionId=self.kwargs["session_id"][:100])
        return session

    @idempotent
    @extend_schema(
        operation_id="analysis_upload",
        summary="Upload a video to analyse",
        request={"multipart/form-data": s.NewAnalysisSerializer},
        responses={202: s.StartedSerializer},
    )
    @action(detail=False, methods=["post"])
    def upload(self, request: Request) -> Response:
        """Upload a video. It is analysed in the background."""
        form = request.data
        if not isinstance(form, Mapping):
            raise DomainError("invalid", errors={"video": ["Send a multipart form."]})
        params = parameters.parse_params_field(form.get("params"))
        return self.start(request, validate_request(form.get("analysis_type"), params, form.get("name")))

    @extend_schema(
        operation_id="analysis_list",
        summary="List your analyses",
        parameters=[s.AnalysisQuerySerializer],
        responses={200: s.AnalysisListSerializer},
    )
    @action(detail=False)
    def sessions(self, request: Request) -> Response:
        """List the caller's analyses, newest first."""
        query = self.read_query(s.AnalysisQuerySerializer)
        rows = AnalysisSession.objects.filter(owner=self.user)
        if "status" in query:
            rows = rows.in_status(query["status"])
        if "analysis_type" in query:
            rows = rows.filter(analysis_type=query["analysis_type"])
        shown = [s.AnalysisStatusSerializer.show(session) for session in rows.with_state()[page_slice(query)]]
        return Response({"sessions": shown, "pagination": page_of(query, rows.count())})

    @extend_schema(
        operation_id="analysis_status",
        summary="Get the state of an analysis",
        responses={200: s.AnalysisStatusSerializer},
    )
    @action(detail=False, url_path="status/<str:session_id>")
    def status(self, request: Request, session_id: str) -> Response:
        """Get the state and progress of an analysis."""
        return Response(s.AnalysisStatusSerializer.show(self.get_object()))

    @extend_schema(
        operation_id="analysis_table",
        summary="Download the results as CSV",
        parameters=[
            OpenApiParameter(
                "kind",
                enum=sorted(TABLES),
                description="Default: highlights or repetitions, depending on the type of the analysis.",
            )
        ],
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR)},
    )
    @action(detail=False, url_path="results/<str:session_id>.csv", content_negotiation_class=AsTable)
    def a_table(self, request: Request, session_id: str) -> HttpResponse:
        """Get the results as a CSV table for spreadsheets."""
        session = self.get_object_with_results()
        kind = request.query_params.get("kind") or ("highlights", "repetitions")[session.analysis_type == "workout"]
        try:
            text = table(session, kind)
        except KeyError as exc:
            sentence = f"This analysis has no CSV table {kind[:40]!r}."
            raise DomainError("invalid", sentence, errors={"kind": [sentence]}) from exc
        answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{kind}-{session.pk.hex[:8]}.csv"'
        return answer

    @extend_schema(
        operation_id="analysis_results", summary="Get the results of an analysis", responses={200: s.ResultsSerializer}
    )
    @action(detail=False, url_path="results/<str:session_id>")
    def results(self, request: Request, session_id: str) -> Response:
        """Get the results of a completed analysis."""
        return Response(s.ResultsSerializer.show(self.get_object_with_results()))

    @extend_schema(
        operation_id="analysis_cancel",
        summary="Cancel an analysis",
        request=None,
        responses={200: s.CancelledSerializer},
    )
    @action(detail=False, methods=["post"], url_path="cancel/<str:session_id>")
    def cancel(self, request: Request, session_id: str) -> Response:
        """Cancel an analysis that is queued or running."""
        session = self.get_object_to_change()
        services.cancel(session)
        return Response(
            {"sessionId": str(session.pk), "status": "cancelled", "message": "Processing cancelled successfully"}
        )

    @extend_schema(
        operation_id="analysis_keep",
        summary="Set whether to keep an analysis as long as its video",
        request=s.KeepSerializer,
        responses={200: s.AnalysisStatusSerializer},
    )
    @action(detail=False, methods=["post"], url_path="keep/<str:session_id>")
    def keep(self, request: Request, session_id: str) -> Response:
        """Keep an analysis as long as its video, or let it expire after the default time."""
        services.set_kept(self.get_object_to_change(), self.read_body(s.KeepSerializer)["keep"])
        return Response(s.AnalysisStatusSerializer.show(self.get_object()))

    @idempotent
    @extend_schema(
        operation_id="analysis_reel",
        summary="Cut a new reel from chosen moments",
        request=s.AnalysisReelSerializer,
        responses={202: s.StartedSerializer},
    )
    @action(detail=False, methods=["post"], url_path="reel/<str:session_id>")
    def reel(self, request: Request, session_id: str) -> Response:
        """Cut a new reel from the given moments. The old reel is shown until the new one is ready.

        A moment may have a title card before it, and a fade instead of a cut.
        """
        self.get_object_to_change()
        session = self.get_object_with_results()
        asked = self.read_body(s.AnalysisReelSerializer)
        job = services.cut_reel(session, asked["moments"], keeps_order=asked["order"] == "given")
        told = {
            "sessionId": session_id,
            "status": "queued",
            "message": "The new reel is being cut",
            "job_id": str(job.pk),
        }
        return Response({**told, "warnings": []}, status=202)

    @extend_schema(operation_id="analysis_cleanup", summary="Delete an analysis", responses={200: MessageSerializer})
    @action(detail=False, methods=["delete"], url_path="cleanup/<str:session_id>")
    def cleanup(self, request: Request, session_id: str) -> Response:
        """Delete an analysis with its files and results."""
        services.clean_up(self.get_object_to_change(), self.user)
        return Response({"message": "Session cleaned up successfully"})


@extend_schema(tags=[TAG])
class SynchronousAnalysisViewSet(StartingViewSet):
    """Endpoints that answer with the results. :mod:`sessions_app.analysis.sync_endpoint` waits for the results."""

    def begin(self, request: Request, analysis_type: str) -> Response:
        form = request.data
        if not isinstance(form, Mapping):
            raise DomainError("invalid", errors={"video": ["Send a multipart form."]})
        given = {**parameters.parse_params_field(form.get("params")), **parameters.from_fields(analysis_type, form)}
        return self.start(request, validate_request(analysis_type, given, form.get("name")))

    @idempotent
    @extend_schema(
        operation_id="analyze_highlights",
        summary="Find highlights and wait for the result",
        request={"multipart/form-data": s.HighlightsFormSerializer},
        responses={200: OpenApiTypes.OBJECT},
    )
    @action(detail=False, methods=["post"])
    def highlights(self, request: Request) -> Response:
        """Find the highlights of a video, and answer when they are found."""
        return self.begin(request, AnalysisType.HIGHLIGHTS)

    @idempotent
    @extend_schema(
        operation_id="analyze_workout",
        summary="Count repetitions and wait for the result",
        request={"multipart/form-data": s.WorkoutFormSerializer},
        responses={200: OpenApiTypes.OBJECT},
    )
    @action(detail=False, methods=["post"])
    def workout(self, request: Request) -> Response:
        """Count the repetitions in a video, and answer when they are counted."""
        return self.begin(request, AnalysisType.WORKOUT)
