"""Two web hosts and two worker hosts, as processes of this machine that share nothing but servers.

Each host has a name, a data folder and a temporary folder of its own. PostgreSQL behind PgBouncer, Redis, Swift with
its S3 door and nginx with the shipped site are real, started here, and gone with the block: each can be stopped alone.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.support import nginx
from tests.support.places import prepare
from tests.support.program import PROJECT_ROOT, Place, clean_environment
from tests.support.s3 import Bucket, fresh_bucket
from tests.support.senders import Sender
from tests.support.swift import KEY_ID, SECRET, running_swift
from tests.support.waiting import wait_until
from vodplatform.base.records.running import GONE_SECONDS
from vodplatform.management.commands.up import redis_server, web_child, worker_child
from vodplatform.supervisor import Child, Supervisor

ADDRESS = "127.0.0.1"
ACCOUNT, PASSWORD = "anna", "a-password-for-a-cluster"
START_SECONDS = 60.0
DATABASE = "vod"
# What a load balancer says of a request that came to it by TLS: production sends the others there.
BY_TLS = {"X-Forwarded-Proto": "https"}


@dataclass(slots=True)
class Server:
    """One of the servers that the hosts share. argv: its command line. user: who runs it; "" for whoever runs this."""

    name: str
    port: int
    argv: list[str]
    folder: Path
    user: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin, and wait until it listens; it ends with this process at the latest."""
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                as_user(self.user, *self.argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                start_new_session=True,  # Ctrl-C is for us alone
            )  # fmt: skip
        wait_until(lambda: nginx.is_open(self.port), START_SECONDS, f"{self.name} to listen")

    def stop(self) -> None:
        """End it at once, as a host that loses its power."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@dataclass(slots=True)
class Host:
    """A host with one part of the program. port: that it serves; 0 for a worker host."""

    name: str
    folder: Path
    supervisor: Supervisor
    port: int = 0

    def start(self) -> None:
        """Begin, and wait until it serves."""
        self.supervisor.start()

    def stop(self) -> None:
        """End it as a deploy does: SIGTERM, and time to finish."""
        self.supervisor.stop()

    def kill(self) -> None:
        """End it as a power cut does."""
        for child in self.supervisor.children:
            if child.process is not None:
                child.process.kill()
        self.supervisor.stop()

    @property
    def log(self) -> str:
        """What it has written."""
        return (self.folder / "log").read_text(errors="replace")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running one.

    address: of the load balancer. certificate: what vouches for it. place: its database, and an account's key.
    """

    address: str
    certificate: Path
    place: Place
    bucket: Bucket
    hosts: dict[str, Host]
    servers: dict[str, Server]

    def sender(self, key: str = "") -> Sender:
        """A client of the load balancer, which asks the web hosts in turn."""
        return Sender(self.address, key or self.place.key, self.certificate)

    def sender_at(self, host: str, key: str = "") -> Sender:
        """A client of one web host, past the load balancer."""
        return Sender(f"http://{ADDRESS}:{self.hosts[host].port}", key or self.place.key, headers=BY_TLS)

    def present(self) -> set[str]:
        """The names of the hosts that the database has heard of lately."""
        rows = self.place.query(
            f"SELECT DISTINCT host FROM running_process WHERE seen_at > now() - interval '{GONE_SECONDS} seconds'"
        )
        return {name for (name,) in rows}


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A cluster that serves; all of it is gone after the block. Debian's packages are ``scripts/tools cluster``'s."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vod-test-cluster-")))
        folder.chmod(0o711)  # PostgreSQL's user passes
        postgresql, redis = _postgresql(folder), _redis(folder)
        pgbouncer = _pgbouncer(folder, postgresql.port)
        servers = {server.name: server for server in (postgresql, pgbouncer, redis)}
        for server in servers.values():
            stack.callback(server.stop)
            server.start()
        with psycopg.connect(host=ADDRESS, port=postgresql.port, user="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {DATABASE} LOGIN")
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {DATABASE}")
        bucket = stack.enter_context(fresh_bucket(stack.enter_context(running_swift()), KEY_ID, SECRET))
        environment = {
            **bucket.environment,
            "AWS_S3_PUBLIC_ENDPOINT_URL": bucket.direct,
            "DJANGO_SETTINGS_MODULE": "vodplatform.settings.production",
            "DATABASE_URL": f"postgres://{DATABASE}@{ADDRESS}:{pgbouncer.port}/{DATABASE}",
            "REDIS_URL": f"redis://{ADDRESS}:{redis.port}/0",
            "SECRET_KEY": secrets.token_hex(32),
            "ALLOWED_HOSTS": ADDRESS,
            "PYTHONPATH": str(PROJECT_ROOT),
            # What would be swept after a day is swept at once.
            "VOD_UNREFERENCED_HOURS": "0",
        }
        place = Place(folder / "operator", environment, prepare(folder / "operator", environment, ACCOUNT, PASSWORD))
        ports = [nginx.free_port(), nginx.free_port()]
        hosts = [_host(folder, f"web-{number}", web_child(ADDRESS, port), environment, port)
                 for number, port in enumerate(ports, 1)]  # fmt: skip
        hosts += [_host(folder, f"work-{number}", worker_child(1), environment) for number in (1, 2)]
        for host in hosts:
            stack.callback(host.stop)
            host.start()
        certificate = nginx.certificate(folder)
        front = stack.enter_context(
            nginx.running(folder / "nginx", ports, folder / "media", folder / "library", pem=certificate)
        )
        cluster = Cluster(front.url, certificate, place, bucket, {host.name: host for host in hosts}, servers)
        wait_until(lambda: cluster.present() == set(cluster.hosts), START_SECONDS, "a word of each host")
        yield cluster


def as_user(user: str, *argv: str) -> list[str]:
    """The command line by which this user runs another ("" for whoever runs this); it ends with us at the latest."""
    who = [f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    return ["setpriv", "--pdeathsig", "KILL", *who, "--", *argv]


def _own_folder(folder: Path, name: str) -> tuple[Path, str]:
    """A folder for a server that does not run as root, and who runs it."""
    place, user = folder / name, "postgres" if os.geteuid() == 0 else ""
    place.mkdir()
    if user:
        shutil.chown(place, user, user)
    return place, user


def _postgresql(folder: Path) -> Server:
    """A fresh database cluster of Debian's PostgreSQL."""
    (place, user), port = _own_folder(folder, "postgresql"), nginx.free_port()
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    rows = str(place / "rows")
    initdb = [str(programs / "initdb"), "--no-sync", "-D", rows, "-U", "postgres", "-A", "trust"]
    subprocess.run(as_user(user, *initdb), check=True, capture_output=True, cwd=place)
    options = {"port": port, "listen_addresses": ADDRESS, "unix_socket_directories": "", "max_connections": 40}
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    return Server("postgresql", port, [str(programs / "postgres"), "-D", rows, *words], place, user)


def _pgbouncer(folder: Path, upstream: int) -> Server:
    """PgBouncer, which gives each transaction one of a few connections."""
    (place, user), port = _own_folder(folder, "pgbouncer"), nginx.free_port()
    settings = place / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n* = host={ADDRESS} port={upstream}\n"
        f"[pgbouncer]\nlisten_addr = {ADDRESS}\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = trust\nauth_file = {place}/users\n"
        "pool_mode = transaction\ndefault_pool_size = 12\nmax_client_conn = 500\n"
    )
    (place / "users").write_text(f'"{DATABASE}" ""\n')
    return Server("pgbouncer", port, ["/usr/sbin/pgbouncer", str(settings)], place, user)


def _redis(folder: Path) -> Server:
    """A Redis that keeps nothing on disk."""
    place, port = folder / "redis", nginx.free_port()
    place.mkdir()
    options = ["--port", str(port), "--bind", ADDRESS, "--save", "", "--appendonly", "no"]
    return Server("redis", port, [redis_server(), *options], place)


def _host(folder: Path, name: str, child: Child, environment: dict[str, str], port: int = 0) -> Host:
    place = folder / name
    (place / "tmp").mkdir(parents=True)
    child.argv = _named(name, child.argv)
    child.log = (place / "log").open("ab")
    own = {"TMPDIR": str(place / "tmp"), "VOD_DATA_DIR": str(place / "data")}
    return Host(name, place, Supervisor([child], clean_environment({**environment, **own})), port)


def _named(name: str, argv: Sequence[str]) -> list[str]:
    """The command line that runs another where the machine is called ``name``; as it is where only root may do that."""
    if os.geteuid():
        return list(argv)
    return ["unshare", "--uts", "sh", "-c", f'hostname {name} && exec "$@"', "sh", *argv]
