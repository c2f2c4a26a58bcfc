"""The real program in its own processes: starting it, calling its API, reading its database, killing its processes."""

from __future__ import annotations

import json
import os
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import psycopg

from tests.support.described import faults_of
from tests.support.waiting import wait_until

PROJECT_ROOT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.02
START_SECONDS = 120.0
STOP_SECONDS = 120.0
STANDS_SECONDS = 20.0
MOMENT_SECONDS = 0.5
AT_WORK_SECONDS = 60.0
JOB_SECONDS = 120.0
LIVE = {"queued", "processing", "waiting", "paused"}
ALIGNER = "sessions_app.comparison.alignment.child"
BASE = "/api/sessions/multi-vod"


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with PATH, HOME, test defaults and ``extra``, without the caller's settings."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "VOD_THROTTLES": "off",
        "VOD_LOG_LEVEL": "INFO",
        **extra,
    }


def manage(
    *words: str, environment: Mapping[str, str], seconds: float = 300.0, stdin: str | None = None,
    tree: Path = PROJECT_ROOT,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Run a management command to its end; a failed command raises no error. stdin: text for its standard input."""
    return subprocess.run(
        [sys.executable, str(tree / "manage.py"), *words],
        env=clean_environment(environment), capture_output=True, text=True, timeout=seconds, check=False, input=stdin,
    )  # fmt: skip


class CallFailed(Exception):
    """The program's error response. status: HTTP status."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Truth:
    """Two recordings of one match, a and b.

    offset: true offset of b against a, in seconds. bound: maximum error of a found offset, half a frame of each.
    """

    a: Path
    b: Path
    offset: float
    bound: float


@dataclass(slots=True)
class Place:
    """A program's data folder, its environment variables, and the API token of an account."""

    data_dir: Path
    environment: dict[str, str]
    key: str

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return rows from the program's database. Each ``?`` in ``sql`` is replaced by a value."""
        if "DATABASE_URL" in self.environment:
            with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as connection:
                return connection.execute(sql.replace("?", "%s"), values).fetchall()
        path = self.data_dir / "vodplatform.sqlite3"
        plain = [value.hex if isinstance(value, UUID) else value for value in values]
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as connection:
            return connection.execute(sql, plain).fetchall()

    def end_connections(self) -> None:
        """End every connection to the program's PostgreSQL database."""
        self.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables for a command on this program's data folder."""
        return {**self.environment, "VOD_DATA_DIR": str(self.data_dir)}

    def manage(self, *words: str) -> str:
        """Run a management command on this program's data folder, and return what it printed.

        Raises AssertionError if the command fails.
        """
        done = manage(*words, environment=self.variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def is_writable(self) -> bool:
        """Return whether other connections end their transactions (on SQLite: their writes) within half a second."""
        if "DATABASE_URL" in self.environment:
            held = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend' AND xact_start IS NOT NULL"
            )
            until = time.monotonic() + MOMENT_SECONDS
            while self.query(held) != [(0,)]:
                if time.monotonic() > until:
                    return False
                time.sleep(POLL_SECONDS)
            return True
        path = self.data_dir / "vodplatform.sqlite3"
        with closing(sqlite3.connect(path, timeout=MOMENT_SECONDS, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            return True

    def stop_between_writes(self, process: psutil.Process) -> None:
        """Suspend a process while it has no open transaction, so that other processes can still write."""

        def stands() -> bool:
            process.suspend()
            if self.is_writable():
                return True
            process.resume()
            return False

        wait_until(stands, STANDS_SECONDS, f"a moment at which {process.pid} does not write")

    def events(self, job_id: str) -> list[str]:
        """Return the names of a job's events, in order."""
        rows = self.query("SELECT name FROM jobs_event WHERE job_id = ? ORDER BY id", UUID(job_id))
        return [name for (name,) in rows]

    def job(self, job_id: str) -> dict[str, Any]:
        """Return a job's status, attempt, crashes and lease_token."""
        names = ("status", "attempt", "crashes", "lease_token")
        rows = self.query(f"SELECT {', '.join(names)} FROM video_jobs WHERE id = ?", UUID(job_id))
        return dict(zip(names, rows[0], strict=True))


@dataclass(slots=True)
class Program:
    """A ``manage.py up`` process with its descendants.

    tree: folder of the program's code. seen: all descendants ever found, so that :meth:`end` can kill them.
    """

    place: Place
    tree: Path = PROJECT_ROOT
    address: str = ""
    process: subprocess.Popen[str] | None = None
    seen: set[psutil.Process] = field(default_factory=set)
    lines: queue.Queue[str | None] = field(default_factory=queue.Queue)

    def start(self, *arguments: str) -> Program:
        """Start the program on a free port and wait until it is ready."""
        self.launch("--port", "0", *arguments)
        wait_until(self.is_ready, START_SECONDS, "the line `ready http://…`")
        return self

    def launch(self, *arguments: str) -> None:
        """Start the program without waiting."""
        self.address = ""
        self.lines = queue.Queue()
        with open(self.log, "ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(self.tree / "manage.py"), "up", "--data-dir", str(self.place.data_dir),
                 *arguments],
                env=clean_environment(self.place.environment), stdout=subprocess.PIPE, stderr=errors, text=True,
                start_new_session=True, cwd=self.place.data_dir.parent,
            )  # fmt: skip
        threading.Thread(target=self._listen, args=(self.process, self.lines), daemon=True).start()

    @staticmethod
    def _listen(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    def is_ready(self) -> bool:
        """Return whether the program has printed its address. Raises AssertionError if it has exited."""
        while not self.address:
            try:
                line = self.lines.get_nowait()
            except queue.Empty:
                return False
            if line is None:
                raise AssertionError(f"`up` ended before it was ready:\n{self.log.read_text()[-3000:]}")
            if line.startswith("ready http://"):
                self.address = line.split()[1].rstrip("/")
        return True

    @property
    def log(self) -> Path:
        """File with the standard error of the program and its child processes."""
        return self.place.data_dir.parent / f"{self.place.data_dir.name}.log"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def descendants(self) -> list[psutil.Process]:
        """Return all running descendants."""
        try:
            family = psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            family = []
        self.seen.update(family)
        return family

    def find(self, word: str, parent: int | None = None) -> psutil.Process | None:
        """Return the first descendant with the argument ``word`` and, if given, this parent."""
        for process in self.descendants():
            with suppress(psutil.Error):
                if word in process.cmdline() and parent in (None, process.ppid()):
                    return process
        return None

    def web(self) -> psutil.Process | None:
        return self.find("web", self.pid)

    def master(self) -> psutil.Process | None:
        return self.find("dramatiq", self.pid)

    def worker(self) -> psutil.Process | None:
        """Return a worker process of the master."""
        master = self.master()
        return self.find("dramatiq", master.pid) if master else None

    def redis(self) -> psutil.Process | None:
        for process in self.descendants():
            with suppress(psutil.Error):
                if "redis-server" in process.name():
                    return process
        return None

    def children(self, module: str) -> list[psutil.Process]:
        """Return the child processes that run ``module``, without those that are still in the shim."""
        found = []
        for process in self.descendants():
            with suppress(psutil.Error):
                if process.cmdline()[1:3] == ["-m", module]:
                    found.append(process)
        return found

    def aligners(self) -> list[psutil.Process]:
        return self.children(ALIGNER)

    def freeze_child(self, module: str, is_due: Callable[[], bool] = lambda: True) -> psutil.Process:
        """Wait for a child process that runs ``module``, and suspend it, so that a kill hits it during its work.

        is_due: returns whether the work has progressed far enough.
        """

        def caught() -> psutil.Process | None:
            for process in self.children(module) if is_due() else ():
                process.suspend()
                return process
            return None

        process = wait_until(caught, AT_WORK_SECONDS, f"{module} at work")
        assert process is not None
        return process

    def frozen_aligner(self) -> psutil.Process:
        return self.freeze_child(ALIGNER)

    def kill_worker(self) -> None:
        """Kill the worker process (SIGKILL), and wait until its child processes have ended too."""
        worker = self.worker()
        assert worker is not None
        children = worker.children(recursive=True)
        worker.kill()
        wait_until(lambda: not any(map(is_alive, [worker, *children])), 5, "the end of the worker and its children")

    def kill(self, victim: str) -> None:
        """Kill the ``worker``, or kill ``everything`` and start the program again."""
        if victim == "worker":
            self.kill_worker()
            return
        assert self.process is not None
        for process in [psutil.Process(self.pid), *self.descendants()]:
            with suppress(psutil.Error):
                process.kill()
        self.process.wait(10)
        wait_until(lambda: not self.survivors(), 10, "the end of the whole program")
        self.start()

    def wait_for_jobs(self) -> None:
        def are_done() -> bool:
            return not {job["status"] for job in self.call("GET", "/api/v1/jobs")["jobs"]} & LIVE

        wait_until(are_done, JOB_SECONDS, "the end of all jobs")

    def survivors(self) -> list[psutil.Process]:
        """Return the processes in ``seen`` that still run."""
        return [process for process in self.seen if is_alive(process)]

    def interrupt(self, number: int = signal.SIGINT) -> int:
        """Send a signal to `up` only; return its exit code."""
        self.descendants()
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    def end(self) -> None:
        """Kill all processes of the program. Tests of an orderly shutdown call :meth:`interrupt`."""
        self.descendants()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        for process in self.survivors():
            with suppress(psutil.Error):
                process.kill()

    # The API

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Call the API and compare its answer with the OpenAPI document.

        Raises :class:`CallFailed`, OSError, and AssertionError for an answer that the document does not describe.
        """
        request = urllib.request.Request(
            self.address + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Token {self.place.key}", "Content-Type": "application/json"},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                found: dict[str, Any] = json.load(response)
                if self.tree == PROJECT_ROOT:  # other releases have documents of their own
                    faults = faults_of(method, path, response.status, found)
                    assert not faults, f"{method} {path}: {faults}"
                return found
        except urllib.error.HTTPError as exc:
            raise CallFailed(exc.code, exc.read().decode(errors="replace")) from exc

    def lives(self) -> bool:
        """Return whether the API answers."""
        try:
            self.call("GET", "/api/v1/jobs?limit=1")
        except (OSError, CallFailed):
            return False
        return True

    def compare(self, truth: Truth) -> str:
        """Create a session of two recordings; return its path in the API."""
        vods = [{"vod_id": name, "name": name, "path": str(path)} for name, path in (("a", truth.a), ("b", truth.b))]
        session = self.call("POST", BASE, {"vods": vods})["session"]
        return f"{BASE}/{session['session_id']}"

    def align(self, session: str, method: str = "auto") -> str:
        """Start an alignment; return the job's id."""
        job_id: str = self.call("POST", f"{session}/align", {"method": method})["job_id"]
        return job_id


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def redis_database(url: str, number: int) -> str:
    """Return ``url`` with another database number."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/{number}"
