"""OpenStack Swift from Debian's packages, with its S3 API: a second S3 server, whose answers differ from moto's."""

import getpass
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.nginx import is_open
from tests.support.s3 import REGION, Bucket, client_of, fresh_bucket, storage_of
from tests.support.waiting import wait_until
from vodplatform.core.processes.process import SHIM
from vodplatform.site.management.commands.up import free_port

KEY_ID, SECRET = "test:tester", "testing"
ATTEMPTS = 3
START_SECONDS = 30.0
LOG_CHARACTERS = 2000  # maximum characters of each server log that a failed start prints
KINDS = ("account", "container", "object")
PROXY = f"""
[pipeline:main]
pipeline = catch_errors gatekeeper cache listing_formats s3api tempauth copy slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
error_suppression_limit = 1000
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = {REGION}
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {SECRET} .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
"""


@contextmanager
def running_swift() -> Iterator[str]:
    """Run Swift with one disk and one replica during the block; yield its URL."""
    for _ in range(ATTEMPTS):
        with ExitStack() as stack:
            servers = _start_all(stack)
            if _has_begun(servers):
                yield f"http://127.0.0.1:{servers[-1].port}"
                return
    raise RuntimeError(f"A server of Swift exited in each of {ATTEMPTS} attempts.")


@dataclass(frozen=True, slots=True)
class Server:
    """A process of Swift, its port, and its log file."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path


def _has_begun(servers: list[Server]) -> bool:
    """Wait for Swift to answer; False if a server ended, as it does if another program has taken its port."""

    def has_ended() -> bool:
        return any(server.process.poll() is not None for server in servers)

    try:
        # After ten refused connections, the proxy ignores a server for a minute. So send no request before all listen.
        wait_until(lambda: has_ended() or all(is_open(one.port) for one in servers), START_SECONDS, "Swift to listen")
        wait_until(lambda: has_ended() or _answers(servers[-1].port), START_SECONDS, "Swift to answer")
    except AssertionError as error:
        for server in servers:
            error.add_note(f"{server.log.name}: {server.log.read_text(errors='replace')[-LOG_CHARACTERS:]}")
        raise
    return not has_ended()


def _start_all(stack: ExitStack) -> list[Server]:
    """Start the four servers; the proxy is the last one."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="swift-")))
    servers = []
    for kind in KINDS:
        port = free_port("127.0.0.1", 0)
        builder = str(folder / f"{kind}.builder")
        for words in (["create", "4", "1", "1"], ["add", f"r1z1-127.0.0.1:{port}/disk", "1"], ["rebalance"]):
            subprocess.run(["swift-ring-builder", builder, *words], check=True, capture_output=True)
        pipeline = f"[pipeline:main]\npipeline = {kind}-server\n[app:{kind}-server]\nuse = egg:swift#{kind}\n"
        servers.append(_start(stack, folder, f"{kind}-server", port, pipeline))
    (folder / "disk").mkdir()
    servers.append(_start(stack, folder, "proxy-server", free_port("127.0.0.1", 0), PROXY))
    return servers


def _start(stack: ExitStack, folder: Path, name: str, port: int, rest: str) -> Server:
    config = folder / f"{name}.conf"
    config.write_text(
        f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {port}\nuser = {getpass.getuser()}\nswift_dir = {folder}\n"
        f"devices = {folder}\nmount_check = false\nworkers = 0\ndisable_fallocate = true\nfallocate_reserve = 0\n{rest}"
    )
    # The shim kills Swift when the test process ends, even if it is killed. Swift runs with Debian's Python.
    shim = [sys.executable, "-S", "-I", str(SHIM), str(os.getpid()), "core=0", "--"]
    argv = [*shim, f"/usr/bin/swift-{name}", str(config)]
    path = folder / f"{name}.log"
    log = stack.enter_context(path.open("wb"))
    process = subprocess.Popen(argv, stdout=log, stderr=log, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    stack.callback(process.wait)
    stack.callback(process.kill)
    return Server(process, port, path)


def _answers(port: int) -> bool:
    """Return whether all four servers answer: storing an object needs all of them."""
    with suppress(Exception):
        client = client_of(f"http://127.0.0.1:{port}", KEY_ID, SECRET)
        client.create_bucket(Bucket="ready")
        client.put_object(Bucket="ready", Key="ready", Body=b"")
        return True
    return False


@pytest.fixture(scope="session")
def swift_server() -> Iterator[str]:
    """Run one Swift for the session; return its URL."""
    with running_swift() as address:
        yield address


@pytest.fixture
def swift(swift_server: str, settings: object) -> Iterator[Bucket]:
    """Provide a new bucket in Swift, and use it as this process's storage."""
    with fresh_bucket(swift_server, KEY_ID, SECRET) as bucket:
        settings.STORAGES = {**settings.STORAGES, "default": storage_of(bucket.environment)}  # type: ignore[attr-defined]
        yield bucket
