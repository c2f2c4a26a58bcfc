"""Comparison sessions over the API (contract section 1): parse, permit, call, answer."""

from __future__ import annotations

import contextlib
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q
from django.http import QueryDict
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from media_app.videos import library_roots
from sessions_app.comparison import serializers as s
from sessions_app.comparison import services
from sessions_app.comparison.models import ComparisonSession
from sessions_app.comparison.presentation import (
    present_alignment,
    present_change,
    present_listed,
    present_session,
)
from vodplatform.accounts.models import User
from vodplatform.base.errors import DomainError
from vodplatform.base.fields import window
from vodplatform.base.idempotency import idempotent


def parse(form: type[Serializer[Any]], data: Any) -> dict[str, Any]:
    """The validated data of a request. Raises REST framework's ValidationError."""
    if isinstance(data, QueryDict):
        # A parameter that is there and empty (`?created_by=&limit=20`) is one that was not given.
        data = {name: value for name, value in data.items() if value}
    serializer = form(data=data)
    serializer.is_valid(raise_exception=True)
    return cast(dict[str, Any], serializer.validated_data)


class ComparisonView(APIView):
    """What all of these share: the feature's switch, the caller, and the session as the caller may use it."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not settings.MULTI_VOD_ENABLED:
            raise DomainError("feature_disabled")

    @property
    def user(self) -> User:
        return cast(User, self.request.user)

    def find(self, session_id: str, *, change: bool = False) -> ComparisonSession:
        """The session: 404 when the caller may not see it, 403 when it may not be changed."""
        session = ComparisonSession.objects.visible_to(self.user).at_database_time().filter(pk=session_id).first()
        if session is None:
            raise DomainError("session_not_found")
        if change and not session.can_change(self.user):
            raise DomainError("forbidden")
        return session

    def answer(self, shown: dict[str, Any], status: int = 200) -> Response:
        """The session as it is shown."""
        return Response({"ok": True, "session": shown}, status=status)


class SessionCreateView(ComparisonView):
    """Compare 2 or 3 VODs."""

    @extend_schema(
        operation_id="comparison_create", request=s.NewSessionSerializer, responses={201: s.SessionAnswerSerializer}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        data = parse(s.NewSessionSerializer, request.data)
        vods = [services.NewVod(**vod) for vod in data["vods"]]
        session = services.create_session(self.user, vods, name=data["name"], description=data["description"])
        return self.answer(present_session(session), status=201)


class SessionListView(ComparisonView):
    """The sessions the caller may see, newest first; ``created_by`` takes a user's id or name."""

    @extend_schema(
        operation_id="comparison_list",
        parameters=[s.SessionListQuerySerializer],
        responses={200: s.SessionListSerializer},
    )
    def get(self, request: Request) -> Response:
        query = parse(s.SessionListQuerySerializer, request.query_params)
        sessions = ComparisonSession.objects.visible_to(self.user)
        if "created_by" in query:
            who = Q(owner__username=query["created_by"])
            with contextlib.suppress(ValueError):
                who |= Q(owner_id=UUID(query["created_by"]))
            sessions = sessions.filter(who)
        # Grouping drops the order that the model has by default: it must be said again.
        counted = sessions.annotate(vod_count=Count("vods")).order_by("-created_at", "-session_id")
        page = counted[window(query)]
        return Response({"ok": True, "sessions": [present_listed(row) for row in page], "total": sessions.count()})


class SessionView(ComparisonView):
    """One session."""

    @extend_schema(operation_id="comparison_get", responses={200: s.SessionAnswerSerializer})
    def get(self, request: Request, session_id: str) -> Response:
        return self.answer(present_session(self.find(session_id)))

    @extend_schema(
        operation_id="comparison_patch", request=s.PatchSerializer, responses={200: s.SessionAnswerSerializer}
    )
    def patch(self, request: Request, session_id: str) -> Response:
        session = self.find(session_id, change=True)
        return self.answer(services.patch(session, self.user, parse(s.PatchSerializer, request.data)))

    @extend_schema(operation_id="comparison_delete", responses={200: s.OkSerializer})
    def delete(self, request: Request, session_id: str) -> Response:
        services.delete_session(self.find(session_id, change=True))
        return Response({"ok": True})


class GlobalSeekView(ComparisonView):
    """Move every VOD to one instant of the shared clock."""

    throttle_scope = "clock"

    @extend_schema(
        operation_id="comparison_global_seek", request=s.SeekSerializer, responses={200: s.SessionAnswerSerializer}
    )
    def put(self, request: Request, session_id: str) -> Response:
        session = self.find(session_id, change=True)
        return self.answer(services.global_seek(session, self.user, parse(s.SeekSerializer, request.data)["timestamp"]))


class VodSeekView(ComparisonView):
    """Move one VOD on its own time."""

    throttle_scope = "clock"

    @extend_schema(
        operation_id="comparison_vod_seek", request=s.SeekSerializer, responses={200: s.SessionAnswerSerializer}
    )
    def put(self, request: Request, session_id: str, vod_id: str) -> Response:
        session = self.find(session_id, change=True)
        return self.answer(
            services.vod_seek(session, self.user, vod_id, parse(s.SeekSerializer, request.data)["timestamp"])
        )


class PlaybackView(ComparisonView):
    """Play or pause every VOD."""

    throttle_scope = "clock"

    @extend_schema(
        operation_id="comparison_playback", request=s.PlaybackSerializer, responses={200: s.SessionAnswerSerializer}
    )
    def put(self, request: Request, session_id: str) -> Response:
        session = self.find(session_id, change=True)
        data = parse(s.PlaybackSerializer, request.data)
        return self.answer(services.set_playback(session, self.user, data["state"], data.get("rate"), data.get("at")))


class OffsetsView(ComparisonView):
    """Set offsets, all or none."""

    @extend_schema(
        operation_id="comparison_offsets", request=s.OffsetsSerializer, responses={200: s.SessionAnswerSerializer}
    )
    def put(self, request: Request, session_id: str) -> Response:
        session = self.find(session_id, change=True)
        data = parse(s.OffsetsSerializer, request.data)
        confidences = dict.fromkeys(data["offsets"], data["confidence"])
        return self.answer(services.set_offsets(session, self.user, data["offsets"], data["source"], confidences))


class OffsetHistoryView(ComparisonView):
    """Every change of an offset, most recent first."""

    @extend_schema(
        operation_id="comparison_offset_history",
        parameters=[s.HistoryQuerySerializer],
        responses={200: s.HistorySerializer},
    )
    def get(self, request: Request, session_id: str) -> Response:
        session = self.find(session_id)
        query = parse(s.HistoryQuerySerializer, request.query_params)
        rows = session.offset_changes.select_related("vod")
        if "vod_id" in query:
            if not session.vods.filter(vod_id=query["vod_id"]).exists():
                raise DomainError("unknown_vod", vod_id=query["vod_id"])
            rows = rows.filter(vod__vod_id=query["vod_id"])
        stop = query["offset"] + query["limit"] if "limit" in query else None
        history = [present_change(row, row.vod) for row in rows[query["offset"] : stop]]
        return Response({"ok": True, "history": history, "total": rows.count()})


class AlignView(ComparisonView):
    """Find the offsets by reading the in-game timer, in the background."""

    @extend_schema(
        operation_id="comparison_align", request=s.AlignSerializer, responses={202: s.AlignmentStartedSerializer}
    )
    @idempotent
    def post(self, request: Request, session_id: str) -> Response:
        session = self.find(session_id, change=True)
        data = parse(s.AlignSerializer, request.data)
        if data["method"] != "timer_ocr":
            raise DomainError("method_unavailable")
        job = services.start_alignment(session, data["roi"], data["game"])
        return Response({"ok": True, "job_id": str(job.pk)}, status=202)


class AlignmentView(ComparisonView):
    """How far an alignment is, and what it proposes."""

    @extend_schema(operation_id="comparison_alignment", responses={200: s.AlignmentSerializer})
    def get(self, request: Request, session_id: str, job_id: UUID) -> Response:
        session = self.find(session_id)
        alignment = services.find_alignment(session, job_id)
        return Response({"ok": True, **present_alignment(alignment, list(session.vods.all()))})


class ApplyView(ComparisonView):
    """Take over what an alignment proposes."""

    @extend_schema(
        operation_id="comparison_alignment_apply",
        request=s.ApplySerializer,
        responses={200: s.SessionAnswerSerializer},
    )
    def post(self, request: Request, session_id: str, job_id: UUID) -> Response:
        session = self.find(session_id, change=True)
        data = parse(s.ApplySerializer, request.data)
        return self.answer(services.apply_alignment(session, self.user, job_id, data.get("vod_ids")))


class TimerPreviewView(ComparisonView):
    """What the box reads, at once."""

    @extend_schema(
        operation_id="comparison_timer_preview",
        request=s.PreviewSerializer,
        responses={200: s.PreviewAnswerSerializer},
    )
    def post(self, request: Request, session_id: str) -> Response:
        session = self.find(session_id, change=True)
        data = parse(s.PreviewSerializer, request.data)
        readings = services.preview_timer(session, self.user, data["roi"], data["times"])
        return Response({"ok": True, "readings": readings})


class LibraryFilesView(ComparisonView):
    """The video files in the library folders that the caller may use, to choose VODs from."""

    @extend_schema(
        operation_id="comparison_library_files",
        parameters=[s.FilesQuerySerializer],
        responses={200: s.LibraryFilesSerializer},
    )
    def get(self, request: Request) -> Response:
        query = parse(s.FilesQuerySerializer, request.query_params)
        words = query["search"].lower().split()
        paths = [
            path
            for path in library_roots.video_files(library_roots.roots_of(self.user))
            if all(word in path.name.lower() for word in words)
        ]
        page = paths[window(query)]
        files = []
        for path in page:
            with contextlib.suppress(OSError):  # gone since the folder was read
                files.append({"path": str(path), "name": path.name, "size": path.stat().st_size})
        return Response({"ok": True, "files": files, "total": len(paths)})
