"""Upload speeds reported by clients, as a log event and two counters."""

from __future__ import annotations

from django.db import transaction

from vodplatform.core import metrics
from vodplatform.core.api import idempotency
from vodplatform.core.logs import event

NETWORKS = frozenset({"ethernet", "wifi", "cellular", "5g", "4g", "3g", "2g", "slow-2g", "unknown"})


def note_upload(session_id: str, bytes: int, seconds: float, network: str) -> None:
    with transaction.atomic():
        idempotency.bind_to_transaction()
    known = network.lower() or "unknown"
    kind = known if known in NETWORKS else "other"
    event("video.upload.measured", session=session_id, bytes=bytes, seconds=round(seconds, 3), network=kind)
    metrics.UPLOADS_REPORTED_BYTES.labels(kind).inc(bytes)
    metrics.UPLOADS_REPORTED_SECONDS.labels(kind).inc(seconds)
