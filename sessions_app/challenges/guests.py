"""People without an account who play a challenge by its link: who they are to us, and their one guess."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from sessions_app.challenges.models import Challenge, Guest
from vodplatform.core.errors import DomainError
from vodplatform.core.web.throttles import hit, network_of

COOKIE, SALT = "challenge_guest", "challenge guest"
COOKIE_SECONDS = 365 * 86_400


def guest_of(request: HttpRequest) -> Guest:
    """The guest that a browser's cookie names."""
    try:
        return Guest(uuid.UUID(signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=COOKIE_SECONDS)))
    except (signing.BadSignature, ValueError, TypeError):
        return Guest(None)


def playable(challenge_id: uuid.UUID, guest: Guest) -> Challenge | None:
    """A challenge that its owner lets people without an account play, while it is published."""
    return Challenge.objects.published().filter(pk=challenge_id, guests_may_play=True).shown_to(guest).first()


def count_guess(address: str) -> None:
    """Raises ``throttled``: a browser that drops its cookie is another guest, so a network has a limit."""
    if wait := hit("guest_guess", network_of(address)):
        raise DomainError("throttled", "Too many guesses from your network.", retry_after=wait)


def keep_guest(response: HttpResponse, guest: Guest) -> None:
    """Let the browser keep who it is: out of scripts' reach, never sent along by another site's page."""
    response.set_cookie(
        COOKIE, signing.dumps(str(guest.guest_id), salt=SALT), max_age=COOKIE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax",
    )  # fmt: skip
