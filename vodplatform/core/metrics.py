"""What processes count for ``GET /metrics``, each metric defined once; what is read from rows:
vodplatform/site/metrics.py.

Where ``PROMETHEUS_MULTIPROC_DIR`` is set (``up`` sets it) each process writes its numbers to files there, and whichever
process is asked adds them up, those of processes that have ended too.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# Bytes set aside for each file of a process. A series of a histogram takes 3 KB.
FILE_BYTES = {"histogram": 2 << 20, "counter": 128 << 10, "gauge_livesum": 64 << 10}
FILE = re.compile(r"(?P<kind>histogram|counter|gauge_livesum)_(?P<pid>[0-9]+)\.db")
CLOCK_SECONDS = 2.0  # what a process's start and a file's time may differ by
logger = logging.getLogger("vodplatform.site.metrics")


def _set_room_aside() -> None:
    """Take the disk space of this process's files now, or do without files.

    The files are written through memory: on a full disk a page without its space would end the process by SIGBUS.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        return
    try:
        for kind, size in FILE_BYTES.items():
            with open(Path(folder, f"{kind}_{os.getpid()}.db"), "ab") as file:
                os.posix_fallocate(file.fileno(), 0, size)
    except OSError as exc:
        logger.warning("metrics of this process alone", extra={"data": {"exception": repr(exc)}})
        del os.environ[VARIABLE]


# The library decides at its import whether it works with files.
_set_room_aside()

import prometheus_client  # noqa: E402
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram  # noqa: E402
from prometheus_client.metrics_core import Metric  # noqa: E402
from prometheus_client.mmap_dict import MmapedDict  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector  # noqa: E402

REGISTRY = CollectorRegistry()
# Seconds. Requests: from what a cache answers to what a person gives up on. Jobs: from a moment to an hour.
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
JOB_BUCKETS = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)

# The instant at which each series began would be a metric of its own, of no use to anybody.
prometheus_client.disable_created_metrics()


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric as docs/metrics.md and the scrape show it; ``name`` as it stands in the scrape's TYPE line."""

    name: str
    type: str
    labels: tuple[str, ...]
    help: str


DEFINITIONS: dict[str, Definition] = {}


def define(type: str, name: str, help: str, *labels: str) -> Definition:
    """Put a metric into the list. Raises ValueError for a name that is taken."""
    if name in DEFINITIONS:
        raise ValueError(f"{name} is defined twice")
    DEFINITIONS[name] = Definition(name, type, labels, help)
    return DEFINITIONS[name]


def counter(name: str, help: str, *labels: str) -> Counter:
    """A number that only grows, over all processes; ``name`` ends in ``_total``."""
    define("counter", name, help, *labels)
    return Counter(name, help, labels, registry=REGISTRY)


def gauge(name: str, help: str, *labels: str) -> Gauge:
    """A number that goes up and down, added up over the processes that live."""
    define("gauge", name, help, *labels)
    return Gauge(name, help, labels, registry=REGISTRY, multiprocess_mode="livesum")


def histogram(name: str, help: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    """How many observations, in seconds, were at most as long as each of ``buckets``."""
    define("histogram", name, help, *labels)
    return Histogram(name, help, labels, registry=REGISTRY, buckets=buckets)


REQUEST_SECONDS = histogram(
    "vod_request_seconds", "Seconds until an answer began.", REQUEST_BUCKETS, "method", "route", "status"
)
JOB_OUTCOMES = counter("vod_job_outcomes_total", "Ends of jobs: completed, failed, cancelled.", "kind", "outcome")
JOB_SECONDS = histogram("vod_job_seconds", "Seconds that an attempt at a job ran.", JOB_BUCKETS, "kind")
MERGE_SECONDS = histogram("vod_merge_seconds", "Seconds that merging clips to one video took.", JOB_BUCKETS, "picture")
UPLOADS_ENDED = counter(
    "vod_uploads_total", "Ends of uploads: completed, failed, cancelled, expired.", "front", "outcome"
)
UPLOAD_BYTES = counter("vod_upload_bytes_total", "Bytes that arrived and were kept.", "front")
UPLOADS_REPORTED_BYTES = counter("vod_upload_reported_bytes_total", "Bytes that clients say they sent.", "network")
UPLOADS_REPORTED_SECONDS = counter("vod_upload_reported_seconds_total", "Seconds that took, as they say.", "network")
CRDT_CONFLICTS = counter("vod_crdt_conflicts_total", "Operations that met another one which neither had seen.")
WAKE_UPS_LOST = counter("vod_wake_ups_lost_total", "Wake-ups of workers that could not be sent.")
PUBLISH_FAILURES = counter("vod_publish_failures_total", "Realtime messages that could not be sent.")
SOCKETS_OPEN = gauge("vod_sockets_open", "WebSockets that are open.")
THROTTLED = counter("vod_throttled_total", "Requests refused with 429, by the limit that they met.", "scope")
IDEMPOTENT_REPLAYS = counter("vod_idempotent_replays_total", "Requests given the answer to their first sending again.")
SCRAPE_ERRORS = counter("vod_scrape_errors_total", "Parts of a scrape that could not be read.", "part")

# Methods and routes as labels: callers must not be able to make new series.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answered request. route: the template that matched, never the path."""
    kind = method if method in METHODS else "other"
    REQUEST_SECONDS.labels(kind, route, f"{status // 100}xx").observe(seconds)


def collect() -> Iterable[Metric]:
    """Every metric of :data:`REGISTRY` over all processes, those too that nothing has been counted for yet."""
    found: dict[str, Metric] = {metric.name: metric for metric in REGISTRY.collect()}
    folder = os.environ.get(VARIABLE)
    if folder:
        for metric in found.values():
            metric.samples = []
        with _alone(Path(folder)):
            _put_away(Path(folder))
            # A release before this one may have counted what is no metric any more.
            found |= {metric.name: metric for metric in _merged(Path(folder)) if metric.name in found}
    return found.values()


def _merged(folder: Path) -> Iterable[Metric]:
    """The sum of all files; one that cannot be read is left out and counted."""
    files = [str(path) for path in folder.glob("*.db")]
    try:
        merged: Iterable[Metric] = MultiProcessCollector.merge(files)
    except Exception as exc:  # the library raises whatever the torn bytes happen to make
        logger.warning("metrics of a process", extra={"data": {"exception": repr(exc)}})
        SCRAPE_ERRORS.labels("files").inc()
        merged = MultiProcessCollector.merge([file for file in files if _readable(file)])
    return merged


def _readable(file: str) -> bool:
    try:
        MultiProcessCollector.merge([file])
    except Exception:  # as above
        return False
    return True


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """The folder for this thread alone, as far as reading and putting away go; writers are not held up."""
    with open(folder / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _put_away(folder: Path) -> None:
    """Drop the gauges of processes that have ended, and add what they counted to one file a kind."""
    ended: dict[str, list[Path]] = defaultdict(list)
    for path in folder.iterdir():
        name = FILE.fullmatch(path.name)
        if name and not _lives(int(name["pid"]), path):
            ended[name["kind"]].append(path)
    for kind, paths in ended.items():
        if kind != "gauge_livesum" and not _add_up(folder, kind, paths):
            continue
        for path in paths:
            path.unlink(missing_ok=True)


def _lives(pid: int, path: Path) -> bool:
    """Whether the process that writes ``path`` runs; a younger one with its number is another."""
    try:
        return bool(psutil.Process(pid).create_time() <= path.stat().st_mtime + CLOCK_SECONDS)
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False


def _add_up(folder: Path, kind: str, paths: list[Path]) -> bool:
    """Whether the numbers of ``paths`` now stand in the file of ended processes; not so on a full disk."""
    kept, new = folder / f"{kind}_ended.db", folder / f"{kind}_ended.new"
    totals: dict[str, float] = defaultdict(float)
    for path in [*paths, *([kept] if kept.exists() else [])]:
        try:
            for key, value, _, _ in MmapedDict.read_all_values_from_file(path):
                totals[key] += value
        except Exception as exc:  # half a file that a crash has left; it will not mend itself
            logger.warning("metrics of an ended process", extra={"data": {"exception": repr(exc)}})
    room = sum(len(key.encode()) + 32 for key in totals) + 4096
    try:
        with open(new, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, room)
    except OSError:
        new.unlink(missing_ok=True)
        return False
    together = MmapedDict(str(new))
    for key, value in totals.items():
        together.write_value(key, value, 0.0)
    together.close()
    new.replace(kept)
    return True


def _put_away_at_start() -> None:
    """Each process that starts tidies up too: nobody may be scraping."""
    folder = os.environ.get(VARIABLE)
    if folder:
        with contextlib.suppress(OSError), _alone(Path(folder)):
            _put_away(Path(folder))


_put_away_at_start()
