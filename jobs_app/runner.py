"""Execution of jobs in the threads of a worker process."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections

from jobs_app import leases, outputs, queue_limits
from jobs_app.context import JobContext, JobFailed, LeaseLost, ShuttingDown, TransientFault, WaitRequested, YieldTurn
from jobs_app.heartbeat import lease_renewer
from jobs_app.kinds import kind_of
from jobs_app.models import Job
from jobs_app.outage import outage
from vodplatform.core import logs
from vodplatform.core.files import disk
from vodplatform.core.files.storage import StoreFull, StoreUnavailable
from vodplatform.core.processes.process import ChildError

DRAIN_SECONDS, REST_SECONDS, ALONE_SECONDS = 60.0, 600.0, 120.0
STORAGE_AWAY_MESSAGE = "The file storage does not answer."
logger = logging.getLogger("vodplatform.jobs")


class RunningJobs:
    """The jobs that run in this process.

    A job that has crashed twice runs alone for its first ``ALONE_SECONDS``. Before the process starts such a job, it
    waits for its running jobs to end and starts no others. If some still run after ``DRAIN_SECONDS``, the process skips
    crashed jobs and starts others, until ``REST_SECONDS`` have passed or no job runs.

    max_jobs: usual maximum of running jobs; None if only the number of threads limits them. At this maximum, only the
    jobs that :func:`spare_threads` names can start.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._short = 0
        self._relief: set[uuid.UUID] = set()
        self._lanes: Counter[str] = Counter()
        self.max_jobs: int | None = None
        self._alone_until = 0.0
        self._drained_for: str | None = None
        self._drain_until = float("-inf")

    def take(self, lane: str, *, look_first: bool) -> Job | None:
        """Claim the next job of ``lane``. A crashed job that has waited for this process to become idle comes first."""
        with self._lock:
            now = time.monotonic()
            if now < self._alone_until:
                return None
            if self._drained_for and self._running:
                if now < self._drain_until and leases.next_needs_own_process(self._drained_for):
                    return None
                self._drained_for = None  # the crashed job was claimed or ended, or the wait took too long
            wanted = dict.fromkeys(filter(None, (self._drained_for, lane)))
            self._drained_for = None
            for name in wanted:
                is_full = self._is_full(name)
                free = queue_limits.FreePlaces(
                    long=not is_full, short=not is_full or not self._short, relief=not is_full or not self._relief
                )
                try:
                    job = leases.claim(
                        name,
                        worker_name(),
                        is_alone=self._running == 0,
                        look_first=look_first,
                        process=free,
                        passes_over_crashed=self._running > 0 and 0 <= now - self._drain_until < REST_SECONDS,
                    )
                except leases.NeedsOwnProcess:
                    self._drained_for, self._drain_until = name, now + DRAIN_SECONDS
                    return None
                if job is not None:
                    self._running += 1
                    self._short += job.is_short
                    self._lanes[job.lane] += 1
                    if is_full and not job.is_short:
                        self._relief.add(job.pk)
                    self._alone_until = now + ALONE_SECONDS if job.runs_alone else 0.0
                    return job
        return None

    def leave(self, job: Job) -> None:
        with self._lock:
            self._running -= 1
            self._short -= job.is_short
            self._lanes[job.lane] -= 1
            self._relief.discard(job.pk)
            self._alone_until = 0.0

    @property
    def running(self) -> int:
        return self._running

    def _is_full(self, lane: str) -> bool:
        return self.max_jobs is not None and self._running >= self.max_jobs and self._lanes[lane] > 0


running_jobs = RunningJobs()


def spare_threads(lanes: Collection[str]) -> int:
    """Return how many threads a worker process needs in addition to ``max_jobs``.

    While ``max_jobs`` jobs run, these threads can still run the first job of a lane without running jobs, a short job,
    or a job in an additional place (``queue_limits.RELIEF_PLACES``). One thread handles messages that wake the worker.
    """
    return max(2, len(lanes)) + 1


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def run_queue(lane: str) -> int:
    count = 0
    try:
        while not lease_renewer.stopping:
            close_old_connections()
            if not outage.is_over() or not disk.has_room():
                break
            job = running_jobs.take(lane, look_first=count == 0)
            if job is None:
                break
            try:
                run_job(job)
            finally:
                running_jobs.leave(job)
            count += 1
    finally:
        close_old_connections()
    return count


def run_job(job: Job) -> None:
    """Run a claimed job and write its outcome. Errors of the job are not raised."""
    token = logs.job_id.set(str(job.pk))
    context = JobContext(job)
    logs.event("processing.start", kind=job.kind, attempt=job.attempt)
    try:
        with lease_renewer.keep(context):
            completed = _run(job, context)
        if context.has_stored and not completed:
            _drop_outputs(job.pk)
    finally:
        logs.job_id.reset(token)


def _drop_outputs(job_id: uuid.UUID) -> None:
    try:
        outputs.sweep_job(job_id)
    except StoreUnavailable as exc:
        logs.event("outputs.left", folder=outputs.prefix_of(job_id), reason=exc.reason)


def _run(job: Job, context: JobContext) -> bool:
    write = _attempt(job, context)
    try:
        return write() and write.func is _complete
    except (OperationalError, InterfaceError):
        raise
    except Exception as exc:
        # Fail the job if its outcome cannot be stored, for example because the result is not JSON.
        logger.exception("error", extra={"data": {"kind": job.kind}})
        _write_with_retry(leases.fail, context.lease, "server_error", _internal_error_message(exc))
        return False


def _attempt(job: Job, context: JobContext) -> partial[bool]:  # noqa: PLR0911 - each end has its line
    lease = context.lease
    try:
        result = kind_of(job.kind).handler(context)
        context.check()
        return partial(_complete, context, result)
    except LeaseLost:
        logger.info("lease lost")
        # After a database outage, the lease may still be valid, so requeue the job. If the lease really is lost,
        # requeueing has no effect.
        return (
            partial(bool) if lease_renewer.is_database_stable() else partial(_write_with_retry, leases.requeue, lease)
        )
    except ShuttingDown:
        context.flush()
        return partial(_write_with_retry, leases.requeue, lease)
    except YieldTurn:
        context.flush()
        return partial(_write_with_retry, leases.requeue_behind_others, lease)
    except WaitRequested as exc:
        state = context.saved or {} if exc.state is None else exc.state
        return partial(
            _write_with_retry, leases.wait, lease, state, exc.seconds, deadline_seconds=exc.deadline_seconds,
            message=exc.message,
        )  # fmt: skip
    except TransientFault as exc:
        return partial(_write_with_retry, leases.retry_later, lease, exc.type, str(exc))
    except JobFailed as exc:
        return partial(_write_with_retry, leases.fail, lease, exc.type, str(exc))
    except StoreUnavailable as exc:
        outage.mark_unavailable()
        return partial(_write_with_retry, leases.wait_for_storage, lease, exc.type.name, STORAGE_AWAY_MESSAGE)
    except StoreFull as exc:
        return partial(_write_with_retry, leases.retry_later, lease, exc.type.name, exc.message)
    except ChildError as exc:
        return partial(_child_ended, lease, exc)
    except (OperationalError, InterfaceError):
        logger.exception("error", extra={"data": {"kind": job.kind}})
        return partial(
            _write_with_retry, leases.retry_later, lease, "unavailable", "The database could not be reached."
        )
    except Exception as exc:
        logger.exception("error", extra={"data": {"kind": job.kind}})
        return partial(_write_with_retry, leases.fail, lease, "server_error", _internal_error_message(exc))


def _complete(context: JobContext, result: dict[str, Any]) -> bool:
    won = _write_with_retry(leases.complete, context.lease, result)
    if won and (curve := context.pace_curve()):
        try:
            leases.record_pace(context.kind, curve)
        except DatabaseError as exc:
            logger.warning("pace not written", extra={"data": {"exception": repr(exc)}})
    return won


def _internal_error_message(exc: Exception) -> str:
    return f"An internal error occurred ({type(exc).__name__}) and has been logged."


def _write_with_retry(write: Callable[..., bool], *args: Any, **values: Any) -> bool:
    deadline = time.monotonic() + settings.JOB_LAST_WORD_SECONDS
    pause = threading.Event()
    while True:
        try:
            return write(*args, **values)
        except (OperationalError, InterfaceError):
            close_old_connections()
            if time.monotonic() > deadline:
                raise
            pause.wait(1.0)


def _child_ended(lease: leases.Lease, exc: ChildError) -> bool:
    logger.warning("child ended", extra={"data": {"kind": exc.kind, "stderr": exc.stderr[-4000:]}})
    advice = "Try a shorter video or a lower resolution."
    if exc.kind == ChildError.TIMEOUT:
        return _write_with_retry(leases.fail, lease, "timeout", f"{exc} {advice}")
    if exc.kind == ChildError.MEMORY:
        return _write_with_retry(leases.fail, lease, "out_of_memory", f"{exc} {advice}")
    if exc.kind == ChildError.CRASHED and (exc.returncode or 0) < 0:
        return _write_with_retry(leases.record_crash, lease, str(exc))
    return _write_with_retry(leases.fail, lease, "server_error", f"{exc} The error has been logged.")
