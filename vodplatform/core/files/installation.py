"""The check that database, file store and SECRET_KEY belong to one installation.

See docs/design/0017-installation.md.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare, salted_hmac

from vodplatform.core.files.storage import StoreUnavailable, storage_errors
from vodplatform.core.models import Installation
from vodplatform.core.records import audit

logger = logging.getLogger("vodplatform.installation")
MARK = "installation.json"
REFUSALS = 2
_refusals: list[str] = []
TAKE_OVER = (
    "If this host's database, file storage and key are the right ones, run `manage.py installation --adopt`; other "
    "hosts will then refuse to run."
)


class WrongInstallation(Exception):
    """Error: database, store and SECRET_KEY do not belong together. No file or row may be changed."""


def register_process() -> None:
    """Check the installation. The first process creates the database row and the mark, a file in the store.

    Raises :class:`WrongInstallation`, ``StoreUnavailable``, ``DatabaseError``.
    """
    row = _row()
    if not any(constant_time_compare(row.key, _digest(key, row.pk)) for key in _keys()):
        raise WrongInstallation(
            "SECRET_KEY differs from the key of this installation, so other hosts would reject cookies and URLs that "
            f"this host signs. Set the same key here, or add the former key to SECRET_KEY_FALLBACKS. {TAKE_OVER}"
        )
    check()
    # If a fallback key matched, record the current key, so that the fallback may be removed.
    key = _digest(settings.SECRET_KEY, row.pk)
    Installation.objects.filter(pk=row.pk).exclude(key=key).update(key=key)


def check() -> None:
    """Check that database and store belong together. Call it before old files are deleted.

    Raises :class:`WrongInstallation`, ``StoreUnavailable``, ``DatabaseError``.
    """
    row = _row()
    if row.database != _database():
        raise WrongInstallation(
            f"This database is a copy of the database of installation {row.pk}, which may still use the same "
            f"file storage ({row.store}). {TAKE_OVER}"
        )
    if row.store != _store():
        raise WrongInstallation(
            f"This installation keeps its files in {row.store}, but this host uses {_store()}. Check the AWS_* "
            f"variables and VOD_DATA_DIR. {TAKE_OVER}"
        )
    mark = _read_mark()
    if mark is None and not row.is_marked:
        mark = _write_first_mark(row)
    if mark is None:
        raise WrongInstallation(
            f"The file {MARK} is missing from the file storage ({row.store}). The storage belongs to another "
            f"installation, or its disk is not mounted. {TAKE_OVER}"
        )
    if mark != str(row.pk):
        raise WrongInstallation(
            f"The file storage ({row.store}) belongs to installation {mark}, but this database belongs to {row.pk}. "
            f"Each installation needs its own file storage. {TAKE_OVER}"
        )


def register_or_exit() -> None:
    try:
        # Query in a thread: the web server imports this module in its event loop, where Django refuses queries.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(_register_and_disconnect).result()
    except WrongInstallation as exc:
        logger.critical("wrong installation", extra={"data": {"reason": str(exc)}})
        sys.exit(f"error: {exc}")
    except (DatabaseError, StoreUnavailable) as exc:
        logger.warning("installation not checked", extra={"data": {"exception": repr(exc)}})


def _register_and_disconnect() -> None:
    try:
        register_process()
    finally:
        connection.close()


def check_or_stop() -> None:
    try:
        check()
    except WrongInstallation as exc:
        _refusals.append(str(exc))
        logger.critical("wrong installation", extra={"data": {"reason": str(exc)}})
    except (DatabaseError, StoreUnavailable):
        return
    else:
        _refusals.clear()
    if len(_refusals) >= REFUSALS:
        os.kill(os.getpid(), signal.SIGTERM)


def raise_if_wrong() -> None:
    """Raise :class:`WrongInstallation` if the last check by :func:`check_or_stop` found a mismatch."""
    if _refusals:
        raise WrongInstallation(_refusals[-1])


def adopt() -> Installation:
    """Make this database, store and key one installation with a new id. Raises ``StoreUnavailable``, ``StoreFull``."""
    with transaction.atomic():
        Installation.objects.all().delete()
        row = _make_row()
        Installation.objects.filter(pk=row.pk).update(is_marked=True)
        audit.record("installation.adopted", actor=None, target=row, store=row.store)
        _write_mark(row)
    return row


def note_backup() -> None:
    Installation.objects.update(backed_up_at=Now())


def _row() -> Installation:
    return Installation.objects.first() or _make_row()


def _make_row() -> Installation:
    number = uuid.uuid4()
    columns = {"database": _database(), "store": _store(), "key": _digest(settings.SECRET_KEY, number)}
    return Installation.objects.get_or_create(is_only=True, defaults={"pk": number, **columns})[0]


def _write_first_mark(row: Installation) -> str | None:
    with transaction.atomic():
        if not Installation.objects.select_for_update().filter(pk=row.pk, is_marked=False).exists():
            return _read_mark()
        _write_mark(row)
        Installation.objects.filter(pk=row.pk).update(is_marked=True)
    return str(row.pk)


def _read_mark() -> str | None:
    try:
        with storage_errors(MARK), default_storage.open(MARK) as file:
            content = file.read()
    except FileNotFoundError:
        return None
    try:
        return str(json.loads(content)["installation"])
    except (ValueError, TypeError, KeyError):
        return "unknown"


def _write_mark(row: Installation) -> None:
    content = json.dumps({"installation": str(row.pk)}).encode()
    with storage_errors(MARK):
        if not isinstance(default_storage, FileSystemStorage):
            default_storage.save(MARK, ContentFile(content))
            return
        path = Path(default_storage.path(MARK))
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{MARK}.{uuid.uuid4().hex}")
        with partial.open("xb") as file:
            file.write(content)
            os.fsync(file.fileno())
        partial.replace(path)


def _keys() -> list[str]:
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def _digest(key: str, number: Any) -> str:
    return salted_hmac("vodplatform.installation", str(number), key, algorithm="sha256").hexdigest()


def _store() -> str:
    if isinstance(default_storage, FileSystemStorage):
        return "the data folder"
    return f"the S3 bucket {default_storage.bucket_name}"  # type: ignore[attr-defined]


def _database() -> str:
    """Return an id by which :func:`check` recognises a copy of the database that uses the same store.

    The id is empty if database and store are both in the data folder, because a copy of the folder has its own store.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT has_function_privilege('pg_control_system()', 'execute')")
            may_ask = cursor.fetchone()[0]
            server = "(SELECT system_identifier::text FROM pg_control_system())" if may_ask else "''"
            cursor.execute(f"SELECT {server}, oid::text FROM pg_database WHERE datname = current_database()")  # noqa: S608
            return " ".join(cursor.fetchone())
    path = Path(str(connection.settings_dict["NAME"]))
    if isinstance(default_storage, FileSystemStorage) and path.is_relative_to(settings.DATA_DIR):
        return ""
    return str(path.stat().st_ino) if path.is_file() else ""
