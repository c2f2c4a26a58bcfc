"""Backups: one archive of rows and stored files, written while the server runs.

The tar archive holds ``manifest.json``, ``rows.jsonl`` (all rows at one moment, for SQLite or PostgreSQL) and
``media/…`` (the stored files). It omits files on S3, videos used by reference, browser sessions and the secret key.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import json
import os
import shutil
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.apps import apps
from django.conf import settings
from django.core import serializers
from django.core.management.color import no_style
from django.core.serializers import jsonl
from django.core.serializers.base import DeserializationError, DeserializedObject
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model

from jobs_app import scratch
from vodplatform.core.files.installation import MARK
from vodplatform.core.records.former import is_former

FORMAT = 1
# errno values if a hard link is impossible, for example between two disks.
NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
INSERTED_AT_ONCE, BYTES_AT_ONCE = 1000, 4 * 1024**2
EXCLUDED_MODELS = {
    "contenttypes.contenttype", "auth.permission", "sessions.session", "accounts.browsersession", "admin.logentry",
    "accounts.wsticket", "accounts.pendingsignup",
    # rows that describe this database and its file store, which a restored copy must not contain
    "base.installation", "base.unreferenced", "base.heartbeat",
    "base.runningprocess",
}  # fmt: skip


class ArchiveError(Exception):
    pass


def kept_models() -> list[type[Model]]:
    models = serializers.sort_dependencies([(config, None) for config in apps.get_app_configs()])
    return [model for model in models if not model._meta.proxy and model._meta.label_lower not in EXCLUDED_MODELS]


class ExactEncoder(DjangoJSONEncoder):
    """JSON encoder that keeps microseconds; Django's cuts times to milliseconds."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if isinstance(o, datetime) else super().default(o)


def write_archive(target: Path) -> dict[str, int]:
    """Write the archive with mode 0600; replace ``target`` once the archive is complete. Return row counts by model."""
    partial = None
    try:
        # The name is random, so no other user can have placed a symbolic link there.
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        partial = Path(name)
        with os.fdopen(descriptor, "wb") as file, tempfile.TemporaryFile("w+b") as rows:
            with _folder_for_links() as folder:
                with snapshot():
                    applied = sorted(MigrationRecorder(connection).applied_migrations())
                    # The query above began the snapshot of the database. Keep all files that are stored now, even if
                    # users delete them before the archive contains them.
                    media = _hold_media(folder)
                    counts = _write_rows(rows)
                manifest = {"format": FORMAT, "created_at": time.time(), "counts": counts, "migrations": applied}
                with tarfile.open(fileobj=file, mode="w|") as archive:
                    _add(archive, "manifest.json", json.dumps(manifest).encode())
                    _add_file(archive, "rows.jsonl", rows)
                    _add_media(archive, media)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except (OSError, DatabaseError) as exc:
        if partial is not None:
            partial.unlink(missing_ok=True)
        raise ArchiveError(f"The archive could not be written: {exc}.") from exc
    return counts


@contextmanager
def _folder_for_links() -> Iterator[Path]:
    for left in scratch.scratch_root().glob("backup-*"):
        with _locked(left) as is_left:
            if is_left:
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="backup-", dir=scratch.scratch_root()) as name, _locked(Path(name)):
        yield Path(name)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)


def _hold_media(folder: Path) -> Path:
    """Hard-link the stored files into ``folder``, to keep files that are deleted meanwhile.

    Return the folder to read: ``folder``, or the media folder if links are impossible.
    """
    root = Path(settings.MEDIA_ROOT)
    try:
        for path in _stored_files(root):
            link = folder / path.relative_to(root)
            link.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.link(path, link, follow_symlinks=False)
    except OSError as exc:
        if exc.errno not in NO_LINKS:
            raise
        return root
    return folder


def _stored_files(root: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(root):
        if Path(folder) == root:
            names[:] = [name for name in names if name != "previews"]
        for name in files:
            path = Path(folder, name)
            if path != root / MARK and path.is_file() and not path.is_symlink():
                yield path


def _add_media(archive: tarfile.TarFile, root: Path) -> None:
    for path in _stored_files(root):
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
            _add_file(archive, f"media/{path.relative_to(root)}", file)


@contextmanager
def snapshot() -> Iterator[None]:
    """Make all queries in the block see the database at the same moment, without blocking writers."""
    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            yield
        return
    # On SQLite, atomic() would block all writers; a deferred transaction does not.
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def read_archive(source: Path) -> dict[str, int]:
    try:
        with tarfile.open(source) as archive:
            manifest = json.load(_member(archive, "manifest.json"))
            if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
                raise ArchiveError(
                    f"{source} has an unknown format. Restore it with the program version that wrote it."
                )
            applied = [(str(app), str(name)) for app, name in manifest["migrations"]]
            known = MigrationRecorder(connection).applied_migrations()
            unknown = [] if is_former(applied) else [name for app, name in applied if (app, name) not in known]
            if unknown:
                raise ArchiveError(
                    f"{source} was written by a newer version (migration {unknown[0]} is unknown here). Update "
                    "this program and restore again."
                )
            _refuse_unless_empty()
            with transaction.atomic():
                if connection.vendor == "postgresql":
                    # Turn off the idle timeout: copying files may take an hour without a query.
                    with connection.cursor() as cursor:
                        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                counts = _read_rows(_member(archive, "rows.jsonl"))
                if Counter(counts) != Counter(manifest["counts"]):
                    raise ArchiveError(f"{source} is incomplete: rows are missing. Use another backup.")
                _extract_media(archive)
            return counts
    except (
        OSError,
        EOFError,
        tarfile.TarError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        DeserializationError,
        DatabaseError,
    ) as exc:
        raise ArchiveError(f"{source} cannot be read as an archive: {exc}.") from exc


class RowSerializer(jsonl.Serializer):
    """Serializer that refers to rows by id, but to content types and permissions by name.

    The ids of content types and permissions differ between installations.
    """

    def handle_fk_field(self, obj: Model, field: Any) -> None:
        self.use_natural_foreign_keys = _is_created_per_installation(field)
        super().handle_fk_field(obj, field)

    def handle_m2m_field(self, obj: Model, field: Any) -> None:
        self.use_natural_foreign_keys = _is_created_per_installation(field)
        super().handle_m2m_field(obj, field)


def _is_created_per_installation(field: Any) -> bool:
    return field.remote_field.model._meta.label_lower in EXCLUDED_MODELS


def _write_rows(file: IO[bytes]) -> dict[str, int]:
    counts = Counter({model._meta.label_lower: 0 for model in kept_models()})

    def counted(rows: Iterable[Model]) -> Iterator[Model]:
        for row in rows:
            counts[row._meta.label_lower] += 1
            yield row

    text = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
    for model in kept_models():
        rows = model._base_manager.order_by("pk").iterator(chunk_size=50)
        RowSerializer().serialize(counted(rows), stream=text, cls=ExactEncoder)
    text.detach()
    file.seek(0)
    return dict(counts)


def _read_rows(file: IO[bytes]) -> dict[str, int]:
    counts = Counter({model._meta.label_lower: 0 for model in kept_models()})
    for label, lines in _in_batches(file):
        # Deserialize a batch only after the previous ones are inserted: rows of older archives refer to users by name,
        # which Django looks up in the database.
        rows = [row for line in lines for row in serializers.deserialize("jsonl", line)]
        _insert(apps.get_model(label), rows)
        counts[label] += len(rows)
    for statement in connection.ops.sequence_reset_sql(no_style(), kept_models()):
        with connection.cursor() as cursor:
            cursor.execute(statement)
    return counts


def _in_batches(file: IO[bytes]) -> Iterator[tuple[str, list[str]]]:
    label, lines, size = "", list[str](), 0
    for line in file:
        here = str(json.loads(line)["model"])
        if lines and (here != label or len(lines) == INSERTED_AT_ONCE or size > BYTES_AT_ONCE):
            yield label, lines
            lines, size = [], 0
        label, size = here, size + len(line)
        lines.append(line.decode())
    if lines:
        yield label, lines


def _insert(model: type[Model], rows: Sequence[DeserializedObject]) -> None:
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    objects = [row.object for row in rows]
    size = connection.ops.bulk_batch_size(fields, objects)
    for start in range(0, len(objects), size):
        model._base_manager.all()._insert(objects[start : start + size], fields, using=connection.alias, raw=True)  # type: ignore[attr-defined]
    for row in rows:
        for name, others in (row.m2m_data or {}).items():
            if others:
                getattr(row.object, name).set(others)


def _refuse_unless_empty() -> None:
    for model in kept_models():
        if model._base_manager.exists():
            raise ArchiveError(
                f"The database already has rows ({model._meta.verbose_name_plural}). Restore into a new --data-dir."
            )


def _extract_media(archive: tarfile.TarFile) -> None:
    # Check paths here, because tarfile's own check needs Python 3.11.4.
    root = Path(settings.MEDIA_ROOT)
    extracted: list[Path] = []
    try:
        for member in archive:
            if member.name.startswith("media/") and member.isfile():
                path = root / member.name.removeprefix("media/")
                if not path.resolve().is_relative_to(root.resolve()):
                    raise ArchiveError(f"{member.name} points outside the media folder. Do not use this archive.")
                path.parent.mkdir(parents=True, exist_ok=True)
                extracted.append(path)
                with _member(archive, member) as source, open(path, "wb") as file:
                    shutil.copyfileobj(source, file)
    except BaseException:
        for path in extracted:
            path.unlink(missing_ok=True)
        raise


def _member(archive: tarfile.TarFile, name: str | tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(name)
    if file is None:
        raise ArchiveError(f"The archive is incomplete: {name} is missing. Use another backup.")
    return file


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    with tempfile.TemporaryFile("w+b") as file:
        file.write(content)
        file.seek(0)
        _add_file(archive, name, file)


def _add_file(archive: tarfile.TarFile, name: str, file: IO[bytes]) -> None:
    info = tarfile.TarInfo(name)
    info.size = os.fstat(file.fileno()).st_size
    info.mode = 0o600
    info.mtime = int(time.time())
    archive.addfile(info, file)
