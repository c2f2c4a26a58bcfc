"""The leases of the jobs that run in this worker process: renewed by one thread, which also notices lost ones."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError, connection

from jobs_app import leases
from jobs_app.context import JobContext, stalled_message

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger("vodplatform.jobs")
STALLED_GRACE_SECONDS = 10.0  # time that a handler has to fail its stalled job itself


class LeaseKeeper:
    """The thread of a worker process that renews the lease of every job that runs in it, and notices lost ones."""

    def __init__(self) -> None:
        self._contexts: dict[uuid.UUID, JobContext] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._deaf: dict[uuid.UUID, float] = {}  # seconds for which a handler has not heard that its job is lost
        self._looked_at = time.monotonic()
        self._trouble_at = time.monotonic()
        self._asked_at: float | None = None  # the database, which has not answered yet
        self._is_ending = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; harmless when it runs already."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._stop.clear()
                self.mark_database_trouble()
                self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Tell every running job to give itself back. Leases go on being renewed until they have."""
        self._stop.set()
        with self._lock:
            for context in self._contexts.values():
                context.shutdown.set()

    def join(self, seconds: float) -> bool:
        """Wait for the thread's end, so long at most; whether it has ended."""
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

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
                self._deaf.pop(token, None)

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def mark_database_trouble(self) -> None:
        """The database has just been slow or away: :meth:`is_database_stable` counts from here."""
        self._trouble_at = time.monotonic()

    def is_database_stable(self) -> bool:
        """Whether the database has answered for so long that every living worker has renewed its leases since."""
        return not self._waits() and time.monotonic() - self._trouble_at > 2 * settings.JOB_RENEW_SECONDS

    def _waits(self) -> bool:
        """Whether it takes the database unusually long to answer right now."""
        asked_at = self._asked_at
        return asked_at is not None and time.monotonic() - asked_at > settings.JOB_RENEW_SECONDS / 2

    def _run(self) -> None:
        next_renewal, self._looked_at = 0.0, time.monotonic()
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
                        self.mark_database_trouble()  # it had to wait, and so have others
                    for context in contexts.values():
                        context.renewed_at = now
                    if contexts:
                        self._mark_preempted(contexts)
                if contexts:
                    self._mark_lost(contexts)
            except DatabaseError as exc:
                self.mark_database_trouble()
                logger.warning("lease keeper", extra={"data": {"exception": repr(exc)}})
                connection.close()
            except Exception:  # without this thread every lease of the process runs out
                logger.exception("error")
                connection.close()
            if time.monotonic() - now > settings.JOB_RENEW_SECONDS:
                self.mark_database_trouble()
            self._asked_at = None
            self._end_stalled(contexts)
            self._end_if_stuck(contexts)
            tick.wait(settings.JOB_CONTROL_SECONDS)
        connection.close()

    def _mark_lost(self, contexts: dict[uuid.UUID, JobContext]) -> None:
        holding = leases.held_tokens(contexts)
        for token, context in contexts.items():
            if token not in holding:
                context.lost.set()

    def _mark_preempted(self, contexts: dict[uuid.UUID, JobContext]) -> None:
        giving = leases.tokens_to_preempt(contexts)
        for token, context in contexts.items():
            # Who waited may have been served meanwhile: then it goes on.
            (context.gives_way.set if token in giving else context.gives_way.clear)()

    def _end_stalled(self, contexts: dict[uuid.UUID, JobContext]) -> None:
        """Stop jobs that have made no progress for ``JOB_STALL_SECONDS``.

        The handler fails the job and the objects that belong to it. If it does not react, the job is failed here.
        """
        now = time.monotonic()
        is_waiting_for_database = connection.vendor != "sqlite" and not self.is_database_stable()
        for context in contexts.values():
            if is_waiting_for_database and not context.stalled.is_set():
                context.mark_moved()
            still = now - context.moved_at
            if still <= settings.JOB_STALL_SECONDS or context.is_lost():
                continue
            if not context.stalled.is_set():
                logger.warning("job stalled", extra={"data": {"job": str(context.job_id), "kind": context.kind}})
                context.stalled.set()
            if still > settings.JOB_STALL_SECONDS + STALLED_GRACE_SECONDS:
                try:
                    leases.fail(context.lease, "stalled", stalled_message())
                    context.lost.set()
                except DatabaseError:
                    connection.close()

    def _end_if_stuck(self, contexts: dict[uuid.UUID, JobContext]) -> None:
        """A thread cannot be killed: where a handler ignores its end for too long, this worker is ended instead.

        SIGTERM, as at a deploy: the other jobs are given back and lose no attempt; `up` and systemd start it again.
        Once only: a second one would end it before that. Where the database is in trouble the handler may well wait
        for it, and would do so again after a start: an hour counts as a minute then. SQLite is never away: what
        holds it may be this handler.
        """
        now = time.monotonic()
        passed, self._looked_at = now - self._looked_at, now
        if self._is_ending:
            return
        if connection.vendor != "sqlite" and not self.is_database_stable():
            passed /= 60
        for token, context in contexts.items():
            if not context.is_lost():
                continue
            self._deaf[token] = self._deaf.get(token, 0.0) + passed
            if self._deaf[token] > settings.JOB_STUCK_SECONDS:
                self._is_ending = True
                logger.error("error", extra={"data": {"stuck": str(context.job_id), "kind": context.kind}})
                os.kill(os.getpid(), signal.SIGTERM)
                return


keeper = LeaseKeeper()
