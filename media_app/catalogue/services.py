"""Changes of catalogue videos. Callers check permissions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.db.models import Max, Sum, TextField, Window
from django.db.models.functions import Cast, Length, Now
from django.utils import timezone

from media_app.catalogue.crdt import FIELDS, Clock, Document, Operation, OperationType, Order, compare, join
from media_app.catalogue.models import SERVER, CrdtOperation, MergeState, VideoReport
from media_app.catalogue.operations import Incoming, is_own, microseconds, moment
from media_app.catalogue.realtime import VideoSnapshot, broadcast_change, change_and_broadcast, find
from media_app.videos import services as videos
from media_app.videos.models import TRANSITIONS, Video, VideoScope, VideoSource, VideoStatus
from media_app.videos.search import search_text
from vodplatform.accounts.models import User
from vodplatform.core.api import idempotency
from vodplatform.core.errors import DomainError
from vodplatform.core.logs import event
from vodplatform.core.metrics import CRDT_CONFLICTS
from vodplatform.core.records import audit
from vodplatform.core.records.transitions import create_in_state

# Maximum number of replicas (such as browser tabs) of an account per video: those that sent operations, and
# those that only appear in vector clocks.
MAX_REPLICAS, MAX_SILENT_REPLICAS = 1000, 16
MAX_KEPT_TAGS = 1000  # maximum number of tags of a video, including removed tags
MAX_MERGE_STATE = 2 * 1024 * 1024  # maximum number of characters that an account's replicas need in a merge state
MAX_SKIPPED = 100_000  # maximum by which a counter of the client's own edits may exceed the server's
MAX_SENT_BYTES = 4 * 1024 * 1024
MERGED_FIELDS = ("title", "description", "category", "tags", "is_featured")
UPDATE_OF = {name: kind for kind, name in FIELDS.items()} | {"tags": OperationType.SET_TAGS}


def create(by: User, values: Mapping[str, Any]) -> Video:
    """Create a catalogue video without a file. values: validated :data:`MERGED_FIELDS` and ``is_hidden``."""
    words: dict[str, Any] = {"title": "", "description": "", "category": "", "tags": [], "is_featured": False, **values}
    with transaction.atomic():
        idempotency.bind_to_transaction()
        video = create_in_state(
            Video, TRANSITIONS, VideoStatus.UPLOADING, owner=by, place=VideoScope.CATALOGUE, source=VideoSource.STORED,
            location="", file_size=0, mime_type="", last_modified_by=by, search_text=_searched(words), **words,
        )  # fmt: skip
        base = {name: words[name] for name in (*FIELDS.values(), "tags")}
        MergeState.objects.create(video=video, base=base, document=Document.begin(words["tags"]).to_json())
        audit.record("video.create", actor=by, target=video, title=video.title)
        made = find(video.pk)
        assert made
        broadcast_change(None, VideoSnapshot.of(made))
    return made


def edit(
    video_id: UUID, values: Mapping[str, Any], by: User, *, clock: Clock | None = None, version: int | None = None,
    reason: str = "",
) -> None:  # fmt: skip
    """Write fields. Each changed field in :data:`MERGED_FIELDS` is written as a CRDT operation by the actor ``SERVER``.

    clock, version: the document's clock or version that the caller had seen. Raise ``invalid``, ``edit_conflict``
    (409), ``video_deleted`` (409), ``not_found``.
    """
    with change_and_broadcast(video_id) as video:
        _check_present(video)
        state = MergeState.objects.get(pk=video_id)
        document = Document.from_json(state.document)
        _check_seen(document, by, clock, version)
        counter, seen, now = document.clock.get(SERVER, 0), document.clock, _now(document)
        operations = []
        for name in MERGED_FIELDS:
            if name in values and values[name] != getattr(video, name):
                counter += 1
                operations.append(Operation(UPDATE_OF[name], values[name], now, SERVER, {**seen, SERVER: counter}))
        others = {
            name: value for name, value in values.items() if name not in MERGED_FIELDS and value != getattr(video, name)
        }
        if operations:
            _write(video, state, document, [Incoming(one) for one in operations], by)
        if others:
            Video.objects.filter(pk=video_id).update(**others, updated_at=Now())
            details = others | ({"reason": reason} if reason else {})
            audit.record("video.change", actor=by, target=video, title=video.title, **details)


def _now(document: Document) -> int:
    """Return microseconds since 1970, at least the latest operation's timestamp, so that a new edit wins."""
    now = microseconds(timezone.now())
    return max(now, document.greatest.timestamp) if document.greatest else now


def _check_seen(document: Document, by: User, clock: Clock | None, version: int | None) -> None:
    if version is not None and version > document.version:
        raise DomainError(
            "invalid", errors={"version": [f"There is no such version: the video is at version {document.version}."]}
        )
    kind = ""
    if version is not None and version < document.version:
        kind = "version_mismatch"
    if clock is not None:
        # Counters of the caller's own actors may be ahead of the server's, but not behind. Others must be equal.
        others = {actor: counter for actor, counter in clock.items() if not is_own(actor, str(by.pk))}
        own = [actor for actor in document.clock if is_own(actor, str(by.pk))]
        behind_in_own = any(clock.get(actor, 0) < document.clock[actor] for actor in own)
        if behind_in_own or compare(others, _without(document.clock, own)) != Order.EQUAL:
            kind = "vector_clock_mismatch"
    if kind:
        raise DomainError(
            "edit_conflict", conflict_type=kind, server_vector_clock=document.clock, server_version=document.version
        )


def _without(clock: Clock, actors: Iterable[str]) -> Clock:
    left_out = set(actors)
    return {actor: counter for actor, counter in clock.items() if actor not in left_out}


@dataclass(frozen=True, slots=True)
class Synced:
    order: Order
    action: str
    conflicts: int


def sync(video_id: UUID, by: User | AnonymousUser, client_clock: Clock, incoming: Sequence[Incoming]) -> Synced:
    """Merge all of a client's operations, or none on an error.

    Raise ``invalid`` if a clock names operations that never arrived, ``operation_mismatch`` (409) if an operation
    arrived before with other content, ``video_deleted`` (409), ``not_found``.
    """
    seen = client_clock
    for one in incoming:
        seen = join(seen, one.operation.clock)
    if not incoming:
        state = MergeState.objects.filter(pk=video_id).first()
        if state is None:
            raise DomainError("not_found")
        known = Document.from_json(state.document).clock
        _check_client_clock(client_clock, known, by)
        order = _compare_clocks(seen, known, by)
        return Synced(order, "none" if order in (Order.AFTER, Order.EQUAL) else "client_update_required", 0)
    assert isinstance(by, User)
    with change_and_broadcast(video_id) as video:
        _check_present(video)
        state = MergeState.objects.get(pk=video_id)
        document = Document.from_json(state.document)
        _check_client_clock(client_clock, document.clock, by)
        _check_incoming(video_id, document, by, incoming)
        order = _compare_clocks(seen, document.clock, by)
        dots = {(one.operation.actor, one.operation.counter): one for one in incoming}
        fresh = [one for dot, one in dots.items() if dot not in document.dots]
        conflicts = _write(video, state, document, fresh, by) if fresh else 0
    if fresh:
        action = "applied_operations" if order in (Order.AFTER, Order.EQUAL) else "merged_concurrent"
    else:
        action = "none" if order in (Order.AFTER, Order.EQUAL) else "client_update_required"
    return Synced(order, action, conflicts)


def _compare_clocks(seen: Clock, known: Clock, by: User | AnonymousUser) -> Order:
    """Compare a client's vector clock with the video's.

    Actors of other users are ignored if the video's clock does not contain them.
    """
    who = str(by.pk)
    return compare({actor: counter for actor, counter in seen.items() if actor in known or is_own(actor, who)}, known)


def _check_present(video: Video) -> None:
    if video.deleted_at is not None:
        raise DomainError("video_deleted")


def _check_client_clock(clock: Clock, known: Clock, by: User | AnonymousUser) -> None:
    for actor, counter in clock.items():
        if is_own(actor, str(by.pk)) and counter - known.get(actor, 0) > MAX_SKIPPED:
            sentence = (
                f"The counter of {actor} is more than {MAX_SKIPPED} ahead of the server. Send the missing "
                "operations first."
            )
            raise DomainError("invalid", errors={"client_vector_clock": [sentence]})


def _check_incoming(video_id: UUID, document: Document, by: User, incoming: Sequence[Incoming]) -> None:
    known = document.clock
    _check_replicas(document, by, incoming)
    for index, one in enumerate(incoming):
        for actor, counter in one.operation.clock.items():
            ahead = counter - known.get(actor, 0)
            if is_own(actor, str(by.pk)):
                if ahead > MAX_SKIPPED:
                    sentence = (
                        f"The counter of {actor} is more than {MAX_SKIPPED} ahead of the server. Send the "
                        "missing operations first."
                    )
                    raise _refusal(index, "vector_clock", sentence)
            elif ahead > 0:
                raise _refusal(
                    index,
                    "vector_clock",
                    f"The clock counts operation {counter} of {actor}, which the server has not received.",
                )
    said: dict[tuple[str, int], Operation] = {}
    repeated = []
    for one in incoming:
        dot = (one.operation.actor, one.operation.counter)
        if dot in document.dots:
            repeated.append(one)
        if said.setdefault(dot, one.operation) != one.operation:
            raise DomainError("operation_mismatch", actor_id=dot[0], counter=dot[1])
    rows = CrdtOperation.objects.filter(
        video=video_id,
        actor__in={one.operation.actor for one in repeated},
        counter__in={one.operation.counter for one in repeated},
    )
    kept = {(row.actor, row.counter): row for row in rows}
    for one in repeated:
        row = kept.get((one.operation.actor, one.operation.counter))
        if row is None or operation_of(row) != one.operation:
            raise DomainError("operation_mismatch", actor_id=one.operation.actor, counter=one.operation.counter)


def _check_replicas(document: Document, by: User, incoming: Sequence[Incoming]) -> None:
    """Limit an account's replicas (browser tabs or programs), because a video's state keeps every replica forever."""
    who = str(by.pk)
    writers = {actor for actor in document.clock if is_own(actor, who)}
    named = {actor for actor in document.actors() if is_own(actor, who)}
    writers |= {one.operation.actor for one in incoming}
    for index, one in enumerate(incoming):
        named |= {actor for actor in one.operation.clock if is_own(actor, who)}
        if len(writers) > MAX_REPLICAS or len(named - writers) > MAX_SILENT_REPLICAS:
            sentence = (
                "You have edited this video from too many browsers or programs. Continue in one that you have used for "
                "it before."
            )
            raise _refusal(index, "vector_clock", sentence)


def _refusal(index: int, field: str, sentence: str) -> DomainError:
    return DomainError("invalid", errors={"operations": {str(index): {field: [sentence]}}})


def _write(video: Video, state: MergeState, document: Document, fresh: Sequence[Incoming], by: User) -> int:
    conflicts = 0
    # Operations of the actor ``SERVER`` are not limited: they replace all concurrent edits.
    names = {one.operation.actor for one in fresh if one.operation.actor != SERVER}
    own = names and names | {actor for actor in document.actors() if is_own(actor, str(by.pk))}
    former_size = document.size_of(own)
    most = max(MAX_KEPT_TAGS, document.tags.kept)
    for one in fresh:
        conflicts += document.meets(one.operation)
        document.apply(one.operation)
        if document.tags.kept > most:
            sentence = f"The video would have more than {MAX_KEPT_TAGS} tags, including removed ones. Add fewer tags."
            raise DomainError("invalid", errors={"operations": [sentence]})
    size = document.size_of(own)
    if size > max(MAX_MERGE_STATE, former_size):
        sentence = (
            "Too many of your edits of this video are not merged yet. Reload the page, save the description and the "
            "tags, and try again."
        )
        raise DomainError("invalid", errors={"operations": [sentence]})
    came = _arrival(video.pk)
    CrdtOperation.objects.bulk_create(_row(video, one, by, came) for one in fresh)
    MergeState.objects.filter(pk=video.pk).update(document=document.to_json())
    values = document.values(state.base)
    if any(one.operation.key == document.greatest for one in fresh):
        values["last_modified_by"] = by
    Video.objects.filter(pk=video.pk).update(
        **values, version=document.version, vector_clock=document.clock, search_text=_searched(values), updated_at=Now()
    )
    CRDT_CONFLICTS.inc(conflicts)
    event("crdt.operation", video=str(video.pk), count=len(fresh), conflicts=conflicts)
    return conflicts


def _arrival(video_id: UUID) -> datetime:
    now = database_time(video_id)
    last = CrdtOperation.objects.filter(video=video_id).order_by("-created_at").values_list("created_at").first()
    return max(now, last[0] + timedelta(microseconds=1)) if last else now


def database_time(video_id: UUID) -> datetime:
    now: datetime = Video.objects.filter(pk=video_id).values_list(Now(), flat=True).get()
    return now


def _row(video: Video, one: Incoming, by: User, came: datetime) -> CrdtOperation:
    operation = one.operation
    return CrdtOperation(
        video=video,
        actor=operation.actor,
        counter=operation.counter,
        writer=by.pk,
        client_id=one.client_id,
        operation_type=operation.type,
        operation_data={"value": operation.value} | ({"state": operation.state} if operation.state else {}),
        vector_clock=operation.clock,
        timestamp=moment(operation.timestamp),
        created_at=came,
    )


def _searched(words: Mapping[str, Any]) -> str:
    return search_text(words["title"], words["description"], words["category"], words["tags"])


def base_of(video_id: UUID) -> dict[str, Any]:
    found: dict[str, Any] = MergeState.objects.values_list("base", flat=True).get(pk=video_id)
    return {"tags": [], **found}


def last_arrival(video_id: UUID) -> datetime | None:
    found: datetime | None = CrdtOperation.objects.filter(video=video_id).aggregate(last=Max("created_at"))["last"]
    return found


def operations_of(
    video_id: UUID, until: datetime | None, since: datetime | None = None, limit: int | None = None
) -> tuple[list[CrdtOperation], bool]:
    """Return operations that arrived after ``since`` up to ``until``, and whether more follow.

    The list ends after ``limit`` operations or :data:`MAX_SENT_BYTES`. Operations that arrived in one call stay
    together.
    """
    if until is None:
        return [], False
    rows = CrdtOperation.objects.filter(video=video_id, created_at__lte=until)
    if since:
        rows = rows.filter(created_at__gt=since)
    sizes = [Length(Cast(name, TextField())) for name in ("operation_data", "vector_clock")]
    sent = Window(Sum(sizes[0] + sizes[1]), order_by="created_at")
    instants = rows.order_by("created_at").values_list("created_at", flat=True)
    last = [*instants.annotate(sent=sent).filter(sent__gt=MAX_SENT_BYTES)[:1]]
    if limit:
        last += instants[limit - 1 : limit]
    found = list(rows.filter(created_at__lte=min(last)) if last else rows)
    return found, bool(found) and found[-1].created_at < until


def operation_of(row: CrdtOperation) -> Operation:
    return Operation(
        OperationType(row.operation_type), row.operation_data["value"], microseconds(row.timestamp), row.actor,
        dict(row.vector_clock), row.operation_data.get("state", ""),
    )  # fmt: skip


def delete(video_id: UUID, by: User, *, hard: bool = False, reason: str = "") -> None:
    """Remove a video from the catalogue; with ``hard``, delete it with its files. Raise ``not_found``."""
    with transaction.atomic():
        if hard:
            # Lock the video's jobs before the video, as the jobs do, to avoid deadlocks.
            videos.cancel_jobs(video_id)
        _delete(video_id, by, hard=hard, reason=reason)


def _delete(video_id: UUID, by: User, *, hard: bool, reason: str) -> None:
    with change_and_broadcast(video_id) as video:
        if hard:
            videos.delete_video(video, by)
        elif video.deleted_at is None:
            Video.objects.filter(pk=video_id).update(deleted_at=Now(), updated_at=Now())
            audit.record("video.soft_delete", actor=by, target=video, title=video.title, reason=reason)


def restore(video_id: UUID, by: User, *, reason: str = "") -> None:
    with change_and_broadcast(video_id) as video:
        if video.deleted_at is not None:
            Video.objects.filter(pk=video_id).update(deleted_at=None, updated_at=Now())
            audit.record("video.restore", actor=by, target=video, title=video.title, reason=reason)


def report(video: Video, by: User, reason: str, text: str = "") -> VideoReport:
    """Record a user's report of a video. Raise ``already_reported`` (409), ``video_deleted`` (409)."""
    _check_present(video)
    with transaction.atomic():
        idempotency.bind_to_transaction()
        try:
            with transaction.atomic():
                made = VideoReport.objects.create(video=video, reporter=by, reason=reason, text=text)
        except IntegrityError as exc:
            raise DomainError("already_reported") from exc
    made.refresh_from_db()
    return made
