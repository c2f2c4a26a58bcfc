from __future__ import annotations

from typing import cast
from uuid import UUID, uuid4

from django import forms
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from media_app.uploads.services import MAX_CHUNK_BYTES, MIN_CHUNK_BYTES
from sessions_app.challenges import challenges
from sessions_app.challenges.guests import count_guess, guest_of, keep_guest, playable
from sessions_app.challenges.models import MAX_CLIPS, MAX_TEXT, MAX_TITLE, MIN_CLIPS, Challenge, Guest
from sessions_app.challenges.serializers import ChallengeSerializer
from vodplatform.accounts.models import User
from vodplatform.accounts.plans import limits_of
from vodplatform.accounts.services import client_address
from vodplatform.core.errors import DomainError, error_response


class GuessForm(forms.Form):
    statement_index = forms.IntegerField(min_value=0, max_value=MAX_CLIPS - 1)


@require_safe
@never_cache
@login_required
def index(request: HttpRequest) -> HttpResponse:
    return render(request, "challenges/index.html", {"facts": {"max_title": MAX_TITLE}})


@require_safe
@never_cache
@login_required
def new(request: HttpRequest) -> HttpResponse:
    """Show the form for a new challenge. With ``?merge=<id>``, the page's script continues with that merge."""
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
def challenge(request: HttpRequest, challenge_id: UUID) -> HttpResponse:
    """Show a challenge. Guests must sign in, unless the challenge's owner allows guests.

    ``?part=state`` returns JSON for the page's script.
    """
    user: User | Guest = request.user if isinstance(request.user, User) else guest_of(request)
    if isinstance(user, Guest):
        found = playable(challenge_id, user)
        if found is None and request.GET.get("part") == "state":
            return error_response("challenge_not_found")
        if found is None:
            return redirect_to_login(request.get_full_path())
        get_token(request)  # set the CSRF cookie, which the script needs to send a guess
    else:
        found = Challenge.objects.visible_to(user).shown_to(user).filter(pk=challenge_id).first()
        if found is None:
            raise Http404
    # The serializer hides from the template which statement is the lie.
    state = ChallengeSerializer.show_all([found], user)[0]
    if request.GET.get("part") == "state":
        return JsonResponse(state)
    facts = {"max_title": MAX_TITLE, "max_text": MAX_TEXT, "may_moderate": user.is_moderator}
    facts["is_guest"] = isinstance(user, Guest)
    picture = request.build_absolute_uri(state["poster_url"]) if state["poster_url"] else ""
    context = {"challenge": state, "state": state, "facts": facts, "picture": picture}
    context["maker"] = found.owner.shown_name
    context["address"] = request.build_absolute_uri(request.path)
    return render(request, "challenges/challenge.html", context)


@require_POST
@never_cache
def guess(request: HttpRequest, challenge_id: UUID) -> HttpResponse:
    guest, form = guest_of(request), GuessForm(request.POST)
    if isinstance(request.user, User) or playable(challenge_id, guest) is None:
        raise Http404
    if not form.is_valid():
        return error_response("invalid", errors=form.errors)
    try:
        count_guess(client_address(request))
        guest = Guest(guest.guest_id or uuid4())
        found = playable(challenge_id, guest)
        if found is None:
            raise Http404
        made = challenges.guess(found, guest, form.cleaned_data["statement_index"])
    except DomainError as exc:
        wait = exc.extra.get("retry_after")
        headers = {"Retry-After": str(wait)} if wait else {}
        return error_response(exc.type.name, exc.message, headers=headers, **exc.extra)
    response = JsonResponse({"correct": made.is_correct, "lie_statement_index": made.challenge.lie_index})
    keep_guest(response, guest)
    return response
