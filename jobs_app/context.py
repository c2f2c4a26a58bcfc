"""What a handler gets of its job: the context with its parameters and its ways to report, and the ends it may raise."""

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
DONE = "Done"  # last message of a child process; shown only with a completed job


class JobFailed(Exception):
    """The handler's own word that the job cannot be done; ``type`` is stable, the message is for the owner."""

    def __init__(self, type: str, message: str) -> None:
        super().__init__(message)
        self.type = type


class TransientFault(JobFailed):
    """As :class:`JobFailed`, for what may well work a little later: it is tried again by itself, a few times."""


class LeaseLost(Exception):
    """The job was cancelled, paused, deleted or taken over: end at once and write nothing."""


class ShuttingDown(Exception):
    """This worker ends: give the job back."""


class YieldTurn(Exception):
    """Others wait, and what is done so far is kept: go on later."""


class WaitRequested(Exception):
    """End of an attempt whose job continues later; raised by :meth:`JobContext.wait`.

    state: the job's new checkpoint; None keeps the present one.
    """

    def __init__(self, state: dict[str, Any] | None, seconds: float, deadline_seconds: float, message: str) -> None:
        super().__init__(message)
        self.state = state
        self.seconds = seconds
        self.deadline_seconds = deadline_seconds
        self.message = message


class JobContext:
    """What a handler sees of its job: its parameters, and ways to report, to stop and to store."""

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
        self.moved_at = self._began  # time of the last sign of progress
        self.has_stored = False
        self._may_yield = False  # since it was told to give way
        self._reported: tuple[float, str] = (-1.0, "")
        self._pending: str | None = None  # message still to be written
        self._pace: Pace | None = None
        self._pending_checkpoint: dict[str, Any] | None = None
        self._written_at = 0.0
        self.renewed_at = time.monotonic()

    def has_tries_left(self) -> bool:
        """Whether the job is tried again by itself after a transient fault."""
        return Job.objects.filter(pk=self.job_id, retries__lt=kind_of(self.kind).max_retries).exists()

    def is_lost(self) -> bool:
        """Whether the job is not this attempt's any more.

        Without a renewal for a whole lease somebody else may run it: told from this process's own clock, because
        the thread that renews may hang in a database that neither answers nor refuses.
        """
        if time.monotonic() - self.renewed_at > settings.JOB_LEASE_SECONDS:
            self.lost.set()
        return self.lost.is_set()

    def stop_reason(self) -> str | None:
        """Why to stop now, or None."""
        if self.is_lost():
            return "The job was cancelled, paused or taken over."
        if self.shutdown.is_set():
            return "The worker shuts down."
        if self.stalled.is_set():
            return stalled_message()
        if self._may_yield:
            return "Others wait for their turn."
        return None

    def check(self) -> None:
        """Raise if the job has to stop. Call it between steps: each call counts as a sign of progress."""
        if self.is_lost():
            raise LeaseLost
        if self.shutdown.is_set():
            raise ShuttingDown
        if self.stalled.is_set():
            raise JobFailed("stalled", stalled_message())
        self.mark_moved()
        if self._may_yield:
            raise YieldTurn

    def mark_checkpointed(self) -> None:
        """Say that an attempt begun from here on would lose nothing: where others wait, this one ends soon."""
        self._may_yield = self.gives_way.is_set()

    def mark_moved(self) -> None:
        """Record a sign of progress. A job without one for ``JOB_STALL_SECONDS`` fails."""
        self.moved_at = time.monotonic()

    def progress(self, percent: float, message: str) -> None:
        """Report the percentage of the work; written at most twice a second, so a report soon after another may be
        left out.
        """
        if message == DONE:
            message = self._reported[1]
        if (percent, message) != self._reported:
            self.mark_moved()
        self._reported = (percent, message)
        self.pace.note(percent)
        self._pending = message
        self._flush_if_due()

    @property
    def pace(self) -> Pace:
        """The speed of this attempt."""
        if self._pace is None:
            try:
                self._pace = Pace(leases.read_paces(self.kind), self._began)
            except DatabaseError:
                self._pace = Pace([], self._began)
        return self._pace

    def pace_curve(self) -> list[float] | None:
        """Return the curve of this attempt's time over its progress; None if it cannot be used."""
        return self._pace.curve() if self._pace else None

    def _flush_if_due(self) -> None:
        if time.monotonic() - self._written_at >= settings.JOB_PROGRESS_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the progress and the checkpoint that have not been written yet."""
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
            # A percentage is no reason to lose the work; a lost lease is the keeper's to notice.
            logger.warning("progress not written", extra={"data": {"exception": repr(exc)}})
        finally:
            close_old_connections()

    def _write_progress(self, message: str) -> bool:
        return leases.report_progress(self.lease, self.pace.progress(), message, self.pace.seconds_left())

    def checkpoint(self, state: dict[str, Any]) -> None:
        """Keep ``state`` (JSON types): another attempt finds it in ``saved`` and goes on from there, after a pause,
        a deploy or a crash. Raises :class:`LeaseLost`.
        """
        self.check()
        if not leases.save_checkpoint(self.lease, state):
            raise LeaseLost
        self.saved = state
        self.mark_checkpointed()
        self.check()

    def wait(self, state: dict[str, Any], *, seconds: float, deadline_seconds: float, message: str) -> NoReturn:
        """End this attempt, free the worker and the lane, and go on with ``state`` in ``saved`` after ``seconds``
        or when somebody calls :func:`jobs_app.services.wake_waiting`. ``deadline_seconds`` count from the first wait.
        """
        raise WaitRequested(state, seconds, deadline_seconds, message)

    def run_child(
        self, argv: Sequence[str], *, stdin: bytes = b"", limits: Limits | None = None,
        share: tuple[float, float] = (0, 100), on_message: Callable[[dict[str, Any]], None] | None = None,
        access: Access | None = None, ranged: RangeServer | None = None,
    ) -> Finished:  # fmt: skip
        """Run the heavy part in a child; its ``progress``/``message`` lines become this job's progress,
        its ``checkpoint`` lines (at most two a second are written) this job's checkpoint. Its other lines come back,
        and ``on_message`` gets each as it comes, in this thread. ``share``: the percent at which it begins and ends.
        ``access``, ``ranged``: as in :func:`run_child`.

        Raises :class:`LeaseLost`, :class:`ShuttingDown`, or :class:`ChildError` when it ended badly.
        """

        def is_for_caller(message: dict[str, Any]) -> bool:
            return not isinstance(message.get("progress"), int | float) and "checkpoint" not in message

        def handle(message: dict[str, Any]) -> None:
            if not isinstance(message.get("progress"), int | float):
                self.mark_moved()
            if isinstance(message.get("checkpoint"), dict):
                self.saved = self._pending_checkpoint = message["checkpoint"]
                self.mark_checkpointed()
            if isinstance(message.get("progress"), int | float):
                percent = share[0] + (share[1] - share[0]) * float(message["progress"]) / 100
                self.progress(percent, str(message.get("message", "")))
            elif on_message is not None and is_for_caller(message):
                on_message(message)

        self.check()
        # Nothing is held while the child works: a connection lost meanwhile would be found out at the end.
        close_old_connections()
        try:
            return run_child(
                argv,
                limits=limits or default_limits(),
                stdin=stdin,
                on_message=handle,
                should_stop=self.stop_reason,
                on_moved=self.mark_moved,
                keeps=is_for_caller,
                access=access,
                ranged=ranged,
            )
        except ChildError as exc:
            if exc.kind == ChildError.STOPPED:
                self.check()
            raise

    @contextmanager
    def holding(self) -> Iterator[None]:
        """A transaction in which nobody can take the job away: for what an attempt writes before its end.

        Raises :class:`LeaseLost`.
        """
        with transaction.atomic():
            if self.lease.rows().select_for_update(no_key=True).first() is None:
                self.lost.set()
                raise LeaseLost
            yield

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder of this attempt's own, gone when the block ends; those of attempts before it that died go now.

        Not that of an attempt after it: a worker that stood still may come here when another has taken over.
        """
        base = scratch.base()
        scratch.remove_dead(base.glob(f"job-*-{self.job_id.hex}-*"))
        prefix = f"job-{self.lease.token.hex}-{self.job_id.hex}-"
        with tempfile.TemporaryDirectory(prefix=prefix, dir=base, ignore_cleanup_errors=True) as own:
            yield Path(own)

    def store(self, name: str, content: bytes) -> str:
        """Keep an output under a key that no other attempt uses; returns the key.

        Raises ``StoreUnavailable``, ``StoreFull``: the job is tried again when a handler lets them through.
        """
        self.has_stored = True
        return outputs.store(self.job_id, self.lease.token, name, content)


def stalled_message() -> str:
    """Return why a job without progress has failed."""
    return f"The job made no progress for {settings.JOB_STALL_SECONDS:g} s and was stopped."


def default_limits() -> Limits:
    """The limits of a child as the settings say."""
    return Limits(
        wall_seconds=settings.CHILD_SECONDS, memory_bytes=settings.CHILD_MEMORY_BYTES, threads=settings.CHILD_THREADS
    )
