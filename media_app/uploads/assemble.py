"""Assembly of one file from chunks, tus partial uploads or S3 parts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from media_app.storage import files as store
from media_app.uploads.models import Upload, UploadProtocol
from media_app.uploads.services import sources_of

COPY_BYTES = 16 * 1024**2
# Maximum bytes of one S3 copy call, which must answer before the client's timeout.
MAX_COPY_BYTES = 256 * 1024**2
Share = Callable[[float], None]


def is_in_pieces(upload: Upload) -> bool:
    return upload.front == UploadProtocol.CHUNKS or bool(upload.concatenates)


def assemble(upload: Upload, key: str, folder: Path, on_progress: Share) -> None:
    """Assemble a completed upload into one file under the unused ``key``.

    on_progress: called with the finished share, 0 to 1; may raise to stop. Raises ``FileNotFoundError`` for a missing
    chunk or part.
    """
    pieces = [(source, size) for source, size in sources_of(upload) if size]
    finish_multipart_uploads(upload)
    total = sum(size for _, size in pieces)
    if store.is_local():
        paths = ((store.local_path(source), size) for source, size in pieces)
        _join_files(paths, store.local_path(key), _counting(total, on_progress))
        return
    copies = list(_ranges(pieces))
    if all(size >= store.MIN_PART_BYTES for _, size in pieces[:-1]) and len(copies) <= store.MAX_PARTS:
        _join_on_s3(copies, key, upload.mime_type, _counting(total, on_progress))
        return
    whole, moved = folder / "whole", _counting(3 * total, on_progress)
    _join_files(_copies(pieces, folder, moved), whole, moved)
    store.put_file(key, whole, upload.mime_type, moved)


def assemble_to_file(upload: Upload, path: Path, folder: Path, on_progress: Share) -> None:
    pieces = [(source, size) for source, size in sources_of(upload) if size]
    finish_multipart_uploads(upload)
    total = sum(size for _, size in pieces)
    if store.is_local():
        _join_files(((store.local_path(source), size) for source, size in pieces), path, _counting(total, on_progress))
    else:
        moved = _counting(2 * total, on_progress)
        _join_files(_copies(pieces, folder, moved), path, moved)


def finish_multipart_uploads(upload: Upload) -> None:
    if store.is_local():
        return
    for row in [upload, *Upload.objects.filter(pk__in=upload.concatenates)]:
        if row.multipart_id:
            store.finish_multipart(row.key, row.multipart_id, [store.Part(*part) for part in row.parts])


def _counting(total: int, on_progress: Share) -> Callable[[int], None]:
    done = 0

    def moved(count: int) -> None:
        nonlocal done
        done += count
        on_progress(min(1.0, done / total))

    return moved


def _join_files(pieces: Iterable[tuple[Path, int]], target: Path, moved: Callable[[int], None]) -> None:
    with store.storage_errors(str(target)):
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as whole:
            for path, size in pieces:
                with path.open("rb") as piece:
                    left = size
                    while left:
                        count = os.copy_file_range(piece.fileno(), whole.fileno(), min(left, COPY_BYTES))
                        if not count:
                            raise FileNotFoundError(path)
                        left -= count
                        moved(count)
            os.fsync(whole.fileno())
        store.sync_path(target.parent)


def _copies(
    pieces: Sequence[tuple[str, int]], folder: Path, moved: Callable[[int], None]
) -> Iterator[tuple[Path, int]]:
    for source, size in pieces:
        path = store.local_copy(source, folder, moved)
        yield path, size
        path.unlink()


def _ranges(pieces: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int, int | None]]:
    for source, size in pieces:
        count = -(-size // MAX_COPY_BYTES)
        if count == 1:
            yield source, size, None
            continue
        # Use ranges of equal length: a short last range could be below the minimum size of an S3 part.
        length = -(-size // count)
        for start in range(0, size, length):
            yield source, min(length, size - start), start


def _join_on_s3(
    copies: Sequence[tuple[str, int, int | None]], key: str, content_type: str, moved: Callable[[int], None]
) -> None:
    upload = store.begin_multipart(key, content_type)
    try:
        parts = []
        for number, (source, length, start) in enumerate(copies, 1):
            parts.append(store.copy_part(key, upload, number, source, length, start=start))
            moved(length)
        store.finish_multipart(key, upload, parts)
    except BaseException:
        # Abort now: no later cleanup would find this multipart upload.
        with contextlib.suppress(store.StoreUnavailable):
            store.abort_multipart(key, upload)
        raise
