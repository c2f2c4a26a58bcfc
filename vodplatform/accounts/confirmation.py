"""Sign-ups that need a confirmed e-mail address (``settings.SIGNUP_CONFIRM``)."""

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
    """Failure to pass an e-mail to the mail server."""


class NameTaken(Exception):
    """Error: another account has taken the user name since the sign-up."""


def send_confirmation(user: User, link_of: Callable[[str], str]) -> None:
    """E-mail a confirmation link to an unsaved user. ``link_of`` turns a token into the link's URL.

    If the address has an account already, send a different e-mail. If the address has reached its daily limit, send
    none. The caller cannot tell these cases apart. Raise :class:`MailFailed` if the mail server does not take the
    e-mail.
    """
    email = User.objects.normalize_email(user.email)
    if not throttles.count_email("sign_up_email", email):
        return
    known = User.objects.filter(email__iexact=email).first()
    if known is not None:
        # Use the stored address: the submitted one may contain look-alike letters.
        send_template(known.email, "accounts/email_has_account.txt", {"user": known})
        return
    token = secrets.token_urlsafe(32)
    row = PendingSignUp.objects.create(
        digest=ApiToken.digest_of(token), username=user.username, full_name=user.full_name, email=email,
        password=user.password, expires_at=Now() + LIFETIME,
    )  # fmt: skip
    try:
        # Include no text from the form; otherwise, strangers could send any text to anyone.
        send_template(email, "accounts/email_confirm.txt", {"link": link_of(token)})
    except MailFailed:
        row.delete()
        raise


def send_template(email: str, template: str, context: dict[str, object]) -> None:
    """Send an e-mail; the template's first line is the subject. Raise :class:`MailFailed`."""
    subject, _, text = render_to_string(template, context).partition("\n")
    try:
        send_mail(subject, text.strip(), None, [email])
    except (smtplib.SMTPException, OSError) as exc:
        raise MailFailed from exc


def pending(token: str) -> QuerySet[PendingSignUp]:
    return PendingSignUp.objects.filter(digest=ApiToken.digest_of(token), expires_at__gt=Now())


def confirm_sign_up(token: str) -> User | None:
    row = pending(token).first()
    if row is None:
        return None
    try:
        with transaction.atomic():
            # Lock all sign-ups with this address: two links, opened at once, must create only one account.
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
    return PendingSignUp.objects.filter(expires_at__lte=Now()).delete()[0]
