"""Waiting for a condition with a deadline: the tests' only way to let time pass."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 4.0  # what a deadline, good for a machine that does nothing else, is multiplied by
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.2  # seconds between two questions


def within(seconds: float) -> float:
    """The most that what is promised within ``seconds`` may take here: just that, unless the machine is very busy."""
    return seconds * (PATIENCE if os.getloadavg()[0] > 2 * (os.cpu_count() or 1) else 1)


def wait_until(condition: Callable[[], T], seconds: float = 10.0, what: str = "") -> T:
    """What ``condition`` returns once it is true.

    It is asked the more seldom the longer it takes: who waits should leave the processor to what is waited for.
    Fails the test after ``seconds`` of an idle machine. what: words for that.
    """
    begun = time.monotonic()
    while not (found := condition()):
        passed = time.monotonic() - begun
        assert passed < seconds * PATIENCE, f"not within {seconds * PATIENCE:g} s: {what or condition}"
        time.sleep(min(FIRST_PAUSE + passed / 20, LONGEST_PAUSE))
    return found
