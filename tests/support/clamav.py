"""A real clamd for the tests, on a Unix socket and a loopback port, that detects only EICAR's test string.

It uses a handwritten database, because ClamAV's own database cannot be downloaded everywhere.
"""

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import wait_until
from vodplatform.core.processes.process import SHIM
from vodplatform.site.management.commands.up import free_port

# The string is split, so that virus scanners do not report this file.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
FINDING = "Test.Eicar.UNOFFICIAL"
STREAM_BYTES = 1024**2
FILE_BYTES = 4 * 1024**2
START_SECONDS = 30.0
SEARCHED = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])


@dataclass(slots=True)
class Clamd:
    """A clamd process. ``socket`` and ``port`` stay the same after a restart."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def socket(self) -> Path:
        return self.folder / "clamd.ctl"

    @property
    def log(self) -> Path:
        return self.folder / "clamd.log"

    def start(self, **options: str | int) -> None:
        """Start clamd and wait until it answers. options: additional or changed settings of clamd.conf."""
        database = self.folder / "database"
        database.mkdir(exist_ok=True)
        (database / "eicar.ndb").write_text(f"Test.Eicar:0:*:{EICAR.hex()}\n")
        lines: dict[str, str | int] = {
            "DatabaseDirectory": str(database), "TemporaryDirectory": str(self.folder), "LocalSocket": str(self.socket),
            "TCPSocket": self.port, "TCPAddr": "127.0.0.1", "Foreground": "yes", "FixStaleSocket": "yes",
            "MaxThreads": 4, "StreamMaxLength": STREAM_BYTES, "MaxFileSize": FILE_BYTES, "MaxScanSize": FILE_BYTES,
            "AlertExceedsMax": "yes", **options,
        }  # fmt: skip
        config = self.folder / "clamd.conf"
        config.write_text("".join(f"{name} {value}\n" for name, value in lines.items()))
        with self.log.open("ab") as log:
            # The shim kills clamd when the test process ends, even if it is killed.
            argv = [sys.executable, "-S", "-I", str(SHIM), str(os.getpid()), "core=0", "--", program()]
            self.process = subprocess.Popen([*argv, f"--config-file={config}"], stdout=log, stderr=log)
        wait_until(self.answers, START_SECONDS)

    def answers(self) -> bool:
        """Return whether clamd answers. Fails the test if clamd has exited."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(self.socket))
            connection.sendall(b"zPING\0")
            return connection.recv(16) == b"PONG\0"
        return False

    def stop(self) -> None:
        """Kill clamd, if it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        self.socket.unlink(missing_ok=True)


def program() -> str:
    """Return the path of clamd."""
    found = shutil.which("clamd", path=SEARCHED)
    assert found, "clamd is missing: scripts/need clamav-daemon"
    return found


def infect(path: Path) -> Path:
    """Append the test string to an MP4 in a box that players skip, so that the file still plays."""
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", 8 + len(EICAR), b"free") + EICAR)
    return path


@contextmanager
def running_clamd() -> Iterator[Clamd]:
    """Run clamd during the block."""
    # Do not use pytest's folder: the path of a Unix socket must be shorter than 108 bytes.
    with tempfile.TemporaryDirectory(prefix="clamd-") as folder:
        clamd = Clamd(Path(folder), free_port("127.0.0.1", 0))
        clamd.start()
        try:
            yield clamd
        finally:
            clamd.stop()


@pytest.fixture(scope="session")
def one_clamd() -> Iterator[Clamd]:
    """Run one clamd for the session. Tests use the fixture ``clamd`` instead."""
    with running_clamd() as clamd:
        yield clamd


@pytest.fixture
def clamd(one_clamd: Clamd, settings: Any) -> Iterator[Clamd]:
    """Provide a running clamd, named in the settings. A test may stop it or restart it with other options."""
    if one_clamd.process is None:
        one_clamd.start()
    settings.CLAMD = str(one_clamd.socket)
    kept = one_clamd.process
    yield one_clamd
    if one_clamd.process is not kept:
        one_clamd.stop()
