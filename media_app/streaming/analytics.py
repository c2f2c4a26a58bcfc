"""What clients say of their uploads' speed: one event in the log and two counters; nothing is kept by session."""

from __future__ import annotations

from django.db import transaction

from vodplatform.core import metrics
from vodplatform.core.api import idempotency
from vodplatform.core.logs import event

# What browsers and apps call networks; whatever else is said is counted as other.
NETWORKS = frozenset({"ethernet", "wifi", "cellular", "5g", "4g", "3g", "2g", "slow-2g", "unknown"})


def note_upload(session_id: str, bytes: int, seconds: float, network: str) -> None:
    """Log and count one upload; a report that is sent again under its key counts once. seconds: as the client says."""
    with transaction.atomic():
        idempotency.bind_to_transaction()
    known = network.lower() or "unknown"
    kind = known if known in NETWORKS else "other"
    event("video.upload.measured", session=session_id, bytes=bytes, seconds=round(seconds, 3), network=kind)
    metrics.UPLOADS_REPORTED_BYTES.labels(kind).inc(bytes)
    metrics.UPLOADS_REPORTED_SECONDS.labels(kind).inc(seconds)
