from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from sessions_app.analysis.models import AnalysisSession, AnalysisType, SessionStatus
from sessions_app.analysis.params import PARAMS, Choice
from sessions_app.analysis.serializers import AnalysisStatusSerializer
from sessions_app.analysis.services import work_factors
from vodplatform.accounts.models import User
from vodplatform.accounts.plans import limits_of

USUAL_FPS = 30.0  # assumed frames per second while the frame rate is unknown


@require_safe
@never_cache
@login_required
def index(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    context = {
        "types": [{"value": value, "label": label} for value, label in AnalysisType.choices],
        "exercises": _exercises(),
        "statuses": [{"value": value, "label": label} for value, label in SessionStatus.choices],
        "keeps_hours": settings.SESSION_TTL_HOURS,
        "facts": {
            "params": _ranges(),
            "factors": work_factors(),
            "max_upload_bytes": limits_of(user)["max_upload_bytes"],
        },
    }
    return render(request, "analysis/list.html", context)


@require_safe
@never_cache
@login_required
def session(request: HttpRequest, session_id: UUID) -> HttpResponse:
    rows = AnalysisSession.objects.visible_to(request.user).with_state()
    found = rows.filter(pk=session_id).first()
    if found is None:
        raise Http404
    context = {
        "session": found,
        "state": AnalysisStatusSerializer.show(found),
        "exercises": _exercises(),
        "facts": {"params": _ranges(), "factors": work_factors()},
    }
    return render(request, "analysis/session.html", context)


@require_safe
@never_cache
@login_required
def reel(request: HttpRequest, session_id: UUID) -> HttpResponse:
    found = AnalysisSession.objects.visible_to(request.user).with_state().filter(pk=session_id).first()
    if found is None:
        raise Http404
    state = AnalysisStatusSerializer.show(found)
    is_editable = found.analysis_type == AnalysisType.HIGHLIGHTS and found.status == SessionStatus.COMPLETED
    if not is_editable or not state["source"] or found.video is None:
        return redirect("analysis-session", session_id)
    facts = {"fps": float(found.video.fps) or USUAL_FPS}
    return render(request, "analysis/reel.html", {"session": found, "state": state, "facts": facts})


def _exercises() -> list[str]:
    choice = PARAMS[AnalysisType.WORKOUT]["exercise"]
    return list(cast(Choice, choice).values)


def _ranges() -> dict[str, dict[str, Any]]:
    return {
        kind: {
            name: {"values": one.values, "default": one.default}
            if isinstance(one, Choice)
            else {"least": one.least, "most": one.most, "default": one.default, "whole": one.is_whole}
            for name, one in params.items()
        }
        for kind, params in PARAMS.items()
    }
