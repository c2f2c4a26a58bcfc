"""Waiting for conditions with a timeout. Tests wait only in this way."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 4.0  # factor for timeouts, which are chosen for an idle machine
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.2  # shortest and longest seconds between two checks of a condition


def within(seconds: float) -> float:
    """Return ``seconds``, or a longer limit if this machine is very busy."""
    return seconds * (PATIENCE if os.getloadavg()[0] > 2 * (os.cpu_count() or 1) else 1)


def wait_until(condition: Callable[[], T], seconds: float = 10.0, what: str = "") -> T:
    """Wait until ``condition`` returns a true value; return this value.

    Fails the test after ``seconds``, multiplied by :data:`PATIENCE`. The longer it waits, the less often it checks, so
    that the checks use little CPU time. what: description of the condition for the error message.
    """
    begun = time.monotonic()
    while not (found := condition()):
        passed = time.monotonic() - begun
        assert passed < seconds * PATIENCE, f"not within {seconds * PATIENCE:g} s: {what or condition}"
        time.sleep(min(FIRST_PAUSE + passed / 20, LONGEST_PAUSE))
    return found
