"""Files that a sandboxed child process reads in parts through a thread of its parent.

The module uses only the standard library, to start fast.
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

PREFIX = "ranged:"
ASK = struct.Struct("<IQI")  # request of the child process: file index, first byte, number of bytes
ANSWER = struct.Struct("<q")  # answer of the parent: number of bytes that follow, or FAILED
FAILED = -1
BLOCK_BYTES = 128 * 1024
# Maximum number of blocks in one request. During sequential reading, each request asks for twice as many blocks as the
# request before, up to this maximum.
MOST_BLOCKS = 16
KEPT_BLOCKS = 256
MOST_TIMES = 4  # maximum bytes that a child process may read, as a multiple of the files' total size
Read = Callable[[int, int, int], bytes]


class RangeServer:
    """The parent's side: a thread that sends parts of files to one child process.

    - paths: paths for :class:`RangedFile` in the child process.
    - error: the first exception that ``read`` raised.
    """

    def __init__(self, sizes: Sequence[int], read: Read) -> None:
        """Serve files of ``sizes`` bytes. ``read(index, start, end)`` returns the bytes ``[start:end]`` of a file."""
        self._sizes, self._read = list(sizes), read
        self._ours, self._theirs = socket.socketpair()
        self.descriptor = self._theirs.fileno()
        self.paths = [f"{PREFIX}{self.descriptor}:{index}:{size}" for index, size in enumerate(sizes)]
        self.count = 0
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._serve, name="range-server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._theirs.close()
        # Wait for a read that is in progress; it has its own time limit.
        self._ours.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._ours.close()

    def _serve(self) -> None:
        most = MOST_TIMES * sum(self._sizes) + BLOCK_BYTES * KEPT_BLOCKS
        with contextlib.suppress(OSError), self._ours.makefile("rb") as asked:
            while len(request := asked.read(ASK.size)) == ASK.size:
                data = self._part(*ASK.unpack(request)) if self.count <= most else None
                self.count += len(data or b"")
                self._ours.sendall(ANSWER.pack(FAILED) if data is None else ANSWER.pack(len(data)) + data)

    def _part(self, index: int, start: int, length: int) -> bytes | None:
        if index >= len(self._sizes) or length > MOST_BLOCKS * BLOCK_BYTES:
            return None
        stop = min(start + length, self._sizes[index])
        try:
            return self._read(index, start, stop) if start < stop else b""
        except Exception as exc:  # the thread that waits for the child raises the stored exception
            self.error = self.error or exc
            return None


_lines: dict[int, threading.Lock] = {}
_guard = threading.Lock()


class RangedFile(io.RawIOBase):
    """The child's side: a file that the parent reads. Its blocks are cached."""

    def __init__(self, path: str) -> None:
        self._descriptor, self._index, self.size = (int(part) for part in path.removeprefix(PREFIX).split(":"))
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._next, self._run = -1, 1
        with _guard:
            self._line = _lines.setdefault(self._descriptor, threading.Lock())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        number, within = divmod(self._at, BLOCK_BYTES)
        piece = self._block(number)[within : within + len(buffer)] if self._at < self.size else b""
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        self._run = min(MOST_BLOCKS, 2 * self._run) if number == self._next else 1
        data = self._ask(number * BLOCK_BYTES, self._run * BLOCK_BYTES)
        for index in range(self._run):
            self._blocks[number + index] = data[index * BLOCK_BYTES : (index + 1) * BLOCK_BYTES]
        self._next = number + self._run
        while len(self._blocks) > KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return data[:BLOCK_BYTES]

    def _ask(self, start: int, length: int) -> bytes:
        with self._line:
            _write(self._descriptor, ASK.pack(self._index, start, length))
            (count,) = ANSWER.unpack(_read(self._descriptor, ANSWER.size))
            if count < 0:
                raise OSError("The file could not be read from its storage.")
            return _read(self._descriptor, count)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _read(descriptor: int, count: int) -> bytes:
    parts = []
    while count:
        part = os.read(descriptor, count)
        if not part:
            raise OSError("The parent process does not respond.")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
