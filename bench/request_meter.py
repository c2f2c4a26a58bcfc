"""Cost of one request for the web process, and the delay that the request causes to another account."""

from __future__ import annotations

import contextlib
import http.client
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import psutil

from bench.measure import percentile
from bench.report import PROJECT_ROOT
from tests.support.program import Program, is_alive
from tests.support.waiting import wait_until

ANSWER_SECONDS = 180.0
KEPT_BYTES = 20_000  # maximum bytes of an answer that are kept, to show an error
# Goals: maximum factor by which the request may raise the other account's p95 response time, and maximum growth of the
# web process in bytes.
MAX_RATIO, MAX_GROWTH = 3.0, 100e6
# The effect on the other account is measured only if a request takes at least this many CPU seconds. Noise would hide
# smaller effects.
NOTABLE_CPU = 0.1
# A result is printed immediately if a value reaches this share of its goal, for example a growth of 30 MB (0.3 of
# MAX_GROWTH).
WORTH_TELLING = 0.3
WINDOW_SECONDS = 0.6
# Maximum requests per second that the program allows one account (`THROTTLES` in the settings).
READS_A_SECOND, WRITES_A_SECOND = 20, 2
# A request that slows down the requests of another account too much is measured again, unless the request itself takes
# at least this many CPU seconds.
LONG_CPU = 1.0
# Once per QUIET_EVERY measured requests, only the other account sends requests, for QUIET_SECONDS. This shows the other
# account's usual latency.
QUIET_SECONDS, QUIET_EVERY = 0.8, 20


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    size: int
    body: bytes = b""


Send = Callable[[], Answer]


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_write(self) -> bool:
        return self.method not in ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Result:
    """The measured cost of one request.

    cpu: CPU seconds. wall: elapsed seconds. growth: additional memory of the web process, bytes. stored: bytes added to
    the database. p95: 95th percentile of another account's response times meanwhile, seconds. ratio: p95 divided
    by the p95 without the request.
    """

    name: str
    variant: str
    status: int
    wall: float
    cpu: float
    growth: int
    size: int
    stored: int
    p95: float = 0.0
    ratio: float = 1.0

    @property
    def is_met(self) -> bool:
        slows = self.ratio > MAX_RATIO and self.cpu >= NOTABLE_CPU
        return bool(self.status) and self.growth <= MAX_GROWTH and not slows

    @property
    def worst_goal_share(self) -> float:
        """Return the largest ratio of a measured value to its goal.

        CPU time has no goal, but 10 CPU seconds count as a ratio of 1.
        """
        slowness = self.ratio / MAX_RATIO if self.p95 and self.cpu >= NOTABLE_CPU else 0.0
        return max(self.growth / MAX_GROWTH, slowness, self.cpu / 10)


def ask(address: str, request: Request) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=ANSWER_SECONDS)
    try:
        connection.putrequest(request.method, request.path, skip_accept_encoding=True)
        for name, value in {"Accept": "*/*", **request.headers}.items():
            connection.putheader(name, value)
        if request.body or request.is_write:
            connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders()
        # Ignore send errors: the server may answer, for example with an error, before it has read the body.
        with contextlib.suppress(OSError):
            connection.send(request.body)
        response = connection.getresponse()
        kept = response.read(KEPT_BYTES)
        size = len(kept)
        while piece := response.read(65_536):
            size += len(piece)
        return Answer(response.status, size, kept)
    except (OSError, http.client.HTTPException):
        return Answer(0, 0)
    finally:
        connection.close()


class Neighbour:
    def __init__(self, address: str, key: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.neighbour", address, key], cwd=PROJECT_ROOT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self._samples: list[tuple[float, float]] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            sent, seconds = line.split()
            self._samples.append((float(sent), float(seconds)))

    def measure_during(self, work: Callable[[], object]) -> list[float]:
        """Run ``work``. Return the response times, in seconds, of the other account's requests during ``work``."""
        self._say("on")
        time.sleep(0.03)
        begun = time.monotonic()
        work()
        ended = time.monotonic()
        wait_until(lambda: self._samples and self._samples[-1][0] >= ended, ANSWER_SECONDS)
        self._say("off")
        samples, self._samples = self._samples, []
        return [seconds for sent, seconds in samples if sent < ended and sent + seconds > begun]

    def _say(self, word: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{word}\n")

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


class Meter:
    def __init__(self, program: Program, neighbour: Neighbour) -> None:
        self.program = program
        self.results: list[Result] = []
        self._neighbour = neighbour
        self._quiet: list[float] = []
        self._process = self._web()

    def run(self, name: str, variant: str, make: Callable[[], Send], *, is_write: bool) -> Answer:
        """Measure a request alone. If it takes at least ``NOTABLE_CPU``, also measure how much it
        slows down the requests of another account.

        make: function that creates the rows for one request, and returns a function that sends the request.
        """
        if len(self.results) % QUIET_EVERY == 0:
            self._listen_in_quiet()
        answer, result = self._alone(name, variant, make())
        if result.cpu >= NOTABLE_CPU:
            result = self._beside(result, make, is_write)
        self.results.append(result)
        if result.worst_goal_share >= WORTH_TELLING or result.status >= 500 or not result.status:
            print(f"{result.worst_goal_share:.1f} {result}", file=sys.stderr, flush=True)
        return answer

    def _alone(self, name: str, variant: str, send: Send) -> tuple[Answer, Result]:
        process = self._web()
        stored = self._stored()
        memory = _reset_peak(process.pid)
        used = _cpu(process)
        began = time.monotonic()
        answer = send()
        wall = time.monotonic() - began
        if not is_alive(process):
            return answer, Result(name, variant, 0, wall, 0.0, 0, answer.size, 0)
        growth = _peak(process.pid) - memory
        cpu = _cpu(process) - used
        result = Result(
            name, variant, answer.status, wall, cpu, max(0, growth), answer.size, max(0, self._stored() - stored)
        )
        return answer, result

    def _beside(self, alone: Result, make: Callable[[], Send], is_write: bool) -> Result:
        samples = self._window(alone, make, is_write)
        if alone.cpu < LONG_CPU and percentile(samples, 0.95) > MAX_RATIO * self._usual():
            self._listen_in_quiet()
            samples += [one for _ in range(2) for one in self._window(alone, make, is_write)]
        p95 = percentile(samples, 0.95)
        names = {field: getattr(alone, field) for field in Result.__slots__}
        return Result(**{**names, "p95": p95, "ratio": p95 / self._usual()})

    def _window(self, alone: Result, make: Callable[[], Send], is_write: bool) -> list[float]:
        rate = WRITES_A_SECOND if is_write else READS_A_SECOND
        pause = 1 / rate
        # A request that takes longer than WINDOW_SECONDS is sent only once.
        sends = [make() for _ in range(1 if alone.wall > WINDOW_SECONDS else int(WINDOW_SECONDS * rate) + 1)]

        def work() -> None:
            began, number = time.monotonic(), 0
            while (passed := time.monotonic() - began) < WINDOW_SECONDS:
                if passed >= number * pause:
                    sends[min(number, len(sends) - 1)]()
                    number += 1
                else:
                    time.sleep(min(number * pause, WINDOW_SECONDS) - passed)

        return self._neighbour.measure_during(work)

    def _listen_in_quiet(self) -> None:
        self._quiet = (self._quiet + self._neighbour.measure_during(lambda: time.sleep(QUIET_SECONDS)))[-150:]

    def _usual(self) -> float:
        return percentile(self._quiet, 0.95)

    @property
    def usual_p95(self) -> float:
        return self._usual()

    def _web(self) -> psutil.Process:
        found = self._process if hasattr(self, "_process") and is_alive(self._process) else None
        self._process = found or wait_until(self.program.web, 60)  # type: ignore[assignment]
        return self._process

    def _stored(self) -> int:
        path = self.program.place.data_dir / "vodplatform.sqlite3"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as database:
            size, pages, free = (database.execute(f"PRAGMA {name}").fetchone()[0]
                                 for name in ("page_size", "page_count", "freelist_count"))  # fmt: skip
        return int(size * (pages - free))


def _cpu(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:4]))


def _reset_peak(pid: int) -> int:
    """Reset a process's peak of resident memory; return its present bytes (proc(5), clear_refs)."""
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
    return _status(pid, "VmRSS")


def _peak(pid: int) -> int:
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(f"{name}:"))
