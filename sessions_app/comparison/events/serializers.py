from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from sessions_app.comparison.events.grouping import EventGroup, Mark, group_marks
from sessions_app.comparison.models import MAX_VODS, ComparisonVod, EventOrigin, EventReply, SessionEvent
from sessions_app.comparison.timeline import MAX_TIMESTAMP
from vodplatform.core.api.fields import (
    AnswerSerializer,
    BoundedListField,
    EpochField,
    SecondsField,
    StoredJsonField,
    StrictBooleanField,
    StrictCharField,
    StrictRegexField,
)
from vodplatform.core.api.renderers import RawJson
from vodplatform.core.errors import DomainError

MAX_DRAWING_BYTES = 64 * 1024
MAX_STROKE_TEXT = 500
MAX_BODY = 10_000
EVENT_BYTES, REPLY_BYTES = 700, 250  # assumed JSON bytes of an event, and of a reply, without their texts
AUTHOR_HELP = "Id of the user, or of the visitor who used a link."
TOOLS = ("pen", "line", "arrow", "box", "ellipse", "text")
COLOR = re.compile(r"#[0-9a-fA-F]{6}")

FOUND_ORIGINS = [
    (origin.value, origin.label) for origin in (EventOrigin.HIGHLIGHTS, EventOrigin.SHOTS, EventOrigin.SOUND_PEAKS)
]

Data = dict[str, Any]


class StrokeSerializer(serializers.Serializer[Data]):
    """A stroke of a drawing. ``width``: thousandths of the frame's width."""

    tool = serializers.ChoiceField(choices=TOOLS)
    color = serializers.CharField(help_text="#rrggbb.")
    width = serializers.FloatField(min_value=0, max_value=1000)
    points = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField(min_value=0, max_value=1), min_length=2, max_length=2),
        help_text="Pairs [x, y], as fractions of the displayed frame.",
    )
    text = serializers.CharField(
        required=False, max_length=MAX_STROKE_TEXT, help_text="Text to draw; only for the tool `text`."
    )


class DrawingSerializer(serializers.Serializer[Data]):
    strokes = StrokeSerializer(many=True)


@extend_schema_field(DrawingSerializer)
class DrawingField(serializers.JSONField):
    """A drawing: ``{strokes: [{tool, color, width, points: [[x, y], …], text?}]}``.

    Coordinates are fractions of the displayed frame.
    """

    def to_internal_value(self, data: Any) -> Data:
        if len(json.dumps(data, separators=(",", ":"))) > MAX_DRAWING_BYTES:
            raise DomainError("too_large", "drawing: must not be larger than 64 KB.", limit=MAX_DRAWING_BYTES)
        try:
            return {"strokes": [_stroke(stroke) for stroke in _list(data["strokes"])]}
        except (KeyError, TypeError, ValueError, OverflowError) as exc:
            sentence = "Must be {strokes: [{tool, color, width, points: [[x, y], …], text?}]}, points between 0 and 1."
            raise serializers.ValidationError(sentence) from exc


def _stroke(data: Data) -> Data:
    points = [[_number(x, 0, 1), _number(y, 0, 1)] for x, y in _list(data["points"])]
    if data["tool"] not in TOOLS or not COLOR.fullmatch(data["color"]) or not points:
        raise ValueError
    found = {"tool": data["tool"], "color": data["color"], "width": _number(data["width"], 0, 1000), "points": points}
    if data["tool"] == "text":
        text = data["text"]
        if not isinstance(text, str) or not text.strip():
            raise ValueError
        if len(text) > MAX_STROKE_TEXT:
            raise serializers.ValidationError(f"The text of a stroke can have at most {MAX_STROKE_TEXT} characters.")
        found["text"] = text
    return found


def _list(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise TypeError
    return data


def _number(value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    if not low <= value <= high:
        raise ValueError
    return value


class EventFieldsSerializer(serializers.Serializer[Data]):
    """The fields of an event, except its VOD and its start time."""

    end = SecondsField(min_value=-MAX_TIMESTAMP, max_value=MAX_TIMESTAMP, required=False, allow_null=True)
    kind = StrictRegexField(
        r"^[a-z0-9_-]{1,40}\Z",
        trim_whitespace=False,
        error_messages={"invalid": "Must be 1 to 40 characters: a–z, 0–9, _ and -."},
    )
    label = StrictCharField(max_length=200, required=False, allow_blank=True)  # type: ignore[assignment]
    color = StrictRegexField(
        r"^(#[0-9a-fA-F]{6})?\Z", required=False, allow_blank=True, error_messages={"invalid": "Must be #rrggbb."}
    )
    body = StrictCharField(max_length=MAX_BODY, required=False, allow_blank=True)
    drawing = DrawingField(required=False, allow_null=True)


class NewEventSerializer(EventFieldsSerializer):
    """A new event. With ``vod_id``, ``time`` is in the VOD's own time; otherwise ``global_time`` is required."""

    vod_id = StrictCharField(max_length=100, required=False, allow_null=True)
    time = SecondsField(min_value=0, max_value=MAX_TIMESTAMP, required=False)
    global_time = SecondsField(
        min_value=-MAX_TIMESTAMP,
        max_value=MAX_TIMESTAMP,
        required=False,
        help_text="Seconds on the shared clock, at least `timeline.start`.",
    )

    def validate(self, attrs: Data) -> Data:
        wanted = "global_time" if attrs.get("vod_id") is None else "time"
        unwanted = "time" if wanted == "global_time" else "global_time"
        if wanted not in attrs:
            raise serializers.ValidationError({wanted: ["Send either `vod_id` and `time`, or only `global_time`."]})
        if unwanted in attrs:
            raise serializers.ValidationError({unwanted: ["Send either `vod_id` and `time`, or only `global_time`."]})
        return attrs


class EventRowsSerializer(serializers.Serializer[Data]):
    """Events to import."""

    events = NewEventSerializer(many=True)


class EventBaseSerializer(serializers.Serializer[Data]):
    """Fields of an event as the client has seen them."""

    kind = serializers.CharField(required=False, allow_blank=True, max_length=40)
    label = StrictCharField(required=False, allow_blank=True, max_length=200)  # type: ignore[assignment]
    body = StrictCharField(required=False, allow_blank=True, max_length=MAX_BODY)
    drawing = DrawingField(required=False, allow_null=True)


class EventChangeSerializer(EventFieldsSerializer):
    """Changes of an event; omitted fields keep their values.

    time: new start in the VOD's own time. global_time: new start on the shared clock; the end moves by the same amount.
    """

    kind = StrictRegexField(r"^[a-z0-9_-]{1,40}\Z", trim_whitespace=False, required=False)
    time = SecondsField(min_value=0, max_value=MAX_TIMESTAMP, required=False)
    global_time = SecondsField(min_value=-MAX_TIMESTAMP, max_value=MAX_TIMESTAMP, required=False)
    resolved = StrictBooleanField(required=False)
    base = EventBaseSerializer(
        required=False,
        help_text="The values that the change replaces. If one differs from the stored value, the response is 409 "
        "`event_changed`.",
    )

    def validate(self, attrs: Data) -> Data:
        if "time" in attrs and "global_time" in attrs:
            raise serializers.ValidationError({"time": ["Send either `time` or `global_time`."]})
        return attrs


class DeletionQuerySerializer(serializers.Serializer[Data]):
    updated_at = serializers.FloatField(
        required=False,
        help_text="The event's `updated_at` as last read. If the event or its replies have changed since then, "
        "the response is 409 `event_changed`.",
    )


class ReplyBodySerializer(serializers.Serializer[Data]):
    body = StrictCharField(max_length=MAX_BODY)


class EventQuerySerializer(serializers.Serializer[Data]):
    """The query parameters of a list of events. A page has at most 4 MiB.

    from, to: seconds of the shared clock.
    """

    vod_id = serializers.CharField(required=False, max_length=100)
    kind = serializers.CharField(required=False, max_length=40)
    origin = serializers.ChoiceField(required=False, choices=EventOrigin.choices)
    limit = serializers.IntegerField(min_value=1, max_value=10_000, required=False)
    offset = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)
    cursor = serializers.CharField(
        required=False, max_length=80, help_text="The `next_cursor` of the previous page; `offset` counts from there."
    )
    joined = serializers.BooleanField(
        default=True, help_text="Whether to combine events that several VODs show at the same moment into one event."
    )

    def get_fields(self) -> dict[str, Any]:
        bounds = {"from": -MAX_TIMESTAMP, "to": MAX_TIMESTAMP}
        times = {
            name: serializers.FloatField(required=False, min_value=-MAX_TIMESTAMP, max_value=MAX_TIMESTAMP)
            for name in bounds
        }
        return {**super().get_fields(), **times}


class ReplySerializer(AnswerSerializer[EventReply]):
    """A reply to an event."""

    reply_id = serializers.UUIDField(source="pk")
    body = serializers.CharField()
    created_by = serializers.CharField(allow_null=True, help_text=AUTHOR_HELP)
    created_by_name = serializers.CharField()
    created_at = EpochField(help_text="Epoch seconds.")

    def get_created_by(self, row: EventReply) -> UUID | None:
        return row.created_by_id or row.visitor_id


class SourceSerializer(serializers.Serializer[Data]):
    """The start and end of an event in the VOD's own time."""

    event_id = serializers.UUIDField()
    vod_id = serializers.CharField(allow_null=True)
    time = serializers.FloatField()
    end = serializers.FloatField(allow_null=True)


@dataclass(frozen=True)
class ShownEvent:
    """An event and the events of other VODs in its group. median_time: time of the group, or None."""

    event: SessionEvent
    others: Sequence[SessionEvent] = ()
    median_time: float | None = None

    @property
    def global_time(self) -> float:
        return global_time_of(self.event) if self.median_time is None else self.median_time


class EventSerializer(AnswerSerializer[ShownEvent]):
    """An event. time, end: seconds of the VOD's own time; if the event has no VOD, seconds of the shared clock.

    global_time, end_global_time: seconds of the shared clock.
    """

    event_id = serializers.UUIDField(source="event.pk")
    kind = serializers.CharField(source="event.kind")
    label = serializers.CharField(source="event.label")  # type: ignore[assignment]
    body = serializers.CharField(source="event.body")
    color = serializers.CharField(source="event.color", help_text="`#rrggbb`, or empty to use the kind's colour.")
    drawing = StoredJsonField(DrawingSerializer, allow_null=True)
    vod_id = serializers.CharField(allow_null=True)
    time = serializers.FloatField(source="event.time")
    end = serializers.FloatField(allow_null=True, source="event.end")
    global_time = serializers.FloatField()
    end_global_time = serializers.FloatField(allow_null=True)
    origin = serializers.ChoiceField(choices=EventOrigin.choices, source="event.origin")
    confidence = serializers.FloatField(allow_null=True, source="event.confidence")
    resolved = serializers.BooleanField(source="event.resolved")
    replies = ReplySerializer(many=True, source="event.thread")
    created_by = serializers.CharField(allow_null=True, help_text=AUTHOR_HELP)
    created_by_name = serializers.CharField(source="event.created_by_name")
    created_at = EpochField(source="event.created_at", help_text="Epoch seconds.")
    updated_at = EpochField(source="event.updated_at", help_text="Epoch seconds.")
    sources = SourceSerializer(many=True)

    def get_drawing(self, shown: ShownEvent) -> Any:
        row = shown.event
        if not hasattr(row, "drawing_text"):
            return row.drawing
        return None if row.drawing_text is None else RawJson(row.drawing_text)

    def get_created_by(self, shown: ShownEvent) -> UUID | None:
        return shown.event.created_by_id or shown.event.visitor_id

    def get_vod_id(self, shown: ShownEvent) -> str | None:
        return shown.event.vod.vod_id if shown.event.vod else None

    def get_end_global_time(self, shown: ShownEvent) -> float | None:
        row = shown.event
        if row.end is None:
            return None
        return row.vod.placement.global_time(row.end) if row.vod else row.end

    def get_sources(self, shown: ShownEvent) -> list[Data]:
        return [
            {
                "event_id": row.pk,
                "vod_id": row.vod.vod_id if row.vod else None,
                "time": row.time,
                "end": row.end,
            }
            for row in (shown.event, *shown.others)
        ]


class EventAnswerSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    event = EventSerializer()


@extend_schema_serializer(many=False)
class EventListSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    events = EventSerializer(many=True)
    total = serializers.IntegerField()
    next_cursor = serializers.CharField(
        allow_null=True, help_text="Value of `cursor` for the next page; null on the last page."
    )
    unseen = serializers.ListField(
        child=serializers.UUIDField(), help_text="Ids of the events with an unseen `@` mention of the caller."
    )


class DetectSerializer(serializers.Serializer[Data]):
    kinds = BoundedListField(
        child=serializers.ChoiceField(choices=FOUND_ORIGINS), min_length=1, max_length=len(FOUND_ORIGINS)
    )
    vod_ids = BoundedListField(
        child=StrictCharField(max_length=100), min_length=1, max_length=MAX_VODS, required=False,
        help_text="The VODs to search; by default all.",
    )  # fmt: skip


class EventFileSerializer(serializers.Serializer[Data]):
    file = serializers.FileField(
        help_text="CSV with the columns vod_id, time, end, kind and label; JSON; or an OpenTimelineIO timeline."
    )


class ImportedSerializer(serializers.Serializer[Data]):
    ok = serializers.BooleanField()
    created = serializers.IntegerField()


def size_of(row: SessionEvent) -> int:
    texts = [row.kind, row.label, row.body, row.drawing, row.created_by_name, *[row.vod.vod_id if row.vod else ""] * 2]
    texts += [text for said in row.thread for text in (said.body, said.created_by_name)]
    written = json.dumps(texts, ensure_ascii=False, separators=(",", ":"))
    return EVENT_BYTES + REPLY_BYTES * len(row.thread) + len(written.encode())


def global_time_of(row: SessionEvent) -> float:
    return row.vod.placement.global_time(row.time) if row.vod else row.time


def joined_events(
    rows: QuerySet[SessionEvent], vods: Mapping[int, ComparisonVod], *, is_joined: bool = True
) -> list[EventGroup]:
    """Return a session's events in order of time, grouped across VODs."""
    is_written = ~Q(body="") | Q(drawing__isnull=False) | Exists(EventReply.objects.filter(event=OuterRef("pk")))
    columns = rows.annotate(is_written=is_written).values_list(
        "pk", "vod_id", "time", "kind", "label", "size", "is_written"
    )
    frames = {key: float(1 / vod.video.fps) if vod.video.fps else 0.0 for key, vod in vods.items()}
    marks = []
    placements = {key: vod.placement for key, vod in vods.items()}
    for number, (key, vod_key, time, kind, label, size, is_written) in enumerate(columns):
        vod = vods.get(vod_key)
        at = placements[vod_key].global_time(time) if vod else time
        is_alone = is_written or not is_joined
        vod_id, frame = vod.vod_id if vod else None, frames.get(vod_key, 0.0)
        marks.append(Mark(key, number, kind, vod_id, at, frame, is_alone, size, label))
    return group_marks(marks)
