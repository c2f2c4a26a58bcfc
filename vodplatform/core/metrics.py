"""Metrics that each process counts itself. Metrics read from the database are in vodplatform/site/metrics.py.

With ``PROMETHEUS_MULTIPROC_DIR`` each process writes its numbers to files, and a scrape adds up all files.
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
# Bytes of disk space that each metrics file reserves. A histogram with one set of labels takes 3 KB.
FILE_BYTES = {"histogram": 2 << 20, "counter": 128 << 10, "gauge_livesum": 64 << 10}
FILE = re.compile(r"(?P<kind>histogram|counter|gauge_livesum)_(?P<pid>[0-9]+)\.db")
CLOCK_SECONDS = 2.0  # clocks are inexact: a process may seem to start this many seconds after its last write
logger = logging.getLogger("vodplatform.site.metrics")


def _reserve_space() -> None:
    """Reserve disk space for this process's metrics files. If that fails, the process uses no files.

    The files are mapped into memory. On a full disk, a write to unreserved space would end the process by SIGBUS.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        return
    try:
        for kind, size in FILE_BYTES.items():
            with open(Path(folder, f"{kind}_{os.getpid()}.db"), "ab") as file:
                os.posix_fallocate(file.fileno(), 0, size)
    except OSError as exc:
        logger.warning("metrics files cannot be used", extra={"data": {"exception": repr(exc)}})
        del os.environ[VARIABLE]


# prometheus_client decides at import whether to use files, so this call must come first.
_reserve_space()

import prometheus_client  # noqa: E402
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram  # noqa: E402
from prometheus_client.metrics_core import Metric  # noqa: E402
from prometheus_client.mmap_dict import MmapedDict  # noqa: E402
from prometheus_client.multiprocess import MultiProcessCollector  # noqa: E402

REGISTRY = CollectorRegistry()
# Upper limits of histogram buckets, in seconds.
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
JOB_BUCKETS = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)

prometheus_client.disable_created_metrics()


@dataclass(frozen=True, slots=True)
class Definition:
    """A metric's definition. ``name`` is the name in the TYPE line of the scraped text."""

    name: str
    type: str
    labels: tuple[str, ...]
    help: str


DEFINITIONS: dict[str, Definition] = {}


def define(type: str, name: str, help: str, *labels: str) -> Definition:
    if name in DEFINITIONS:
        raise ValueError(f"{name} is defined twice")
    DEFINITIONS[name] = Definition(name, type, labels, help)
    return DEFINITIONS[name]


def counter(name: str, help: str, *labels: str) -> Counter:
    define("counter", name, help, *labels)
    return Counter(name, help, labels, registry=REGISTRY)


def gauge(name: str, help: str, *labels: str) -> Gauge:
    define("gauge", name, help, *labels)
    return Gauge(name, help, labels, registry=REGISTRY, multiprocess_mode="livesum")


def histogram(name: str, help: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    define("histogram", name, help, *labels)
    return Histogram(name, help, labels, registry=REGISTRY, buckets=buckets)


REQUEST_SECONDS = histogram(
    "vod_request_seconds",
    "Time from a request to the start of its answer, in seconds.",
    REQUEST_BUCKETS,
    "method",
    "route",
    "status",
)
JOB_OUTCOMES = counter(
    "vod_job_outcomes_total", "Number of jobs that were completed, failed or cancelled.", "kind", "outcome"
)
JOB_SECONDS = histogram("vod_job_seconds", "Duration of one attempt at a job, in seconds.", JOB_BUCKETS, "kind")
MERGE_SECONDS = histogram("vod_merge_seconds", "Duration of a merge of clips, in seconds.", JOB_BUCKETS, "picture")
UPLOADS_ENDED = counter(
    "vod_uploads_total", "Number of uploads that were completed, failed, cancelled or expired.", "front", "outcome"
)
UPLOAD_BYTES = counter("vod_upload_bytes_total", "Bytes of uploads that the server received and stored.", "front")
UPLOADS_REPORTED_BYTES = counter(
    "vod_upload_reported_bytes_total", "Bytes that clients report having uploaded.", "network"
)
UPLOADS_REPORTED_SECONDS = counter(
    "vod_upload_reported_seconds_total", "Time that clients report for their uploads, in seconds.", "network"
)
CRDT_CONFLICTS = counter("vod_crdt_conflicts_total", "Catalogue edits that conflicted with concurrent edits.")
WAKE_UPS_LOST = counter("vod_wake_ups_lost_total", "Number of wake-up messages to workers that could not be sent.")
PUBLISH_FAILURES = counter("vod_publish_failures_total", "Realtime messages that could not be sent.")
SOCKETS_OPEN = gauge("vod_sockets_open", "Number of open WebSockets.")
THROTTLED = counter("vod_throttled_total", "Number of requests that a rate limit refused with 429.", "scope")
IDEMPOTENT_REPLAYS = counter(
    "vod_idempotent_replays_total", "Repeated requests with an `Idempotency-Key` that got the first answer again."
)
SCRAPE_ERRORS = counter(
    "vod_scrape_errors_total", "Number of times that a group of metrics could not be read in a scrape.", "part"
)

# HTTP methods with their own label. Others share one, so that clients cannot create unlimited metrics.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count an answered request. ``route`` is the URL pattern that matched, never the path itself."""
    kind = method if method in METHODS else "other"
    REQUEST_SECONDS.labels(kind, route, f"{status // 100}xx").observe(seconds)


def collect() -> Iterable[Metric]:
    found: dict[str, Metric] = {metric.name: metric for metric in REGISTRY.collect()}
    folder = os.environ.get(VARIABLE)
    if folder:
        for metric in found.values():
            metric.samples = []
        with _alone(Path(folder)):
            _merge_ended(Path(folder))
            found |= {metric.name: metric for metric in _merged(Path(folder)) if metric.name in found}
    return found.values()


def _merged(folder: Path) -> Iterable[Metric]:
    files = [str(path) for path in folder.glob("*.db")]
    try:
        merged: Iterable[Metric] = MultiProcessCollector.merge(files)
    except Exception as exc:
        logger.warning("metrics of a process could not be read", extra={"data": {"exception": repr(exc)}})
        SCRAPE_ERRORS.labels("files").inc()
        merged = MultiProcessCollector.merge([file for file in files if _readable(file)])
    return merged


def _readable(file: str) -> bool:
    try:
        MultiProcessCollector.merge([file])
    except Exception:
        return False
    return True


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with open(folder / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _merge_ended(folder: Path) -> None:
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
    """Return whether the process that wrote ``path`` still runs. Another process may have got its id meanwhile."""
    try:
        return bool(psutil.Process(pid).create_time() <= path.stat().st_mtime + CLOCK_SECONDS)
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False


def _add_up(folder: Path, kind: str, paths: list[Path]) -> bool:
    kept, new = folder / f"{kind}_ended.db", folder / f"{kind}_ended.new"
    totals: dict[str, float] = defaultdict(float)
    for path in [*paths, *([kept] if kept.exists() else [])]:
        try:
            for key, value, _, _ in MmapedDict.read_all_values_from_file(path):
                totals[key] += value
        except Exception as exc:
            logger.warning("metrics of an ended process could not be read", extra={"data": {"exception": repr(exc)}})
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
    folder = os.environ.get(VARIABLE)
    if folder:
        with contextlib.suppress(OSError), _alone(Path(folder)):
            _merge_ended(Path(folder))


_put_away_at_start()
