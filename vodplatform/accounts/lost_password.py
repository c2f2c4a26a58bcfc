"""A new password for whoever has lost theirs, by a link that is sent to the account's e-mail address."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.contrib.auth.tokens import default_token_generator
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from vodplatform.accounts.confirmation import MailFailed, send
from vodplatform.accounts.models import User
from vodplatform.core.records import audit
from vodplatform.core.web import throttles

logger = logging.getLogger("vodplatform.accounts")


def send_link(email: str, link_of: Callable[[str, str], str]) -> None:
    """Send the link to the account of an e-mail address, if there is one and it has not got too many today.

    link_of: the address of a user's encoded id and a token. Whether there is an account is not to be told by how long
    this takes: the mail server is talked to by another thread, and what it refuses is in the log alone.
    """
    email = User.objects.normalize_email(email)
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    if not throttles.may_be_sent(email) or user is None:
        return
    link = link_of(urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user))
    audit.record("password.link_sent", actor=None, target=user)
    # Where the account says, which letters that look alike do not decide.
    threading.Thread(target=_send, args=(user.email, {"link": link, "username": user.username}), daemon=True).start()


def _send(email: str, context: dict[str, object]) -> None:
    try:
        send(email, "accounts/email_lost_password.txt", context)
    except MailFailed:
        logger.exception("an e-mail about a lost password could not be sent")
