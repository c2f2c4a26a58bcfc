"""Children that web requests wait for: a few at once, fair between callers, and none for a caller that has gone."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextvars import ContextVar

from vodplatform.core.errors import DomainError
from vodplatform.core.processes.process import Access, ChildError, Finished, Limits, run_child
from vodplatform.core.processes.ranged import RangeServer
from vodplatform.core.records.database import release_connection

WAIT_SECONDS = 20.0
# Who has a seat for longer gives it up to somebody who waits; with two seats, four are served while one waits.
GIVE_WAY_SECONDS = 8.0
POLL_SECONDS = 0.25
# Each of those who wait holds a thread of the web server.
MAX_WAITING, MAX_WAITING_OF_ONE = 24, 6
# Set by the web server once the client of the present request has hung up; a request that it does not serve has none.
caller_gone: ContextVar[threading.Event | None] = ContextVar("caller_gone", default=None)


class WaitingRoom:
    """``seats`` children at once, one at a time for each caller; whoever waits gets the next seat in turn."""

    def __init__(self, seats: int) -> None:
        self._free = seats
        self._line: deque[threading.Event] = deque()
        self._callers: dict[str, tuple[threading.RLock, int]] = {}
        self._guard = threading.Lock()

    def run_child(
        self, argv: Sequence[str], *, caller: str, limits: Limits, stdin: bytes, access: Access | None = None,
        ranged: RangeServer | None = None,
    ) -> Finished:  # fmt: skip
        """:func:`run_child` when it is ``caller``'s turn and a seat is free.

        Raises :class:`ChildError`: of the kind ``BUSY`` when too many wait already or the turn did not come within
        20 s, ``STOPPED`` when others wait and it took longer than 8 s, or when nobody waits for the answer any more.
        """
        gone, deadline = caller_gone.get(), time.monotonic() + WAIT_SECONDS

        def should_stop() -> str | None:
            if gone is not None and gone.is_set():
                return "Nobody waits for the answer any more."
            if self._line and time.monotonic() > begun + GIVE_WAY_SECONDS:
                return f"Others wait, and it took longer than {GIVE_WAY_SECONDS:g} s."
            return None

        with self._turn_of(caller, deadline), self._seat(gone, deadline):
            begun = time.monotonic()
            return run_child(argv, limits=limits, stdin=stdin, should_stop=should_stop, access=access, ranged=ranged)

    @contextlib.contextmanager
    def turn(self, caller: str) -> Iterator[None]:
        """Hold ``caller``'s turn for what has to be done before the child, such as copying its files.

        :meth:`run_child` in the same thread goes on with it. Raises ``unavailable`` where that raises ``BUSY``.
        """
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._turn_of(caller, time.monotonic() + WAIT_SECONDS))
            except ChildError as exc:
                raise DomainError("unavailable", f"{exc} Try again in a moment.") from exc
            yield

    @contextlib.contextmanager
    def _seat(self, gone: threading.Event | None, deadline: float) -> Iterator[None]:
        """In the order of those who ask: a seat that becomes free is given to whoever has waited longest."""
        called = threading.Event()
        with self._guard:
            if self._free:
                self._free -= 1
                called.set()
            else:
                if len(self._line) >= MAX_WAITING:
                    raise ChildError(ChildError.BUSY, "Too many videos are being read at this moment.")
                self._line.append(called)
        try:
            self._wait(called, gone, deadline)
            yield
        finally:
            with self._guard:
                if not called.is_set():
                    self._line.remove(called)
                elif self._line:
                    self._line.popleft().set()
                else:
                    self._free += 1

    @staticmethod
    def _wait(called: threading.Event, gone: threading.Event | None, deadline: float) -> None:
        while not called.wait(max(0.0, min(POLL_SECONDS, deadline - time.monotonic()))):
            if gone is not None and gone.is_set():
                raise ChildError(ChildError.STOPPED, "Nobody waits for the answer any more.")
            if time.monotonic() >= deadline:
                raise ChildError(ChildError.BUSY, "Too many videos are being read at this moment.")

    @contextlib.contextmanager
    def _turn_of(self, caller: str, deadline: float) -> Iterator[None]:
        with self._guard:
            lock, waiting = self._callers.get(caller, (threading.RLock(), 0))
            if waiting > MAX_WAITING_OF_ONE:
                raise ChildError(ChildError.BUSY, "Your other requests are still being worked on.")
            self._callers[caller] = lock, waiting + 1
        release_connection()  # for the wait, and for the child
        try:
            if not lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
                raise ChildError(ChildError.BUSY, "Your other requests are still being worked on.")
            try:
                yield
            finally:
                lock.release()
        finally:
            with self._guard:
                lock, waiting = self._callers[caller]
                if waiting > 1:
                    self._callers[caller] = lock, waiting - 1
                else:
                    del self._callers[caller]
