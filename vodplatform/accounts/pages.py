"""Pages for sign-in, sign-up, sign-out and passwords."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import login, logout
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.views import (
    LoginView,
    LogoutView,
    PasswordChangeView,
    PasswordResetConfirmView,
    RedirectURLMixin,
    redirect_to_login,
)
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from django.views.generic import FormView

from vodplatform.accounts import confirmation
from vodplatform.accounts.browser_sessions import end_browsers
from vodplatform.accounts.forms import (
    ConfirmForm,
    DeleteAccountForm,
    LostPasswordForm,
    NewPasswordForm,
    PasswordForm,
    SignInForm,
    SignUpForm,
    ThrottledForm,
)
from vodplatform.accounts.lost_password import send_link
from vodplatform.accounts.models import ApiToken, User
from vodplatform.accounts.services import request_deletion, revoke_tokens
from vodplatform.core.records import audit

NOT_FOUND, CONFLICT, TOO_MANY, UNAVAILABLE = 404, 409, 429, 503
logger = logging.getLogger("vodplatform.accounts")


def _throttled(form: object, response: HttpResponse) -> HttpResponse:
    if isinstance(form, ThrottledForm) and form.retry_after:
        response.status_code = TOO_MANY
        response["Retry-After"] = str(form.retry_after)
    return response


class SignInView(LoginView):
    template_name = "accounts/login.html"
    form_class = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "signup_open": settings.SIGNUP, "has_mail": settings.MAIL}

    def form_invalid(self, form: Any) -> HttpResponse:
        return _throttled(form, super().form_invalid(form))


def admin_sign_in(request: HttpRequest) -> HttpResponse:
    response = admin.site.login(request)
    context = response.context_data if isinstance(response, TemplateResponse) else None
    return _throttled((context or {}).get("form"), response)


class SignOutView(LogoutView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if isinstance(request.user, User):
            audit.record("sign_out", actor=request.user, target=request.user)
        return super().post(request, *args, **kwargs)


class SignUpView(RedirectURLMixin, FormView):  # type: ignore[type-arg]
    """Sign-up page. It signs the new user in and redirects to ``next`` or the home page."""

    template_name = "accounts/signup.html"
    form_class = SignUpForm
    next_page = settings.LOGIN_REDIRECT_URL

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not settings.SIGNUP:
            raise Http404
        if request.user.is_authenticated:
            return HttpResponseRedirect(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), self.redirect_field_name: self.get_redirect_url()}

    def form_valid(self, form: SignUpForm) -> HttpResponse:
        if settings.SIGNUP_CONFIRM:
            return self._ask_for_confirmation(form)
        try:
            with transaction.atomic():
                user = form.save()
                audit.record("sign_up", actor=user, target=user)
        except IntegrityError:
            form.add_error("username", User._meta.get_field("username").error_messages["unique"])
            return self.form_invalid(form)
        login(self.request, user)
        return super().form_valid(form)

    def _ask_for_confirmation(self, form: SignUpForm) -> HttpResponse:
        try:
            confirmation.send_confirmation(form.save(commit=False), address_for_others)
        except confirmation.MailFailed:
            logger.exception("confirmation e-mail could not be sent")
            form.add_error(None, "The e-mail could not be sent. Try again later.")
            response = self.form_invalid(form)
            response.status_code = UNAVAILABLE
            return response
        return HttpResponseRedirect("/signup/sent")

    def form_invalid(self, form: SignUpForm) -> HttpResponse:
        return _throttled(form, super().form_invalid(form))


def address_for_others(token: str) -> str:
    return f"{settings.PUBLIC_URL}/signup/confirm/{token}"


class LostPasswordView(FormView):  # type: ignore[type-arg]
    """Page that e-mails a link to reset the password. Its answer does not reveal whether the account exists."""

    template_name = "accounts/lost_password.html"
    form_class = LostPasswordForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not settings.MAIL:
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def form_valid(self, form: LostPasswordForm) -> HttpResponse:
        send_link(
            form.cleaned_data["email"], lambda uid, token: f"{settings.PUBLIC_URL}/login/new-password/{uid}/{token}"
        )
        return self.render_to_response({"is_sent": True})

    def form_invalid(self, form: LostPasswordForm) -> HttpResponse:
        return _throttled(form, super().form_invalid(form))


class NewPasswordView(PasswordResetConfirmView):
    """Page that opens from the link to reset the password.

    The new password ends the user's sessions and JWTs, and API tokens if the user chooses so.
    """

    template_name = "accounts/new_password.html"
    form_class = NewPasswordForm
    success_url = "/login"

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            response = super().form_valid(form)
            audit.record("password.reset", actor=form.user, target=form.user)
            if form.cleaned_data["revoke_tokens"]:
                revoke_tokens(ApiToken.objects.filter(user=form.user, revoked_at__isnull=True), by=form.user)
        messages.success(self.request, "Your password was changed. Sign in with the new password.")
        return response


class DeleteAccountView(LoginRequiredMixin, FormView):  # type: ignore[type-arg]
    template_name = "accounts/delete.html"
    form_class = DeleteAccountForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "user": self.request.user, "request": self.request}

    def form_invalid(self, form: DeleteAccountForm) -> HttpResponse:
        return _throttled(form, super().form_invalid(form))

    def form_valid(self, form: DeleteAccountForm) -> HttpResponse:
        request_deletion(form.user, by=form.user)
        logout(self.request)
        return self.render_to_response({"is_requested": True})


def sign_up_sent(request: HttpRequest) -> HttpResponse:
    if not settings.SIGNUP_CONFIRM:
        raise Http404
    return render(request, "accounts/signup_sent.html")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_sign_up(request: HttpRequest, token: str) -> HttpResponse:
    """Create the account of a visitor who opens the e-mailed link and enters the password chosen at sign-up."""
    if not (settings.SIGNUP and settings.SIGNUP_CONFIRM):
        raise Http404
    row = confirmation.pending(token).first()
    if row is None:
        return render(request, "accounts/signup_confirm.html", {"state": "late"}, status=NOT_FOUND)
    form = ConfirmForm(request, row, request.POST if request.method == "POST" else None)
    state, status = "asked", 200
    if form.is_valid():
        try:
            state, status = ("made", 200) if confirmation.confirm_sign_up(token) else ("late", NOT_FOUND)
        except confirmation.NameTaken:
            state, status = "taken", CONFLICT
    context = {"state": state, "form": form, "username": row.username}
    return _throttled(form, render(request, "accounts/signup_confirm.html", context, status=status))


@require_POST
def end_sessions(request: HttpRequest) -> HttpResponse:
    user = request.user
    if not isinstance(user, User):
        return redirect_to_login("/account")
    browser = request.POST.get("browser") or None
    count = end_browsers(user, request.session.session_key, browser)
    if count:
        audit.record("sessions.ended", actor=user, target=user, count=count)
    ended = "1 browser was" if count == 1 else f"{count} browsers were"
    messages.success(request, f"{ended} signed out." if count else "That browser was already signed out.")
    return HttpResponseRedirect("/account")


class PasswordView(PasswordChangeView):
    template_name = "accounts/password.html"
    form_class = PasswordForm
    success_url = "/account"

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def form_invalid(self, form: Any) -> HttpResponse:
        return _throttled(form, super().form_invalid(form))

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        with transaction.atomic():
            response = super().form_valid(form)
            audit.record("password.changed", actor=form.user, target=form.user)
            left = ApiToken.objects.filter(user=form.user, revoked_at__isnull=True)
            if form.cleaned_data["revoke_tokens"]:
                revoke_tokens(left, by=form.user)
            count = left.all().count()
        tokens = {0: "", 1: " One API token still works."}.get(count, f" {count} API tokens still work.")
        messages.success(self.request, f"Your password was changed. Other browsers were signed out.{tokens}")
        return response
