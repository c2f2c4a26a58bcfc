"""Reading of a comparison's events by time on the shared clock.

The events' order is cached until events or offsets change.
"""

from __future__ import annotations

import json
import math
import re
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet, TextField
from django.db.models.functions import Cast

from sessions_app.comparison.events.grouping import EventGroup
from sessions_app.comparison.events.serializers import MAX_DRAWING_BYTES, ShownEvent, joined_events
from sessions_app.comparison.models import ComparisonSession, ComparisonVod, SessionEvent
from vodplatform.core.api.parsers import load_json
from vodplatform.core.errors import DomainError

MAX_PAGE_BYTES = 4 * 1024 * 1024
MAX_BATCH_BYTES, MAX_BATCH = 1024 * 1024, 500  # maximum bytes and number of events loaded by one query
ORDERS_KEPT = 8
CURSOR = re.compile(r"(?P<time>-?[0-9]{1,7}(\.[0-9]{1,20})?(e-[0-9]{1,3})?)_(?P<key>[0-9a-f]{32})")
ALL_VODS = "any"  # filter value that selects all events; None selects events without a VOD
# Load replies into lists: creating a query set per event would double the time.
WITH_THREAD: Any = Prefetch("replies", to_attr="thread")

Vods = Mapping[int, ComparisonVod]


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of events in order of time. total: number of events on all pages."""

    events: list[ShownEvent]
    total: int
    next_cursor: str | None


class OrderCache:
    def __init__(self) -> None:
        self._orders: OrderedDict[tuple[Any, ...], list[EventGroup]] = OrderedDict()
        self._lock = threading.Lock()

    def order(self, session: ComparisonSession, vods: Vods, origin: str | None, *, is_joined: bool) -> list[EventGroup]:
        key = (state_of(session, vods), origin, is_joined)
        with self._lock:
            if key in self._orders:
                self._orders.move_to_end(key)
                return self._orders[key]
        rows = session.events.all() if origin is None else session.events.filter(origin=origin)
        found = joined_events(rows, vods, is_joined=is_joined)
        with self._lock:
            self._orders[key] = found
            while len(self._orders) > ORDERS_KEPT:
                self._orders.popitem(last=False)
        return found


cache = OrderCache()


def vods_of(session: ComparisonSession) -> Vods:
    return {vod.pk: vod for vod in session.vods.select_related("video")}


def state_of(session: ComparisonSession, vods: Vods) -> tuple[Any, ...]:
    places = tuple((vod.vod_id, vod.name, vod.placement, vod.video.fps, vod.video.duration) for vod in vods.values())
    return session.pk, session.events_revision, places


def read_events(session: ComparisonSession, query: dict[str, Any]) -> EventPage:
    """Return a page of at most 4 MiB. query: data of ``EventQuerySerializer``.

    Raises ``unknown_vod``, ``invalid``.
    """
    vods = vods_of(session)
    if "vod_id" in query and query["vod_id"] not in {vod.vod_id for vod in vods.values()}:
        raise DomainError("unknown_vod", vod_id=query["vod_id"])
    low, high = query.get("from", -math.inf), query.get("to", math.inf)
    found = cache.order(session, vods, query.get("origin"), is_joined=query.get("joined", True))
    if not query.keys().isdisjoint(("kind", "vod_id", "from", "to")):
        found = [
            one
            for one in found
            if low <= one.global_time <= high
            and ("kind" not in query or one.marks[0].kind == query["kind"])
            and ("vod_id" not in query or any(mark.vod_id == query["vod_id"] for mark in one.marks))
        ]
    start = query.get("offset", 0) + (_place_after(found, query["cursor"]) if "cursor" in query else 0)
    page: list[EventGroup] = []
    size = 0
    for one in islice(found, start, start + query["limit"] if "limit" in query else None):
        size += one.size
        if page and size > MAX_PAGE_BYTES:
            break
        page.append(one)
    next_cursor = _cursor(page[-1]) if page and start + len(page) < len(found) else None
    return EventPage(list(_load(page, vods, as_text=True)), len(found), next_cursor)


def read_event(session: ComparisonSession, event_id: UUID) -> ShownEvent | None:
    """Return an event with its group; None if the event was deleted or is not the first of its group."""
    vods = vods_of(session)
    found = [one for one in cache.order(session, vods, None, is_joined=True) if one.key == event_id]
    return next(_load(found, vods), None)


def iterate_rows(
    session: ComparisonSession, vods: Vods, *, has_content: bool = True, of: ComparisonVod | str | None = ALL_VODS
) -> Iterator[SessionEvent]:
    """Yield a session's events in order of time, without grouping, replies and the field ``drawing``.

    has_content: whether to load ``body`` and ``drawing_text``. of: VOD whose events are yielded, or None for events
    without a VOD; by default all events.
    """
    order = cache.order(session, vods, None, is_joined=False)
    if of != ALL_VODS:
        vod_id = of.vod_id if isinstance(of, ComparisonVod) else None
        order = [one for one in order if one.marks[0].vod_id == vod_id]
    for batch in _batches(order):
        rows = SessionEvent.objects.filter(pk__in=[one.key for one in batch])
        by_key = (_with_text(rows) if has_content else rows.defer("body", "drawing")).in_bulk()
        if has_content:
            _shorten_texts(by_key.values())
        for one in batch:
            row = by_key.get(UUID(str(one.key)))
            if row is not None:
                row.vod = vods[row.vod_id] if row.vod_id is not None else None
                yield row


def _with_text(rows: QuerySet[SessionEvent]) -> QuerySet[SessionEvent]:
    """Load drawings as JSON text, because decoding a large drawing takes milliseconds."""
    return rows.defer("drawing").annotate(drawing_text=Cast("drawing", TextField()))


def _shorten_texts(rows: Iterable[SessionEvent]) -> None:
    """Shorten the JSON texts of drawings on PostgreSQL, which writes 1e-300 with 302 digits."""
    for row in rows:
        text = row.drawing_text  # type: ignore[attr-defined]
        if text and len(text) > 2 * MAX_DRAWING_BYTES:
            row.drawing_text = json.dumps(load_json(text), separators=(",", ":"))  # type: ignore[attr-defined]


def _cursor(one: EventGroup) -> str:
    return f"{one.global_time!r}_{UUID(str(one.key)).hex}"


def _place_after(found: list[EventGroup], cursor: str) -> int:
    match = CURSOR.fullmatch(cursor)
    if match is None:
        raise DomainError("invalid", errors={"cursor": ["Send the `next_cursor` of the previous page."]})
    time, key = float(match["time"]), UUID(match["key"])
    first = bisect_left(found, time, key=lambda one: one.global_time)
    for index in range(first, len(found)):
        if found[index].global_time != time:
            break
        if found[index].key == key:
            return index + 1
    return first


def _load(order: Iterable[EventGroup], vods: Vods, *, as_text: bool = False) -> Iterator[ShownEvent]:
    for batch in _batches(order):
        rows = SessionEvent.objects.filter(pk__in=[mark.key for one in batch for mark in one.marks])
        if as_text:
            rows = _with_text(rows)
        by_key: dict[UUID | str, SessionEvent] = {row.pk: row for row in rows.prefetch_related(WITH_THREAD)}
        if as_text:
            _shorten_texts(by_key.values())
        for row in by_key.values():
            row.vod = vods[row.vod_id] if row.vod_id is not None else None
        for one in batch:
            # Skip events that were deleted after the order was read.
            shown = [by_key[mark.key] for mark in one.marks if mark.key in by_key]
            if shown:
                yield ShownEvent(shown[0], shown[1:], one.global_time)


def _batches(order: Iterable[EventGroup]) -> Iterator[list[EventGroup]]:
    batch: list[EventGroup] = []
    size = 0
    for one in order:
        batch.append(one)
        size += one.size
        if size > MAX_BATCH_BYTES or len(batch) >= MAX_BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
