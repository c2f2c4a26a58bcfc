"""Two web hosts and two worker hosts, as processes of this machine that share nothing but servers.

Each host has a name, a data folder and a temporary folder of its own. PostgreSQL behind PgBouncer, Redis, Swift with
its S3 door, nginx with the shipped site and Prometheus with the shipped alerts are real, started here, and gone with
the block: each can be stopped alone. As root a host also has a disk of its own, of a known size, a clock, and a network
that can be cut.
"""

import itertools
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
import yaml

from tests.support import nginx
from tests.support.places import prepare
from tests.support.program import PROJECT_ROOT, Place, clean_environment, manage
from tests.support.s3 import Bucket, fresh_bucket
from tests.support.senders import Sender
from tests.support.swift import KEY_ID, SECRET, running_swift
from tests.support.waiting import wait_until
from vodplatform.core.records.process_registry import GONE_SECONDS
from vodplatform.site.management.commands.up import redis_server, web_child, worker_child
from vodplatform.site.supervisor import Supervisor

ADDRESS = "127.0.0.1"
ACCOUNT, PASSWORD = "anna", "a-password-for-a-cluster"
START_SECONDS = 60.0
DATABASE = "vod"
SCRAPER = secrets.token_hex(16)
SCRAPE_SECONDS = 10
# A host's processes are root's, with a group of their own: by it the kernel knows whose packets are dropped.
FIRST_GROUP = 60_000 + os.getpid() % 1000 * 4
DISK_MB, RESERVE_MB = 900, 512
# `Restart=always`: what ends by itself begins again a second later; SIGTERM ends it, and this.
AS_SYSTEMD = (
    'end() { kill -TERM "$child"; wait "$child"; exit; }; trap end TERM; '
    'while :; do "$@" & child=$!; wait "$child"; sleep 1; done'
)
CLOCK = Path(__file__).with_name("clock.c")
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
    """A host with one part of the program.

    port: that it serves; 0 for a worker host. group: of its processes. metrics: the port of its ``/metrics``.
    """

    name: str
    folder: Path
    supervisor: Supervisor
    group: int
    metrics: int
    port: int = 0

    def start(self, clock: float = 0.0) -> None:
        """Begin, and wait until it serves. clock: seconds by which its clock is ahead."""
        environment = dict(self.supervisor.environment)
        for name in ("LD_PRELOAD", "CLOCK_AHEAD"):
            environment.pop(name, None)
        if clock:
            library = self.folder / "clock.so"
            subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(CLOCK)], check=True)
            environment |= {"LD_PRELOAD": str(library), "CLOCK_AHEAD": f"{clock:.0f}"}
        self.supervisor.environment = environment
        self.supervisor.start()

    def install(self, tree: Path) -> None:
        """Put a release in the place of the one that it had; it starts with it the next time."""
        environment = {**self.supervisor.environment, "PYTHONPATH": str(tree)}
        what = f"web_child({ADDRESS!r}, {self.port})" if self.port else "worker_child(1)"
        code = (
            f"import json; from vodplatform.site.management.commands import up; print(json.dumps(list(up.{what}.argv)))"
        )
        said = manage("shell", "--verbosity", "0", "-c", code, environment=environment, tree=tree)
        assert said.returncode == 0, said.stderr
        self.supervisor.environment = environment
        child = self.supervisor.children[0]
        child.argv = _set_apart(self.name, self.folder / "data", self.group, json.loads(said.stdout))

    @property
    def pid(self) -> int:
        """Of the process that starts the program, and starts it again."""
        process = self.supervisor.children[0].process
        assert process is not None
        return process.pid

    def fill_disk(self) -> None:
        """Leave no room in its data folder, until :meth:`clear_disk`."""
        filler = self._on_its_disk("filler")
        room = os.statvfs(filler.parent)
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize)

    def clear_disk(self) -> None:
        """Take back what :meth:`fill_disk` wrote."""
        self._on_its_disk("filler").unlink()

    def _on_its_disk(self, name: str) -> Path:
        """A file of the data folder, by the names that its own processes have for it."""
        return Path(f"/proc/{self.pid}/root") / (self.folder / "data" / name).relative_to("/")

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
    prometheus: Server

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
    def without(self, part: str) -> Iterator[None]:
        """A block in which something is missing; all of it works again after it.

        part: a server; ``bucket``; a host, which loses its power; ``web-2 - servers`` for a host that reaches no server
        while it is reached itself; ``work-2 / disk`` for one whose disk is full.
        """
        name, _, how = part.partition(" ")
        host = self.hosts.get(name)
        with ExitStack() as mended:
            if part in self.servers:
                self.servers[part].stop()
                mended.callback(self.servers[part].start)
            elif part == "bucket":
                self.bucket.faults.cut()
                mended.callback(self.bucket.heal)
            elif host is not None and not how:
                host.kill()
                mended.callback(host.start)
            elif host is not None and how == "/ disk":
                host.fill_disk()
                mended.callback(host.clear_disk)
            else:
                assert host is not None, part
                ports = [self.servers["pgbouncer"].port, self.servers["redis"].port, self.bucket.faults.port]
                mended.enter_context(_dropped(host.group, ports))
            yield

    def alerts(self, since: float, until: float) -> list[str]:
        """The names of the alerts that fired between two moments of ``time.time()``, in order."""
        asked = urlencode(
            {"query": 'ALERTS{alertstate="firing"}', "start": since, "end": until, "step": SCRAPE_SECONDS}
        )
        address = f"http://{ADDRESS}:{self.prometheus.port}/api/v1/query_range?{asked}"
        with urllib.request.urlopen(address, timeout=20) as answer:
            found = json.load(answer)["data"]["result"]
        return sorted({one["metric"]["alertname"] for one in found})


@contextmanager
def running_cluster(tree: Path = PROJECT_ROOT) -> Iterator[Cluster]:
    """A cluster that serves; all of it is gone after the block. Debian's packages are ``scripts/tools cluster``'s.

    tree: the code of its hosts.
    """
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
            "VOD_UNREFERENCED_HOURS": "0",
            "VOD_DISK_RESERVE_MB": str(RESERVE_MB),
            "VOD_METRICS_TOKEN": SCRAPER,
        }
        operator = folder / "operator"
        place = Place(operator, environment, prepare(operator, environment, ACCOUNT, PASSWORD, tree))
        ports = [nginx.free_port(), nginx.free_port()]
        groups = itertools.count(FIRST_GROUP)
        parts = {"web-1": ports[0], "web-2": ports[1], "work-1": 0, "work-2": 0}
        hosts = [_host(folder, name, environment, next(groups), port) for name, port in parts.items()]
        for host in hosts:
            host.install(tree)
            stack.callback(host.stop)
            host.start()
        prometheus = _prometheus(folder, hosts)
        stack.callback(prometheus.stop)
        prometheus.start()
        certificate = nginx.certificate(folder)
        front = stack.enter_context(
            nginx.running(folder / "nginx", ports, folder / "media", folder / "library", pem=certificate)
        )
        cluster = Cluster(
            front.url, certificate, place, bucket, {host.name: host for host in hosts}, servers, prometheus
        )
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


def _prometheus(folder: Path, hosts: Sequence[Host]) -> Server:
    """Prometheus with the shipped alerts, which asks each host."""
    place, port = folder / "prometheus", nginx.free_port()
    place.mkdir()
    scrape = {
        "job_name": "vodplatform",
        "authorization": {"credentials": SCRAPER},
        "static_configs": [{"targets": [f"{ADDRESS}:{host.metrics}" for host in hosts]}],
    }
    every = f"{SCRAPE_SECONDS}s"
    settings: dict[str, Any] = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": [str(PROJECT_ROOT / "deploy" / "alerts.yaml")],
        "scrape_configs": [scrape],
    }
    (place / "prometheus.yml").write_text(yaml.safe_dump(settings))
    words = {"config.file": place / "prometheus.yml", "storage.tsdb.path": place / "rows",
             "web.listen-address": f"{ADDRESS}:{port}"}  # fmt: skip
    return Server("prometheus", port, ["prometheus", *(f"--{name}={value}" for name, value in words.items())], place)


@contextmanager
def _dropped(group: int, ports: Sequence[int]) -> Iterator[None]:
    """A block in which what a group's processes send to these ports of this machine is lost on its way."""
    table = f"vod_test_{group}"
    rules = (
        f"add table inet {table}\n"
        f"add chain inet {table} out {{ type filter hook output priority 0; }}\n"
        f"add rule inet {table} out meta skgid {group} tcp dport {{ {', '.join(map(str, ports))} }} drop\n"
    )
    subprocess.run(["nft", "-f", "-"], input=rules.encode(), check=True)
    try:
        yield
    finally:
        subprocess.run(["nft", "delete", "table", "inet", table], check=True)


def _host(folder: Path, name: str, environment: dict[str, str], group: int, port: int) -> Host:
    """A host without any release yet."""
    place, metrics = folder / name, port or nginx.free_port()
    (place / "tmp").mkdir(parents=True)
    (place / "data").mkdir()
    child = web_child(ADDRESS, port) if port else worker_child(1)
    child.log = (place / "log").open("ab")
    own = {"TMPDIR": str(place / "tmp"), "VOD_DATA_DIR": str(place / "data")}
    if not port:
        own["VOD_METRICS_ADDRESS"] = f"{ADDRESS}:{metrics}"
    own["PROMETHEUS_MULTIPROC_DIR"] = str(place / "metrics")
    (place / "metrics").mkdir()
    return Host(name, place, Supervisor([child], clean_environment({**environment, **own})), group, metrics, port)


@cache
def may_set_apart() -> bool:
    """Whether hosts can have names, disks, networks and clocks of their own: not as root of most containers."""
    unshared = ["unshare", "--uts", "--mount", "true"]
    return os.geteuid() == 0 and subprocess.run(unshared, check=False, stderr=subprocess.DEVNULL).returncode == 0


def _set_apart(name: str, data: Path, group: int, argv: Sequence[str]) -> list[str]:
    """The command line that runs another again and again, as systemd does; where that may be, on a machine with this
    name and this group, and with a disk of its own for its data folder.
    """
    kept = ["sh", "-c", AS_SYSTEMD, "sh"]
    if not may_set_apart():
        return [*kept, "setpriv", "--pdeathsig", "KILL", "--", *argv]
    apart = 'hostname "$1" && mount -t tmpfs -o "size=$3m" none "$2" && shift 3 && exec "$@"'
    own = ["setpriv", f"--regid={group}", "--clear-groups", "--pdeathsig", "KILL", "--", *argv]
    return ["unshare", "--uts", "--mount", "sh", "-c", apart, "sh", name, str(data), str(DISK_MB), *kept, *own]
