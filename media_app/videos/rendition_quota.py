"""Storage of the renditions of an account's videos.

Reels and previews count towards the account's storage, because an account can make any number of them. The kinds in
:data:`UNCOUNTED` may together use a multiple of the plan's storage.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.db.models import Sum

from media_app.videos.models import Rendition, RenditionKind
from vodplatform.accounts.models import User
from vodplatform.accounts.plans import limits_of
from vodplatform.core.errors import DomainError
from vodplatform.core.formatting import limit_size

COUNTED = (RenditionKind.REEL, RenditionKind.PREVIEW)
UNCOUNTED = (RenditionKind.HLS, RenditionKind.PROXY, RenditionKind.SILENT, RenditionKind.NORMALIZED)
MAX_UNCOUNTED = 4  # maximum bytes of UNCOUNTED renditions, as a multiple of the plan's storage


def stored_bytes(user_id: uuid.UUID) -> int:
    return _bytes(user_id, COUNTED)


def refusal(owner: User) -> DomainError | None:
    """Return ``storage_full`` if the uncounted renditions have reached their limit, else None."""
    limit, used = MAX_UNCOUNTED * limits_of(owner)["max_storage_bytes"], _bytes(owner.pk, UNCOUNTED)
    if used < limit:
        return None
    sentence = (
        f"The automatically created copies of your videos have reached the limit of {limit_size(limit)}. Delete videos "
        "that you no longer need."
    )
    return DomainError("storage_full", sentence, limit=limit, used=used)


def _bytes(user_id: uuid.UUID, kinds: Sequence[str]) -> int:
    rows = Rendition.objects.filter(video__owner=user_id, kind__in=kinds)
    return int(rows.aggregate(total=Sum("size", default=0))["total"])
