"""Inside a worker process: running claimed jobs in threads, and the one thread that keeps their leases."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections, connection

from jobs_app import services
from jobs_app.kinds import kind_of
from jobs_app.models import Job
from vodplatform.base import logs
from vodplatform.base.process import ChildError, Finished, Limits, run_child

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger("vodplatform.jobs")
WORKER = f"{socket.gethostname()}:{os.getpid()}"


class JobFailed(Exception):
    """The handler's own word that the job cannot be done; ``type`` is stable, the message is for the owner."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type


class LeaseLost(Exception):
    """The job was cancelled, deleted or taken over: end at once and write nothing."""


class ShuttingDown(Exception):
    """This worker ends: give the job back."""


class JobContext:
    """What a handler sees of its job: its parameters, and ways to report, to stop and to store."""

    def __init__(self, job: Job) -> None:
        assert job.lease_token
        self.job_id = job.pk
        self.owner = job.owner
        self.params: dict[str, Any] = job.params
        self.attempt = job.attempt
        self.lease = services.Lease(job.pk, job.lease_token)
        self.lost = threading.Event()
        self.shutdown = threading.Event()
        self._pending: tuple[float, str] | None = None
        self._written_at = 0.0

    def stop_reason(self) -> str | None:
        """Why to stop now, or None."""
        if self.lost.is_set():
            return "The job was cancelled or taken over."
        if self.shutdown.is_set():
            return "The worker shuts down."
        return None

    def check(self) -> None:
        """Raise when the job has to stop; call it between steps."""
        if self.lost.is_set():
            raise LeaseLost
        if self.shutdown.is_set():
            raise ShuttingDown

    def progress(self, percent: float, message: str) -> None:
        """Report how far it is; written at most twice a second, so a report soon after another may be left out."""
        self._pending = (percent, message)
        if time.monotonic() - self._written_at >= settings.JOB_PROGRESS_SECONDS:
            self._flush()

    def _flush(self) -> None:
        if self._pending is None:
            return
        percent, message = self._pending
        self._pending = None
        self._written_at = time.monotonic()
        try:
            if not services.report_progress(self.lease, percent, message):
                self.lost.set()
        except DatabaseError as exc:
            # A percentage is no reason to lose the work; a lost lease is the keeper's to notice.
            logger.warning("progress not written", extra={"data": {"exception": repr(exc)}})
        finally:
            close_old_connections()

    def run_child(
        self, argv: Sequence[str], *, stdin: bytes = b"", limits: Limits | None = None, keep_messages: bool = True
    ) -> Finished:
        """Run the heavy part in a child; its ``progress``/``message`` lines become this job's progress.

        Raises :class:`LeaseLost`, :class:`ShuttingDown`, or :class:`ChildError` when it ended badly.
        """

        def on_message(message: dict[str, Any]) -> None:
            if isinstance(message.get("progress"), int | float):
                self.progress(float(message["progress"]), str(message.get("message", "")))

        self.check()
        # Nothing is held while the child works: a connection lost meanwhile would be found out at the end.
        close_old_connections()
        try:
            return run_child(
                argv,
                limits=limits or default_limits(),
                stdin=stdin,
                on_message=on_message,
                should_stop=self.stop_reason,
                keep_messages=keep_messages,
            )
        except ChildError as exc:
            if exc.kind == ChildError.STOPPED:
                self.check()
            raise

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder of this attempt's own, gone when the block ends."""
        base = settings.DATA_DIR / "tmp"
        base.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"job-{self.job_id}-", dir=base) as folder:
            yield Path(folder)

    def store(self, name: str, content: bytes) -> str:
        """Keep an output under a key that no other attempt uses; returns the key."""
        key = f"{services.output_prefix(self.job_id)}/{self.lease.token.hex}/{name}"
        return default_storage.save(key, ContentFile(content))


def default_limits() -> Limits:
    """The limits of a child as the settings say."""
    return Limits(
        wall_seconds=settings.CHILD_SECONDS, memory_bytes=settings.CHILD_MEMORY_BYTES, threads=settings.CHILD_THREADS
    )


class LeaseKeeper:
    """One thread a process: renews every lease that runs here, notices lost ones, and sweeps after dead workers."""

    def __init__(self) -> None:
        self._contexts: dict[uuid.UUID, JobContext] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._renewed: dict[uuid.UUID, float] = {}
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; harmless when it runs already."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._stop.clear()
                self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Tell every running job to give itself back, and end the sweep. Leases go on being renewed until then."""
        self._stop.set()
        with self._lock:
            for context in self._contexts.values():
                context.shutdown.set()

    @contextmanager
    def keep(self, context: JobContext) -> Iterator[None]:
        """Keep one lease alive for the length of the block."""
        token = context.lease.token
        with self._lock:
            self._contexts[token] = context
            self._renewed[token] = time.monotonic()
            if self._stop.is_set():
                context.shutdown.set()
        try:
            yield
        finally:
            with self._lock:
                self._contexts.pop(token, None)
                self._renewed.pop(token, None)

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def _run(self) -> None:
        next_renewal = next_sweep = 0.0
        tick = threading.Event()
        while not self._stop.is_set() or self._contexts:
            now = time.monotonic()
            with self._lock:
                contexts = dict(self._contexts)
            try:
                if contexts:
                    self._mark_lost(contexts)
                    if now >= next_renewal:
                        next_renewal = now + settings.JOB_RENEW_SECONDS
                        services.renew(contexts)
                        with self._lock:
                            self._renewed.update({token: now for token in contexts if token in self._renewed})
                if now >= next_sweep and not self._stop.is_set():
                    next_sweep = now + settings.JOB_SWEEP_SECONDS
                    sweep()
            except DatabaseError as exc:
                logger.warning("lease keeper", extra={"data": {"exception": repr(exc)}})
                connection.close()
            except Exception:  # without this thread every lease of the process runs out
                logger.exception("error")
                connection.close()
            self._fence(contexts)
            tick.wait(settings.JOB_CONTROL_SECONDS)
        connection.close()

    def _mark_lost(self, contexts: dict[uuid.UUID, JobContext]) -> None:
        holding = services.held(contexts)
        for token, context in contexts.items():
            if token not in holding:
                context.lost.set()

    def _fence(self, contexts: dict[uuid.UUID, JobContext]) -> None:
        """Without a renewal for a whole lease somebody else may run the job: stop, whatever the database says."""
        now = time.monotonic()
        with self._lock:
            for token, context in contexts.items():
                if now - self._renewed.get(token, now) > settings.JOB_LEASE_SECONDS:
                    context.lost.set()


keeper = LeaseKeeper()


def sweep() -> None:
    """Take over what dead workers left, and wake lanes whose wake-up was lost."""
    from jobs_app.actors import wake

    services.reap()
    for lane in services.lanes_with_work():
        wake(lane)


def run_lane(lane: str) -> int:
    """Claim and run jobs of ``lane`` until there is none, the lane is full or the worker stops; returns how many."""
    count = 0
    try:
        while not keeper.stopping:
            close_old_connections()
            job = services.claim(lane, WORKER)
            if job is None:
                break
            run_job(job)
            count += 1
    finally:
        close_old_connections()
    return count


def run_job(job: Job) -> None:
    """Run one claimed job to whatever its end is; never raises for what the job itself did."""
    token = logs.job_id.set(str(job.pk))
    context = JobContext(job)
    logs.event("processing.start", kind=job.kind, attempt=job.attempt)
    try:
        with keeper.keep(context):
            _run(job, context)
    finally:
        logs.job_id.reset(token)


def _run(job: Job, context: JobContext) -> None:
    lease = context.lease
    try:
        try:
            kind = kind_of(job.kind)
        except LookupError as exc:
            services.fail(lease, "unknown_kind", str(exc))
            return
        result = kind.handler(context)
        context.check()
        services.complete(lease, result)
    except LeaseLost:
        logger.info("lease lost")
    except ShuttingDown:
        services.give_back(lease)
    except JobFailed as exc:
        services.fail(lease, exc.type, str(exc))
    except ChildError as exc:
        _child_ended(lease, exc)
    except (OperationalError, InterfaceError) as exc:
        # The database failed, not the job: run it again, at the latest when nobody has renewed its lease.
        logger.exception("error", extra={"data": {"kind": job.kind}})
        close_old_connections()
        services.crashed(lease, f"the database could not be reached ({type(exc).__name__})")
    except Exception as exc:
        # The row has to end whatever a handler does; the fault is logged with its traceback.
        logger.exception("error", extra={"data": {"kind": job.kind}})
        services.fail(lease, "server_error", f"Something broke on our side ({type(exc).__name__}); it has been logged.")


def _child_ended(lease: services.Lease, exc: ChildError) -> None:
    logger.warning("child ended", extra={"data": {"kind": exc.kind, "stderr": exc.stderr[-4000:]}})
    if exc.kind == ChildError.TIMEOUT:
        services.fail(lease, "timeout", f"{exc} Try a shorter or smaller video.")
    elif exc.kind == ChildError.MEMORY:
        services.fail(lease, "out_of_memory", f"{exc} Try a smaller video.")
    elif exc.kind == ChildError.CRASHED and (exc.returncode or 0) < 0:
        services.crashed(lease, str(exc))
    else:
        services.fail(lease, "server_error", f"{exc} It has been logged.")
