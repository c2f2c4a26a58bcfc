"""REST API of the public catalogue (contract.md, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticatedOrReadOnly
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from media_app.catalogue import operations, services
from media_app.catalogue import serializers as s
from media_app.catalogue.listing import page_of
from media_app.catalogue.models import CrdtOperation
from media_app.catalogue.operations import Incoming, InvalidOperation
from media_app.videos import text_rules
from media_app.videos.models import Video, VideoQuerySet
from media_app.videos.serializers import MessageSerializer, VideoSerializer, show_page, with_answer_data
from vodplatform.accounts.models import User
from vodplatform.accounts.viewsets import ApiViewSet, CanReadCatalogue
from vodplatform.core.api.idempotency import idempotent
from vodplatform.core.errors import DomainError

# ``server_time`` is set back by TICK: SQLite's clock counts milliseconds, so an operation just after the
# answer may get the answer's time. A client that asks for later operations would miss this operation.
TICK = timedelta(milliseconds=1)


class CatalogueViewSet(ApiViewSet[Video]):
    lookup_url_kwarg = "video_id"
    lookup_value_converter = "uuid"

    permission_classes = (IsAuthenticatedOrReadOnly, CanReadCatalogue)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Always answer in JSON; otherwise, a request that accepts only HTML would get 406."""
        return JSONRenderer(), JSONRenderer.media_type

    def get_queryset(self) -> VideoQuerySet:
        return with_answer_data(Video.objects.in_catalogue(self.request.user))

    def member(self) -> User:
        user = self.request.user
        if not isinstance(user, User):
            raise DomainError("unauthenticated")
        return user

    def moderator(self) -> User:
        user = self.member()
        if not user.is_moderator:
            raise DomainError("forbidden", "Only moderators and administrators can change the catalogue.")
        return user

    def admin(self) -> User:
        user = self.member()
        if not user.is_admin:
            raise DomainError("forbidden", "Only administrators can delete and restore catalogue videos.")
        return user

    def find(self, video_id: UUID) -> Video:
        video = self.get_queryset().filter(pk=video_id).first()
        if video is None:
            raise DomainError("not_found")
        return video


def given(request: Request) -> dict[str, Any]:
    return {name: value for name, value in request.query_params.items() if not text_rules.is_blank(str(value))}


@extend_schema(tags=["Catalogue"])
class VideoViewSet(CatalogueViewSet):
    """Catalogue videos: list, edit, synchronise offline edits, report."""

    @extend_schema(
        operation_id="videos_list",
        summary="List catalogue videos",
        parameters=[s.CatalogueQuerySerializer],
        responses={200: s.CataloguePageSerializer},
    )
    def list(self, request: Request) -> Response:
        """List the visible catalogue videos, newest first; search results by relevance."""
        form = s.CatalogueQuerySerializer(data=given(request))
        form.is_valid(raise_exception=True)
        query = form.validated_data
        videos, total = page_of(request.user, query)
        return Response(show_page(videos, query, total))

    @extend_schema(
        operation_id="videos_create",
        summary="Create a catalogue video",
        request=s.NewCatalogueVideoSerializer,
        responses={201: VideoSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Create a catalogue video without a file. Allowed for moderators."""
        user = self.moderator()
        made = services.create(user, self.read_body(s.NewCatalogueVideoSerializer))
        return Response(VideoSerializer.show(made), status=201)

    @extend_schema(operation_id="videos_get", summary="Get a catalogue video", responses={200: VideoSerializer})
    def retrieve(self, request: Request, video_id: UUID) -> Response:
        """Return one video of the catalogue."""
        return Response(VideoSerializer.show(self.get_object()))

    @extend_schema(
        operation_id="videos_change",
        summary="Change a catalogue video",
        request=s.CatalogueChangeSerializer,
        responses={200: VideoSerializer},
    )
    def update(self, request: Request, video_id: UUID) -> Response:
        """Change only the fields that are sent. Only moderators may do this."""
        return self._change(video_id)

    @extend_schema(
        operation_id="videos_patch",
        summary="Change some fields of a catalogue video",
        request=s.CatalogueChangeSerializer,
        responses={200: VideoSerializer},
    )
    def partial_update(self, request: Request, video_id: UUID) -> Response:
        """Change only the fields that are sent, as PUT does."""
        return self._change(video_id)

    def _change(self, video_id: UUID) -> Response:
        video = self.get_object()
        user = self.moderator()
        values = dict(self.read_change(s.CatalogueChangeSerializer, lambda: [VideoSerializer.show(video)]))
        clock, version, reason = (values.pop(name, None) for name in ("vector_clock", "version", "reason"))
        services.edit(video_id, values, user, clock=clock, version=version, reason=reason or "")
        return Response(VideoSerializer.show(self.get_object()))

    @extend_schema(
        operation_id="videos_delete",
        summary="Delete a catalogue video",
        parameters=[s.DeleteQuerySerializer],
        responses={200: MessageSerializer},
    )
    def destroy(self, request: Request, video_id: UUID) -> Response:
        """Delete a video. It can be restored for some time unless ``hard`` is true. Allowed for administrators."""
        self.get_object()
        user = self.admin()
        form = s.DeleteQuerySerializer(data=given(request))
        form.is_valid(raise_exception=True)
        hard = form.validated_data["hard"]
        services.delete(video_id, user, hard=hard, reason=form.validated_data["reason"])
        return Response({"message": "Video deleted for good" if hard else "Video deleted successfully"})

    @extend_schema(
        operation_id="videos_restore",
        summary="Restore a catalogue video",
        request=None,
        responses={200: VideoSerializer},
    )
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, video_id: UUID) -> Response:
        """Put a deleted video back into the catalogue. Allowed for administrators."""
        self.get_object()
        services.restore(video_id, self.admin())
        return Response(VideoSerializer.show(self.get_object()))

    @idempotent
    @extend_schema(
        operation_id="videos_report",
        summary="Report a catalogue video",
        request=s.NewReportSerializer,
        responses={201: s.ReportSerializer},
    )
    @action(detail=True, methods=["post"])
    def reports(self, request: Request, video_id: UUID) -> Response:
        """Report a video to the moderators."""
        video, user = self.get_object(), self.member()
        body = self.read_body(s.NewReportSerializer)
        made = services.report(video, user, body["reason"], body["text"])
        return Response(s.ReportSerializer(made).data, status=201)

    @extend_schema(
        operation_id="videos_sync_state",
        summary="Get the changes to a catalogue video",
        parameters=[s.SyncQuerySerializer],
        responses={200: s.SyncStateSerializer},
    )
    @action(detail=True, url_path="sync")
    def sync_state(self, request: Request, video_id: UUID | None = None) -> Response:
        """Return the current video and the operations that arrived after ``since``."""
        query = given(request)
        video_id = video_id or _video_id(query.get("video_id"))
        self.find(video_id)
        form = s.SyncQuerySerializer(data=query)
        form.is_valid(raise_exception=True)
        since = None
        if since_text := form.validated_data.get("since"):
            try:
                since = operations.instant(_number(since_text), "since")
            except InvalidOperation as exc:
                raise _invalid(exc.field, exc) from exc
        user = request.user
        tells = isinstance(user, User) and user.is_moderator
        rows: list[CrdtOperation] = []
        base, until, more = None, None, False
        with transaction.atomic():
            if tells:
                # Lock the video while `until` is read. Operations that are stored afterwards get an arrival time later
                # than `until`.
                Video.objects.select_for_update(no_key=True).filter(pk=video_id).first()
            video = self.find(video_id)
            if tells:
                base, until = services.base_of(video_id), services.last_arrival(video_id)
            now = services.database_time(video_id)
        if tells:
            # Operations up to ``until`` no longer change, so they can be read after the lock is released.
            rows, more = services.operations_of(video_id, until, since, form.validated_data.get("limit"))
        return Response(
            {
                "video_id": str(video_id),
                "video": VideoSerializer.show(video),
                "server_vector_clock": video.vector_clock,
                "server_version": video.version,
                "server_time": now - TICK,
                "base": base,
                "operations": s.OperationSerializer(rows, many=True).data,
                "next_since": rows[-1].created_at if more else None,
            }
        )

    @extend_schema(
        operation_id="videos_sync",
        summary="Merge edits into a catalogue video",
        request=s.CatalogueSyncSerializer,
        responses={200: s.SyncAnswerSerializer},
    )
    @sync_state.mapping.post
    def sync(self, request: Request, video_id: UUID | None = None) -> Response:
        """Merge the client's operations with all other operations on the video."""
        body = request.data
        if not isinstance(body, dict):
            raise DomainError("invalid", errors={"non_field_errors": ["Send one JSON object."]})
        if video_id is None or body.get("video_id") is not None:
            named = _video_id(body.get("video_id"))
            if video_id not in (None, named):
                raise _invalid(
                    "video_id", "The id in the body differs from the id in the URL. Send the same id in both."
                )
            video_id = named
        self.find(video_id)
        user = self.member()
        clock, incoming = self._read(body, user)
        found = services.sync(video_id, user, clock, incoming)
        video = self.find(video_id)
        return Response(
            {
                "video_id": str(video_id),
                "sync_type": found.order,
                "action": found.action,
                "merged_video": VideoSerializer.show(video),
                "conflicts_resolved": found.conflicts,
                "server_vector_clock": video.vector_clock,
                "server_version": video.version,
            }
        )

    def _read(self, body: dict[str, Any], user: User) -> tuple[dict[str, int], Sequence[Incoming]]:
        raw_operations = body.get("operations")
        if raw_operations is not None and not isinstance(raw_operations, list):
            raise _invalid("operations", "Send a list.")
        if raw_operations:
            self.moderator()
        if raw_operations and len(raw_operations) > operations.MAX_OPERATIONS:
            raise DomainError("too_large", f"Send at most {operations.MAX_OPERATIONS} operations in one call.",
                              limit=operations.MAX_OPERATIONS)  # fmt: skip
        version = body.get("client_version")
        if version is not None and (type(version) is not int or not 0 <= version <= s.MAX_VERSION):
            raise _invalid("client_version", f"Send a whole number from 0 to {s.MAX_VERSION}.")
        try:
            raw_clock = body.get("client_vector_clock")
            clock = operations.clock({} if raw_clock is None else raw_clock, "client_vector_clock")
        except InvalidOperation as exc:
            raise _invalid(exc.field, exc) from exc
        incoming, errors, now = [], {}, timezone.now()
        for index, one in enumerate(raw_operations or ()):
            try:
                incoming.append(operations.parse_operation(one, str(user.pk), now))
            except InvalidOperation as exc:
                errors[str(index)] = {exc.field: [str(exc)]}
        if errors:
            raise DomainError("invalid", errors={"operations": errors})
        return clock, incoming


def _video_id(text: Any) -> UUID:
    try:
        return UUID(text)
    except (ValueError, TypeError, AttributeError) as exc:
        raise _invalid("video_id", "Send the id of a video.") from exc


def _number(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _invalid(field: str, sentence: object) -> DomainError:
    return DomainError("invalid", errors={field: [str(sentence)]})
