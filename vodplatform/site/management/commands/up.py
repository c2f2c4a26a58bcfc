from __future__ import annotations

import fcntl
import http.client
import os
import shutil
import signal
import socket
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any

import redis
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from jobs_app.management.commands.worker import dramatiq_argv
from vodplatform.core.files import disk, installation
from vodplatform.core.files.storage import StoreUnavailable
from vodplatform.core.formatting import size
from vodplatform.core.metrics import VARIABLE
from vodplatform.core.processes.commands import UP_LOCK, manage_argv
from vodplatform.core.processes.commands import Command as BaseCommand
from vodplatform.core.records.database import connect_outside_pool
from vodplatform.core.redis_pool import connect, describe_error
from vodplatform.core.redis_server import NoRedisServer, find_redis_server
from vodplatform.settings.environment import private_redis_socket
from vodplatform.settings.variables import PROJECT_ROOT
from vodplatform.site.supervisor import Child, StartFailed, Supervisor

CONNECT_SECONDS = 5


class Command(BaseCommand):
    help = "Run the complete program on this machine until Ctrl-C. Prints `ready http://…` when ready."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0 selects a free one")
        parser.add_argument("--workers", type=int, default=1, help="worker processes")
        parser.add_argument(
            "--verbose", action="store_true", help="also show requests and other messages below warnings"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["workers"] < 1:
            raise CommandError("--workers must be at least 1.")
        lock = lock_data_dir(settings.DATA_DIR)
        host, port = options["host"], free_port(options["host"], options["port"])
        for warning in warnings():
            self.stderr.write(f"warning: {warning}")
        check_services()
        call_command("migrate", interactive=False, verbosity=0)
        try:
            installation.register_process()
        except installation.WrongInstallation as exc:
            raise CommandError(str(exc)) from exc
        except StoreUnavailable as exc:
            self.stderr.write(f"The file storage does not answer ({exc.reason}); the program retries every minute.")
        connection.close()
        children = []
        if settings.REDIS_IS_PRIVATE:
            children.append(redis_child(settings.DATA_DIR))
        children += [web_child(host, port), worker_child(options["workers"])]
        environment = {
            **os.environ,
            "VOD_DATA_DIR": str(settings.DATA_DIR),
            "PYTHONUNBUFFERED": "1",
            "VOD_LOG_LEVEL": log_level(is_verbose=options["verbose"]),
            VARIABLE: str(metrics_folder(settings.DATA_DIR)),
            # PYTHONPATH lets child processes import the program from any working directory.
            "PYTHONPATH": os.pathsep.join(filter(None, (str(PROJECT_ROOT), os.environ.get("PYTHONPATH")))),
        }
        supervisor = Supervisor(children, environment)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: supervisor.stopping.set())
        try:
            supervisor.start()
            if not supervisor.stopping.is_set():
                shown = f"[{host}]" if ":" in host else host
                self.stdout.write(f"ready http://{shown}:{port}/")
                self.stdout.flush()
                supervisor.run()
        except StartFailed as exc:
            raise CommandError(str(exc)) from exc
        finally:
            supervisor.stop()
            lock.close()


def log_level(*, is_verbose: bool) -> str:
    return os.environ.get("VOD_LOG_LEVEL") or ("INFO" if is_verbose else "WARNING")


def warnings() -> list[str]:
    return [problem for check in (library_folders, check_disk_space) if (problem := check())]


def check_disk_space() -> str | None:
    if disk.free_bytes() >= settings.DISK_RESERVE_BYTES:
        return None
    return (
        f"Only {size(disk.free_bytes())} is free on the disk of {settings.DATA_DIR}, less than VOD_DISK_RESERVE_MB. "
        "Uploads are refused and jobs wait until you free space."
    )


def library_folders() -> str | None:
    missing = [str(root) for root, _ in settings.LIBRARY_ROOTS if not _is_folder(root)]
    return (
        f"Folders of VOD_LIBRARY_ROOTS are missing or cannot be read: {', '.join(missing)}. Mount them, or remove them "
        "from the setting."
        if missing
        else None
    )


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def lock_data_dir(data_dir: Path) -> IO[str]:
    """Lock the data folder while the returned file is open. Raise CommandError if another process has locked it."""
    file = open(data_dir / UP_LOCK, "a+")  # noqa: SIM115 (it stays open as long as the program runs)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        file.seek(0)
        pid = file.read().strip() or "unknown"
        raise CommandError(
            f"Another `up` (process {pid}) is using {data_dir}; stop it, or choose another --data-dir."
        ) from exc
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def metrics_folder(data_dir: Path) -> Path:
    folder = data_dir / "run" / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def check_services() -> None:
    check_database()
    if not settings.REDIS_IS_PRIVATE:
        try:
            connect(settings.REDIS_URL, CONNECT_SECONDS).ping()
        except redis.RedisError as exc:
            raise CommandError(f"Redis at REDIS_URL cannot be used: {describe_error(exc)}") from exc


def check_database() -> None:
    if connection.vendor != "postgresql":
        return
    import psycopg

    try:
        # Connect outside the pool, which would retry for 20 s and log each attempt.
        given = connection.get_connection_params()
        connect_outside_pool(connection, connect_timeout=given.get("connect_timeout", CONNECT_SECONDS)).close()
    except psycopg.Error as exc:
        raise CommandError(f"The database at DATABASE_URL cannot be used: {' '.join(str(exc).split())}") from exc


def free_port(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as exc:
            raise CommandError(f"Port {port} of {host} is unavailable ({exc}); choose another with --port.") from exc
        return int(probe.getsockname()[1])


def redis_child(data_dir: Path) -> Child:
    """Return the child process of a Redis that saves nothing. Only this user can open its Unix socket."""
    path = private_redis_socket(data_dir)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.parent.stat()
    if found.st_uid != os.getuid():
        raise CommandError(f"{path.parent} belongs to another user. Choose another --data-dir.")
    os.chmod(path.parent, 0o700)
    path.unlink(missing_ok=True)
    argv = [
        redis_server(), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "600", "--save", "",
        "--appendonly", "no", "--daemonize", "no", "--dir", str(path.parent),
    ]  # fmt: skip
    client = redis.Redis(unix_socket_path=str(path))

    def is_ready() -> bool:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False

    return Child("private Redis", argv, is_ready, stop_seconds=5, log=open_log(data_dir, "redis"))


def redis_server() -> str:
    try:
        return find_redis_server().path
    except NoRedisServer as exc:
        raise CommandError(str(exc)) from exc


def open_log(data_dir: Path, name: str) -> IO[bytes]:
    folder = data_dir / "logs"
    folder.mkdir(exist_ok=True)
    return open(folder / f"{name}.log", "ab")


def web_child(host: str, port: int) -> Child:
    # Trust no proxies, whatever FORWARDED_ALLOW_IPS says.
    argv = manage_argv("web", "--host", host, "--port", str(port), "--trusted-proxies", "")
    connect_to = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)

    def is_ready() -> bool:
        client = http.client.HTTPConnection(connect_to, port, timeout=2)
        try:
            # If ALLOWED_HOSTS lacks 127.0.0.1, the answer is 400, which also proves that the server runs.
            client.request("GET", "/health/live", headers={"Host": "127.0.0.1"})
            return client.getresponse().status in (200, 400)
        except OSError:
            return False
        finally:
            client.close()

    return Child("web server", argv, is_ready, stop_seconds=5 + settings.DRAIN_SECONDS)


def worker_child(processes: int) -> Child:
    return Child("worker", dramatiq_argv(processes), lambda: True, stop_seconds=20)
