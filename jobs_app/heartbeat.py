"""Renewal of the leases of the jobs in this worker process."""

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
STALLED_GRACE_SECONDS = 10.0  # seconds for a stalled job's handler to stop before the job fails


class LeaseRenewer:
    """The thread that renews this process's leases and notices lost ones."""

    def __init__(self) -> None:
        self._contexts: dict[uuid.UUID, JobContext] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        # seconds for which a handler has ignored the loss of its job, by lease token
        self._deaf: dict[uuid.UUID, float] = {}
        self._looked_at = time.monotonic()
        self._trouble_at = time.monotonic()
        self._asked_at: float | None = None
        self._is_ending = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._stop.clear()
                self.mark_database_trouble()
                self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Ask running jobs to requeue themselves. The thread renews the leases of jobs that still run."""
        self._stop.set()
        with self._lock:
            for context in self._contexts.values():
                context.shutdown.set()

    def join(self, seconds: float) -> bool:
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def requeue_all(self) -> None:
        with self._lock:
            contexts = list(self._contexts.values())
        for context in contexts:
            with contextlib.suppress(DatabaseError):
                leases.requeue(context.lease)

    @contextmanager
    def keep(self, context: JobContext) -> Iterator[None]:
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
        self._trouble_at = time.monotonic()

    def is_database_stable(self) -> bool:
        """Return whether the database has worked for long enough that all living workers have renewed their leases."""
        return not self._waits() and time.monotonic() - self._trouble_at > 2 * settings.JOB_RENEW_SECONDS

    def _waits(self) -> bool:
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
                    leases.renew(contexts)
                    if time.monotonic() - now > settings.JOB_RENEW_SECONDS / 2:
                        self.mark_database_trouble()
                    for context in contexts.values():
                        context.renewed_at = now
                    if contexts:
                        self._mark_preempted(contexts)
                if contexts:
                    self._mark_lost(contexts)
            except DatabaseError as exc:
                self.mark_database_trouble()
                logger.warning("leases not renewed", extra={"data": {"exception": repr(exc)}})
                connection.close()
            except Exception:
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
            # Set ``gives_way`` while the job should yield to another owner's job, and clear it afterwards.
            (context.gives_way.set if token in giving else context.gives_way.clear)()

    def _end_stalled(self, contexts: dict[uuid.UUID, JobContext]) -> None:
        now = time.monotonic()
        is_waiting_for_database = connection.vendor != "sqlite" and not self.is_database_stable()
        for context in contexts.values():
            if is_waiting_for_database and not context.stalled.is_set():
                context.mark_progress()
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
        """End this process if a handler ignores the loss of its job for ``JOB_STUCK_SECONDS``.

        While the database is unstable, each minute counts as one second, because the handler may be waiting for
        the database.
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


lease_renewer = LeaseRenewer()
