"""A pool of child processes for web requests, shared fairly between callers."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextvars import ContextVar

from vodplatform.core.errors import DomainError
from vodplatform.core.pauses import waiting
from vodplatform.core.processes.process import Access, ChildError, Finished, Limits, run_child
from vodplatform.core.processes.ranged import RangeServer
from vodplatform.core.records.database import release_connection

WAIT_SECONDS = 20.0
GIVE_WAY_SECONDS = 8.0
POLL_SECONDS = 0.25
MAX_WAITING, MAX_WAITING_OF_ONE = 24, 6  # maximum waiting requests, in total and per caller
# event, set when the client of the current request disconnects; None outside of requests
caller_gone: ContextVar[threading.Event | None] = ContextVar("caller_gone", default=None)


class ChildPool:
    """A pool of at most ``seats`` child processes, with at most one per caller."""

    def __init__(self, seats: int) -> None:
        self._free = seats
        self._line: deque[threading.Event] = deque()
        self._callers: dict[str, tuple[threading.RLock, int]] = {}
        self._guard = threading.Lock()

    def run_child(
        self, argv: Sequence[str], *, caller: str, limits: Limits, stdin: bytes, access: Access | None = None,
        ranged: RangeServer | None = None,
    ) -> Finished:  # fmt: skip
        """Run a child process once a seat is free and ``caller`` has no other child running.

        Raises :class:`ChildError`. The pool raises it with these kinds:

        - ``BUSY``: too many requests wait, or this request has waited for 20 s.
        - ``STOPPED``: the client has disconnected, or the child has run for 8 s and other requests wait.
        """
        gone, deadline = caller_gone.get(), time.monotonic() + WAIT_SECONDS

        def should_stop() -> str | None:
            if gone is not None and gone.is_set():
                return "The client has disconnected."
            if self._line and time.monotonic() > begun + GIVE_WAY_SECONDS:
                return f"Processing took longer than {GIVE_WAY_SECONDS:g} s while other requests were waiting."
            return None

        with waiting(), self._turn_of(caller, deadline), self._seat(gone, deadline):
            begun = time.monotonic()
            return run_child(argv, limits=limits, stdin=stdin, should_stop=should_stop, access=access, ranged=ranged)

    @contextlib.contextmanager
    def turn(self, caller: str) -> Iterator[None]:
        """Let no other request of ``caller`` run a child process during the block.

        The block may call :meth:`run_child`. Raises ``unavailable`` if too many requests of ``caller`` wait, or if this
        request has waited for 20 s.
        """
        with contextlib.ExitStack() as stack:
            try:
                with waiting():
                    stack.enter_context(self._turn_of(caller, time.monotonic() + WAIT_SECONDS))
            except ChildError as exc:
                raise DomainError("unavailable", f"{exc} Try again in a moment.") from exc
            yield

    @contextlib.contextmanager
    def _seat(self, gone: threading.Event | None, deadline: float) -> Iterator[None]:
        called = threading.Event()
        with self._guard:
            if self._free:
                self._free -= 1
                called.set()
            else:
                if len(self._line) >= MAX_WAITING:
                    raise ChildError(ChildError.BUSY, "The server is busy reading other videos.")
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
                raise ChildError(ChildError.STOPPED, "The client has disconnected.")
            if time.monotonic() >= deadline:
                raise ChildError(ChildError.BUSY, "The server is busy reading other videos.")

    @contextlib.contextmanager
    def _turn_of(self, caller: str, deadline: float) -> Iterator[None]:
        with self._guard:
            lock, waiting = self._callers.get(caller, (threading.RLock(), 0))
            if waiting > MAX_WAITING_OF_ONE:
                raise ChildError(ChildError.BUSY, "Your other requests are still running.")
            self._callers[caller] = lock, waiting + 1
        release_connection()
        try:
            if not lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
                raise ChildError(ChildError.BUSY, "Your other requests are still running.")
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
