from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Model, Sum
from django.db.models.functions import Length

from media_app.uploads import quota
from sessions_app.comparison.events.mentions import delete_obsolete_mentions, store_mentions
from sessions_app.comparison.events.paging import WITH_THREAD
from sessions_app.comparison.events.serializers import EventSerializer, ShownEvent, size_of
from sessions_app.comparison.models import (
    Access,
    ComparisonSession,
    ComparisonVod,
    EventOrigin,
    EventReply,
    LinkVisitor,
    SessionEvent,
    Viewer,
)
from sessions_app.comparison.services import access_to, group_name, lock_session
from sessions_app.comparison.timeline import MAX_TIMESTAMP, TIME_TOLERANCE, start_of
from vodplatform.accounts.models import User
from vodplatform.core.api import idempotency
from vodplatform.core.errors import DomainError
from vodplatform.core.formatting import limit_size
from vodplatform.core.pauses import with_pauses
from vodplatform.core.records.database import compile_inserts
from vodplatform.core.web.publish import publish_on_commit

COMMENT = "comment"  # the only kind of event that viewers without edit permission may create
MAX_EVENTS, MAX_REPLIES = 10_000, 1_000
MAX_THREAD = 200_000  # maximum number of characters in all replies to one event together
COMMENTERS_SHARE = 0.5  # share of the byte and reply limits that applies to viewers without edit permission
MAX_EVENTS_OF_COMMENTER = 1_000  # maximum number of events in a session by one author without edit permission
MAX_EVENTS_IN_MESSAGE = 100  # maximum number of events in a broadcast message; for more, pages reload the list
MAX_TOLD_BYTES = 128 * 1024  # maximum bytes of the events in a broadcast message
SAME_TIME = 1e-6  # stored times that differ by at most this many seconds count as equal
QUOTA_CHECK_BYTES = 256 * 1024  # bytes of new events between two checks of the owner's quota


@dataclass
class EventsChange:
    """The changes of a session's events that are broadcast as one message."""

    session: ComparisonSession
    vods: list[ComparisonVod]
    access: Access
    changed: list[SessionEvent] = field(default_factory=list)
    deleted: list[UUID] = field(default_factory=list)
    named: dict[UUID, list[User]] = field(default_factory=dict)  # newly mentioned users by event id
    is_measured: bool = False  # whether the rows in ``changed`` have their final ``size``

    @classmethod
    def of(cls, session: ComparisonSession, by: Viewer) -> EventsChange:
        access = access_to(session, by)
        if not access.can_comment:
            raise DomainError("forbidden")
        return cls(session, list(session.vods.select_related("video")), access)

    def vod(self, vod_id: str) -> ComparisonVod:
        found = next((vod for vod in self.vods if vod.vod_id == vod_id), None)
        if found is None:
            raise DomainError("unknown_vod", f"The comparison has no VOD {vod_id[:100]!r}.", vod_id=vod_id[:100])
        return found

    def reread(self) -> None:
        rows = SessionEvent.objects.prefetch_related(WITH_THREAD).in_bulk([row.pk for row in self.changed])
        vods = {vod.pk: vod for vod in self.vods}
        self.changed = [rows[row.pk] for row in self.changed]
        for row in self.changed:
            row.vod = vods[row.vod_id] if row.vod_id is not None else None


@contextmanager
def edit_events(session: ComparisonSession, by: Viewer) -> Iterator[EventsChange]:
    """Lock a session, let the ``with`` block change its events, and broadcast the changes on commit."""
    with transaction.atomic():
        change = EventsChange.of(lock_session(session), by)
        yield change
        row = change.session
        row.revision += 1
        row.events_revision = row.revision
        row.updated_at = row.now()
        _count_bytes(change)
        row.save(update_fields=["revision", "events_revision", "events_bytes", "updated_at"])
        publish_on_commit(group_name(row.pk), _message(change, by))


def _count_bytes(change: EventsChange) -> None:
    session, resized = change.session, []
    for row in () if change.is_measured else change.changed:
        if (size := size_of(row)) != row.size:
            row.size = size
            resized.append(row)
    SessionEvent.objects.bulk_update(resized, ["size"], batch_size=500)
    before = session.events_bytes
    session.events_bytes = total = session.events.aggregate(total=Sum("size", default=0))["total"]
    limit = round((1.0 if change.access.can_edit else COMMENTERS_SHARE) * settings.MULTI_VOD_MAX_EVENTS_BYTES)
    if total > max(before, limit):
        sentence = f"The comparison's events have reached the limit of {limit_size(limit)}. Delete some events first."
        raise DomainError("too_many_events", sentence, limit=limit)
    if total // QUOTA_CHECK_BYTES > before // QUOTA_CHECK_BYTES:
        quota.check_room(session.owner, total - before)


def stored_bytes(user_id: UUID) -> int:
    total = ComparisonSession.objects.filter(owner=user_id).aggregate(total=Sum("events_bytes", default=0))["total"]
    return int(total)


def _message(change: EventsChange, by: Viewer) -> dict[str, Any]:
    complete = len(change.changed) + len(change.deleted) <= MAX_EVENTS_IN_MESSAGE
    complete &= sum(row.size for row in change.changed) <= MAX_TOLD_BYTES
    shown = [EventSerializer.show(ShownEvent(row)) for row in change.changed] if complete else []
    # The JSON escapes non-ASCII letters, so it may exceed the limit even if the sum of the rows' `size` does not.
    if len(json.dumps(shown)) > MAX_TOLD_BYTES:
        shown, complete = [], False
    return {
        "type": "events",
        "revision": change.session.revision,
        "by": by.username,
        "changed": shown,
        "deleted": [str(key) for key in change.deleted] if complete else [],
        # Each socket removes all user names but its own viewer's: viewers may not see who else has access.
        "named": {str(key): [user.username for user in users] for key, users in change.named.items() if users},
        "complete": complete,
    }


def find_event(session: ComparisonSession, event_id: UUID) -> SessionEvent:
    found = session.events.select_related("vod").filter(pk=event_id).first()
    if found is None:
        raise DomainError("event_not_found")
    return found


def create_event(session: ComparisonSession, by: Viewer, values: dict[str, Any]) -> SessionEvent:
    """Create an event. Raises ``unknown_vod``, ``too_many_events``, ``forbidden``."""
    return create_events(session, by, [values], EventOrigin.MANUAL)[0]


def create_events(
    session: ComparisonSession, by: Viewer, rows: Sequence[dict[str, Any]], origin: EventOrigin, first_line: int = 0
) -> list[SessionEvent]:
    """Create several events, or none if one is refused.

    first_line: number of the first event in an imported file or list, for errors; 0 for events that are not imported.
    """
    asked = _Asked(by, rows, origin, first_line)
    if len(rows) <= MAX_EVENTS_IN_MESSAGE:
        return _insert_events(session, asked)
    # Prepare a long list before locking the session, so that the lock is held only briefly. If access or offsets change
    # during the preparation, prepare the list a second time. If they change again, answer 503.
    _check_count(session, len(rows))
    try:
        return _insert_events(session, asked, _Prepared.of(EventsChange.of(session, by), asked))
    except _SessionChanged:
        session = ComparisonSession.objects.get(pk=session.pk)
        ahead = _Prepared.of(EventsChange.of(session, by), asked)
        return _insert_events(session, asked, ahead, is_last=True)


class _SessionChanged(Exception):
    """Exception: the session has changed since the events were prepared."""


@dataclass(frozen=True, slots=True)
class _Asked:
    by: Viewer
    rows: Sequence[dict[str, Any]]
    origin: EventOrigin
    first_line: int


@dataclass(frozen=True, slots=True)
class _Prepared:
    """New events and the INSERT statements for them.

    change: contains the VODs and the author's permissions that were used to prepare the events.
    """

    change: EventsChange
    rows: list[SessionEvent]
    statements: list[tuple[str, Sequence[Any]]]

    @classmethod
    def of(cls, change: EventsChange, asked: _Asked) -> _Prepared:
        made = _new_events(change, asked)
        return cls(change, made, compile_inserts(made) if made else [])

    def is_for(self, change: EventsChange) -> bool:
        return _state_of(self.change) == _state_of(change)


def _state_of(change: EventsChange) -> tuple[Any, ...]:
    return change.access, [(vod.pk, vod.vod_id, vod.placement, vod.video.duration) for vod in change.vods]


def _insert_events(
    session: ComparisonSession, asked: _Asked, ahead: _Prepared | None = None, *, is_last: bool = False
) -> list[SessionEvent]:
    with edit_events(session, asked.by) as change:
        if ahead is not None and not ahead.is_for(change):
            if not is_last:
                raise _SessionChanged
            raise DomainError(
                "unavailable",
                "The comparison is being changed too often right now. Import again in a moment.",
                retry_after=1,
            )
        idempotency.bind_to_transaction()
        _check_count(session, len(asked.rows))
        if not change.access.can_edit and _written_by(change.session, asked.by) >= MAX_EVENTS_OF_COMMENTER:
            raise DomainError(
                "too_many_events",
                "Visitors have reached the limit of events in this comparison. Ask its owner to delete some."
                if isinstance(asked.by, LinkVisitor)
                else "You have reached the limit of events in this comparison. Delete some of yours first.",
                limit=MAX_EVENTS_OF_COMMENTER,
            )
        prepared = ahead or _Prepared.of(change, asked)
        with connection.cursor() as cursor:
            for statement, values in prepared.statements:
                cursor.execute(statement, values)
        change.changed, change.is_measured = prepared.rows, True
        if asked.origin == EventOrigin.MANUAL:  # mentions in imported files notify no users
            for row in prepared.rows:
                change.named[row.pk] = store_mentions(row, asked.by, row.body)
        if len(asked.rows) <= MAX_EVENTS_IN_MESSAGE:
            change.reread()
    return change.changed


def _check_count(session: ComparisonSession, count: int) -> None:
    if SessionEvent.objects.filter(session=session).count() + count > MAX_EVENTS:
        raise DomainError("too_many_events", limit=MAX_EVENTS)


def _new_events(change: EventsChange, asked: _Asked) -> list[SessionEvent]:
    by, origin, first_line = asked.by, asked.origin, asked.first_line
    made = []
    for number, values in enumerate(with_pauses(asked.rows), start=first_line):
        _check_kind(values, change.access)
        row = SessionEvent(session=change.session, origin=origin, **_author(by))
        try:
            _apply_values(row, change, values)
        except DomainError as exc:
            if not first_line:
                raise
            raise _of_line(number, exc) from exc
        row.thread = []
        row.size = size_of(row)
        made.append(row)
    return made


def _of_line(number: int, exc: DomainError) -> DomainError:
    extra = {**exc.extra, "errors": {str(number): exc.extra["errors"]}} if "errors" in exc.extra else exc.extra
    return DomainError(exc.type.name, f"Line {number}: {exc.message}", **extra)


def change_event(session: ComparisonSession, by: Viewer, event_id: UUID, values: dict[str, Any]) -> SessionEvent:
    """Change some fields of an event. Raises ``forbidden``, and ``event_changed`` if ``values["base"]`` is outdated."""
    base = values.get("base", {})
    with edit_events(session, by) as change:
        _check_kind(values, change.access)
        row = find_event(change.session, event_id)
        _check_author(row, by, change.access)
        for name, seen in base.items():
            if getattr(row, name) not in (seen, values.get(name, seen)):
                raise DomainError("event_changed", field=name)
        before = row.body
        _apply_values(row, change, values)
        row.updated_at = change.session.now()
        row.save()
        change.named[row.pk] = store_mentions(row, by, row.body, before)
        if row.body != before:
            delete_obsolete_mentions(row)
        change.changed = [row]
    return row


def delete_event(session: ComparisonSession, by: Viewer, event_id: UUID, seen: float | None = None) -> None:
    """Delete an event. Raises ``forbidden``, and ``event_changed`` if ``seen`` is not its ``updated_at``."""
    with edit_events(session, by) as change:
        row = find_event(change.session, event_id)
        _check_author(row, by, change.access)
        if seen is not None and abs(row.updated_at.timestamp() - seen) > SAME_TIME:
            raise DomainError("event_changed")
        row.delete()
        change.deleted = [event_id]


def reply(session: ComparisonSession, by: Viewer, event_id: UUID, body: str) -> SessionEvent:
    """Reply to an event. Raises ``too_many_events``."""
    with edit_events(session, by) as change:
        idempotency.bind_to_transaction()
        row = find_event(change.session, event_id)
        said = row.replies.aggregate(count=Count("pk"), letters=Sum(Length("body"), default=0))
        # Each change of an event broadcasts all its replies, so limit them.
        share = 1.0 if change.access.can_edit else COMMENTERS_SHARE
        if said["count"] >= share * MAX_REPLIES or said["letters"] + len(body) > share * MAX_THREAD:
            raise DomainError(
                "too_many_events",
                "This event has reached the limit of replies. Delete some replies first, or create a new event.",
                limit=MAX_REPLIES,
            )
        EventReply.objects.create(event=row, body=body, **_author(by))
        _touch(row, change)
        change.named[row.pk] = store_mentions(row, by, body)
        change.changed = [row]
    return row


def delete_reply(session: ComparisonSession, by: Viewer, event_id: UUID, reply_id: UUID) -> SessionEvent:
    """Delete a reply. Raises ``forbidden``, ``event_not_found``."""
    with edit_events(session, by) as change:
        row = find_event(change.session, event_id)
        said = row.replies.filter(pk=reply_id).first()
        if said is None:
            raise DomainError("event_not_found", "The event has no reply with this id.")
        _check_author(said, by, change.access)
        said.delete()
        _touch(row, change)
        delete_obsolete_mentions(row)
        change.changed = [row]
    return row


def _touch(row: SessionEvent, change: EventsChange) -> None:
    row.updated_at = change.session.now()
    row.save(update_fields=["updated_at"])


def _author(by: Viewer) -> dict[str, Any]:
    if isinstance(by, LinkVisitor):
        return {"visitor_id": by.visitor_id, "created_by_name": by.username}
    return {"created_by": by, "created_by_name": by.username}


def _is_author(row: SessionEvent | EventReply, by: Viewer) -> bool:
    if isinstance(by, LinkVisitor):
        return row.visitor_id == by.visitor_id
    return row.created_by_id == by.pk


def _written_by(session: ComparisonSession, by: Viewer) -> int:
    """Return the number of the author's events. All link visitors count as one author: they can change identity."""
    if isinstance(by, LinkVisitor):
        return session.events.filter(visitor_id__isnull=False).count()
    return session.events.filter(created_by=by).count()


def _check_author(row: SessionEvent | EventReply, by: Viewer, access: Access) -> None:
    if not access.can_edit and not _is_author(row, by):
        what = "reply" if isinstance(row, EventReply) else "event"
        raise DomainError("forbidden", f"Only its author and the comparison's editors can change this {what}.")


def _check_kind(values: dict[str, Any], access: Access) -> None:
    if not access.can_edit and values.get("kind", COMMENT) != COMMENT:
        raise DomainError("forbidden", f"In this comparison, you can only add comments. Set the kind to {COMMENT!r}.")


def copy_events(source: ComparisonSession, target: ComparisonSession) -> None:
    """Copy a session's events and replies with their authors. Raises ``storage_full``.

    The source is not locked and may grow, so the quota is checked again after copying.
    """
    quota.check_room(target.owner, source.events.aggregate(total=Sum("size", default=0))["total"])
    names = {"source": source.pk, "target": target.pk}
    event, reply, vod = (f'"{model._meta.db_table}"' for model in (SessionEvent, EventReply, ComparisonVod))
    event_columns, reply_columns = _columns(SessionEvent, "session_id", "vod_id"), _columns(EventReply, "event_id")
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {event} (id, session_id, vod_id, {', '.join(event_columns)})"  # noqa: S608 - names of tables and columns only
            f" SELECT {_new_id('e.id')}, %(target)s, n.id, {', '.join(f'e.{name}' for name in event_columns)}"
            f" FROM {event} e LEFT JOIN {vod} o ON o.id = e.vod_id"
            f" LEFT JOIN {vod} n ON n.session_id = %(target)s AND n.vod_id = o.vod_id"
            " WHERE e.session_id = %(source)s",
            names,
        )
        # The join skips replies to events without a copy: such events were created after the first INSERT.
        cursor.execute(
            f"INSERT INTO {reply} (id, event_id, {', '.join(reply_columns)})"  # noqa: S608 - names of tables and columns only
            f" SELECT {_new_id('r.id')}, n.id, {', '.join(f'r.{name}' for name in reply_columns)}"
            f" FROM {reply} r JOIN {event} e ON e.id = r.event_id AND e.session_id = %(source)s"
            f" JOIN {event} n ON n.id = {_new_id('e.id')}",
            names,
        )
    total = target.events.aggregate(total=Sum("size", default=0))["total"]
    quota.check_room(target.owner, total)
    target.events_bytes = total
    target.save(update_fields=["events_bytes"])


def _columns(model: type[Model], *but: str) -> list[str]:
    names = [field.column for field in model._meta.local_concrete_fields]
    return [f'"{name}"' for name in names if name not in {"id", *but}]


def _new_id(column: str) -> str:
    digest = f"md5(CAST({column} AS text) || %(target)s)"
    return f"{digest}::uuid" if connection.vendor == "postgresql" else digest


WRITABLE_FIELDS = ("time", "end", "kind", "label", "body", "color", "drawing", "resolved")


def _apply_values(row: SessionEvent, change: EventsChange, values: dict[str, Any]) -> None:
    if "vod_id" in values:
        row.vod = change.vod(values["vod_id"]) if values["vod_id"] is not None else None
    for name in WRITABLE_FIELDS:
        if name in values:
            setattr(row, name, values[name])
    if "global_time" in values:
        moved_to = row.vod.placement.time_at(values["global_time"]) if row.vod else values["global_time"]
        if row.end is not None and row.time is not None and "end" not in values:
            row.end += moved_to - row.time
        row.time = moved_to
    if row._state.adding or not values.keys().isdisjoint(("vod_id", "time", "end", "global_time")):
        _check_times(row, change.vods)


def _check_times(row: SessionEvent, vods: Iterable[ComparisonVod]) -> None:
    if row.vod:
        earliest, latest = 0.0, row.vod.video.duration
        sentence = f"Must be from 0 to {latest:.3f}, the duration of {row.vod.vod_id} in seconds."
    else:
        earliest, latest = start_of(vod.placement for vod in vods) - TIME_TOLERANCE, MAX_TIMESTAMP
        sentence = f"Must be from {earliest + TIME_TOLERANCE:.3f} to {latest:.0f}."
    for name, value in (("time" if row.vod else "global_time", row.time), ("end", row.end)):
        if value is not None and not earliest <= value <= latest:
            raise DomainError("invalid", f"{name}: {sentence}", errors={name: [sentence]})
    if row.end is not None and row.end <= row.time:
        sentence = "Must be after `time`."
        raise DomainError("invalid", f"end: {sentence}", errors={"end": [sentence]})
