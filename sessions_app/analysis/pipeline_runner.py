from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from jobs_app.context import JobContext, JobFailed, TransientFault
from media_app.videos.ingest import MACHINE_FAULTS, limits, raise_if_machine_fault
from vodplatform.core.processes.process import Access, ChildError

PIPELINE = [sys.executable, "-m", "sessions_app.analysis.pipelines"]
# time limit of a child process: base seconds, and seconds per second of video
MIN_SECONDS, WORK_SECONDS_PER_SECOND = 900.0, 30.0
CRASH_MESSAGE = (
    "The analysis crashed or took too long. The file may be damaged: convert it to another format and try again."
)


def run_pipeline(
    context: JobContext, request: dict[str, Any], path: Path, out: Path, duration: float, *, share: tuple[float, float]
) -> dict[str, Any]:
    """Run a pipeline and return its answer: ``{"data", "files"}``.

    request: the child's ``op`` and ``params``. out: empty folder for generated files. duration: seconds of the video.
    share: the job's progress in percent at the start and end. Raises :class:`JobFailed`, :class:`TransientFault`.
    """
    told = {"path": str(path), "folder": str(out), "threads": settings.CHILD_THREADS, **request}
    seconds = MIN_SECONDS + WORK_SECONDS_PER_SECOND * duration
    return run_answering(
        context, PIPELINE, told, seconds=seconds, share=share, access=child_access(path, out), broke=CRASH_MESSAGE
    )


def run_answering(
    context: JobContext, argv: Sequence[str], request: dict[str, Any], *, seconds: float, share: tuple[float, float],
    access: Access, broke: str,
) -> dict[str, Any]:  # fmt: skip
    """Run a child process that answers one request. Raises :class:`JobFailed`, :class:`TransientFault`.

    seconds: time limit. broke: message for the user if the child crashes.
    """
    try:
        finished = context.run_child(
            argv, stdin=json.dumps(request).encode(), share=share, limits=limits(seconds), access=access
        )
    except ChildError as exc:
        raise_if_machine_fault(exc)
        kind = {ChildError.TIMEOUT: "timeout", ChildError.MEMORY: "out_of_memory"}.get(exc.kind, "vod_unreadable")
        raise JobFailed(kind, broke) from exc
    answer = finished.messages[-1] if finished.messages else {}
    if error := answer.get("error"):
        raise (TransientFault if error["type"] in MACHINE_FAULTS else JobFailed)(error["type"], error["message"])
    result: dict[str, Any] = answer["result"]
    return result


def vision_config() -> dict[str, Any] | None:
    return dict(settings.VISION) if settings.VISION["url"] and settings.VISION["model"] else None


def child_access(path: Path, folder: Path) -> Access:
    url = urlsplit(str(settings.VISION["url"]))
    port = (url.port or (80 if url.scheme == "http" else 443)) if vision_config() else None
    return Access(reads=[path], writes=[folder], connects_to=port)
