"""The page ``/pro``. ``?job=`` opens an existing pro job."""

from __future__ import annotations

import uuid
from typing import cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from sessions_app.prosync.models import Engine, ProJob
from sessions_app.prosync.upload_handlers import MAX_SOUNDS
from vodplatform.accounts.models import Tier, User
from vodplatform.accounts.plans import limits_of, limits_of_tier, tier_of
from vodplatform.core.formatting import limit_size

ENGINE_WORDS = {Engine.LOCAL: "basic", Engine.SYNCSO: "with sync.so"}


@require_safe
@never_cache
@login_required
def index(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    limits = limits_of(user)
    facts = {
        "max_segments": limits["max_segments"],
        "max_upload_bytes": limits["max_upload_bytes"],
        "max_audio_bytes": settings.PROSYNC_MAX_AUDIO_BYTES,
        "most_sounds": MAX_SOUNDS,
        "plan": Tier(tier_of(user)).label,
        "engine_word": ENGINE_WORDS[Engine(settings.PROSYNC_ENGINE)],
    }
    context = {
        "facts": facts,
        "max_upload": limit_size(limits["max_upload_bytes"]),
        # Earlier jobs remain visible after a downgrade of the plan.
        "is_workspace": bool(limits["max_segments"]) or _has_run(user, request.GET.get("job", "")),
        "pro_segments": limits_of_tier(Tier.PRO)["max_segments"],
        "enterprise_segments": limits_of_tier(Tier.ENTERPRISE)["max_segments"],
    }
    return render(request, "prosync/index.html", context)


def _has_run(user: User, job_id: str) -> bool:
    try:
        wanted = uuid.UUID(job_id)
    except ValueError:
        return False
    return ProJob.objects.visible_to(user).filter(pk=wanted).exists()
