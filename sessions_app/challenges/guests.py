"""Guests, who play a challenge by its link without an account."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from sessions_app.challenges.models import Challenge, Guest
from vodplatform.core.errors import DomainError
from vodplatform.core.web.throttles import count_request, network_of

COOKIE, SALT = "challenge_guest", "challenge guest"
COOKIE_SECONDS = 365 * 86_400


def guest_of(request: HttpRequest) -> Guest:
    try:
        return Guest(uuid.UUID(signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=COOKIE_SECONDS)))
    except (signing.BadSignature, ValueError, TypeError):
        return Guest(None)


def playable(challenge_id: uuid.UUID, guest: Guest) -> Challenge | None:
    return Challenge.objects.published().filter(pk=challenge_id, guests_may_play=True).shown_to(guest).first()


def count_guess(address: str) -> None:
    """Count a guess for the guest's network. Raises ``throttled``.

    Guesses are counted per network, because a browser without cookies is a new guest each time.
    """
    if wait := count_request("guest_guess", network_of(address)):
        raise DomainError("throttled", "Too many guesses from your network. Try again later.", retry_after=wait)


def keep_guest(response: HttpResponse, guest: Guest) -> None:
    response.set_cookie(
        COOKIE, signing.dumps(str(guest.guest_id), salt=SALT), max_age=COOKIE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax",
    )  # fmt: skip
