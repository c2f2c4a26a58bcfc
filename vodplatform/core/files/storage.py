"""Errors of the file storage."""

from __future__ import annotations

import contextlib
import errno
import sys
import time
from collections.abc import Iterator
from typing import Any

from vodplatform.core import metrics
from vodplatform.core.errors import DomainError

_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# After a timeout, all calls fail immediately for this many seconds. Otherwise, cleaning up after the failed call would
# wait for a second timeout.
SILENT_SECONDS = 1.0


class StoreUnavailable(DomainError):
    """Error 503: the file storage does not answer; the client can retry."""

    def __init__(self, reason: str = "") -> None:
        super().__init__("unavailable", "The file storage does not answer. Try again in a moment.")
        self.reason = reason


class StoreFull(DomainError):
    """Error 503: the file storage is full until an operator frees space."""

    def __init__(self) -> None:
        super().__init__("disk_full")


class CircuitBreaker:
    def __init__(self) -> None:
        self.until = 0.0

    def note(self) -> None:
        self.until = time.monotonic() + SILENT_SECONDS

    def check(self) -> None:
        if time.monotonic() < self.until:
            raise StoreUnavailable("the previous call to the storage timed out")


circuit_breaker = CircuitBreaker()
failures = metrics.counter(
    "vod_storage_errors_total", "Number of failed calls to the file storage, except calls for missing files.", "error"
)


@contextlib.contextmanager
def storage_errors(key: str = "") -> Iterator[None]:
    """Turn storage errors in the block into ``FileNotFoundError``, :class:`StoreFull` or :class:`StoreUnavailable`."""
    circuit_breaker.check()
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as exc:
        raise FileNotFoundError(key) from exc
    except OSError as exc:
        if exc.errno in FULL:
            raise _counted(StoreFull()) from exc
        if isinstance(exc, _timeouts()):
            circuit_breaker.note()
        raise _counted(StoreUnavailable(str(exc))) from exc
    except Exception as exc:
        if not isinstance(exc, _of_s3()):
            raise
        if _code(exc) in _MISSING:
            raise FileNotFoundError(key) from exc
        raise _counted(StoreUnavailable(str(exc))) from exc


def _counted(error: DomainError) -> DomainError:
    failures.labels(error.type.name).inc()
    return error


def _of_s3() -> tuple[type[Exception], ...]:
    if "botocore" not in sys.modules:
        return ()
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from s3transfer.exceptions import RetriesExceededError
    from urllib3.exceptions import HTTPError

    return ClientError, Boto3Error, BotoCoreError, HTTPError, RetriesExceededError


def _timeouts() -> tuple[type[Exception], ...]:
    if "botocore" not in sys.modules:
        return ()
    from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

    return ConnectTimeoutError, ReadTimeoutError


def _code(exc: Any) -> str:
    return str((getattr(exc, "response", None) or {}).get("Error", {}).get("Code", ""))
