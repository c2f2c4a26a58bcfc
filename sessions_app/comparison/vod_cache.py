from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime

from django.conf import settings

from sessions_app.comparison.models import ComparisonSession, ComparisonVod, OffsetChange, SessionEvent
from vodplatform.core.errors import DomainError

HISTORY_SHOWN = EVENTS_SHOWN = 50  # maximum number of offset changes, and of events, that an answer lists for each VOD


class VodCache:
    """A process's cache of VODs by session. An entry is valid for one ``revision`` and one ``anchored_at``.

    Storing a playing session's position changes ``anchored_at``, but not ``revision``.
    """

    def __init__(self) -> None:
        self._rows: OrderedDict[str, tuple[tuple[int, datetime], list[ComparisonVod]]] = OrderedDict()
        self._lock = threading.Lock()

    def vods(self, session: ComparisonSession) -> list[ComparisonVod]:
        """Return the session's VODs in order, with their videos, offset changes and events.

        Loads ``session`` again if it has changed. Raises ``session_not_found``.
        """
        while True:
            version = (session.revision, session.anchored_at)
            with self._lock:
                found = self._rows.get(session.pk)
                if found and found[0] == version:
                    self._rows.move_to_end(session.pk)
                    return found[1]
            vods = list(session.vods.select_related("video"))
            for vod in vods:
                latest_changes(vod)
                first_events(vod)
            rows = ComparisonSession.objects.filter(pk=session.pk)
            present = rows.values_list("revision", "anchored_at").first()
            if present is None:
                raise DomainError("session_not_found")
            if present == version:
                break
            session.refresh_from_db()
        with self._lock:
            self._rows[session.pk] = (version, vods)
            self._rows.move_to_end(session.pk)
            while len(self._rows) > settings.MULTI_VOD_MAX_SESSIONS_CACHED:
                self._rows.popitem(last=False)
        return vods


cache = VodCache()


def latest_changes(vod: ComparisonVod) -> list[OffsetChange]:
    shown: list[OffsetChange] | None = getattr(vod, "_shown_changes", None)
    if shown is None:
        shown = list(vod.offset_changes.all()[:HISTORY_SHOWN])
        vod._shown_changes = shown  # type: ignore[attr-defined]
    return shown


def first_events(vod: ComparisonVod) -> list[SessionEvent]:
    shown: list[SessionEvent] | None = getattr(vod, "_shown_events", None)
    if shown is None:
        rows = (
            vod.events.order_by("time", "created_at", "id")
            if vod.session.events_revision
            else SessionEvent.objects.none()
        )
        shown = list(rows.only("id", "vod_id", "time", "end", "kind", "label")[:EVENTS_SHOWN])
        vod._shown_events = shown  # type: ignore[attr-defined]
    return shown
