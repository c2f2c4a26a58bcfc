"""Child processes for heavy or untrusted work.

A child process reports by JSON lines. It is killed with its descendants when its caller stops it or it exceeds a limit.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from vodplatform.core.processes.child import MARK as MARK  # noqa: PLC0414 - part of this interface
from vodplatform.core.processes.child import SHIM as SHIM  # noqa: PLC0414 - part of this interface
from vodplatform.core.processes.ranged import RangeServer

PROJECT_ROOT = Path(__file__).resolve().parents[3]
POLL_SECONDS = 0.1
MEMORY_CHECK_SECONDS = 0.5
MOVED_CHECK_SECONDS = 1.0
# A child process that has read and written this many bytes since the last check is active. Progress reports alone do
# not reach this number.
MOVED_BYTES = 1024**2
FEW_FILES = ",nofile=512"  # limit of open files, because the memory limit does not cover data in sockets and pipes
# maximum JSON values in a message; parsed values take twenty times as much memory as their text
MAX_SAID_PARTS = 2_000_000
# maximum bytes of one message, and of all messages in a result
MAX_SAID_BYTES = 64 * 1024 * 1024
SAID_TOO_MUCH = "The helper process wrote too much output."
STDERR_LINES = 60
NICENESS = 5  # added to each child process's nice value; 0 is the default, 19 the lowest priority
PACKAGES = ("vodplatform", "media_app", "sessions_app", "jobs_app")
LIBRARIES = (
    sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64", "/bin", "/nix/store", "/dev/urandom", "/dev/zero",
    "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/filesystems", "/sys/devices/system",
    "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/etc/fonts", "/etc/ssl/openssl.cnf",
)  # fmt: skip
NAME_SERVICE = (
    "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/ssl/certs", "/etc/pki/tls",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """Resource limits of a child process.

    ``memory_bytes`` limits the resident memory of the process and its descendants together. ``data_bytes`` is the
    RLIMIT_DATA of each process.
    """

    wall_seconds: float = 300.0
    memory_bytes: int = 2 * 1024**3
    data_bytes: int = 6 * 1024**3
    threads: int = 2


@dataclass(frozen=True, slots=True)
class Access:
    """Files and network that a child process may access, in addition to the program's code and the system's libraries.

    ``writes`` are folders, of which the first is ``TMPDIR``. ``connects_to`` is a TCP port, or None for no network.
    """

    reads: Sequence[Path | str] = ()
    writes: Sequence[Path | str] = ()
    connects_to: int | None = None

    def rules(self) -> list[str]:
        code = [*LIBRARIES, *(PROJECT_ROOT / name for name in PACKAGES)]
        rules = [f"list={PROJECT_ROOT}", *(f"run={path}" for path in code), *(f"read={path}" for path in self.reads)]
        rules += [f"write={path}" for path in ("/dev/null", *self.writes)]
        if self.connects_to is not None:
            rules += [f"read={path}" for path in NAME_SERVICE] + [f"connect={self.connects_to}"]
        return rules


class ChildError(Exception):
    """Error: a child process failed. ``kind`` is one of this class's constants."""

    STOPPED = "stopped"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASHED = "crashed"
    START = "start"
    BUSY = "busy"

    def __init__(self, kind: str, message: str, *, stderr: str = "", returncode: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.stderr = stderr
        self.returncode = returncode


@dataclass(slots=True)
class Finished:
    messages: list[dict[str, Any]] = field(default_factory=list)
    stderr: str = ""
    peak_memory_bytes: int = 0


def child_environment(threads: int) -> dict[str, str]:
    count = str(threads)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(PROJECT_ROOT),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": count,
        # Use one thread: further threads of OpenBLAS would busy-wait for 0.1 s at each start.
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": count,
        "VOD_CHILD_THREADS": count,
    }


def run_child(
    argv: Sequence[str],
    *,
    limits: Limits | None = None,
    stdin: bytes = b"",
    on_message: Callable[[dict[str, Any]], None] | None = None,
    should_stop: Callable[[], str | None] | None = None,
    extra_env: Mapping[str, str] | None = None,
    keeps: Callable[[dict[str, Any]], bool] = lambda message: True,
    access: Access | None = None,
    ranged: RangeServer | None = None,
    on_moved: Callable[[], None] | None = None,
) -> Finished:
    """Run ``argv`` in a child process and wait for its result. Raises :class:`ChildError`.

    The kernel kills the child if the calling thread ends.

    - on_message: called in this thread with each message, a JSON object.
    - keeps: returns whether a message becomes part of the result.
    - should_stop: called ten times a second. If it returns a reason as text, the child is stopped.
    - on_moved: called each time the child has read and written another ``MOVED_BYTES``.
    - access: rights in the sandbox; None for trusted code, which runs without a sandbox.
    """
    limits = limits or Limits()
    soft = f"data={limits.data_bytes},core=0,nice={NICENESS}{FEW_FILES if access else ''}"
    command = [
        sys.executable, "-S", "-I", str(SHIM), str(os.getpid()), soft, *(access.rules() if access else ()), "--", *argv,
    ]  # fmt: skip
    mark = new_mark()
    environment = child_environment(limits.threads) | dict(extra_env or {}) | {MARK: mark}
    if access and access.writes:
        environment["TMPDIR"] = str(access.writes[0])
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
            pass_fds=[ranged.descriptor] if ranged else [],
        )  # fmt: skip
    except OSError as exc:
        raise ChildError(ChildError.START, f"The helper process could not be started: {exc}") from exc
    watch = _Watch(process, limits, should_stop, on_moved)
    finished = Finished()
    kept_bytes = 0

    def deliver(line: bytes | bytearray) -> None:
        if len(line) > MAX_SAID_PARTS and sum(line.count(sign) for sign in (b"[", b"{", b",")) > MAX_SAID_PARTS:
            raise ChildError(ChildError.CRASHED, SAID_TOO_MUCH)
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            return
        if isinstance(message, dict):
            if keeps(message):
                nonlocal kept_bytes
                kept_bytes += len(line)
                if kept_bytes > MAX_SAID_BYTES:
                    raise ChildError(ChildError.CRASHED, SAID_TOO_MUCH)
                finished.messages.append(message)
            if on_message is not None:
                on_message(message)

    try:
        stderr = _pump(process, stdin, deliver, watch.check)
        while process.poll() is None:
            watch.check()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)
    finally:
        _kill_group(process)
        kill_strays(mark)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()
    finished.stderr = stderr
    finished.peak_memory_bytes = watch.peak
    if process.returncode != 0:
        raise ChildError(
            ChildError.CRASHED,
            f"The helper process ended with {_describe(process.returncode)}.",
            stderr=stderr,
            returncode=process.returncode,
        )
    return finished


class _Watch:
    def __init__(
        self, process: subprocess.Popen[bytes], limits: Limits, should_stop: Callable[[], str | None] | None,
        on_moved: Callable[[], None] | None,
    ) -> None:  # fmt: skip
        self.on_moved = on_moved
        self.next_moved_check = 0.0
        self.moved_bytes = 0
        self.process = process
        self.limits = limits
        self.should_stop = should_stop
        self.deadline = time.monotonic() + limits.wall_seconds
        self.next_memory_check = 0.0
        self.peak = 0

    def check(self) -> None:
        reason = self.should_stop() if self.should_stop else None
        if reason:
            raise ChildError(ChildError.STOPPED, reason)
        now = time.monotonic()
        if now > self.deadline:
            raise ChildError(ChildError.TIMEOUT, f"Processing took longer than {self.limits.wall_seconds:.0f} s.")
        if self.on_moved is not None and now >= self.next_moved_check:
            self.next_moved_check = now + MOVED_CHECK_SECONDS
            moved = tree_moved_bytes(self.process.pid)
            if moved < self.moved_bytes:  # a descendant has ended, so the sum no longer includes its bytes
                self.moved_bytes = moved
            elif moved >= self.moved_bytes + MOVED_BYTES:
                self.moved_bytes = moved
                self.on_moved()
        if now >= self.next_memory_check:
            self.next_memory_check = now + MEMORY_CHECK_SECONDS
            used = tree_memory_bytes(self.process.pid)
            self.peak = max(self.peak, used)
            if used > self.limits.memory_bytes:
                limit = self.limits.memory_bytes // 1024**2
                raise ChildError(ChildError.MEMORY, f"Processing needed more than {limit} MiB of memory.")


def tree_moved_bytes(pid: int) -> int:
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0
    total = 0
    for member in family:
        with contextlib.suppress(psutil.Error):
            counts = member.io_counters()
            total += counts.read_chars + counts.write_chars
    return total


def tree_memory_bytes(pid: int) -> int:
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0
    total = 0
    for member in family:
        with contextlib.suppress(psutil.Error):
            total += member.memory_info().rss
    return total


def _pump(
    process: subprocess.Popen[bytes],
    stdin: bytes,
    deliver: Callable[[bytes | bytearray], None],
    check: Callable[[], None],
) -> str:
    assert process.stdin and process.stdout and process.stderr
    buffer = bytearray()
    errors: deque[bytes] = deque(maxlen=STDERR_LINES)
    pending = memoryview(stdin)
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdin, process.stdout, process.stderr):
            os.set_blocking(stream.fileno(), False)
        if pending:
            selector.register(process.stdin, selectors.EVENT_WRITE)
        else:
            process.stdin.close()
        selector.register(process.stdout, selectors.EVENT_READ)
        selector.register(process.stderr, selectors.EVENT_READ)
        while selector.get_map():
            check()
            # Poll before reading: if the child has ended by now, its last lines are already in the pipes.
            has_ended = process.poll() is not None
            ready = selector.select(POLL_SECONDS)
            for key, _ in ready:
                if key.fileobj is process.stdin:
                    try:
                        pending = pending[os.write(process.stdin.fileno(), pending[:65536]) :]
                    except BrokenPipeError:
                        pending = pending[:0]
                    if not pending:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                    continue
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stderr:
                    errors.extend(chunk.splitlines(keepends=True))
                else:
                    buffer += chunk
                    if b"\n" in chunk:
                        *lines, buffer = buffer.split(b"\n")
                        for line in lines:
                            deliver(line)
                    elif len(buffer) > MAX_SAID_BYTES:
                        raise ChildError(ChildError.CRASHED, SAID_TOO_MUCH)
            if not ready and has_ended:
                # Do not wait for the end of the pipes: a grandchild may keep them open.
                break
    if buffer:
        deliver(buffer)
    return b"".join(errors).decode("utf-8", "replace")


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.poll() is None:
        process.kill()


def new_mark() -> str:
    return f"{os.getpid()}:{_start_of(os.getpid())}:{uuid.uuid4().hex}"


def kill_strays(mark: str) -> None:
    wanted = f"{MARK}={mark}".encode()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    os.kill(int(folder.name), signal.SIGKILL)


def kill_orphans() -> int:
    count = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                for part in (folder / "environ").read_bytes().split(b"\0"):
                    name, _, value = part.partition(b"=")
                    if name == MARK.encode() and not _lives(*value.decode().split(":")[:2]):
                        os.kill(int(folder.name), signal.SIGKILL)
                        count += 1
    return count


def _lives(pid: str, started: str) -> bool:
    """Return whether process ``pid`` began at ``started``. A newer process may have the same id."""
    try:
        return str(_start_of(int(pid))) == started
    except FileNotFoundError:
        return False


def _start_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[22 - 3])


def _describe(returncode: int | None) -> str:
    if returncode is not None and returncode < 0:
        return f"signal {signal.Signals(-returncode).name}"
    return f"exit code {returncode}"
