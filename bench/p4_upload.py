"""Measurement P4: cost of an upload until the file is stored and hashed, against ``cp`` and ``sha256sum``."""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.measure import percentile, run
from bench.p1_timer_alignment import format_met
from bench.p5_bytes_out import settled
from bench.report import Table
from tests.support.program import Place, Program, manage
from tests.support.senders import long_video
from tests.support.waiting import wait_until

ACCOUNT = "bench"
MIB = 1024**2
GIB = 1024**3
ROUNDS = 3
SMALL_UPLOADS = 20
SMALL_BYTES = (MIB, 256 * MIB)
SAMPLE_SECONDS = 0.01
# Maximum bytes by which one upload may grow the web process's memory; the allocator causes some growth.
MEMORY_BYTES = 5 * MIB


@dataclass(frozen=True, slots=True)
class Way:
    """A way to send a file. piece: bytes per request; 0 sends the complete file in one request."""

    name: str
    way: str
    piece: int


SINGLE = Way("tus, one PATCH", "tus", 0)
PATCHES = Way("tus, 64 MiB a PATCH", "tus", 64 * MIB)
CHUNKS = Way("chunk protocol, 8 MiB a chunk", "chunks", 8 * MIB)
SMALL_CHUNKS = Way("chunk protocol, 1 MiB a chunk", "chunks", MIB)
WAYS = (SINGLE, PATCHES, CHUNKS, SMALL_CHUNKS)


@dataclass(frozen=True, slots=True)
class Sent:
    """The cost of one upload.

    door: CPU seconds of the web process. rest: CPU seconds of the worker until the bytes were hashed. wall: duration,
    seconds. last: seconds from the last byte to the answer. bare: seconds of a read-only request just before the
    upload. memory: growth of the web process, bytes.
    """

    door: float
    rest: float
    wall: float
    last: float
    bare: float
    memory: int


def measure(seed: int) -> list[Table]:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="bench-upload-") as name, running(Path(name)) as program:
        folder = Path(name)
        source = long_video(folder / "gib.mp4", GIB, seed)
        # Warm up, since the first upload by each way takes more memory.
        for way in WAYS:
            send(program, long_video(folder / "first.mp4", 32 * MIB, seed), way)
        bases: list[float] = []
        sent: dict[Way, list[Sent]] = {way: [] for way in WAYS}
        for _ in range(ROUNDS):
            turns: list[Way | None] = [None, *WAYS]
            rng.shuffle(turns)
            for turn in turns:
                if turn is None:
                    bases.append(copied(source, folder / "copy.mp4"))
                else:
                    sent[turn].append(send(program, source, turn))
        small = {way: [send(program, path, way) for path in small_files(folder, rng)] for way in (SINGLE, CHUNKS)}
        source.unlink()
        two = send(program, long_video(folder / "two.mp4", 2 * GIB, seed), SINGLE)
    return [costs(bases, sent), last_calls(sent, small), memory(sent, two)]


def costs(bases: list[float], sent: dict[Way, list[Sent]]) -> Table:
    table = Table("", ("1 GiB", "door, CPU s", "to stored and verified, CPU s", "of cp + sha256sum", "goal", "met"))
    table.add("cp + sha256sum", "", f"{statistics.median(bases):.2f}", "1.00×", "", "")
    for way, values in sent.items():
        # The machine's other load varies, so compare an upload only with the file copy of the same round.
        ratio = statistics.median((value.door + value.rest) / base for value, base in zip(values, bases, strict=True))
        goal, met = ("≤ 1.5×", format_met(ratio <= 1.5)) if way.way == "tus" else ("reported", "")
        door, whole = (
            statistics.median(value.door for value in values),
            statistics.median(value.door + value.rest for value in values),
        )
        table.add(way.name, f"{door:.2f}", f"{whole:.2f}", f"{ratio:.2f}×", goal, met)
    table.note = (
        f"Medians of {ROUNDS} rounds of one upload each way from another process by sendfile. Endpoint: the web "
        "process. "
        "To stored and verified: with the worker and its children, from the last answer until the SHA-256 of the "
        "stored file stands in its row, the probe included."
    )
    return table


def last_calls(sent: dict[Way, list[Sent]], small: dict[Way, list[Sent]]) -> Table:
    table = Table("From the last byte of the last call to its answer", ("what", "p50", "p95", "goal", "met"))
    low, high = (amount // MIB for amount in SMALL_BYTES)
    for way, results in small.items():
        add_waits(table, f"{way.name}: {SMALL_UPLOADS} files of {low} to {high} MiB", [one.last for one in results])
    for way, results in sent.items():
        add_waits(table, f"{way.name}: 1 GiB", [one.last for one in results])
    bare = [one.bare for results in (*small.values(), *sent.values()) for one in results]
    add_waits(table, "GET /api/v1/uploads?limit=1 before each of them", bare, is_ours=False)
    return table


def add_waits(table: Table, name: str, values: list[float], *, is_ours: bool = True) -> None:
    most = percentile(values, 0.95)
    goal, met = ("p95 ≤ 50 ms", format_met(most <= 0.05)) if is_ours else ("", "")
    table.add(name, f"{percentile(values, 0.5) * 1000:.1f} ms", f"{most * 1000:.1f} ms", goal, met)


def memory(sent: dict[Way, list[Sent]], two: Sent) -> Table:
    table = Table("Memory of the web process while bytes come", ("what", "MiB more at most", "goal", "met"))
    for name, value in (
        *((f"{way.name}: 1 GiB", max(result.memory for result in results)) for way, results in sent.items()),
        (f"{SINGLE.name}: 2 GiB", two.memory),
    ):
        table.add(name, f"{value / MIB:.1f}", "+0", format_met(value < MEMORY_BYTES))
    return table


@contextmanager
def running(folder: Path, more: Mapping[str, str] | None = None) -> Iterator[Program]:
    data, key = folder / "data", ""
    environment = {"VOD_LOG_LEVEL": "WARNING", **(more or {})}
    for words in (
        ["migrate", "--verbosity", "0"],
        ["create_account", ACCOUNT, "--tier", "enterprise"],
        ["create_token", ACCOUNT],
    ):
        ended = manage(*words, environment={**environment, "VOD_DATA_DIR": str(data)})
        if ended.returncode:
            raise RuntimeError(ended.stderr)
        key = ended.stdout.strip()
    program = Program(Place(data, environment, key))
    try:
        yield program.start()
    finally:
        program.end()


def copied(source: Path, target: Path) -> float:
    cost = run(["cp", str(source), str(target)]).cpu + run(["sha256sum", str(target)]).cpu
    target.unlink()
    return cost


def send(program: Program, source: Path, way: Way) -> Sent:
    web, worker = wait_until(program.web, 20), wait_until(program.worker, 20)
    assert web is not None and worker is not None
    settled(lambda: web.memory_info().rss)
    wanted = {
        "port": int(program.address.rpartition(":")[2]), "key": program.place.key, "path": str(source),
        "way": way.way, "piece": way.piece,
    }  # fmt: skip
    door, before = cpu(web), web.memory_info().rss
    with watched(web, worker) as samples:
        answer = json.loads(run([sys.executable, "-m", "bench.sender"], json.dumps(wanted).encode()).output)
        door, video = cpu(web) - door, answer["video"]
        wait_until(lambda: is_hashed(program, video), 120, "the hash")
        rest = cpu(worker, children=True) - max(one.worker for one in samples if one.at <= answer["ended"])
    most = max(one.memory for one in samples)
    wait_until(lambda: is_done(program, video), 300, "the end of the job")
    program.call("DELETE", f"/api/v1/library/{video}")
    return Sent(door, rest, answer["wall"], answer["last"], answer["bare"], most - before)


def is_hashed(program: Program, video: str) -> bool:
    rows = program.place.query("SELECT sha256 FROM catalog_video WHERE id = ?", video.replace("-", ""))
    return bool(rows and rows[0][0])


def is_done(program: Program, video: str) -> bool:
    job = program.call("GET", f"/api/v1/jobs/{program.call('GET', f'/api/v1/library/{video}')['job_id']}")
    if job["status"] in ("failed", "cancelled"):
        raise RuntimeError(job["error"])
    return bool(job["status"] == "completed")


def cpu(process: psutil.Process, *, children: bool = False) -> float:
    times = process.cpu_times()
    ended = times.children_user + times.children_system if children else 0.0
    return float(times.user + times.system + ended)


@dataclass(frozen=True, slots=True)
class Sample:
    at: float
    memory: int
    worker: float


@contextmanager
def watched(web: psutil.Process, worker: psutil.Process) -> Iterator[list[Sample]]:
    done = threading.Event()

    def look() -> Sample:
        return Sample(time.perf_counter(), web.memory_info().rss, cpu(worker, children=True))

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            samples.append(look())

    samples, watcher = [look()], threading.Thread(target=watch)
    watcher.start()
    try:
        yield samples
    finally:
        done.set()
        watcher.join()


def small_files(folder: Path, rng: random.Random) -> Iterator[Path]:
    low, high = SMALL_BYTES
    for _ in range(SMALL_UPLOADS):
        size = int(low * (high / low) ** rng.random())
        yield long_video(folder / "small.mp4", size, rng.randrange(1000))
