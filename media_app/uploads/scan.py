"""Asks ClamAV's daemon whether a file carries something known to be bad; what follows from that is the caller's.

The protocol is that of clamd(8): over a Unix socket the file's descriptor is handed over (FILDES), so that clamd
reads the file itself and its StreamMaxLength does not matter; over TCP the bytes are sent (INSTREAM).
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
# How long clamd may be silent over one file. Its own limit (MaxScanTime) is 120 s by default, its queue comes on top.
ANSWER_SECONDS = 300.0
PING_SECONDS = 2.0
REPORT_SECONDS = 0.5  # how often who waits for an answer hears of it
CHUNK_BYTES = 256 * 1024
MAX_ANSWER_BYTES = 64 * 1024
# clamd reads no file of 2 GiB or more, whatever its settings say, and calls it OK.
MAX_FILE_BYTES = 2**31 - 1
TOO_LONG = "INSTREAM size limit exceeded"
OVER_A_LIMIT = "Heuristics.Limits.Exceeded"


class ScannerDown(Exception):
    """clamd does not answer, or not to the question; another time it may."""


class NotScanned(Exception):
    """clamd is up and has not read the whole file, because of one of its limits; the sentence says which."""


def is_configured() -> bool:
    """Whether files are to be scanned at all (VOD_CLAMD)."""
    return bool(_address())


def scan(path: Path, on_wait: Callable[[], None] | None = None) -> str | None:
    """The name of what clamd found in a file, as ``Win.Test.EICAR_HDB-1``; None when the file is clean.

    on_wait: is called again and again while it waits; what it raises ends the scan and is raised. Raises
    :class:`ScannerDown`, :class:`NotScanned`, ``OSError`` when the file itself cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_FILE_BYTES:
            raise NotScanned("The virus scanner reads no file of 2 GiB or more.")
        with _connected(ANSWER_SECONDS) as connection:
            if connection.family == socket.AF_UNIX:
                _hand_over(connection, file.fileno())
            else:
                _stream(connection, file, on_wait)
            return _finding(_answer(connection, on_wait))


def ping(seconds: float = PING_SECONDS) -> None:
    """Ask clamd whether it is there. Raises :class:`ScannerDown`."""
    with _connected(seconds) as connection:
        connection.sendall(b"zPING\0")
        answer = _answer(connection)
        if answer != "PONG":
            raise ScannerDown(f"clamd answers {answer!r} to a ping.")


def lets_large_files_pass() -> bool:
    """Whether clamd calls a file OK that it has not read for its size (``AlertExceedsMax no``, its default).

    Only a clamd behind a Unix socket can be asked: it is handed a file without content that is too large for any
    clamd. Raises :class:`ScannerDown`.
    """
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
    """Where clamd listens: the path of a Unix socket, or host and port."""
    from django.conf import settings

    address: str | tuple[str, int] | None = settings.CLAMD
    return address


@contextlib.contextmanager
def _connected(seconds: float) -> Iterator[socket.socket]:
    """A connection to clamd on which nothing takes longer than ``seconds``; its failures are ``ScannerDown``."""
    address = _address()
    if not address:
        raise ScannerDown("No virus scanner is set (VOD_CLAMD).")
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
    """Send the file in chunks, each after its length, until clamd has had enough of it."""
    spoken = select.poll()
    spoken.register(connection, select.POLLIN)
    try:
        connection.sendall(b"zINSTREAM\0")
        while chunk := file.read(CHUNK_BYTES):
            # clamd speaks before the end only to refuse the rest; what is sent after that may cost us its answer.
            if spoken.poll(0):
                return
            if on_wait is not None:
                on_wait()
            connection.sendall(struct.pack("!I", len(chunk)) + chunk)
        connection.sendall(struct.pack("!I", 0))
    except (BrokenPipeError, ConnectionResetError):
        # It hung up: the answer, if there is one, says why.
        return


def _answer(connection: socket.socket, on_wait: Callable[[], None] | None = None) -> str:
    """What clamd says, up to its NUL or the end."""
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
    """Until there is something to read, or the connection's time is over: then reading says so."""
    spoken = select.poll()
    spoken.register(connection, select.POLLIN)
    deadline = time.monotonic() + (connection.gettimeout() or 0.0)
    while time.monotonic() < deadline and not spoken.poll(REPORT_SECONDS * 1000):
        on_wait()


def _finding(answer: str) -> str | None:
    """The finding in ``stream: NAME FOUND`` or ``fd[10]: OK``."""
    if answer.startswith(TOO_LONG):
        raise NotScanned("The file is longer than the virus scanner takes: raise StreamMaxLength in clamd.conf.")
    what = answer.partition(": ")[2]
    if what == "OK":
        return None
    name, space, word = what.rpartition(" ")
    if not space or word != "FOUND":
        raise ScannerDown(f"clamd answers {answer!r}.")
    if name.startswith(OVER_A_LIMIT):
        limit = name.removeprefix(OVER_A_LIMIT).strip(".").removesuffix(".UNOFFICIAL")
        raise NotScanned(f"The file is more than the virus scanner reads: raise {limit or 'its limits'} in clamd.conf.")
    return name
