"""A limit on the concurrent requests of one caller in a process; see docs/design/0007-requests.md."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from vodplatform.core.web.throttles import network_of

AT_ONCE = 6  # browsers open as many connections to a host
CREDENTIALS_KEPT = 10_000
UNLIMITED = "/health"  # prefix of load balancers' paths


class Callers:
    """Places for the running requests of each caller.

    A caller is an account, or the network of a client until an answer has shown its account.
    """

    def __init__(self) -> None:
        self._places: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._accounts: OrderedDict[str, str] = OrderedDict()

    @asynccontextmanager
    async def place(self, request: HttpRequest) -> AsyncIterator[None]:
        """Wait until the caller of ``request`` has fewer than ``AT_ONCE`` running requests."""
        if request.path.startswith(UNLIMITED):
            yield
            return
        credential = _credential(request)
        caller = self._accounts.get(credential) or network_of(request.META.get("REMOTE_ADDR") or "")
        places = self._places.get(caller)
        if places is None:
            places = self._places[caller] = asyncio.Semaphore(AT_ONCE)
        async with places:
            yield
        if credential and (account := _account(request)):
            self._accounts[credential] = account
            self._accounts.move_to_end(credential)
            if len(self._accounts) > CREDENTIALS_KEPT:
                self._accounts.popitem(last=False)


def _credential(request: HttpRequest) -> str:
    shown = request.META.get("HTTP_AUTHORIZATION") or request.COOKIES.get(settings.SESSION_COOKIE_NAME) or ""
    return hashlib.sha256(shown.encode(errors="replace")).hexdigest() if shown else ""


def _account(request: HttpRequest) -> str:
    user: Any = getattr(request, "_cached_user", None) or vars(request).get("user")
    # Look at the type only: a lazy user would query the database.
    return str(user.pk) if issubclass(type(user), AbstractBaseUser) else ""
