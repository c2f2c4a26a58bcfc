"""What a confined child can see and reach, tried by children that try."""

import ast
import errno
import os
import resource
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.program import is_alive
from tests.support.waiting import wait_until
from vodplatform.core.processes.process import PACKAGES, PROJECT_ROOT, Access, ChildError, Limits, run_child

pytestmark = pytest.mark.pure
TRY = """
import json, sys
def attempt(act):
    try:
        found = act()
    except OSError as exc:
        return type(exc).__name__
    return found if isinstance(found, (str, int)) else "done"
"""


def tried(act: str, *given: object, access: Access) -> Any:
    """What came of ``act``, an expression that sees ``sys.argv``: its value, or the name of the OSError that it met."""
    code = f"{TRY}\nimport os, socket\nprint(json.dumps({{'found': attempt(lambda: {act})}}))"
    [said] = run_child([sys.executable, "-c", code, *map(str, given)], access=access).messages
    return said["found"]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret_key"
    path.write_text("what no decoder may know")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "scratch"
    path.mkdir()
    return path


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


CONNECT = "socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=5).close()"


class TestFiles:
    def test_a_file_that_it_was_not_given_cannot_be_read_or_listed(self, secret: Path, folder: Path) -> None:
        access = Access(writes=[folder])
        assert tried("len(os.listdir(sys.argv[1]))", folder, access=access) == 0
        assert tried("len(os.listdir(sys.argv[1]))", secret.parent, access=access) == "PermissionError"
        (folder / "link").symlink_to(secret)
        for path in (secret, folder / "link"):
            assert tried("open(sys.argv[1]).read()", path, access=access) == "PermissionError"

    def test_one_that_it_was_given_can_be_read_and_not_written(self, secret: Path) -> None:
        access = Access(reads=[secret])
        assert tried("open(sys.argv[1]).read()", secret, access=access) == "what no decoder may know"
        assert tried("open(sys.argv[1], 'a')", secret, access=access) == "PermissionError"
        assert tried("os.unlink(sys.argv[1])", secret, access=access) == "PermissionError"
        assert tried("os.truncate(sys.argv[1], 0)", secret, access=access) == "PermissionError"
        assert secret.read_text()

    def test_its_folder_is_for_whatever_it_makes_and_for_temporary_files(self, folder: Path) -> None:
        act = (
            "[os.mkdir(sys.argv[1] + '/in'), open(sys.argv[1] + '/in/a', 'w').write('made'),"
            " os.rename(sys.argv[1] + '/in/a', sys.argv[1] + '/b'), os.rmdir(sys.argv[1] + '/in')]"
        )
        access = Access(writes=[folder])
        assert tried(act, folder, access=access) == "done"
        assert {path.name: path.read_text() for path in folder.iterdir()} == {"b": "made"}
        assert tried("open(sys.argv[1] + '/b', 'w').close()", folder, access=access) == "done"
        assert not (folder / "b").read_text()
        assert Path(tried("__import__('tempfile').mkdtemp(prefix='own-')", access=access)).parent == folder

    def test_what_it_makes_there_is_no_program(self, folder: Path) -> None:
        (folder / "program").write_text("#!/bin/sh\necho '{}'\n")
        (folder / "program").chmod(0o700)
        act = "__import__('subprocess').check_output([sys.argv[1]], text=True)"
        assert tried(act, folder / "program", access=Access(writes=[folder])) == "PermissionError"

    def test_no_other_place_takes_a_file(self, folder: Path) -> None:
        for place in ("/tmp/x", "/dev/shm/x", str(PROJECT_ROOT / "x"), "/usr/x", "/proc/self/oom_score_adj"):
            assert tried("open(sys.argv[1], 'w')", place, access=Access(writes=[folder])) == "PermissionError"


class TestFilesOfOthers:
    """What Landlock does not ask for: changing a file that is there, without opening it."""

    @pytest.mark.parametrize("act", [
        "os.chmod(sys.argv[1], 0)", "os.utime(sys.argv[1], (1, 1))", "os.chown(sys.argv[1], 1, 1)",
        "os.setxattr(sys.argv[1], 'user.a', b'b')", "os.removexattr(sys.argv[1], 'user.there')",
        "os.chmod(os.path.dirname(sys.argv[1]), 0)",
    ])  # fmt: skip
    def test_nothing_of_them_is_changed(self, act: str, secret: Path) -> None:
        before, folder = secret.stat(), secret.parent.stat()
        for access in (Access(), Access(reads=[secret])):
            assert tried(act, secret, access=access) == "PermissionError"
        now = secret.stat()
        assert (now.st_mode, now.st_mtime_ns, now.st_uid) == (before.st_mode, before.st_mtime_ns, before.st_uid)
        assert secret.parent.stat().st_mode == folder.st_mode

    @pytest.mark.parametrize("flags", ["os.O_TRUNC", "os.O_RDONLY | os.O_TRUNC | os.O_CLOEXEC"])
    def test_none_is_emptied(self, flags: str, secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """By seccomp, too: Landlock knows of it since Linux 6.2."""
        code = f"os.open(sys.argv[1], {flags})"
        for access in (Access(), Access(reads=[secret])):
            assert tried("os.truncate(sys.argv[1], 0)", secret, access=access) == "PermissionError"
            assert tried(code, secret, access=access) == "PermissionError"
        # With what an older kernel has: no rule for it, and no rule for files at all.
        assert errno_of(f"truncate({str(secret).encode()!r}, 0)") == errno.EPERM
        by_descriptor = "os.fchmod(os.open(sys.argv[1], os.O_RDONLY), 0)"
        assert tried(by_descriptor, secret, access=Access(reads=[secret])) == "PermissionError"
        assert errno_of(f"syscall({OPENAT2}, -100, {str(secret).encode()!r}, 0, 0)") == errno.ENOSYS
        assert secret.read_text()


class TestOthers:
    def test_no_limit_of_another_process_is_lowered(self) -> None:
        act = "__import__('resource').prlimit(os.getppid(), 4, (0, 0))"
        before = resource.getrlimit(resource.RLIMIT_CORE)
        assert tried(act, access=Access()) == "PermissionError"
        assert resource.getrlimit(resource.RLIMIT_CORE) == before
        own = "__import__('resource').prlimit(0, 4, (0, 0))"
        assert tried(own, access=Access()) != "PermissionError"

    def test_nothing_is_sent_to_a_path(self, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
            server.bind(str(tmp_path / "log"))
            act = "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', sys.argv[1])"
            assert tried(act, tmp_path / "log", access=Access()) == "PermissionError"
        assert tried("len(socket.socketpair())", access=Access()) == 2

    def test_the_environment_and_the_memory_of_its_parent_are_closed(self, folder: Path) -> None:
        for name in ("environ", "mem", "maps", "cmdline"):
            found = tried("len(open(sys.argv[1], 'rb').read(1))", f"/proc/{os.getpid()}/{name}", access=Access())
            assert found == "PermissionError", name

    @pytest.mark.parametrize("act", [
        "os.kill(os.getppid(), 0)", "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
        "os.sched_setscheduler(0, 3, os.sched_param(0))",
    ])  # fmt: skip
    def test_its_parent_hears_no_signal_of_it_and_is_not_slowed_down(self, act: str) -> None:
        assert tried(act, access=Access()) == "PermissionError"

    def test_what_it_starts_can_do_no_more(self, secret: Path) -> None:
        act = "__import__('subprocess').run(['cat', sys.argv[1]], capture_output=True).returncode"
        assert tried(act, secret, access=Access()) == 1


SYSTEM = "__import__('ctypes').CDLL(None, use_errno=True)"
OPENAT2, MEMFD_SECRET = 437, 447
CLONE, CLONE3 = {"x86_64": (56, 435), "aarch64": (220, 435)}.get(os.uname().machine, (0, 0))
NEW_USER_NAMESPACE = 0x10000000


def errno_of(call: str) -> Any:
    """The errno with which a confined child's call of libc fails."""
    return tried(f"(lambda libc: (libc.{call}, __import__('ctypes').get_errno())[1])({SYSTEM})", access=Access())


class TestGroup:
    """It and what it starts can be found, counted and ended together."""

    @pytest.mark.parametrize("act", ["os.setsid()", "os.setpgid(0, 0)"])
    def test_nobody_leaves_it(self, act: str) -> None:
        started = f"import os; {act}"
        code = f"__import__('subprocess').run([sys.executable, '-c', {started!r}], stderr=-3).returncode"
        assert tried(code, access=Access()) == 1

    def test_no_namespace_is_made(self) -> None:
        # A fork that worked would say twice what came of it.
        assert errno_of(f"syscall({CLONE}, {NEW_USER_NAMESPACE}, 0, 0, 0, 0)") == errno.EPERM
        assert errno_of(f"syscall({CLONE3}, 0, 0)") == errno.ENOSYS

    def test_no_memory_stays_or_is_not_counted_and_nobody_leaves_who_looks_after_it(self) -> None:
        calls = ("shmget(0, 4096, 0o1600)", "msgget(0, 0o1600)", "semget(0, 1, 0o1600)", "memfd_create(b'x', 0)")
        # No parent of orphans any more; a parent's death that is not heard, or heard as something mild.
        lonely = ("prctl(36, 0, 0, 0, 0)", "prctl(1, 0, 0, 0, 0)", "prctl(1, 15, 0, 0, 0)")
        for call in (*calls, f"syscall({MEMFD_SECRET}, 0)", *lonely):
            assert errno_of(call) == errno.EPERM, call

    def test_so_many_files_are_open_at_once(self) -> None:
        assert tried("len([socket.socketpair() for _ in range(300)])", access=Access()) == "OSError"

    def test_who_loses_its_parent_is_ended_with_it_and_counted_until_then(self) -> None:
        # The child starts a process whose own parent ends at once, and that has nothing of the child's environment.
        code = """if True:
            import json, os, subprocess, sys, time
            orphan = "import os, time; grown = bytearray(os.urandom(1 << 20) * 300); time.sleep(600)"
            start = f"subprocess.Popen([sys.executable, '-c', {orphan!r}], env={{}}, stdout=-3, stderr=-3)"
            middle = f"import subprocess, sys; print({start}.pid)"
            number = int(subprocess.run([sys.executable, "-c", middle], capture_output=True).stdout)
            print(json.dumps({"pid": number}), flush=True)
            time.sleep(600)
        """
        orphans: list[psutil.Process] = []
        with pytest.raises(ChildError) as caught:
            run_child(
                [sys.executable, "-c", code], access=Access(), limits=Limits(wall_seconds=60, memory_bytes=200 << 20),
                on_message=lambda message: orphans.append(psutil.Process(message["pid"])),
            )  # fmt: skip
        assert caught.value.kind == ChildError.MEMORY
        wait_until(lambda: not is_alive(orphans[0]), 20, "the orphan's end")


class TestNetwork:
    def test_there_is_none(self, port: int) -> None:
        assert tried(CONNECT, port, access=Access()) == "PermissionError"
        for family in ("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"):
            assert tried(f"socket.socket(socket.{family})", access=Access()) == "PermissionError", family

    def test_the_port_that_is_named_can_be_reached_and_no_other(self, port: int) -> None:
        assert tried(CONNECT, port, access=Access(connects_to=port)) == "done"
        assert tried(CONNECT, port, access=Access(connects_to=port + 1)) == "PermissionError"

    @pytest.mark.parametrize("act", [
        # 262: MPTCP, which Landlock does not know; it falls back to TCP.
        "socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).connect(('127.0.0.1', int(sys.argv[1])))",
        "socket.socket().sendto(b'x', 0x20000000, ('127.0.0.1', int(sys.argv[1])))",
        "socket.socket().sendmsg([b'x'], [], 0x20000000, ('127.0.0.1', int(sys.argv[1])))",
        "socket.socket().listen()",
        "socket.create_server(('127.0.0.1', 0)).close()",
        "socket.socket(socket.AF_UNIX)",
        "socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET)",
    ])  # fmt: skip
    def test_nor_by_another_way(self, act: str, port: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            found = tried(act, other.getsockname()[1], access=Access(connects_to=port))
            assert found == "PermissionError"
            other.setblocking(False)
            with pytest.raises(BlockingIOError):
                other.accept()


def test_who_is_given_nothing_is_as_free_as_before(secret: Path, port: int) -> None:
    code = f"{TRY}\nimport socket\nprint(json.dumps([open(sys.argv[2]).read(), attempt(lambda: {CONNECT})]))"
    script = f"{code}\nprint(json.dumps({{'found': 1}}))"
    assert run_child([sys.executable, "-c", script, str(port), str(secret)]).messages == [{"found": 1}]


def test_each_child_that_reads_media_is_confined() -> None:
    """Whoever starts a child says what it may see; ``doctor``'s of our own code alone do not."""
    free = {"vodplatform/site/management/commands/doctor.py", "vodplatform/site/processing_health.py"}
    starts = {"run_child", "run_with_progress"}
    found, lacking = 0, []
    for package in PACKAGES:
        for path in (PROJECT_ROOT / package).rglob("*.py"):
            name = str(path.relative_to(PROJECT_ROOT))
            for node in ast.walk(ast.parse(path.read_text())) if name not in free else ():
                if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in starts:
                    found += 1
                    named = {keyword.arg for keyword in node.keywords}
                    if not named & {"access", None}:  # None: ``**more``, which has it
                        lacking.append(f"{name}:{node.lineno}")
    assert (lacking, found > 12) == ([], True)


def test_the_rules_of_one_name_no_folder_above_the_projects_own_files(folder: Path) -> None:
    rules = Access(reads=[folder / "a.mp4"], writes=[folder]).rules()
    named = [Path(rule.partition("=")[2]) for rule in rules if rule.startswith(("run=", "read=", "write="))]
    assert PROJECT_ROOT not in named
    assert not [path for path in named if path in (PROJECT_ROOT / "data").parents]
