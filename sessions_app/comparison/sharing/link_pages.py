from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from sessions_app.comparison.access import OpenedLink, opened_link
from sessions_app.comparison.models import LinkVisitor
from sessions_app.comparison.sharing import links
from vodplatform.accounts.models import plain_text
from vodplatform.accounts.services import client_address
from vodplatform.core.errors import DomainError
from vodplatform.core.web.throttles import count_request, network_of

MAX_VISITOR_NAME = 60
MAX_PASSWORD = 200
WRONG, TOO_MANY = 403, 429


class NameForm(forms.Form):
    name = forms.CharField(max_length=MAX_VISITOR_NAME, required=False, validators=[plain_text])


class PasswordForm(forms.Form):
    password = forms.CharField(max_length=MAX_PASSWORD, strip=False)


@never_cache
@require_safe
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """Store the opened link in a cookie, and redirect to an address that does not contain its secret."""
    check_enabled()
    if wait := count_request("link_open", network_of(client_address(request))):
        return _throttled(render(request, "429.html", {"error": {"retry_after": wait}}), wait)
    link = links.find_link(token)
    if link is None:
        if session_id := links.session_of_ended_link(token, request.COOKIES):
            return HttpResponseRedirect(f"/compare/{session_id}")
        raise Http404
    return _redirect_to_comparison(request, links.open_link(link, request))


@never_cache
@require_POST
def give_password(request: HttpRequest, session_id: str) -> HttpResponse:
    opened = _opened(request, session_id)
    form = PasswordForm(request.POST)
    try:
        unlocked = form.is_valid() and links.unlock_link(opened, form.cleaned_data["password"], client_address(request))
    except DomainError as exc:
        wait = exc.extra["retry_after"]
        return _throttled(show_locked(request, session_id, retry_after=wait), wait)
    if not unlocked:
        return show_locked(request, session_id, status=WRONG, is_wrong=True)
    return _redirect_to_comparison(request, unlocked)


@never_cache
@require_POST
def set_visitor_name(request: HttpRequest, session_id: str) -> HttpResponse:
    opened = _opened(request, session_id)
    form = NameForm(request.POST)
    if form.is_valid():
        opened = replace(opened, visitor=replace(opened.visitor, name=form.cleaned_data["name"]))
    return _redirect_to_comparison(request, opened)


def show_locked(request: HttpRequest, session_id: str, *, status: int = 200, **problem: Any) -> HttpResponse:
    context = {"session_id": session_id, **problem}
    return add_noindex(render(request, "comparison/link_locked.html", context, status=status))


def show_ended(request: HttpRequest, visitor: LinkVisitor) -> HttpResponse:
    """Render the page of an ended link, which lists the visitor's unsent drafts."""
    return add_noindex(render(request, "comparison/link_ended.html", {"visitor": visitor}, status=404))


def add_noindex(response: HttpResponse) -> HttpResponse:
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def check_enabled() -> None:
    if not settings.MULTI_VOD_ENABLED:
        raise Http404


def _opened(request: HttpRequest, session_id: str) -> OpenedLink:
    check_enabled()
    opened = opened_link(request.COOKIES, session_id)
    if opened is None:
        raise Http404
    return opened


def _redirect_to_comparison(request: HttpRequest, opened: OpenedLink) -> HttpResponse:
    response = HttpResponseRedirect(f"/compare/{opened.link.session_id}")
    links.store_opened_link(response, request, opened)
    response["Referrer-Policy"] = "no-referrer"
    return add_noindex(response)


def _throttled(response: HttpResponse, wait: int) -> HttpResponse:
    response.status_code = TOO_MANY
    response["Retry-After"] = str(wait)
    return response
