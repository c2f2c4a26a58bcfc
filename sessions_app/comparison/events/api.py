"""REST API of the events of comparisons (contract.md, section 1.1)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from sessions_app.comparison.events import auto_detect, files, paging
from sessions_app.comparison.events import serializers as s
from sessions_app.comparison.events import services as events
from sessions_app.comparison.events.mentions import mark_mentions_seen, unseen_events
from sessions_app.comparison.models import ComparisonSession, EventOrigin, LinkVisitor, SessionEvent, Viewer
from sessions_app.comparison.serializers import JobStartedSerializer, OkSerializer
from sessions_app.comparison.viewsets import TAG, ComparisonViewSet
from vodplatform.accounts.services import client_address
from vodplatform.core.api import idempotency
from vodplatform.core.api.csv_tables import AsTable
from vodplatform.core.api.idempotency import idempotent
from vodplatform.core.api.parsers import ListJSONParser
from vodplatform.core.files.spooled import pieces_of
from vodplatform.core.web.throttles import network_of
from vodplatform.core.web.turns import Locks, Turn

Write = Callable[[ComparisonSession, paging.Vods], Iterable[str]]
SENT_AT_ONCE = 256 * 1024  # maximum bytes of a download that is sent from memory; larger ones are streamed
READ_SECONDS = 10.0  # maximum seconds that a request waits for other requests of the same account or link
PEEK_BYTES = 1024  # bytes of a file that are read to distinguish JSON from CSV
# Locks by account, or by the network of visitors: a process runs one read and one import per key at a time.
reading, importing = Locks(), Locks()


def _key_of(viewer: Viewer, request: Request) -> Hashable:
    if isinstance(viewer, LinkVisitor):
        return network_of(client_address(request._request))
    return viewer.pk


def _parsing(size: int) -> AbstractContextManager[object]:
    """Wait for the lock that the parser of a file of ``size`` bytes needs."""
    return nullcontext() if size <= files.SMALL_BYTES else Turn(files.parsing, READ_SECONDS)


class EventReadsViewSet(ComparisonViewSet):
    """Endpoints that can return all events of a comparison. For visitors of a link, they have a lower request limit
    than other endpoints."""

    def get_throttles(self) -> list[BaseThrottle]:
        if isinstance(self.viewer, LinkVisitor):
            self.throttle_scope = "visitor_events" if self.request.method in SAFE_METHODS else "visitor_write"
        return super().get_throttles()


@extend_schema(tags=[TAG])
class EventViewSet(EventReadsViewSet):
    """Marked moments and spans of a comparison, and their replies."""

    def answer_event(self, row: SessionEvent, status: int = 200) -> Response:
        idempotency.remember(event_id=str(row.pk))
        return Response({"ok": True, "event": s.EventSerializer.show(s.ShownEvent(row))}, status=status)

    def answer_again(self, made: dict[str, str]) -> Response:
        return self.answer_event(events.find_event(self.get_object(), UUID(made["event_id"])))

    @extend_schema(
        operation_id="events_list",
        summary="List the events of a comparison",
        parameters=[s.EventQuerySerializer],
        responses={200: s.EventListSerializer},
    )
    def list(self, request: Request, session_id: str) -> Response:
        """List events by their time on the shared clock."""
        query = self.read_query(s.EventQuerySerializer)
        # A page of 4 MiB needs ten times as much memory, so each account reads one page at a time.
        with ExitStack() as stack:
            stack.enter_context(Turn(reading.of(_key_of(self.viewer, self.request)), READ_SECONDS))
            session = self.get_object()
            page = paging.read_events(session, query)
            shown = [s.EventSerializer.show(one) for one in page.events]
            unseen = [str(key) for key in unseen_events(session, self.viewer)]
            answer = Response(
                {"ok": True, "events": shown, "total": page.total, "next_cursor": page.next_cursor, "unseen": unseen}
            )
            held = stack.pop_all()
            answer.add_post_render_callback(lambda _: held.close())
            return answer

    @idempotent
    @extend_schema(
        operation_id="events_create",
        summary="Create an event",
        request=s.NewEventSerializer,
        responses={201: s.EventAnswerSerializer},
    )
    def create(self, request: Request, session_id: str) -> Response:
        """Mark a moment or a span in one VOD or in all VODs. Without edit permission, only comments are allowed."""
        session = self.get_object()
        values = self.read_body(s.NewEventSerializer)
        return self.answer_event(events.create_event(session, self.viewer, values), 201)

    @extend_schema(
        operation_id="events_change",
        summary="Change an event",
        request=s.EventChangeSerializer,
        responses={200: s.EventAnswerSerializer},
    )
    @action(detail=False, methods=["patch"], url_path="<uuid:event_id>")
    def change(self, request: Request, session_id: str, event_id: UUID) -> Response:
        """Change an event; omitted fields keep their values. Only the event's author and editors may do so."""
        session = self.get_object()

        def answers() -> Iterator[dict[str, Any]]:
            yield s.EventSerializer.show(s.ShownEvent(events.find_event(session, event_id)))
            if shown := paging.read_event(session, event_id):
                yield s.EventSerializer.show(shown)

        values = self.read_change(s.EventChangeSerializer, answers, alternatives=("time", "global_time"))
        return self.answer_event(events.change_event(session, self.viewer, event_id, values))

    @extend_schema(
        operation_id="events_delete",
        summary="Delete an event",
        parameters=[s.DeletionQuerySerializer],
        responses={200: OkSerializer},
    )
    @change.mapping.delete
    def delete_one(self, request: Request, session_id: str, event_id: UUID) -> Response:
        """Delete an event and its replies. Only the event's author and editors may do so."""
        session = self.get_object()
        seen = self.read_query(s.DeletionQuerySerializer).get("updated_at")
        events.delete_event(session, self.viewer, event_id, seen)
        return Response({"ok": True})

    @idempotent
    @extend_schema(
        operation_id="events_reply",
        summary="Reply to an event",
        request=s.ReplyBodySerializer,
        responses={201: s.EventAnswerSerializer},
    )
    @action(detail=False, methods=["post"], url_path="<uuid:event_id>/replies")
    def reply(self, request: Request, session_id: str, event_id: UUID) -> Response:
        """Reply to an event."""
        session = self.get_object()
        body = self.read_body(s.ReplyBodySerializer)["body"]
        return self.answer_event(events.reply(session, self.viewer, event_id, body), 201)

    @extend_schema(
        operation_id="events_delete_reply", summary="Delete a reply", responses={200: s.EventAnswerSerializer}
    )
    @action(detail=False, methods=["delete"], url_path="<uuid:event_id>/replies/<uuid:reply_id>")
    def delete_reply(self, request: Request, session_id: str, event_id: UUID, reply_id: UUID) -> Response:
        """Delete a reply. Only the reply's author and editors may do so."""
        session = self.get_object()
        return self.answer_event(events.delete_reply(session, self.viewer, event_id, reply_id))

    @extend_schema(
        operation_id="events_seen", summary="Mark a mention as seen", request=None, responses={200: OkSerializer}
    )
    @action(detail=False, methods=["post"], url_path="<uuid:event_id>/seen")
    def seen(self, request: Request, session_id: str, event_id: UUID) -> Response:
        """Mark the caller's mention in an event as seen."""
        mark_mentions_seen(events.find_event(self.get_object(), event_id), self.viewer)
        return Response({"ok": True})

    @idempotent
    @extend_schema(
        operation_id="events_detect",
        summary="Find events in the videos",
        request=s.DetectSerializer,
        responses={202: JobStartedSerializer},
    )
    @action(detail=False, methods=["post"])
    def detect(self, request: Request, session_id: str) -> Response:
        """Detect events in a background job. They replace the events detected earlier.

        Events that a user has changed or answered are kept.
        """
        session = self.get_object_to_change()
        data = self.read_body(s.DetectSerializer)
        job = auto_detect.start_detection(session, self.user, data["kinds"], data.get("vod_ids"))
        return Response({"ok": True, "job_id": str(job.pk)}, status=202)

    @idempotent
    @extend_schema(
        operation_id="events_import",
        summary="Import events",
        request={
            "application/json": PolymorphicProxySerializer(
                component_name="EventImport",
                serializers=[s.EventRowsSerializer, s.NewEventSerializer(many=True)],
                resource_type_field_name=None,
                many=False,
            ),
            "multipart/form-data": s.EventFileSerializer,
        },
        responses={201: s.ImportedSerializer},
    )
    @action(
        detail=False,
        methods=["post"],
        url_path="import",
        url_name="import",
        parser_classes=[ListJSONParser, MultiPartParser],
    )
    def import_events(self, request: Request, session_id: str) -> Response:
        """Add the events of a list or a file. If one is invalid, none is added.

        Errors name the number of the event. Numbers start at 1; in a CSV file, they start at 2, after the header line.
        A JSON body is an object with the list in ``events``, or the list itself.
        """
        session = self.get_object_to_change()
        # Import one list per account at a time, so that other accounts' imports are not delayed.
        with Turn(importing.of(self.user.pk), READ_SECONDS):
            rows, first_line = self.read_rows(request, session)
            made = events.create_events(session, self.user, rows, EventOrigin.IMPORT, first_line)
        return Response({"ok": True, "created": len(made)}, status=201)

    def read_rows(self, request: Request, session: ComparisonSession) -> tuple[Sequence[dict[str, Any]], int]:
        if not (request.content_type or "").startswith("multipart/"):
            length = request.META.get("CONTENT_LENGTH") or ""
            with _parsing(int(length[:19]) if length.isdecimal() else files.SMALL_BYTES + 1):
                rows = request.data
                return files.validate_events(rows.get("events") if isinstance(rows, dict) else rows), 1
        file = request.FILES.get("file")
        if file is None:
            return files.validate_events(None), 1
        name, sign = file.name.lower(), file.read(PEEK_BYTES).lstrip()[:1]
        file.seek(0)
        with _parsing(file.size):
            if name.endswith(".otio") or sign == b"{":
                from sessions_app.comparison.events.otio import from_otio

                return from_otio(file.read(), list(session.vods.all())), 1
            if name.endswith(".json") or sign == b"[":
                return files.from_json(file.read()), 1
            return files.from_csv(file.file), 2


@extend_schema(tags=[TAG])
class EventFileViewSet(EventReadsViewSet):
    """The events of a comparison as files, which ``import`` accepts."""

    @extend_schema(
        operation_id="events_csv",
        summary="Download events as CSV",
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR)},
    )
    @action(detail=True, url_path="events.csv", content_negotiation_class=AsTable)
    def as_csv(self, request: Request, session_id: str) -> HttpResponse | StreamingHttpResponse:
        """Download events as a table: VOD, time, end, kind, label."""

        def write(session: ComparisonSession, vods: paging.Vods) -> Iterable[str]:
            return files.to_csv(paging.iterate_rows(session, vods, has_content=False))

        return self.file("csv", "text/csv; charset=utf-8", write)

    @extend_schema(
        operation_id="events_json", summary="Download events as JSON", responses={200: s.NewEventSerializer(many=True)}
    )
    @action(detail=True, url_path="events.json", content_negotiation_class=AsTable)
    def as_json(self, request: Request, session_id: str) -> HttpResponse | StreamingHttpResponse:
        """Download the events with all their fields, without replies."""

        def write(session: ComparisonSession, vods: paging.Vods) -> Iterable[str]:
            return files.to_json(paging.iterate_rows(session, vods))

        return self.file("json", "application/json", write)

    @extend_schema(
        operation_id="timeline_otio",
        summary="Download an OpenTimelineIO timeline",
        responses={200: OpenApiTypes.OBJECT},
    )
    @action(detail=True, url_path="timeline.otio", content_negotiation_class=AsTable)
    def as_timeline(self, request: Request, session_id: str) -> HttpResponse | StreamingHttpResponse:
        """Download an OpenTimelineIO timeline: VODs as tracks at their offsets, events as markers."""
        from sessions_app.comparison.events.otio import to_otio

        return self.file("otio", "application/json", to_otio, "timeline")

    def file(
        self, ending: str, content_type: str, write: Write, name: str = "events"
    ) -> HttpResponse | StreamingHttpResponse:
        """Return all events as a download, without grouping. Large files are streamed from disk."""
        session = self.get_object()
        vods = paging.vods_of(session)
        made_of = (ending, session.name, paging.state_of(session, vods))
        with Turn(reading.of(_key_of(self.viewer, self.request)), READ_SECONDS):
            made = files.cache.file(made_of, lambda: write(session, vods))
        headers = {
            "Content-Type": content_type,
            "Content-Length": str(made.size),
            "Content-Disposition": f'attachment; filename="{name}-{session.pk}.{ending}"',
        }
        if made.size <= SENT_AT_ONCE:
            return HttpResponse(made.read(), headers=headers)
        return StreamingHttpResponse(pieces_of(made), headers=headers)
