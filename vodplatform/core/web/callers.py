"""A limit on the requests of one caller that run at once in a process.

A request that waits, for example for a locked row, holds a thread and a database connection. Without the limit, a few
slow requests of one account would use up all connections.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any
from weakref import WeakValueDictionary

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.http.cookie import parse_cookie

from vodplatform.core.errors import DomainError
from vodplatform.core.web.throttles import network_of

AT_ONCE = 6  # maximum running requests of one caller; browsers open up to 6 HTTP/1.1 connections to a host
MAX_WAITING = 100  # maximum number of one caller's requests that wait for the end of its running requests
CREDENTIALS_KEPT = 10_000
UNLIMITED = frozenset({"/health/live", "/health/ready"})  # paths that load balancers request
SCHEMES = ("token ", "bearer ")  # schemes of accepted Authorization headers, in lower case
Scope = MutableMapping[str, Any]
current_scope: ContextVar[Scope | None] = ContextVar("current_scope", default=None)


class _Places:
    def __init__(self) -> None:
        self.semaphore = asyncio.Semaphore(AT_ONCE)
        self.waiting = 0


class Callers:
    """The running and waiting requests of each caller.

    A caller is an account, or the network of a client whose account is unknown. The account of a token or browser
    session becomes known when its first request is answered.
    """

    def __init__(self) -> None:
        self._places: WeakValueDictionary[str, _Places] = WeakValueDictionary()
        self._accounts: OrderedDict[str, str] = OrderedDict()

    def caller_of(self, scope: Scope) -> str:
        return self._accounts.get(_credential(scope)) or network_of((scope.get("client") or [""])[0])

    @asynccontextmanager
    async def place(self, scope: Scope | None, max_waiting: int | None = None) -> AsyncIterator[None]:
        """Wait until the caller has fewer than ``AT_ONCE`` running requests, and count the block as one of them.

        Do not wait if the ASGI ``scope`` is None or its path is in ``UNLIMITED``. Raises ``throttled`` if
        ``max_waiting`` requests of the caller wait already.
        """
        if scope is None or scope.get("path") in UNLIMITED:
            yield
            return
        caller = self.caller_of(scope)
        places = self._places.get(caller)
        if places is None:
            places = self._places[caller] = _Places()
        if max_waiting is not None and places.semaphore.locked() and places.waiting >= max_waiting:
            raise DomainError(
                "throttled", "You have too many waiting requests. Wait until some have finished.", retry_after=1
            )
        places.waiting += 1
        try:
            await places.semaphore.acquire()
        finally:
            places.waiting -= 1
        try:
            yield
        finally:
            places.semaphore.release()

    def note(self, scope: Scope, account: str) -> None:
        """Remember the account of the credential in ``scope``. Forget the credential if ``account`` is empty."""
        credential = _credential(scope)
        self._accounts.pop(credential, None)
        if credential and account:
            self._accounts[credential] = account
            if len(self._accounts) > CREDENTIALS_KEPT:
                self._accounts.popitem(last=False)


callers = Callers()


def account_of(request: HttpRequest) -> str:
    """Return the id of a request's account; empty if the user is anonymous or has not been loaded."""
    user: Any = getattr(request, "_cached_user", None) or vars(request).get("user")
    # isinstance() would load a lazy user from the database.
    return str(user.pk) if issubclass(type(user), AbstractBaseUser) else ""


def _credential(scope: Scope) -> str:
    headers = dict(scope.get("headers", ()))
    shown = headers.get(b"authorization", b"").decode("latin-1")
    if not shown.lower().startswith(SCHEMES):
        cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
        shown = cookies.get(settings.SESSION_COOKIE_NAME, "")
    return hashlib.sha256(shown.encode()).hexdigest() if shown else ""
