"""What storages raise, told apart: a file that is not there, no room, and a storage that does not answer."""

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
# After a call that got no answer in its time nothing else is asked for so long: what tidies up behind it would wait as
# long again, and whoever waits for both gets no answer within half a minute.
SILENT_SECONDS = 1.0


class StoreUnavailable(DomainError):
    """The storage does not answer: 503, try again."""

    def __init__(self, reason: str = "") -> None:
        super().__init__("unavailable", "The file storage does not answer. Try again in a moment.")
        self.reason = reason


class StoreFull(DomainError):
    """No room is left where the files are: 503, an operator has to make some."""

    def __init__(self) -> None:
        super().__init__("disk_full")


class CircuitBreaker:
    """When the storage last left a call of this process unanswered."""

    def __init__(self) -> None:
        self.until = 0.0

    def note(self) -> None:
        """A call has just been given up."""
        self.until = time.monotonic() + SILENT_SECONDS

    def check(self) -> None:
        """Raises :class:`StoreUnavailable` just after that."""
        if time.monotonic() < self.until:
            raise StoreUnavailable("It has just left another call unanswered.")


silence = CircuitBreaker()
failures = metrics.counter(
    "vod_storage_errors_total", "Calls of the file storage that failed, but for files that are not there.", "error"
)


@contextlib.contextmanager
def storage_errors(key: str = "") -> Iterator[None]:
    """Turn what storages raise into ``FileNotFoundError``, :class:`StoreFull` and :class:`StoreUnavailable`."""
    silence.check()
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as exc:
        raise FileNotFoundError(key) from exc
    except OSError as exc:
        if exc.errno in FULL:
            raise _counted(StoreFull()) from exc
        # Those of S3's client are both.
        if isinstance(exc, _timeouts()):
            silence.note()
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
    """What S3's client and its transfers raise; loaded with them, not at each start."""
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
