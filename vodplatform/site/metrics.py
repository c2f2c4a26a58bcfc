"""``GET /metrics``: counters of all processes, and gauges that are read from database and host."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import psutil
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError
from django.db.models import Avg, Count, F, Min, Q, Sum
from django.db.models.functions import Now
from django.http import HttpResponse
from django.utils.crypto import constant_time_compare
from drf_spectacular.utils import extend_schema
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from jobs_app.models import LIVE, Job, JobStatus
from media_app.videos.models import Video, VideoSource
from sessions_app.analysis.models import AnalysisSession
from sessions_app.challenges.models import MergeSession
from sessions_app.comparison.models import ComparisonSession
from vodplatform.accounts.models import Role, User
from vodplatform.core import metrics
from vodplatform.core.errors import DomainError
from vodplatform.core.metrics import Definition, define
from vodplatform.core.models import Installation, ProcessKind
from vodplatform.core.records import process_registry
from vodplatform.core.records.database import statement_timeout
from vodplatform.core.web.health import database_is_up

logger = logging.getLogger("vodplatform.site.metrics")
HOUR = timedelta(hours=1)
DATABASE_SECONDS = 4.0  # maximum seconds for all database queries of one scrape
# value of `request.auth` after authentication by the metrics token; other schemes set an object
SCRAPER = "vod-metrics-token"
Values = Iterable[tuple[Definition, tuple[str, ...], float]]

JOBS = define("gauge", "vod_jobs", "Number of jobs.", "kind", "status")
QUEUE_DEPTH = define("gauge", "vod_queue_depth", "Number of queued jobs.", "lane")
QUEUE_ADMITTED = define(
    "gauge",
    "vod_queue_admitted",
    "Number of queued jobs that can start without exceeding their owner's limit of concurrent jobs.",
    "lane",
)
QUEUE_OLDEST = define(
    "gauge",
    "vod_queue_oldest_seconds",
    "Age of the oldest queued job that can start without exceeding its owner's limit; 0 if there is none.",
    "lane",
)
QUEUE_WORKERS = define("gauge", "vod_queue_workers", "Number of worker processes that serve the queue.", "lane")
PROCESSES = define(
    "gauge", "vod_processes", "Number of processes that sent a heartbeat in the last 30 seconds.", "kind"
)
JOB_MEAN = define("gauge", "vod_job_mean_seconds", "Mean duration of the jobs completed in the last hour.", "kind")
JOB_SUCCESS = define(
    "gauge",
    "vod_job_success_ratio",
    "Completed jobs as a share of all jobs that completed or failed in the last hour.",
    "kind",
)
SESSIONS_ACTIVE = define(
    "gauge",
    "vod_sessions_active",
    "Active sessions: comparisons changed in the last hour, and analyses and merges created in the last hour or not "
    "yet finished.",
    "kind",
)
STORAGE_USED = define("gauge", "vod_storage_used_bytes", "Total size of the stored videos.")
ACCOUNTS = define("gauge", "vod_accounts", "Number of accounts that can sign in.", "role")
BACKUP_AGE = define(
    "gauge", "vod_backup_age_seconds", "Seconds since the last recorded backup; absent if there is none."
)
CPU = define("gauge", "vod_host_cpu_percent", "Load of all processors since the previous scrape, in percent.")
MEMORY_USED = define("gauge", "vod_host_memory_used_bytes", "Memory in use.")
MEMORY_TOTAL = define("gauge", "vod_host_memory_total_bytes", "Total memory of the machine.")
DISK_FREE = define("gauge", "vod_disk_free_bytes", "Free space on the data folder's disk.")
DISK_TOTAL = define("gauge", "vod_disk_total_bytes", "Size of the data folder's disk.")
HOST_TIME = define("gauge", "vod_host_time_seconds", "The machine's clock, in seconds since 1970.")
BUILD_INFO = define(
    "gauge", "vod_build_info", "Always 1. The labels name the program's version and commit.", "version", "commit"
)
PROCESS_MEMORY = define("gauge", "vod_process_memory_bytes", "Memory (RSS) of the web process that answers the scrape.")
PROCESS_START = define(
    "gauge", "vod_process_start_seconds", "Start of the web process that answers the scrape, in seconds since 1970."
)


@dataclass(frozen=True, slots=True)
class Collector:
    """A function that reads metrics, with the definitions of these metrics."""

    name: str
    definitions: tuple[Definition, ...]
    read: Callable[[], Values]
    asks_database: bool = True


def read_jobs() -> Values:
    counts = Job.objects.order_by().values_list("kind", "status").annotate(count=Count("pk"))
    return [(JOBS, (kind, status), count) for kind, status, count in counts]


def read_queue() -> Values:
    queued = Job.objects.filter(status=JobStatus.QUEUED).order_by().values("lane")
    rows = queued.annotate(
        depth=Count("pk"),
        admitted_depth=Count("pk", filter=Q(admitted=True)),
        oldest=Min("created_at", filter=Q(admitted=True)),
        now=Now(),
    )
    found = {row["lane"]: row for row in rows}
    for lane in sorted({*settings.JOB_LANES, *found}):
        row = found.get(lane)
        yield QUEUE_DEPTH, (lane,), row["depth"] if row else 0
        yield QUEUE_ADMITTED, (lane,), row["admitted_depth"] if row else 0
        yield (
            QUEUE_OLDEST,
            (lane,),
            max(0.0, (row["now"] - row["oldest"]).total_seconds()) if row and row["oldest"] else 0,
        )


def read_processes() -> Values:
    living = list(process_registry.living_processes())
    for kind in ProcessKind:
        yield PROCESSES, (kind,), sum(process.kind == kind for process in living)
    for lane in sorted(settings.JOB_LANES):
        yield QUEUE_WORKERS, (lane,), sum(lane in process.queues for process in living)


def read_last_hour() -> Values:
    ended = Job.objects.filter(finished_at__gt=Now() - HOUR, status__in=[JobStatus.COMPLETED, JobStatus.FAILED])
    completed = Q(status=JobStatus.COMPLETED)
    rows = ended.order_by().values_list("kind").annotate(
        count=Count("pk"),
        good=Count("pk", filter=completed),
        mean=Avg(F("finished_at") - F("started_at"), filter=completed),
    )  # fmt: skip
    for kind, count, good, mean in rows:
        yield JOB_SUCCESS, (kind,), good / count
        if mean is not None:
            yield JOB_MEAN, (kind,), mean.total_seconds()


def read_sessions() -> Values:
    analyses = AnalysisSession.objects.filter(Q(created_at__gt=Now() - HOUR) | Q(job__status__in=LIVE))
    merges = MergeSession.objects.filter(Q(created_at__gt=Now() - HOUR) | Q(job__status__in=LIVE))
    return [
        (SESSIONS_ACTIVE, ("comparison",), ComparisonSession.objects.filter(updated_at__gt=Now() - HOUR).count()),
        (SESSIONS_ACTIVE, ("analysis",), analyses.count()),
        (SESSIONS_ACTIVE, ("merging",), merges.count()),
    ]


def read_storage() -> Values:
    stored = Video.objects.filter(source=VideoSource.STORED)
    return [(STORAGE_USED, (), stored.aggregate(total=Sum("file_size", default=0))["total"])]


def read_backup() -> Values:
    rows = Installation.objects.exclude(backed_up_at=None).annotate(now=Now()).values_list("now", "backed_up_at")
    return [(BACKUP_AGE, (), max(0.0, (now - then).total_seconds())) for now, then in rows if then]


def read_accounts() -> Values:
    counts = User.objects.filter(is_active=True).order_by().values_list("role").annotate(count=Count("pk"))
    return [(ACCOUNTS, (role,), count) for role, count in counts]


def read_machine() -> Values:
    memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(settings.DATA_DIR))
    return [
        (CPU, (), psutil.cpu_percent()),
        (MEMORY_USED, (), memory.total - memory.available),
        (MEMORY_TOTAL, (), memory.total),
        (DISK_FREE, (), disk.free),
        (DISK_TOTAL, (), disk.total),
        (HOST_TIME, (), time.time()),
    ]


def read_process() -> Values:
    process = psutil.Process()
    return [
        (BUILD_INFO, (settings.VERSION, settings.COMMIT), 1),
        (PROCESS_MEMORY, (), process.memory_info().rss),
        (PROCESS_START, (), process.create_time()),
    ]


COLLECTORS = [
    Collector("jobs", (JOBS,), read_jobs),
    Collector("queue", (QUEUE_DEPTH, QUEUE_ADMITTED, QUEUE_OLDEST), read_queue),
    Collector("processes", (QUEUE_WORKERS, PROCESSES), read_processes),
    Collector("last_hour", (JOB_MEAN, JOB_SUCCESS), read_last_hour),
    Collector("sessions", (SESSIONS_ACTIVE,), read_sessions),
    Collector("storage", (STORAGE_USED,), read_storage),
    Collector("backup", (BACKUP_AGE,), read_backup),
    Collector("accounts", (ACCOUNTS,), read_accounts),
    Collector("machine", (CPU, MEMORY_USED, MEMORY_TOTAL, DISK_FREE, DISK_TOTAL, HOST_TIME), read_machine, False),
    Collector("process", (BUILD_INFO, PROCESS_MEMORY, PROCESS_START), read_process, False),
]
# Collectors whose values differ between hosts.
HOST_COLLECTORS = [collector for collector in COLLECTORS if not collector.asks_database]


class Scrape:
    """Collector of one scrape. Counters are read last, so that they include errors of this scrape."""

    def __init__(self, collectors: Sequence[Collector] | None = None) -> None:
        self.collectors = COLLECTORS if collectors is None else collectors

    def collect(self) -> Iterator[Metric]:
        deadline = time.monotonic() + DATABASE_SECONDS
        database = any(collector.asks_database for collector in self.collectors) and database_is_up()
        for collector in self.collectors:
            families = {d.name: GaugeMetricFamily(d.name, d.help, labels=d.labels) for d in collector.definitions}
            for definition, labels, value in self._read(collector, deadline if database else 0.0):
                families[definition.name].add_metric(labels, value)
            yield from families.values()
        yield from metrics.collect()

    def _read(self, collector: Collector, deadline: float) -> Values:
        try:
            if not collector.asks_database:
                return list(collector.read())
            left = deadline - time.monotonic()
            if left <= 0:
                raise DatabaseError("the database does not answer")
            with statement_timeout(left):
                return list(collector.read())
        except Exception as exc:
            metrics.SCRAPE_ERRORS.labels(collector.name).inc()
            logger.warning("scrape", extra={"data": {"part": collector.name, "exception": repr(exc)}})
            return []


class MetricsTokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[AnonymousUser, str] | None:
        keyword, _, given = get_authorization_header(request).partition(b" ")
        expected = settings.METRICS_TOKEN
        if not expected or keyword.lower() != b"bearer":
            return None
        # Ignore other bearer tokens: they may be JWTs, which the next authentication class checks.
        return (AnonymousUser(), SCRAPER) if constant_time_compare(given.strip(), expected.encode()) else None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class MayScrape(BasePermission):
    """Permission for the metrics token and for admins with the scope ``admin``."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.auth is SCRAPER:
            return True
        user = request.user
        if isinstance(user, User) and user.without_admin_scope and user.role == Role.ADMIN:
            raise DomainError("scope_required", scope="admin")
        return isinstance(user, User) and user.is_admin


class MetricsView(APIView):
    authentication_classes = (
        MetricsTokenAuthentication,
        *cast("Sequence[type[BaseAuthentication]]", api_settings.DEFAULT_AUTHENTICATION_CLASSES),
    )
    permission_classes = (MayScrape,)
    throttle_scope = None

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Ignore the Accept header, because scrapers ask for formats that are unknown here."""
        return JSONRenderer(), JSONRenderer.media_type

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(generate_latest(Scrape()), content_type=CONTENT_TYPE_PLAIN_0_0_4)
