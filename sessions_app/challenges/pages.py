"""The pages of challenges: the list, making one, playing one. Changes go through the API."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from media_app.uploads.services import MAX_CHUNK_BYTES, MIN_CHUNK_BYTES
from sessions_app.challenges.models import MAX_CLIPS, MAX_TEXT, MAX_TITLE, MIN_CLIPS, Challenge
from sessions_app.challenges.serializers import ChallengeSerializer
from vodplatform.accounts.limits import limits_of
from vodplatform.accounts.models import User


@require_safe
@never_cache
@login_required
def index(request: HttpRequest) -> HttpResponse:
    """Challenges to play, and one's own."""
    return render(request, "challenges/index.html", {"facts": {"max_title": MAX_TITLE}})


@require_safe
@never_cache
@login_required
def new(request: HttpRequest) -> HttpResponse:
    """Clips chosen or recorded, sent, merged, and made a challenge; with ``?merge=`` one that is under way."""
    facts = {
        "max_upload_bytes": limits_of(cast(User, request.user))["max_upload_bytes"],
        "least_clips": MIN_CLIPS,
        "most_clips": MAX_CLIPS,
        "least_chunk": MIN_CHUNK_BYTES,
        "most_chunk": MAX_CHUNK_BYTES,
        "max_title": MAX_TITLE,
        "max_text": MAX_TEXT,
    }
    return render(request, "challenges/new.html", {"facts": facts})


@require_safe
@never_cache
@login_required
def challenge(request: HttpRequest, challenge_id: UUID) -> HttpResponse:
    """One challenge, played statement by statement. 404 for what the user may not see."""
    user = cast(User, request.user)
    found = Challenge.objects.visible_to(user).shown_to(user).filter(pk=challenge_id).first()
    if found is None:
        raise Http404
    # Only what may be told: the template is given nothing else of it.
    state = ChallengeSerializer.show_all([found], user)[0]
    facts = {"max_title": MAX_TITLE, "max_text": MAX_TEXT, "may_moderate": user.is_moderator}
    return render(request, "challenges/challenge.html", {"challenge": state, "state": state, "facts": facts})
