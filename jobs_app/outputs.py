"""What attempts have stored, and its removal once nothing points at it. Keys are ``jobs/{job}/{lease}/{name}``.

Every call may raise ``StoreUnavailable`` unless it says otherwise, :func:`store` and :func:`keep` also ``StoreFull``.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from jobs_app.models import LIVE, Job
from vodplatform.core.files.storage import StoreUnavailable, storage_errors
from vodplatform.core.logs import event
from vodplatform.core.records.unreferenced import seen_again

ROOT = "jobs"


def prefix_of(job_id: uuid.UUID | str) -> str:
    """The folder in the storage under which every attempt of a job keeps what it made."""
    return f"{ROOT}/{job_id}"


def store(job_id: uuid.UUID, token: uuid.UUID, name: str, content: bytes) -> str:
    """Keep an output under a key that no other attempt uses; returns the key."""
    return keep(f"{prefix_of(job_id)}/{token.hex}/{name}", content)


def keep(key: str, content: bytes) -> str:
    """Keep a few bytes under ``key``, or one like it where it is taken; returns the key."""
    with storage_errors(key):
        return str(default_storage.save(key, ContentFile(content)))


def delete_outputs(job_id: uuid.UUID | str) -> None:
    """:func:`drop_folder` for everything that any attempt of a job has stored."""
    drop_folder(prefix_of(job_id))


def drop_folder(prefix: str) -> None:
    """:func:`delete_folder` for what no row points at any more: from a storage that is away it is swept later.

    Raises nothing: the rows are gone already, and so is whoever could try again.
    """
    try:
        delete_folder(prefix)
    except StoreUnavailable as exc:
        event("outputs.left", folder=prefix, reason=exc.reason)


def delete_folder(prefix: str) -> None:
    """Delete every file and folder in the storage below ``prefix``; harmless when there is none."""
    folders, files = _listed(prefix)
    for name in folders:
        delete_folder(f"{prefix}/{name}")
    for name in files:
        _delete(f"{prefix}/{name}")
    _delete_folder_itself(prefix)


def sweep_job(job_id: uuid.UUID) -> int:
    """Delete what attempts of an ended job stored and its row does not point at; returns how many files.

    A live job is left alone: the attempt that runs now, or the checkpoint, may need what is there.
    """
    gone = _unreferenced(job_id)
    for key in gone:
        _delete(key)
    delete_empty_folders(prefix_of(job_id))
    return len(gone)


def sweep() -> int:
    """As :func:`sweep_job` for every job that has something in the storage, but of what was seen so a day ago too;
    returns how many files went.
    """
    jobs = []
    for name in _listed(ROOT)[0]:
        with contextlib.suppress(ValueError):
            jobs.append(uuid.UUID(name))
    gone = seen_again(ROOT, (key for job in jobs for key in _unreferenced(job)))
    for key in gone:
        _delete(key)
    for job in jobs:
        delete_empty_folders(prefix_of(job))
    return len(gone)


def _unreferenced(job_id: uuid.UUID) -> list[str]:
    """What attempts of an ended job stored and its row does not point at."""
    # Listed before the row is read: what a new attempt stores meanwhile is not in the list.
    found = list(_files(prefix_of(job_id)))
    job = Job.objects.filter(pk=job_id).only("status", "result", "checkpoint").first()
    if job is not None and job.status in LIVE:
        return []
    kept = set() if job is None else set(_texts([job.result, job.checkpoint]))
    return [key for key in found if key not in kept]


def delete_empty_folders(prefix: str) -> None:
    """Delete ``prefix`` and the folders below it that have nothing in them; only a file system has such."""
    for name in _listed(prefix)[0]:
        delete_empty_folders(f"{prefix}/{name}")
    _delete_folder_itself(prefix)


def _files(prefix: str) -> Iterator[str]:
    folders, files = _listed(prefix)
    yield from (f"{prefix}/{name}" for name in files)
    for name in folders:
        yield from _files(f"{prefix}/{name}")


def _listed(prefix: str) -> tuple[list[str], list[str]]:
    """The names of the folders and of the files in ``prefix``; none where there is no such folder."""
    try:
        with storage_errors(prefix):
            folders, files = default_storage.listdir(prefix)
    except FileNotFoundError:
        return [], []
    return folders, files


def _delete(key: str) -> None:
    with storage_errors(key), contextlib.suppress(FileNotFoundError):
        default_storage.delete(key)


def _delete_folder_itself(prefix: str) -> None:
    # Not an empty one: somebody has just put something new there.
    with storage_errors(prefix), contextlib.suppress(OSError):
        default_storage.delete(prefix)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
