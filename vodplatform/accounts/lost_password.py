"""Password reset by an e-mailed link."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.contrib.auth.tokens import default_token_generator
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from vodplatform.accounts.confirmation import MailFailed, send_template
from vodplatform.accounts.models import User
from vodplatform.core.records import audit
from vodplatform.core.web import throttles

logger = logging.getLogger("vodplatform.accounts")


def send_link(email: str, link_of: Callable[[str, str], str]) -> None:
    """E-mail a password reset link to the active account with this address, up to a daily limit.

    ``link_of`` turns an encoded user id and a token into the URL. A thread sends the e-mail, because a slower answer
    would reveal that the account exists.
    """
    email = User.objects.normalize_email(email)
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    if not throttles.count_email("lost_password_email", email) or user is None:
        return
    link = link_of(urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user))
    audit.record("password.link_sent", actor=None, target=user)
    # Use the stored address: the submitted one may contain look-alike letters.
    threading.Thread(target=_send, args=(user.email, {"link": link, "username": user.username}), daemon=True).start()


def _send(email: str, context: dict[str, object]) -> None:
    try:
        send_template(email, "accounts/email_lost_password.txt", context)
    except MailFailed:
        logger.exception("password reset e-mail could not be sent")
