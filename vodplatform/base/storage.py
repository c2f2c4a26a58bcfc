"""What storages raise, told apart: a file that is not there, no room, and a storage that does not answer."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Iterator
from typing import Any

from vodplatform.base.errors import DomainError

_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class StoreUnavailable(DomainError):
    """The storage does not answer: 503, try again."""

    def __init__(self, reason: str = "") -> None:
        super().__init__("unavailable", "The file storage does not answer. Try again in a moment.")
        self.reason = reason


class StoreFull(DomainError):
    """No room is left where the files are: 503, an operator has to make some."""

    def __init__(self) -> None:
        super().__init__("disk_full")


@contextlib.contextmanager
def told_apart(key: str = "") -> Iterator[None]:
    """Turn what storages raise into ``FileNotFoundError``, :class:`StoreFull` and :class:`StoreUnavailable`."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as exc:
        raise FileNotFoundError(key) from exc
    except OSError as exc:
        if exc.errno in _FULL:
            raise StoreFull from exc
        raise StoreUnavailable(str(exc)) from exc
    except Exception as exc:
        if not isinstance(exc, _of_s3()):
            raise
        if _code(exc) in _MISSING:
            raise FileNotFoundError(key) from exc
        raise StoreUnavailable(str(exc)) from exc


def _of_s3() -> tuple[type[Exception], ...]:
    """What S3's client and its transfers raise; loaded with them, not at each start."""
    if "botocore" not in sys.modules:
        return ()
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from s3transfer.exceptions import RetriesExceededError
    from urllib3.exceptions import HTTPError

    return ClientError, Boto3Error, BotoCoreError, HTTPError, RetriesExceededError


def _code(exc: Any) -> str:
    return str((getattr(exc, "response", None) or {}).get("Error", {}).get("Code", ""))
