"""Throttled forms for sign-in, sign-up and passwords."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, SetPasswordForm, UserCreationForm
from django.contrib.auth.hashers import check_password
from django.core.exceptions import ValidationError
from django.forms import BooleanField, CharField, EmailField, Form
from django.http import HttpRequest
from unfold.forms import AuthenticationForm as UnfoldAuthenticationForm

from vodplatform.accounts.models import PendingSignUp, Role, User, plain_text
from vodplatform.accounts.services import client_address
from vodplatform.core.errors import DomainError
from vodplatform.core.formatting import counted
from vodplatform.core.records import audit
from vodplatform.core.web.throttles import check_sign_in, check_sign_up, count_request, network_of


class ThrottledForm:
    """A form that limits the rate of attempts.

    ``retry_after`` is the number of seconds to wait after too many attempts.
    """

    retry_after: int | None = None

    def count(self, request: HttpRequest, username: str) -> None:
        """Count an attempt. Raise ValidationError ``throttled`` after too many attempts."""
        try:
            check_sign_in(username, client_address(request))
        except DomainError as exc:
            self.retry_after = exc.extra["retry_after"]
            raise ValidationError(
                f"Too many attempts. Try again in {counted(self.retry_after, 'second')}.", code="throttled"
            ) from exc


class CountedSignIn(ThrottledForm):
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "Wrong user name or password. Both are case-sensitive.",
    }

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = self.cleaned_data  # type: ignore[attr-defined]
        if not (data.get("username") and data.get("password")):
            return data
        self.count(self.request, data["username"])  # type: ignore[attr-defined]
        try:
            data = super().clean()  # type: ignore[misc]
        except ValidationError:
            audit.record("sign_in.failed", actor=None, username=data["username"])
            raise
        user = self.get_user()  # type: ignore[attr-defined]
        audit.record("sign_in", actor=user, target=user, by="session")
        return data


class SignInForm(CountedSignIn, AuthenticationForm):
    pass


class AdminSignInForm(CountedSignIn, UnfoldAuthenticationForm):
    pass


class PasswordForm(ThrottledForm, PasswordChangeForm):
    """Form for a password change. Attempts are limited, because another person may use the user's open browser."""

    revoke_tokens = BooleanField(required=False, initial=True)

    def __init__(self, user: User, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.request = request
        super().__init__(user, *args, **kwargs)

    def clean_old_password(self) -> str:
        self.count(self.request, self.user.get_username())
        try:
            return super().clean_old_password()
        except ValidationError:
            audit.record("password.refused", actor=self.user, target=self.user)
            raise


class DeleteAccountForm(ThrottledForm, Form):
    password = CharField(strip=False)

    def __init__(self, user: User, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.user, self.request = user, request
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        self.count(self.request, self.user.get_username())
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            audit.record("password.refused", actor=self.user, target=self.user)
            raise ValidationError("The password is wrong.", code="invalid")
        return password

    def clean(self) -> dict[str, Any]:
        others = User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=self.user.pk)
        if self.user.is_admin and not others.exists():
            raise ValidationError("You are the only administrator. Make another account an administrator first.")
        return self.cleaned_data


class NewPasswordForm(SetPasswordForm):  # type: ignore[type-arg]
    revoke_tokens = BooleanField(required=False, initial=True)


class LostPasswordForm(ThrottledForm, Form):
    email = EmailField(max_length=254)

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.request = request
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        if wait := count_request("lost_password", network_of(client_address(self.request))):
            self.retry_after = wait
            raise ValidationError(f"Too many attempts. Try again in {_minutes(wait)}.", code="throttled")
        return self.cleaned_data


class SignUpForm(ThrottledForm, UserCreationForm):  # type: ignore[type-arg]
    """Sign-up form. It asks for an e-mail address only if addresses must be confirmed."""

    full_name = CharField(max_length=150, required=False, validators=[plain_text])
    email = EmailField(max_length=254)
    too_many = ""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.request = request
        super().__init__(*args, **kwargs)
        if not settings.SIGNUP_CONFIRM:
            del self.fields["email"]

    class Meta:
        model = User
        fields = ("username", "full_name", "email")

    def clean(self) -> dict[str, Any]:
        self.count(self.request, self.data.get("username", ""))
        super().clean()
        if not self.errors:
            self._count_account()
        return self.cleaned_data

    def _count_account(self) -> None:
        try:
            check_sign_up(client_address(self.request))
        except DomainError as exc:
            self.retry_after = exc.extra["retry_after"]
            self.too_many = exc.message
            sentence = f"{exc.message} Try again in {_minutes(self.retry_after)}."
            raise ValidationError(sentence, code="throttled") from exc


class ConfirmForm(ThrottledForm, Form):
    """Form that asks for the password chosen at sign-up.

    Without the password, the owner of the mailbox could confirm a sign-up that another person made.
    """

    password = CharField(strip=False)

    def __init__(self, request: HttpRequest, row: PendingSignUp, *args: Any, **kwargs: Any) -> None:
        self.request, self.row = request, row
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        self.count(self.request, self.row.username)
        password: str = self.cleaned_data["password"]
        if not check_password(password, self.row.password):
            raise ValidationError("Wrong password. Enter the password that you chose when you signed up.")
        return password


def _minutes(seconds: int) -> str:
    return counted(-(-seconds // 60), "minute")
