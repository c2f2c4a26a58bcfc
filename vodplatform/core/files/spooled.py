"""Answers stored on disk while they are sent, so that slow clients occupy no memory."""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import IO
from weakref import WeakKeyDictionary

from django.conf import settings

PIECE_BYTES = 64 * 1024
MAX_BYTES = 512 * 1024 * 1024  # maximum bytes of all answers that this process stores on disk


class SpooledFile:
    """An answer in an unnamed temporary file. ``size`` is in bytes."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._fill(lambda file: file.writelines(parts))

    @classmethod
    def written_by(cls, write: Callable[[IO[bytes]], object]) -> SpooledFile:
        """Return the file that ``write`` has written."""
        made = cls.__new__(cls)
        made._fill(write)
        return made

    def _fill(self, write: Callable[[IO[bytes]], object]) -> None:
        folder = Path(settings.DATA_DIR) / "tmp"
        folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            write(file)
            file.flush()
            self.size = os.fstat(file.fileno()).st_size
            descriptor = os.dup(file.fileno())
        self._descriptor = descriptor
        self._close = weakref.finalize(self, os.close, descriptor)
        # The lock prevents reads after close(): another file may then have the descriptor's number.
        self._lock = threading.Lock()

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes from position ``start``. Raises :class:`ConnectionAbortedError` if the file is closed."""
        with self._lock:
            if not self._close.alive:
                raise ConnectionAbortedError("this stored answer was deleted to make room for newer answers")
            return os.pread(self._descriptor, self.size if length is None else length, start)

    def close(self) -> None:
        with self._lock:
            self._close()


class Outbox:
    """The answers that are being sent. Above :data:`MAX_BYTES` in total, the oldest are closed."""

    def __init__(self) -> None:
        # Weak, because an answer whose client has gone may be dropped before it is sent.
        self._files: WeakKeyDictionary[SpooledFile, None] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def put(self, file: SpooledFile) -> AsyncIterator[bytes]:
        with self._lock:
            self._files[file] = None
            for oldest in list(self._files)[:-1]:
                if sum(one.size for one in self._files) <= MAX_BYTES:
                    break
                del self._files[oldest]
                oldest.close()
        return self._send(file)

    async def _send(self, file: SpooledFile) -> AsyncIterator[bytes]:
        try:
            async for piece in pieces_of(file):
                yield piece
        finally:
            with self._lock:
                self._files.pop(file, None)
            file.close()


outbox = Outbox()


async def pieces_of(file: SpooledFile) -> AsyncIterator[bytes]:
    for start in range(0, file.size, PIECE_BYTES):
        yield file.read(start, PIECE_BYTES)
