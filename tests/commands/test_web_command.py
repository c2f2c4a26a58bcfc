"""``manage.py web``: it serves, tells systemd how it is, and believes the proxies that it is told to."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.nginx import free_port
from tests.support.program import PROJECT_ROOT, clean_environment, manage
from tests.support.waiting import PATIENCE
from vodplatform.core.web.server import make_server


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """Where a unit's states arrive."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(20 * PATIENCE)
        yield notify


@contextmanager
def web(folder: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The process and its address; it may not listen yet."""
    port = free_port()
    argv = [sys.executable, str(PROJECT_ROOT / "manage.py"), "web", "--port", str(port)]
    variables = clean_environment({"VOD_DATA_DIR": str(folder), **environment})
    process = subprocess.Popen(argv, env=variables, stderr=subprocess.DEVNULL)
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_systemd_is_told_when_it_listens_that_it_lives_and_that_it_ends(systemd: socket.socket, tmp_path: Path) -> None:
    told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
    with web(tmp_path / "data", **told) as (process, address):
        assert systemd.recv(100) == b"READY=1"
        assert httpx.get(f"{address}/health/live").status_code == 200
        assert [systemd.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        process.send_signal(signal.SIGSTOP)
        systemd.settimeout(1.0)
        with pytest.raises(TimeoutError):
            while True:
                systemd.recv(100)
        process.send_signal(signal.SIGCONT)
        systemd.settimeout(20 * PATIENCE)
        process.terminate()
        while (state := systemd.recv(100)) != b"STOPPING=1":
            assert state == b"WATCHDOG=1"
        assert process.wait(20 * PATIENCE) == 0


@pytest.mark.parametrize(
    ("trusted", "seen"), [("", "127.0.0.1"), ("127.0.0.0/8", "192.0.2.7"), ("10.0.0.1", "127.0.0.1")]
)
def test_only_proxies_that_it_is_told_of_are_believed(trusted: str, seen: str) -> None:
    clients: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        clients.append(scope["client"][0])

    config = make_server("127.0.0.1", 0, trusted).config
    config.app = application
    config.load()
    scope = {"type": "http", "client": ("127.0.0.1", 5), "headers": [(b"x-forwarded-for", b"192.0.2.7")]}
    asyncio.run(config.loaded_app(scope, None, None))
    assert clients == [seen]


def test_a_port_that_is_taken_is_a_failure(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = manage("web", "--port", port, environment={"VOD_DATA_DIR": str(tmp_path)})
    assert done.returncode == 3
    assert "address already in use" in done.stderr
