"""What every worker process does every few seconds beside its jobs, in a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Collection

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils.module_loading import import_string

from jobs_app import admission, chores, messages, upkeep
from jobs_app.keeper import keeper
from jobs_app.runner import room
from vodplatform.base.models import ProcessKind
from vodplatform.base.processes.process import kill_orphans
from vodplatform.base.records import running

logger = logging.getLogger("vodplatform.jobs")
STRAY_SECONDS = 60.0
HOST_SECONDS = 60.0


class Sweep:
    """Each call is one sweep; what is due more seldom is left out until it is.

    ``queues``: those that this process takes jobs from; None for all. Jobs of others are not woken, so that no
    messages pile up where nobody takes them.
    """

    def __init__(self, queues: Collection[str] | None = None) -> None:
        self.queues = queues
        self._next_admission = self._next_stray = self._next_host = 0.0
        self._last_owner: uuid.UUID | None = None

    def __call__(self) -> None:
        """Take over what dead workers left, wake what is due, and send again for jobs whose message was lost."""
        # After an outage every lease has run out: the living renew theirs first.
        if keeper.is_database_stable():
            upkeep.take_over_expired()
        upkeep.wake_due()
        now = time.monotonic()
        if now >= self._next_admission:
            self._next_admission = now + settings.JOB_ADMISSION_SECONDS
            self._tell()
            self._last_owner = admission.admit_all(self._last_owner)
            if settings.HOST_CHORE and now >= self._next_host:
                self._next_host = now + HOST_SECONDS
                chores.begin("host", import_string(settings.HOST_CHORE))
            chores.begin_due()
        if now >= self._next_stray:
            self._next_stray = now + STRAY_SECONDS
            kill_orphans()
        for job in upkeep.jobs_to_run(self.queues):
            messages.send(job)

    def _tell(self) -> None:
        taken = settings.JOB_LANES if self.queues is None else self.queues
        # A release that is just being installed may have no table for it yet: the rest goes on.
        with contextlib.suppress(DatabaseError):
            running.tell(ProcessKind.WORKER, queues=taken, max_jobs=room.max_jobs or 0, jobs=room.running)


class Sweeper:
    """The thread that sweeps: apart from the one that renews leases, since a broker that hangs may hold it up."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, queues: Collection[str] | None = None) -> None:
        """Begin; harmless when it runs already. ``queues`` as in :class:`Sweep`."""
        if self._thread is None or not self._thread.is_alive():
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, args=(Sweep(queues),), name="sweep", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Sweep no more; one that is under way goes on to its end."""
        self._stop.set()

    def join(self, seconds: float) -> bool:
        """Wait for the thread's end, so long at most; whether it has ended."""
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self, sweep: Sweep) -> None:
        while not self._stop.is_set():
            try:
                sweep()
            except DatabaseError as exc:
                keeper.mark_database_trouble()
                logger.warning("sweep", extra={"data": {"exception": repr(exc)}})
                connection.close()
            except Exception:  # without this thread lost messages stay lost
                logger.exception("error")
                connection.close()
            self._stop.wait(settings.JOB_SWEEP_SECONDS)
        connection.close()


sweeper = Sweeper()
