"""The context of a job's handler, and the exceptions that end an attempt."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from django.conf import settings
from django.db import DatabaseError, close_old_connections, transaction

from jobs_app import leases, outputs, scratch
from jobs_app.kinds import kind_of
from jobs_app.models import Job
from jobs_app.pace import Pace
from vodplatform.core.processes.process import Access, ChildError, Finished, Limits, run_child
from vodplatform.core.processes.ranged import RangeServer

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger("vodplatform.jobs")
# Progress message with which a child process ends. The job then keeps its previous message, because the job may have
# further steps.
DONE = "Done"


class JobFailed(Exception):
    """A failure of the job.

    type: permanent name of the error. message: sentence for the job's owner.
    """

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type


class TransientFault(JobFailed):
    """A temporary failure; the job is retried automatically."""


class LeaseLost(Exception):
    """The attempt has lost its job, for example by cancellation, and must end at once."""


class ShuttingDown(Exception):
    """End of an attempt because its worker shuts down; the job is requeued."""


class YieldTurn(Exception):
    """End of an attempt because other owners wait; the job is requeued and later continues from its last checkpoint."""


class WaitRequested(Exception):
    """Raised by :meth:`JobContext.wait` to end an attempt. state: new checkpoint; None keeps the last checkpoint."""

    def __init__(self, state: dict[str, Any] | None, seconds: float, deadline_seconds: float, message: str) -> None:
        super().__init__(message)
        self.state = state
        self.seconds = seconds
        self.deadline_seconds = deadline_seconds
        self.message = message


class JobContext:
    """A handler's interface to its job: data, progress, checkpoints."""

    def __init__(self, job: Job) -> None:
        assert job.lease_token
        self.job_id = job.pk
        self.kind = job.kind
        self.owner = job.owner
        self.params: dict[str, Any] = job.params
        self.attempt = job.attempt
        self.saved: dict[str, Any] | None = job.checkpoint
        self.lease = leases.Lease(job.pk, job.lease_token)
        self.lost = threading.Event()
        self.shutdown = threading.Event()
        self.gives_way = threading.Event()
        self.stalled = threading.Event()
        self._began = time.monotonic()
        self.moved_at = self._began
        self.has_stored = False
        self._may_yield = False  # whether a checkpoint was saved since this job was asked to yield
        self._reported: tuple[float, str] = (-1.0, "")
        self._pending: str | None = None
        self._pace: Pace | None = None
        self._pending_checkpoint: dict[str, Any] | None = None
        self._written_at = 0.0
        self.renewed_at = time.monotonic()

    def has_tries_left(self) -> bool:
        return Job.objects.filter(pk=self.job_id, retries__lt=kind_of(self.kind).max_retries).exists()

    def is_lost(self) -> bool:
        """Return whether the job no longer belongs to this attempt, or its lease was not renewed in time."""
        if time.monotonic() - self.renewed_at > settings.JOB_LEASE_SECONDS:
            self.lost.set()
        return self.lost.is_set()

    def stop_reason(self) -> str | None:
        if self.is_lost():
            return "The job was cancelled, paused or taken over by another worker."
        if self.shutdown.is_set():
            return "The worker is shutting down."
        if self.stalled.is_set():
            return stalled_message()
        if self._may_yield:
            return "Other users' jobs are waiting."
        return None

    def check(self) -> None:
        """Raise an exception if the job has to stop. Handlers call this between steps."""
        if self.is_lost():
            raise LeaseLost
        if self.shutdown.is_set():
            raise ShuttingDown
        if self.stalled.is_set():
            raise JobFailed("stalled", stalled_message())
        self.mark_progress()
        if self._may_yield:
            raise YieldTurn

    def mark_checkpointed(self) -> None:
        self._may_yield = self.gives_way.is_set()

    def mark_progress(self) -> None:
        """Record a sign of progress; jobs without one for ``JOB_STALL_SECONDS`` fail."""
        self.moved_at = time.monotonic()

    def progress(self, percent: float, message: str) -> None:
        """Report progress in percent of the work; reports in quick succession are skipped."""
        if message == DONE:
            message = self._reported[1]
        if (percent, message) != self._reported:
            self.mark_progress()
        self._reported = (percent, message)
        self.pace.note(percent)
        self._pending = message
        self._flush_if_due()

    @property
    def pace(self) -> Pace:
        if self._pace is None:
            try:
                self._pace = Pace(leases.read_paces(self.kind), self._began)
            except DatabaseError:
                self._pace = Pace([], self._began)
        return self._pace

    def pace_curve(self) -> list[float] | None:
        return self._pace.curve() if self._pace else None

    def _flush_if_due(self) -> None:
        if time.monotonic() - self._written_at >= settings.JOB_PROGRESS_SECONDS:
            self.flush()

    def flush(self) -> None:
        pending, state = self._pending, self._pending_checkpoint
        self._pending = self._pending_checkpoint = None
        if pending is None and state is None:
            return
        self._written_at = time.monotonic()
        try:
            holds = state is None or leases.save_checkpoint(self.lease, state)
            if not holds or (pending is not None and not self._write_progress(pending)):
                self.lost.set()
        except DatabaseError as exc:
            logger.warning("progress not written", extra={"data": {"exception": repr(exc)}})
        finally:
            close_old_connections()

    def _write_progress(self, message: str) -> bool:
        return leases.report_progress(self.lease, self.pace.progress(), message, self.pace.seconds_left())

    def checkpoint(self, state: dict[str, Any]) -> None:
        """Save ``state`` (JSON types) for later attempts. Raises :class:`LeaseLost`."""
        self.check()
        if not leases.save_checkpoint(self.lease, state):
            raise LeaseLost
        self.saved = state
        self.mark_checkpointed()
        self.check()

    def wait(self, state: dict[str, Any], *, seconds: float, deadline_seconds: float, message: str) -> NoReturn:
        """End this attempt. The job continues from ``state`` after ``seconds``, or when it is woken earlier.

        deadline_seconds: seconds from the job's first wait until a further wait fails the job.
        """
        raise WaitRequested(state, seconds, deadline_seconds, message)

    def run_child(
        self, argv: Sequence[str], *, stdin: bytes = b"", limits: Limits | None = None,
        share: tuple[float, float] = (0, 100), on_message: Callable[[dict[str, Any]], None] | None = None,
        access: Access | None = None, ranged: RangeServer | None = None,
    ) -> Finished:  # fmt: skip
        """Run a child process whose JSON lines report the job's progress and checkpoints.

        All other JSON lines are passed to ``on_message`` and returned. share: the job's progress (percent) at the
        child's start and end. Raises :class:`LeaseLost`, :class:`ShuttingDown`, :class:`ChildError`.
        """

        def is_for_caller(message: dict[str, Any]) -> bool:
            return not isinstance(message.get("progress"), int | float) and "checkpoint" not in message

        def handle(message: dict[str, Any]) -> None:
            if not isinstance(message.get("progress"), int | float):
                self.mark_progress()
            if isinstance(message.get("checkpoint"), dict):
                self.saved = self._pending_checkpoint = message["checkpoint"]
                self.mark_checkpointed()
            if isinstance(message.get("progress"), int | float):
                percent = share[0] + (share[1] - share[0]) * float(message["progress"]) / 100
                self.progress(percent, str(message.get("message", "")))
            elif on_message is not None and is_for_caller(message):
                on_message(message)

        self.check()
        close_old_connections()
        try:
            return run_child(
                argv,
                limits=limits or default_limits(),
                stdin=stdin,
                on_message=handle,
                should_stop=self.stop_reason,
                on_moved=self.mark_progress,
                keeps=is_for_caller,
                access=access,
                ranged=ranged,
            )
        except ChildError as exc:
            if exc.kind == ChildError.STOPPED:
                self.check()
            raise

    @contextmanager
    def lock_lease(self) -> Iterator[None]:
        """Open a transaction in which no other attempt can take the job. Raises :class:`LeaseLost`."""
        with transaction.atomic():
            if self.lease.rows().select_for_update(no_key=True).first() is None:
                self.lost.set()
                raise LeaseLost
            yield

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Create a scratch folder for the ``with`` block. Delete the scratch folders of the job's dead attempts."""
        base = scratch.scratch_root()
        scratch.remove_dead(base.glob(f"job-*-{self.job_id.hex}-*"))
        prefix = f"job-{self.lease.token.hex}-{self.job_id.hex}-"
        with tempfile.TemporaryDirectory(prefix=prefix, dir=base, ignore_cleanup_errors=True) as own:
            yield Path(own)

    def store(self, name: str, content: bytes) -> str:
        """Store an output file; return its key. Raises ``StoreUnavailable``, ``StoreFull``."""
        self.has_stored = True
        return outputs.store(self.job_id, self.lease.token, name, content)


def stalled_message() -> str:
    return f"The job made no progress for {settings.JOB_STALL_SECONDS:g} s and was stopped."


def default_limits() -> Limits:
    return Limits(
        wall_seconds=settings.CHILD_SECONDS, memory_bytes=settings.CHILD_MEMORY_BYTES, threads=settings.CHILD_THREADS
    )
