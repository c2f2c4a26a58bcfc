"""Inside a worker process: running claimed jobs in threads, and the one thread that keeps their leases."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections, connection, transaction
from django.utils.module_loading import import_string

from jobs_app import admission, leases, outputs, upkeep
from jobs_app.kinds import kind_of
from jobs_app.models import Job
from jobs_app.outage import outage
from vodplatform.base import disk, logs
from vodplatform.base.process import Access, ChildError, Finished, Limits, kill_orphans, run_child
from vodplatform.base.storage import StoreFull, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

AWAY = "The file storage does not answer."
logger = logging.getLogger("vodplatform.jobs")
WORKER = f"{socket.gethostname()}:{os.getpid()}"
STRAY_SECONDS = 60.0
HOST_SECONDS = 60.0


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


class GivesWay(Exception):
    """Others wait, and what is done so far is kept: go on later."""


class Waits(Exception):
    """Raised by :meth:`JobContext.wait`: the attempt ends here, the job goes on later."""

    def __init__(self, state: dict[str, Any], seconds: float, deadline_seconds: float, message: str) -> None:
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
        self.has_stored = False
        self._is_kept = False  # since it was told to give way
        self._pending: tuple[float, str] | None = None
        self._pending_checkpoint: dict[str, Any] | None = None
        self._written_at = 0.0
        self.renewed_at = time.monotonic()

    def tries_again(self) -> bool:
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
        if self._is_kept:
            return "Others wait for their turn."
        return None

    def check(self) -> None:
        """Raise when the job has to stop; call it between steps."""
        if self.is_lost():
            raise LeaseLost
        if self.shutdown.is_set():
            raise ShuttingDown
        if self._is_kept:
            raise GivesWay

    def note_kept(self) -> None:
        """Say that an attempt begun from here on would lose nothing: where others wait, this one ends soon."""
        self._is_kept = self.gives_way.is_set()

    def progress(self, percent: float, message: str) -> None:
        """Report how far it is; written at most twice a second, so a report soon after another may be left out."""
        self._pending = (percent, message)
        self._flush_if_due()

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
            if not holds or (pending is not None and not leases.report_progress(self.lease, *pending)):
                self.lost.set()
        except DatabaseError as exc:
            # A percentage is no reason to lose the work; a lost lease is the keeper's to notice.
            logger.warning("progress not written", extra={"data": {"exception": repr(exc)}})
        finally:
            close_old_connections()

    def checkpoint(self, state: dict[str, Any]) -> None:
        """Keep ``state`` (JSON types): another attempt finds it in ``saved`` and goes on from there, after a pause,
        a deploy or a crash. Raises :class:`LeaseLost`.
        """
        self.check()
        if not leases.save_checkpoint(self.lease, state):
            raise LeaseLost
        self.saved = state
        self.note_kept()
        self.check()

    def wait(self, state: dict[str, Any], *, seconds: float, deadline_seconds: float, message: str) -> NoReturn:
        """End this attempt, free the worker and the lane, and go on with ``state`` in ``saved`` after ``seconds``
        or when somebody calls :func:`jobs_app.services.poke`. ``deadline_seconds`` count from the first wait.
        """
        raise Waits(state, seconds, deadline_seconds, message)

    def run_child(
        self, argv: Sequence[str], *, stdin: bytes = b"", limits: Limits | None = None,
        share: tuple[float, float] = (0, 100), told: Callable[[dict[str, Any]], None] | None = None,
        access: Access | None = None,
    ) -> Finished:  # fmt: skip
        """Run the heavy part in a child; its ``progress``/``message`` lines become this job's progress,
        its ``checkpoint`` lines (at most two a second are written) this job's checkpoint. Its other lines come back,
        and each is ``told`` as it comes, in this thread. ``share``: the percent at which it begins and ends.
        ``access``: as in :func:`run_child`.

        Raises :class:`LeaseLost`, :class:`ShuttingDown`, or :class:`ChildError` when it ended badly.
        """

        def is_for_caller(message: dict[str, Any]) -> bool:
            return not isinstance(message.get("progress"), int | float) and "checkpoint" not in message

        def on_message(message: dict[str, Any]) -> None:
            if isinstance(message.get("checkpoint"), dict):
                self.saved = self._pending_checkpoint = message["checkpoint"]
                self.note_kept()
            if isinstance(message.get("progress"), int | float):
                percent = share[0] + (share[1] - share[0]) * float(message["progress"]) / 100
                self.progress(percent, str(message.get("message", "")))
            elif told is not None and is_for_caller(message):
                told(message)

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
                keeps=is_for_caller,
                access=access,
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
        base = upkeep.scratch_base()
        base.mkdir(mode=0o700, exist_ok=True)
        upkeep.remove_dead(base.glob(f"job-*-{self.job_id.hex}-*"))
        prefix = f"job-{self.lease.token.hex}-{self.job_id.hex}-"
        with tempfile.TemporaryDirectory(prefix=prefix, dir=base, ignore_cleanup_errors=True) as own:
            yield Path(own)

    def store(self, name: str, content: bytes) -> str:
        """Keep an output under a key that no other attempt uses; returns the key.

        Raises ``StoreUnavailable``, ``StoreFull``: the job is tried again when a handler lets them through.
        """
        self.has_stored = True
        return outputs.store(self.job_id, self.lease.token, name, content)


def default_limits() -> Limits:
    """The limits of a child as the settings say."""
    return Limits(
        wall_seconds=settings.CHILD_SECONDS, memory_bytes=settings.CHILD_MEMORY_BYTES, threads=settings.CHILD_THREADS
    )


class LeaseKeeper:
    """Two threads a process: one renews every lease that runs here and notices lost ones, one sweeps.

    The sweep has a thread of its own, because a broker that hangs may hold it for longer than a lease lasts.
    """

    def __init__(self) -> None:
        self._contexts: dict[uuid.UUID, JobContext] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._lost_at: dict[uuid.UUID, float] = {}
        self._trouble_at = time.monotonic()
        self._asked_at: float | None = None  # the database, which has not answered yet
        self._is_ending = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin; harmless when it runs already."""
        with self._lock:
            if not any(thread.is_alive() for thread in self._threads):
                self._stop.clear()
                self._trouble_at = time.monotonic()
                named = (("lease-keeper", self._run), ("sweep", self._sweep))
                self._threads = [threading.Thread(target=work, name=name, daemon=True) for name, work in named]
                for thread in self._threads:
                    thread.start()

    def stop(self) -> None:
        """Tell every running job to give itself back, and end the sweep. Leases go on being renewed until then."""
        self._stop.set()
        with self._lock:
            for context in self._contexts.values():
                context.shutdown.set()

    def join(self, seconds: float) -> bool:
        """Wait for the threads' end, so long at most each; whether they have ended."""
        for thread in self._threads:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in self._threads)

    def give_back_all(self) -> None:
        """Give back what handlers still hold that heard nothing of the end: this process is about to be gone."""
        with self._lock:
            contexts = list(self._contexts.values())
        for context in contexts:
            with contextlib.suppress(DatabaseError):
                leases.give_back(context.lease)

    @contextmanager
    def keep(self, context: JobContext) -> Iterator[None]:
        """Keep one lease alive for the length of the block."""
        token = context.lease.token
        with self._lock:
            self._contexts[token] = context
            if self._stop.is_set():
                context.shutdown.set()
        try:
            yield
        finally:
            with self._lock:
                self._contexts.pop(token, None)
                self._lost_at.pop(token, None)

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def is_calm(self) -> bool:
        """Whether the database has answered for so long that every living worker has renewed its leases since."""
        return not self._waits() and time.monotonic() - self._trouble_at > 2 * settings.JOB_RENEW_SECONDS

    def _waits(self) -> bool:
        """Whether it takes the database unusually long to answer right now."""
        asked_at = self._asked_at
        return asked_at is not None and time.monotonic() - asked_at > settings.JOB_RENEW_SECONDS / 2

    def _run(self) -> None:
        next_renewal = 0.0
        tick = threading.Event()
        while not self._stop.is_set() or self._contexts:
            now = time.monotonic()
            with self._lock:
                contexts = dict(self._contexts)
            self._asked_at = now
            try:
                if now >= next_renewal:
                    next_renewal = now + settings.JOB_RENEW_SECONDS
                    # Without a job too: it is by this that the process knows whether the database answers.
                    leases.renew(contexts)
                    if time.monotonic() - now > settings.JOB_RENEW_SECONDS / 2:
                        self._trouble_at = time.monotonic()  # it had to wait, and so have others
                    for context in contexts.values():
                        context.renewed_at = now
                    if contexts:
                        self._mark_long(contexts)
                if contexts:
                    self._mark_lost(contexts)
            except DatabaseError as exc:
                self._trouble_at = time.monotonic()
                logger.warning("lease keeper", extra={"data": {"exception": repr(exc)}})
                connection.close()
            except Exception:  # without this thread every lease of the process runs out
                logger.exception("error")
                connection.close()
            if time.monotonic() - now > settings.JOB_RENEW_SECONDS:
                self._trouble_at = time.monotonic()
            self._asked_at = None
            self._end_if_stuck(contexts)
            tick.wait(settings.JOB_CONTROL_SECONDS)
        connection.close()

    def _sweep(self) -> None:
        while not self._stop.is_set():
            try:
                sweep()
            except DatabaseError as exc:
                self._trouble_at = time.monotonic()
                logger.warning("sweep", extra={"data": {"exception": repr(exc)}})
                connection.close()
            except Exception:  # without this thread lost wake-ups stay lost
                logger.exception("error")
                connection.close()
            self._stop.wait(settings.JOB_SWEEP_SECONDS)
        connection.close()

    def _mark_lost(self, contexts: dict[uuid.UUID, JobContext]) -> None:
        holding = leases.held(contexts)
        for token, context in contexts.items():
            if token not in holding:
                context.lost.set()

    def _mark_long(self, contexts: dict[uuid.UUID, JobContext]) -> None:
        giving = leases.has_to_give_way(contexts)
        for token, context in contexts.items():
            # Who waited may have been served meanwhile: then it goes on.
            (context.gives_way.set if token in giving else context.gives_way.clear)()

    def _end_if_stuck(self, contexts: dict[uuid.UUID, JobContext]) -> None:
        """A thread cannot be killed: where a handler ignores its end for too long, this worker is ended instead.

        SIGTERM, as at a deploy: the other jobs are given back and lose no attempt; `up` and systemd start it again.
        Once only: a second one would end it before that.
        """
        if self._is_ending:
            return
        now = time.monotonic()
        for token, context in contexts.items():
            if context.is_lost() and now - self._lost_at.setdefault(token, now) > settings.JOB_STUCK_SECONDS:
                self._is_ending = True
                logger.error("error", extra={"data": {"stuck": str(context.job_id), "kind": context.kind}})
                os.kill(os.getpid(), signal.SIGTERM)
                return


keeper = LeaseKeeper()


class Room:
    """Which jobs run in this process. One that has crashed twice runs with nothing beside it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._alone = False
        self._drained_for: str | None = None

    def take(self, lane: str, *, look_first: bool) -> Job | None:
        """Claim the next job, of the lane that this process has been emptied for or of ``lane``; None for none."""
        with self._lock:
            if self._alone:
                return None
            if self._drained_for and self._running:
                if leases.next_must_be_alone(self._drained_for):
                    return None
                self._drained_for = None  # another process has taken it
            wanted = dict.fromkeys(filter(None, (self._drained_for, lane)))
            self._drained_for = None
            for name in wanted:
                try:
                    job = leases.claim(name, WORKER, is_alone=self._running == 0, look_first=look_first)
                except leases.MustBeAlone:
                    self._drained_for = name
                    return None
                if job is not None:
                    self._running += 1
                    self._alone = job.runs_alone
                    return job
        return None

    def leave(self) -> None:
        """A job has ended here."""
        with self._lock:
            self._running -= 1
            self._alone = False


room = Room()


class Sweep:
    """What each worker process does every few seconds; the rarer things less often."""

    def __init__(self) -> None:
        self._next_admission = self._next_stray = self._next_host = 0.0
        self._last_owner: uuid.UUID | None = None

    def __call__(self) -> None:
        """Take over what dead workers left, wake what is due, and wake lanes whose wake-up was lost."""
        from jobs_app.actors import wake

        # After an outage every lease has run out: the living renew theirs first.
        if keeper.is_calm():
            upkeep.reap()
        upkeep.wake_due()
        now = time.monotonic()
        if now >= self._next_admission:
            self._next_admission = now + settings.JOB_ADMISSION_SECONDS
            self._last_owner = admission.admit_all(self._last_owner)
            if settings.HOST_CHORE and now >= self._next_host:
                self._next_host = now + HOST_SECONDS
                threading.Thread(target=_do_chore, args=(settings.HOST_CHORE,), name="host", daemon=True).start()
            if upkeep.take_chore("expire", settings.JOB_CHORES_SECONDS):
                threading.Thread(target=_expire, name="expire", daemon=True).start()
            for name, (seconds, path) in settings.JOB_CHORES.items():
                if upkeep.take_chore(name, seconds):
                    threading.Thread(target=_do_chore, args=(path,), name=name, daemon=True).start()
        if now >= self._next_stray:
            self._next_stray = now + STRAY_SECONDS
            kill_orphans()
        for lane in upkeep.lanes_with_work():
            wake(lane)


sweep = Sweep()


def _expire() -> None:
    try:
        call_command("expire", stdout=io.StringIO())  # what it says of itself is in the log already
    except Exception:  # it is due again in an hour
        logger.exception("error")
    finally:
        connection.close()


def _do_chore(path: str) -> None:
    try:
        import_string(path)()
    except DatabaseError as exc:
        logger.warning("chore", extra={"data": {"chore": path, "exception": repr(exc)}})
    except Exception:  # it is due again
        logger.exception("error", extra={"data": {"chore": path}})
    finally:
        connection.close()


def run_lane(lane: str) -> int:
    """Claim and run jobs of ``lane`` until there is none, the lane is full or the worker stops; returns how many."""
    count = 0
    try:
        while not keeper.stopping:
            close_old_connections()
            if not outage.is_over() or not disk.has_room():
                break  # the sweep comes by
            job = room.take(lane, look_first=count == 0)
            if job is None:
                break
            try:
                run_job(job)
            finally:
                room.leave()
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
            completed = _run(job, context)
        if context.has_stored and not completed:
            _drop_outputs(job.pk)
    finally:
        logs.job_id.reset(token)


def _drop_outputs(job_id: uuid.UUID) -> None:
    try:
        outputs.sweep_job(job_id)
    except StoreUnavailable as exc:  # the hourly sweep comes by
        logs.event("outputs.left", folder=outputs.prefix_of(job_id), reason=exc.reason)


def _run(job: Job, context: JobContext) -> bool:
    """Whether it was completed."""
    write = _attempt(job, context)
    try:
        return write() and write.func is _complete
    except (OperationalError, InterfaceError):
        raise  # the lease runs out, and somebody takes over
    except Exception as exc:
        # What the handler wants to be written cannot be, such as a result that is no JSON: the row has to end.
        logger.exception("error", extra={"data": {"kind": job.kind}})
        _written(leases.fail, context.lease, "server_error", _sentence(exc))
        return False


def _attempt(job: Job, context: JobContext) -> partial[bool]:  # noqa: PLR0911 - each end has its line
    """Run the handler; returns what writes how it ended."""
    lease = context.lease
    try:
        result = kind_of(job.kind).handler(context)
        context.check()
        return partial(_complete, lease, result)
    except LeaseLost:
        logger.info("lease lost")
        # Where it was the database that did not answer, the row may still be this attempt's, and nobody has crashed.
        return partial(bool) if keeper.is_calm() else partial(_written, leases.give_back, lease)
    except ShuttingDown:
        context.flush()
        return partial(_written, leases.give_back, lease)
    except GivesWay:
        context.flush()
        return partial(_written, leases.give_way, lease)
    except Waits as exc:
        return partial(
            _written, leases.wait, lease, exc.state, exc.seconds, deadline_seconds=exc.deadline_seconds,
            message=exc.message,
        )  # fmt: skip
    except TransientFault as exc:
        return partial(_written, leases.retry_later, lease, exc.type, str(exc))
    except JobFailed as exc:
        return partial(_written, leases.fail, lease, exc.type, str(exc))
    except StoreUnavailable as exc:
        outage.notice()
        return partial(_written, leases.outlast, lease, exc.type.name, AWAY)
    except StoreFull as exc:
        # The storage's fault, whatever the kind: it may have room a little later.
        return partial(_written, leases.retry_later, lease, exc.type.name, exc.message)
    except ChildError as exc:
        return partial(_child_ended, lease, exc)
    except (OperationalError, InterfaceError):
        # The database failed, not the job: run it again, at the latest when nobody has renewed its lease.
        logger.exception("error", extra={"data": {"kind": job.kind}})
        return partial(_written, leases.retry_later, lease, "unavailable", "The database could not be reached.")
    except Exception as exc:
        # The row has to end whatever a handler does; the fault is logged with its traceback.
        logger.exception("error", extra={"data": {"kind": job.kind}})
        return partial(_written, leases.fail, lease, "server_error", _sentence(exc))


def _complete(lease: leases.Lease, result: dict[str, Any]) -> bool:
    return _written(leases.complete, lease, result)


def _sentence(exc: Exception) -> str:
    return f"Something broke on our side ({type(exc).__name__}); it has been logged."


def _written(write: Callable[..., bool], *args: Any, **values: Any) -> bool:
    """Write how an attempt ended, through a database that is away for a while: the work is done, the row must know.

    The write is conditional on the lease: where somebody took the job over meanwhile, it changes nothing.
    """
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
    if exc.kind == ChildError.TIMEOUT:
        return _written(leases.fail, lease, "timeout", f"{exc} Try a shorter or smaller video.")
    if exc.kind == ChildError.MEMORY:
        return _written(leases.fail, lease, "out_of_memory", f"{exc} Try a smaller video.")
    if exc.kind == ChildError.CRASHED and (exc.returncode or 0) < 0:
        return _written(leases.crashed, lease, str(exc))
    return _written(leases.fail, lease, "server_error", f"{exc} It has been logged.")
