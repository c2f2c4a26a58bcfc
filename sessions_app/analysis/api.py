"""Analysis sessions over the API (contract section 2): parse, permit, call, answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from media_app.library.serializers import MessageSerializer
from media_app.uploads import services as uploads
from media_app.uploads.models import Upload
from media_app.uploads.multipart import received
from media_app.videos.models import Video
from sessions_app.analysis import params as parameters
from sessions_app.analysis import serializers as s
from sessions_app.analysis import services
from sessions_app.analysis.models import AnalysisSession, AnalysisType
from sessions_app.analysis.presentation import TABLES, present, results, table
from sessions_app.analysis.receiving import ask
from vodplatform.accounts.models import User
from vodplatform.base.errors import DomainError
from vodplatform.base.fields import asked, page_of, window
from vodplatform.base.idempotency import idempotent

STARTED = "Video uploaded successfully"


class AnalysisView(APIView):
    """What all of these share: the caller, and the session as the caller may use it."""

    @property
    def user(self) -> User:
        return cast(User, self.request.user)

    def find(self, session_id: str, *, change: bool = False, whole: bool = False) -> AnalysisSession:
        """The session, 404 when the caller may not see it. whole: with its results."""
        try:
            key = UUID(session_id)
        except ValueError as exc:
            raise DomainError("session_not_found") from exc
        rows = AnalysisSession.objects.visible_to(self.user).with_state()
        if whole:
            rows = rows.defer(None).defer("job__result", "job__checkpoint", "job__params")
        session = rows.order_by().filter(pk=key).first()
        if session is None:
            raise DomainError("session_not_found")
        if change and not session.can_change(self.user):
            raise DomainError("forbidden")
        return session

    def start(self, request: Request, asked: Mapping[str, Any]) -> Response:
        """Begin a session for the file that came, or for the video that is named."""
        files = received(request)
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
        upload.metadata |= asked
        upload.save(update_fields=["metadata"])
        uploads.complete(upload)
        return AnalysisSession.objects.defer("data").get(pk=upload.resource_id)

    def _of_video(self, video_id: Any, asked: Mapping[str, Any]) -> AnalysisSession:
        if video_id in (None, ""):
            raise DomainError(
                "invalid", "Send the video as `video` in a multipart form.",
                errors={"video": ["Send the video as `video` in a multipart form, or a `video_id` of your library."]},
            )  # fmt: skip
        try:
            key = UUID(str(video_id))
        except ValueError as exc:
            raise DomainError("video_not_found") from exc
        video = Video.objects.private().filter(owner=self.user, pk=key).first()
        if video is None:
            raise DomainError("video_not_found")
        return services.begin_for_video(self.user, video, asked)


class UploadView(AnalysisView):
    """A video to be analysed in the background."""

    @extend_schema(
        operation_id="analysis_upload",
        request={"multipart/form-data": s.NewAnalysisSerializer},
        responses={202: s.StartedSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        form = request.data
        if not isinstance(form, Mapping):
            raise DomainError("invalid", errors={"video": ["Send a multipart form."]})
        params = parameters.parse(form.get("params"))
        return self.start(request, ask(form.get("analysis_type"), params, form.get("name")))


class AnalyzeView(AnalysisView):
    """The same, and the answer is waited for: :mod:`sessions_app.analysis.waiting` stands before this view."""

    analysis_type = AnalysisType.HIGHLIGHTS

    def begin(self, request: Request) -> Response:
        """Begin it with parameters that are fields of the form."""
        form = request.data
        if not isinstance(form, Mapping):
            raise DomainError("invalid", errors={"video": ["Send a multipart form."]})
        given = {
            **parameters.parse(form.get("params")),
            **parameters.from_fields(self.analysis_type, form),
        }
        return self.start(request, ask(self.analysis_type, given, form.get("name")))


class AnalyzeHighlightsView(AnalyzeView):
    @extend_schema(
        operation_id="analyze_highlights",
        request={"multipart/form-data": s.HighlightsFormSerializer},
        responses={200: OpenApiTypes.OBJECT},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        return self.begin(request)


class AnalyzeWorkoutView(AnalyzeView):
    analysis_type = AnalysisType.WORKOUT

    @extend_schema(
        operation_id="analyze_workout",
        request={"multipart/form-data": s.WorkoutFormSerializer},
        responses={200: OpenApiTypes.OBJECT},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        return self.begin(request)


class StatusView(AnalysisView):
    @extend_schema(operation_id="analysis_status", responses={200: s.StatusSerializer})
    def get(self, request: Request, session_id: str) -> Response:
        return Response(present(self.find(session_id)))


class ResultsView(AnalysisView):
    @extend_schema(operation_id="analysis_results", responses={200: s.ResultsSerializer})
    def get(self, request: Request, session_id: str) -> Response:
        return Response(results(self.find(session_id, whole=True)))


class AsTable(DefaultContentNegotiation):
    """A table is a table, whatever ``Accept`` says."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type


class TableView(AnalysisView):
    """Results as a table for spreadsheets."""

    content_negotiation_class = AsTable

    @extend_schema(
        operation_id="analysis_table",
        parameters=[OpenApiParameter("kind", enum=sorted(TABLES), description="By default the first that there is.")],
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR)},
    )
    def get(self, request: Request, session_id: str) -> HttpResponse:
        session = self.find(session_id, whole=True)
        kind = request.query_params.get("kind") or ("highlights", "repetitions")[session.analysis_type == "workout"]
        try:
            text = table(session, kind)
        except KeyError as exc:
            sentence = f"There is no table {kind[:40]!r} of this analysis."
            raise DomainError("invalid", sentence, errors={"kind": [sentence]}) from exc
        answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{kind}-{session.pk.hex[:8]}.csv"'
        return answer


class CancelView(AnalysisView):
    @extend_schema(operation_id="analysis_cancel", request=None, responses={200: s.CancelledSerializer})
    def post(self, request: Request, session_id: str) -> Response:
        session = self.find(session_id, change=True)
        services.cancel(session)
        return Response(
            {"sessionId": str(session.pk), "status": "cancelled", "message": "Processing cancelled successfully"}
        )


class CleanupView(AnalysisView):
    @extend_schema(operation_id="analysis_cleanup", responses={200: MessageSerializer})
    def delete(self, request: Request, session_id: str) -> Response:
        services.clean_up(self.find(session_id, change=True), self.user)
        return Response({"message": "Session cleaned up successfully"})


class SessionListView(AnalysisView):
    """The caller's own sessions, newest first."""

    @extend_schema(
        operation_id="analysis_list", parameters=[s.AnalysisQuerySerializer], responses={200: s.AnalysisListSerializer}
    )
    def get(self, request: Request) -> Response:
        query = asked(s.AnalysisQuerySerializer, request.query_params)
        rows = AnalysisSession.objects.filter(owner=self.user)
        if "status" in query:
            rows = rows.in_status(query["status"])
        if "analysis_type" in query:
            rows = rows.filter(analysis_type=query["analysis_type"])
        shown = [present(session) for session in rows.with_state()[window(query)]]
        return Response({"sessions": shown, "pagination": page_of(query, rows.count())})
