"""Helpers of the ASGI apps that bypass Django. They set the context of log lines and build error answers."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

from django.db import Error

from vodplatform.core import logs
from vodplatform.core.errors import DATABASE_AWAY, RETRY_SECONDS, DomainError, database_refusal
from vodplatform.core.files.storage import StoreUnavailable
from vodplatform.core.web.bodies import Scope
from vodplatform.core.web.middleware import REQUEST_ID

logger = logging.getLogger("vodplatform.error")


@contextmanager
def request_context(scope: Scope, headers: Mapping[str, str]) -> Iterator[None]:
    given = headers.get("x-request-id", "")
    client = scope.get("client")
    tokens = [
        (logs.request_id, logs.request_id.set(given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex)),
        (logs.user_id, logs.user_id.set("")),
        (logs.address, logs.address.set(client[0] if client else "")),
    ]
    try:
        yield
    finally:
        for variable, token in tokens:
            variable.reset(token)


def error_of(exc: Exception) -> DomainError:
    if isinstance(exc, StoreUnavailable):
        logger.warning("storage", extra={"data": {"reason": exc.reason}})
    if isinstance(exc, DomainError):
        return exc
    if isinstance(exc, Error):
        logger.warning("database", extra={"data": {"exception": repr(exc)}})
        return database_refusal(exc) or DomainError("unavailable", DATABASE_AWAY)
    logger.error("error", exc_info=exc)
    return DomainError("server_error")


def refusal_headers(error: DomainError) -> list[tuple[bytes, bytes]]:
    headers = []
    later = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
    if error.type.status in later or "retry_after" in error.extra:
        headers.append((b"retry-after", str(error.extra.get("retry_after", RETRY_SECONDS)).encode()))
    if error.type.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Token"))
    return headers
