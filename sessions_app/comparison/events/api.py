"""A comparison's events over the API (contract section 1.1): parse, permit, call, answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from sessions_app.comparison.events import auto_detect, files, paging
from sessions_app.comparison.events import serializers as s
from sessions_app.comparison.events import services as events
from sessions_app.comparison.events.mentions import forget_mentions, unseen_events
from sessions_app.comparison.models import ComparisonSession, EventOrigin, LinkVisitor, SessionEvent
from sessions_app.comparison.serializers import JobStartedSerializer, OkSerializer
from sessions_app.comparison.viewsets import TAG, ComparisonViewSet
from vodplatform.core.api import idempotency
from vodplatform.core.api.idempotency import idempotent
from vodplatform.core.api.parsers import StrictJSONParser
from vodplatform.core.api.tables import AsTable
from vodplatform.core.files.spooled import pieces_of
from vodplatform.core.web.turns import Locks, Turn

Write = Callable[[ComparisonSession, paging.Vods], Iterable[str]]
SENT_AT_ONCE = 256 * 1024  # maximum bytes of a file that is sent from memory
READ_SECONDS = 10.0  # how long a list waits for other lists of the same account or link
PEEK_BYTES = 1024  # bytes of an imported file that are read to tell JSON from CSV


reading = Locks()  # held while this process writes a list of events


class EventReadsViewSet(ComparisonViewSet):
    """Calls that can answer all events of a comparison: visitors without an account make fewer of them."""

    def get_throttles(self) -> list[BaseThrottle]:
        if isinstance(self.viewer, LinkVisitor) and self.request.method in SAFE_METHODS:
            self.throttle_scope = "visitor_events"
        return super().get_throttles()


@extend_schema(tags=[TAG])
class EventViewSet(EventReadsViewSet):
    """Moments and spans that were marked in a comparison, and what was said to them."""

    def answer_event(self, row: SessionEvent, status: int = 200) -> Response:
        """One event as it is now."""
        idempotency.remember(event_id=str(row.pk))
        return Response({"ok": True, "event": s.EventSerializer.show(s.ShownEvent(row))}, status=status)

    def answer_again(self, made: dict[str, str]) -> Response:
        """Answer a repeated request with the current state of the event that the first one created or replied to."""
        return self.answer_event(events.find_event(self.get_object(), UUID(made["event_id"])))

    @extend_schema(
        operation_id="events_list",
        summary="List the events of a comparison",
        parameters=[s.EventQuerySerializer],
        responses={200: s.EventListSerializer},
    )
    def list(self, request: Request, session_id: str) -> Response:
        """Events, sorted by their time on the shared clock."""
        query = self.read_query(s.EventQuerySerializer)
        # A page of 4 MiB takes ten times its size until it is written.
        viewer = self.viewer
        reader = viewer.link_id if isinstance(viewer, LinkVisitor) else viewer.pk
        turn = Turn(reading.of(reader), READ_SECONDS)
        session = self.get_object()
        page = paging.read_events(session, query)
        shown = [s.EventSerializer.show(one) for one in page.events]
        unseen = [str(key) for key in unseen_events(session, self.viewer)]
        answer = Response(
            {"ok": True, "events": shown, "total": page.total, "next_cursor": page.next_cursor, "unseen": unseen}
        )
        answer.add_post_render_callback(turn.end)
        return answer

    @idempotent
    @extend_schema(
        operation_id="events_create",
        summary="Create an event",
        request=s.NewEventSerializer,
        responses={201: s.EventAnswerSerializer},
    )
    def create(self, request: Request, session_id: str) -> Response:
        """Mark a moment or a span, of a VOD or of all; who may not edit makes comments only."""
        session = self.get_object()
        values = self.read_body(s.NewEventSerializer)
        return self.answer_event(events.create_event(session, self.viewer, values), 201)

    @extend_schema(
        operation_id="events_change",
        summary="Change an event",
        request=s.EventPatchSerializer,
        responses={200: s.EventAnswerSerializer},
    )
    @action(detail=False, methods=["patch"], url_path="<uuid:event_id>")
    def change(self, request: Request, session_id: str, event_id: UUID) -> Response:
        """Change an event; anything left out stays. Allowed for its author and for editors."""
        session = self.get_object()

        def answers() -> Iterator[dict[str, Any]]:
            yield s.EventSerializer.show(s.ShownEvent(events.find_event(session, event_id)))
            # In the list, events that several VODs show at one moment are one event.
            if shown := paging.read_event(session, event_id):
                yield s.EventSerializer.show(shown)

        values = self.read_change(s.EventPatchSerializer, answers, alternatives=("time", "global_time"))
        return self.answer_event(events.change_event(session, self.viewer, event_id, values))

    @extend_schema(operation_id="events_delete", summary="Delete an event", responses={200: OkSerializer})
    @change.mapping.delete
    def delete_one(self, request: Request, session_id: str, event_id: UUID) -> Response:
        """Delete an event and its replies. Allowed for its author and for editors."""
        events.delete_event(self.get_object(), self.viewer, event_id)
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
        """Delete a reply. Allowed for its author and for editors."""
        session = self.get_object()
        return self.answer_event(events.delete_reply(session, self.viewer, event_id, reply_id))

    @extend_schema(
        operation_id="events_seen", summary="Mark a mention as seen", request=None, responses={200: OkSerializer}
    )
    @action(detail=False, methods=["post"], url_path="<uuid:event_id>/seen")
    def seen(self, request: Request, session_id: str, event_id: UUID) -> Response:
        """The caller has looked at an event that names them with `@`: it counts among their mentions no more."""
        forget_mentions(events.find_event(self.get_object(), event_id), self.viewer)
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
        """Look for events in the background; what was found before and nobody has touched is replaced."""
        session = self.get_object_to_change()
        data = self.read_body(s.DetectSerializer)
        job = auto_detect.start_detection(session, self.user, data["kinds"], data.get("vod_ids"))
        return Response({"ok": True, "job_id": str(job.pk)}, status=202)

    @idempotent
    @extend_schema(
        operation_id="events_import",
        summary="Import events",
        request={
            "application/json": s.NewEventSerializer(many=True),
            "multipart/form-data": s.EventFileSerializer,
        },
        responses={201: s.ImportedSerializer},
    )
    @action(
        detail=False,
        methods=["post"],
        url_path="import",
        url_name="import",
        parser_classes=[StrictJSONParser, MultiPartParser],
    )
    def import_events(self, request: Request, session_id: str) -> Response:
        """Add the events of a list or a file. Either all are added or none; errors name the line."""
        session = self.get_object_to_change()
        rows, first_line = self.read_rows(request, session)
        made = events.create_events(session, self.user, rows, EventOrigin.IMPORT, first_line)
        return Response({"ok": True, "created": len(made)}, status=201)

    def read_rows(self, request: Request, session: ComparisonSession) -> tuple[Sequence[dict[str, Any]], int]:
        """The events that a call brings, as a list or in a file, and the number of the first."""
        file = request.FILES.get("file")
        if file is None:
            return files.checked(request.data), 1
        name, sign = file.name.lower(), file.read(PEEK_BYTES).lstrip()[:1]
        file.seek(0)
        with Turn(files.parsing):
            if name.endswith(".otio") or sign == b"{":
                from sessions_app.comparison.events.otio import from_otio

                return from_otio(file.read(), list(session.vods.all())), 1
            if name.endswith(".json") or sign == b"[":
                return files.from_json(file.read()), 1
            return files.from_csv(file.file), 2


@extend_schema(tags=[TAG])
class EventFileViewSet(EventReadsViewSet):
    """The same events as files; what is written can be read by ``import``."""

    @extend_schema(
        operation_id="events_csv",
        summary="Download events as CSV",
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR)},
    )
    @action(detail=True, url_path="events.csv", content_negotiation_class=AsTable)
    def as_csv(self, request: Request, session_id: str) -> HttpResponse | StreamingHttpResponse:
        """A table: VOD, time, end, kind and label."""

        def write(session: ComparisonSession, vods: paging.Vods) -> Iterable[str]:
            return files.to_csv(paging.iterate_rows(session, vods, has_content=False))

        return self.file("csv", "text/csv; charset=utf-8", write)

    @extend_schema(
        operation_id="events_json", summary="Download events as JSON", responses={200: s.NewEventSerializer(many=True)}
    )
    @action(detail=True, url_path="events.json", content_negotiation_class=AsTable)
    def as_json(self, request: Request, session_id: str) -> HttpResponse | StreamingHttpResponse:
        """The events with all their fields, without replies."""

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
        """An OpenTimelineIO timeline: the VODs as tracks at their offsets, the events as markers."""
        from sessions_app.comparison.events.otio import to_otio

        return self.file("otio", "application/json", to_otio, "timeline")

    def file(
        self, ending: str, content_type: str, write: Write, name: str = "events"
    ) -> HttpResponse | StreamingHttpResponse:
        """Return all events, unjoined, as a download. A large file is sent from the disk."""
        session = self.get_object()
        vods = paging.vods_of(session)
        made_of = (ending, session.name, paging.state_of(session, vods))
        made = files.cache.file(made_of, lambda: write(session, vods))
        headers = {
            "Content-Type": content_type,
            "Content-Length": str(made.size),
            "Content-Disposition": f'attachment; filename="{name}-{session.pk}.{ending}"',
        }
        if made.size <= SENT_AT_ONCE:
            return HttpResponse(made.read(), headers=headers)
        return StreamingHttpResponse(pieces_of(made), headers=headers)
