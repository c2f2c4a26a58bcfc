"""``GET /api/v1/health/processing``: state of queue, ffmpeg and storage."""

from __future__ import annotations

import logging
import shutil
import time
import urllib.error
import urllib.request
from datetime import timedelta
from functools import lru_cache
from typing import Any

import imageio_ffmpeg  # type: ignore[import-untyped]
import psutil
from django.conf import settings
from django.db.models import Count, Q
from django.db.models.functions import Now
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs_app.models import Job, JobStatus
from media_app.storage import files as store
from vodplatform.core.processes.process import ChildError, Limits, run_child
from vodplatform.core.web.health import DRIVER_SECONDS, HealthCheck, ask_storage, check_all

logger = logging.getLogger("vodplatform.health")
HOUR = timedelta(hours=1)
SAMPLE_SECONDS = 0.1
NO_USE = {"processes": 0, "cpu_percent": 0.0, "memory_bytes": 0}


class QueueSerializer(serializers.Serializer[dict[str, int]]):
    """Number of jobs of all kinds: queued, running, and failed in the last hour."""

    depth = serializers.IntegerField()
    active_jobs = serializers.IntegerField()
    failed_jobs_last_hour = serializers.IntegerField()


class FfmpegUseSerializer(serializers.Serializer[dict[str, Any]]):
    """Resource use of all ffmpeg processes. A ``cpu_percent`` of 100 is one processor."""

    processes = serializers.IntegerField()
    cpu_percent = serializers.FloatField()
    memory_bytes = serializers.IntegerField()


class FfmpegSerializer(serializers.Serializer[dict[str, Any]]):
    """ffmpeg on this machine. ``version`` is null if ffmpeg does not start."""

    available = serializers.BooleanField()
    version = serializers.CharField(allow_null=True)
    resource_usage = FfmpegUseSerializer()


class DiskSerializer(serializers.Serializer[dict[str, int]]):
    """Disk of the data folder."""

    total_bytes = serializers.IntegerField()
    used_bytes = serializers.IntegerField()
    free_bytes = serializers.IntegerField()


class StorageSerializer(serializers.Serializer[dict[str, Any]]):
    """State of the file storage. Null means not configured."""

    s3_accessible = serializers.BooleanField(allow_null=True)
    cdn_accessible = serializers.BooleanField(allow_null=True)
    disk_space = DiskSerializer()


class ProcessingSerializer(serializers.Serializer[dict[str, Any]]):
    """State of the tools and services that video processing needs."""

    processing_queue = QueueSerializer()
    ffmpeg_service = FfmpegSerializer()
    storage = StorageSerializer()


def check_cdn() -> None:
    cdn = settings.CDN
    assert cdn is not None
    request = urllib.request.Request(cdn["base_url"] + "/", method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=DRIVER_SECONDS).close()
    except urllib.error.HTTPError as exc:
        exc.close()
        if exc.code >= 500:
            raise


def ask_ffmpeg() -> None:
    ffmpeg_version()


S3 = HealthCheck("s3", ask_storage)
CDN = HealthCheck("cdn", check_cdn)
FFMPEG = HealthCheck("ffmpeg", ask_ffmpeg)


@lru_cache(maxsize=1)
def ffmpeg_version() -> str:
    # `ffmpeg -L` prints the version to stderr. `-version` prints it to stdout, where run_child accepts only JSON.
    said = run_child([ffmpeg_path(), "-nostdin", "-L"], limits=Limits(wall_seconds=DRIVER_SECONDS)).stderr.split()
    if said[:2] != ["ffmpeg", "version"] or len(said) < 3:
        raise ChildError(ChildError.CRASHED, "The configured program is not ffmpeg. Install imageio-ffmpeg again.")
    return said[2]


def ffmpeg_path() -> str:
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def ffmpeg_use() -> dict[str, Any]:
    """Return count, CPU percentage (100 is one processor) and resident bytes of all ffmpeg processes."""
    path, before = ffmpeg_path(), {}
    for process in psutil.process_iter():
        try:
            if process.exe() == path:
                before[process] = sum(process.cpu_times()[:2])
        except psutil.Error:
            continue
    begun = time.monotonic()
    if before:
        time.sleep(SAMPLE_SECONDS)
    used, memory, count = 0.0, 0, 0
    for process, earlier in before.items():
        try:
            used += sum(process.cpu_times()[:2]) - earlier
            memory += process.memory_info().rss
            count += 1
        except psutil.Error:
            continue
    took = max(time.monotonic() - begun, SAMPLE_SECONDS)
    return {"processes": count, "cpu_percent": round(100 * used / took, 1), "memory_bytes": memory}


def job_counts() -> dict[str, int]:
    return Job.objects.aggregate(
        depth=Count("pk", filter=Q(status=JobStatus.QUEUED)),
        active_jobs=Count("pk", filter=Q(status=JobStatus.PROCESSING)),
        failed_jobs_last_hour=Count("pk", filter=Q(status=JobStatus.FAILED, finished_at__gt=Now() - HOUR)),
    )


@extend_schema(tags=["Health"])
class ProcessingView(APIView):
    """The state of the tools and services that video processing needs."""

    @extend_schema(
        operation_id="health_processing",
        summary="Check the tools and services that video processing needs",
        responses={200: ProcessingSerializer},
    )
    def get(self, request: Request) -> Response:
        has_s3, has_cdn = not store.is_local(), settings.CDN is not None
        parts = [FFMPEG, *([S3] if has_s3 else []), *([CDN] if has_cdn else [])]
        found = check_all(parts)
        disk = shutil.disk_usage(settings.DATA_DIR)
        body = {
            "processing_queue": job_counts(),
            "ffmpeg_service": {
                "available": found["ffmpeg"],
                "version": ffmpeg_version() if found["ffmpeg"] else None,
                "resource_usage": ffmpeg_use() if found["ffmpeg"] else NO_USE,
            },
            "storage": {
                "s3_accessible": found.get("s3"),
                "cdn_accessible": found.get("cdn"),
                "disk_space": {"total_bytes": disk.total, "used_bytes": disk.used, "free_bytes": disk.free},
            },
        }
        return Response(ProcessingSerializer(body).data)
