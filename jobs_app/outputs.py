"""Stored output files of jobs, with keys ``jobs/{job}/{lease}/{name}``.

Functions may raise ``StoreUnavailable``; :func:`store` and :func:`save_bytes` also ``StoreFull``.
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
from vodplatform.core.records.unreferenced import confirm_unreferenced

ROOT = "jobs"


def prefix_of(job_id: uuid.UUID | str) -> str:
    return f"{ROOT}/{job_id}"


def store(job_id: uuid.UUID, token: uuid.UUID, name: str, content: bytes) -> str:
    return save_bytes(f"{prefix_of(job_id)}/{token.hex}/{name}", content)


def save_bytes(key: str, content: bytes) -> str:
    """Store bytes under ``key``, or under a similar key if ``key`` is taken; return the key."""
    with storage_errors(key):
        return str(default_storage.save(key, ContentFile(content)))


def delete_outputs(job_id: uuid.UUID | str) -> None:
    delete_folder_or_log(prefix_of(job_id))


def delete_folder_or_log(prefix: str) -> None:
    """Delete a storage folder that nothing references. Errors are only logged: a later sweep deletes the folder."""
    try:
        delete_folder(prefix)
    except StoreUnavailable as exc:
        event("outputs.left", folder=prefix, reason=exc.reason)


def delete_folder(prefix: str) -> None:
    folders, files = _listed(prefix)
    for name in folders:
        delete_folder(f"{prefix}/{name}")
    for name in files:
        _delete(f"{prefix}/{name}")
    _delete_folder_itself(prefix)


def sweep_job(job_id: uuid.UUID) -> int:
    gone = _unreferenced(job_id)
    for key in gone:
        _delete(key)
    delete_empty_folders(prefix_of(job_id))
    return len(gone)


def sweep() -> int:
    """Delete output files of ended jobs that no result or checkpoint has named for ``VOD_UNREFERENCED_HOURS``.

    Return the number of deleted files.
    """
    jobs = []
    for name in _listed(ROOT)[0]:
        with contextlib.suppress(ValueError):
            jobs.append(uuid.UUID(name))
    gone = confirm_unreferenced(ROOT, (key for job in jobs for key in _unreferenced(job)))
    for key in gone:
        _delete(key)
    for job in jobs:
        delete_empty_folders(prefix_of(job))
    return len(gone)


def _unreferenced(job_id: uuid.UUID) -> list[str]:
    # List the files before reading the job's row, so that outputs of an attempt that starts in between are not deleted.
    found = list(_files(prefix_of(job_id)))
    job = Job.objects.filter(pk=job_id).only("status", "result", "checkpoint").first()
    if job is not None and job.status in LIVE:
        return []
    kept = set() if job is None else set(_texts([job.result, job.checkpoint]))
    return [key for key in found if key not in kept]


def delete_empty_folders(prefix: str) -> None:
    for name in _listed(prefix)[0]:
        delete_empty_folders(f"{prefix}/{name}")
    _delete_folder_itself(prefix)


def _files(prefix: str) -> Iterator[str]:
    folders, files = _listed(prefix)
    yield from (f"{prefix}/{name}" for name in files)
    for name in folders:
        yield from _files(f"{prefix}/{name}")


def _listed(prefix: str) -> tuple[list[str], list[str]]:
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
    with storage_errors(prefix), contextlib.suppress(OSError):
        default_storage.delete(prefix)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
