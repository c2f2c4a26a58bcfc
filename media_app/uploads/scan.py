"""Virus scan by ClamAV's daemon, clamd(8).

Over a Unix socket, the command FILDES passes the open file, so clamd's limit StreamMaxLength does not apply. Over TCP,
INSTREAM sends the bytes.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

CONNECT_SECONDS = 5.0
# Maximum seconds without an answer: clamd's MaxScanTime (default 120 s) plus waiting in its queue.
ANSWER_SECONDS = 300.0
PING_SECONDS = 2.0
REPORT_SECONDS = 0.5
CHUNK_BYTES = 256 * 1024
MAX_ANSWER_BYTES = 64 * 1024
# Maximum bytes of a scanned file: clamd reports larger files as OK without reading them, with any settings.
MAX_FILE_BYTES = 2**31 - 1
TOO_LONG = "INSTREAM size limit exceeded"
OVER_A_LIMIT = "Heuristics.Limits.Exceeded"


class ScannerDown(Exception):
    """clamd is unavailable or gave an unexpected answer; the scan should be retried later."""


class NotScanned(Exception):
    """A limit of clamd prevented a complete scan; the message names the limit."""


def is_configured() -> bool:
    return bool(_address())


def scan(path: Path, on_wait: Callable[[], None] | None = None) -> str | None:
    """Return the malware's name, such as ``Win.Test.EICAR_HDB-1``, or None for a clean file.

    on_wait: called repeatedly; may raise to stop. Raises :class:`ScannerDown`, :class:`NotScanned`, ``OSError`` for an
    unreadable file.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_FILE_BYTES:
            raise NotScanned("The virus scanner cannot read files of 2 GiB or more.")
        with _connected(ANSWER_SECONDS) as connection:
            if connection.family == socket.AF_UNIX:
                _hand_over(connection, file.fileno())
            else:
                _stream(connection, file, on_wait)
            return _finding(_answer(connection, on_wait))


def ping(seconds: float = PING_SECONDS) -> None:
    with _connected(seconds) as connection:
        connection.sendall(b"zPING\0")
        answer = _answer(connection)
        if answer != "PONG":
            raise ScannerDown(f"clamd answered a ping with {answer!r}.")


def passes_oversized_files() -> bool:
    """Return whether clamd reports files above its limits as OK (its default). Raises :class:`ScannerDown`."""
    with _connected(ANSWER_SECONDS) as connection:
        if connection.family != socket.AF_UNIX:
            return False
        descriptor = os.memfd_create("too-large", os.MFD_CLOEXEC)
        try:
            os.truncate(descriptor, MAX_FILE_BYTES + 1)
            _hand_over(connection, descriptor)
            return _answer(connection).endswith(": OK")
        finally:
            os.close(descriptor)


def _address() -> str | tuple[str, int] | None:
    from django.conf import settings

    address: str | tuple[str, int] | None = settings.CLAMD
    return address


@contextlib.contextmanager
def _connected(seconds: float) -> Iterator[socket.socket]:
    address = _address()
    if not address:
        raise ScannerDown("No virus scanner is configured (VOD_CLAMD).")
    try:
        with _connect(address, min(seconds, CONNECT_SECONDS)) as connection:
            connection.settimeout(seconds)
            yield connection
    except OSError as exc:
        raise ScannerDown(f"clamd does not answer: {exc}.") from exc


def _connect(address: str | tuple[str, int], seconds: float) -> socket.socket:
    if not isinstance(address, str):
        return socket.create_connection(address, timeout=seconds)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(seconds)
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def _hand_over(connection: socket.socket, descriptor: int) -> None:
    connection.sendall(b"zFILDES\0")
    socket.send_fds(connection, [b"\0"], [descriptor])


def _stream(connection: socket.socket, file: BinaryIO, on_wait: Callable[[], None] | None) -> None:
    spoken = select.poll()
    spoken.register(connection, select.POLLIN)
    try:
        connection.sendall(b"zINSTREAM\0")
        while chunk := file.read(CHUNK_BYTES):
            # clamd answers early only to reject the file; sending more could lose its answer.
            if spoken.poll(0):
                return
            if on_wait is not None:
                on_wait()
            connection.sendall(struct.pack("!I", len(chunk)) + chunk)
        connection.sendall(struct.pack("!I", 0))
    except (BrokenPipeError, ConnectionResetError):
        return


def _answer(connection: socket.socket, on_wait: Callable[[], None] | None = None) -> str:
    answer = bytearray()
    while b"\0" not in answer and len(answer) < MAX_ANSWER_BYTES:
        if on_wait is not None:
            _wait(connection, on_wait)
        part = connection.recv(4096)
        if not part:
            break
        answer += part
    return answer.partition(b"\0")[0].decode("utf-8", "replace").strip()


def _wait(connection: socket.socket, on_wait: Callable[[], None]) -> None:
    spoken = select.poll()
    spoken.register(connection, select.POLLIN)
    deadline = time.monotonic() + (connection.gettimeout() or 0.0)
    while time.monotonic() < deadline and not spoken.poll(REPORT_SECONDS * 1000):
        on_wait()


def _finding(answer: str) -> str | None:
    if answer.startswith(TOO_LONG):
        raise NotScanned("The file exceeds the virus scanner's limit: raise StreamMaxLength in clamd.conf.")
    what = answer.partition(": ")[2]
    if what == "OK":
        return None
    name, space, word = what.rpartition(" ")
    if not space or word != "FOUND":
        raise ScannerDown(f"clamd answers {answer!r}.")
    if name.startswith(OVER_A_LIMIT):
        limit = name.removeprefix(OVER_A_LIMIT).strip(".").removesuffix(".UNOFFICIAL")
        raise NotScanned(f"The file exceeds a limit of the virus scanner: raise {limit or 'its limits'} in clamd.conf.")
    return name
