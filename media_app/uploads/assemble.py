"""Making one file of the pieces of an upload: chunks, parts of a tus concatenation, parts on S3."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from media_app.storage import files as store
from media_app.uploads.models import Upload, UploadFront
from media_app.uploads.services import sources_of

COPY_BYTES = 16 * 1024**2
# What S3 copies by one call, which has to answer within the client's timeout; its own limit is 5 GiB.
MAX_COPY_BYTES = 256 * 1024**2
Share = Callable[[float], None]


def is_in_pieces(upload: Upload) -> bool:
    """Whether the whole has yet to be made."""
    return upload.front == UploadFront.CHUNKS or bool(upload.concatenates)


def join(upload: Upload, key: str, folder: Path, on_progress: Share) -> None:
    """Make the whole of a completed upload under ``key``, which nobody else uses.

    ``on_progress`` gets the share that is done, 0 to 1; what it raises ends the joining. Raises ``FileNotFoundError``
    where a piece is gone.
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
    # Each byte comes here, moves once more, and goes back.
    whole, moved = folder / "whole", _counting(3 * total, on_progress)
    _join_files(_copies(pieces, folder, moved), whole, moved)
    store.put_file(key, whole, upload.mime_type, moved)


def join_to_file(upload: Upload, path: Path, folder: Path, on_progress: Share) -> None:
    """Make the whole of a completed upload a file of this machine, at ``path``; as :func:`join` has it."""
    pieces = [(source, size) for source, size in sources_of(upload) if size]
    finish_multipart_uploads(upload)
    total = sum(size for _, size in pieces)
    if store.is_local():
        _join_files(((store.local_path(source), size) for source, size in pieces), path, _counting(total, on_progress))
    else:
        moved = _counting(2 * total, on_progress)
        _join_files(_copies(pieces, folder, moved), path, moved)


def finish_multipart_uploads(upload: Upload) -> None:
    """On S3, make files of what came in parts; harmless when that has been done, and on a file system."""
    if store.is_local():
        return
    for row in [upload, *Upload.objects.filter(pk__in=upload.concatenates)]:
        if row.multipart_id:
            store.finish_multipart(row.key, row.multipart_id, [store.Part(*part) for part in row.parts])


def _counting(total: int, on_progress: Share) -> Callable[[int], None]:
    """Makes shares of ``total`` of the bytes that it is called with."""
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
                        # The kernel copies; on some file systems it only notes that the blocks are shared.
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
    """Each piece on this machine, one at a time."""
    for source, size in pieces:
        path = store.local_copy(source, folder, moved)
        yield path, size
        path.unlink()


def _ranges(pieces: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int, int | None]]:
    """(key, bytes, where they begin) of what S3 copies by one call each; None where they are all of a file."""
    for source, size in pieces:
        count = -(-size // MAX_COPY_BYTES)
        if count == 1:
            yield source, size, None
            continue
        # Even ones: none is too small to be a part.
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
        # Nobody else knows of it.
        with contextlib.suppress(store.StoreUnavailable):
            store.abort_multipart(key, upload)
        raise
