"""Accounts whose e-mail address has to be confirmed before they are made (``settings.SIGNUP_CONFIRM``)."""

from __future__ import annotations

import secrets
import smtplib
from collections.abc import Callable
from datetime import timedelta

from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.template.loader import render_to_string

from vodplatform.accounts.models import ApiToken, PendingSignUp, User
from vodplatform.core.records import audit
from vodplatform.core.web import throttles

LIFETIME = timedelta(hours=24)


class MailFailed(Exception):
    """The e-mail could not be handed to the mail server."""


class NameTaken(Exception):
    """Somebody has taken the user name since it was asked for."""


def send_confirmation(user: User, link_of: Callable[[str], str]) -> None:
    """Send the link that makes an account of ``user``, who is not saved. link_of: the address of a token.

    Whose address has an account already is told so by the e-mail: the page says the same either way, also where the
    address has got as many e-mails as it may in a day, and gets none. Raises :class:`MailFailed`.
    """
    email = User.objects.normalize_email(user.email)
    if not throttles.may_be_sent(email):
        return
    known = User.objects.filter(email__iexact=email).first()
    if known is not None:
        # Where the account says, which letters that look alike do not decide.
        send(known.email, "accounts/email_has_account.txt", {"user": known})
        return
    token = secrets.token_urlsafe(32)
    row = PendingSignUp.objects.create(
        digest=ApiToken.digest_of(token), username=user.username, full_name=user.full_name, email=email,
        password=user.password, expires_at=Now() + LIFETIME,
    )  # fmt: skip
    try:
        # Nothing that whoever signs up has written: it would be an e-mail to anybody with any text.
        send(email, "accounts/email_confirm.txt", {"link": link_of(token)})
    except MailFailed:
        row.delete()
        raise


def send(email: str, template: str, context: dict[str, object]) -> None:
    """Send an e-mail, the first line of whose template is its subject. Raises :class:`MailFailed`."""
    subject, _, text = render_to_string(template, context).partition("\n")
    try:
        send_mail(subject, text.strip(), None, [email])
    except (smtplib.SMTPException, OSError) as exc:
        raise MailFailed from exc


def pending(token: str) -> QuerySet[PendingSignUp]:
    """The sign-up that a token confirms, if it is not too late."""
    return PendingSignUp.objects.filter(digest=ApiToken.digest_of(token), expires_at__gt=Now())


def confirm(token: str) -> User | None:
    """The account that a token makes; None for one that is used, too late or unknown. Raises :class:`NameTaken`."""
    row = pending(token).first()
    if row is None:
        return None
    try:
        with transaction.atomic():
            # All of the address, in one order: of two links that are opened at once one makes an account.
            rows = PendingSignUp.objects.select_for_update().filter(email__iexact=row.email).order_by("digest")
            if row.digest not in {other.digest for other in rows}:
                return None
            rows.delete()
            if User.objects.filter(email__iexact=row.email).exists():
                return None
            user = User(username=row.username, full_name=row.full_name, email=row.email, password=row.password)
            user.save()
            audit.record("sign_up", actor=user, target=user)
    except IntegrityError as exc:
        row.delete()
        raise NameTaken from exc
    return user


def purge() -> int:
    """Remove sign-ups that nobody has confirmed in time; returns how many."""
    return PendingSignUp.objects.filter(expires_at__lte=Now()).delete()[0]
